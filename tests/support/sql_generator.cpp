#include "sql_generator.hpp"

namespace reagent::test {

sql::policy sql_generator::policy(sql::dialect d) {
    sql::policy p;
    p.dialect = d;
    p.allowed_tables = {"customers", "orders", "notes"};
    p.denied_columns = canary_columns();
    return p;
}

const sql::schema& sql_generator::tables() {
    // notes.ssn may be read, customers.ssn may not.
    static const sql::schema s{{"customers", {"id", "name", "city", "ssn", "card"}},
                               {"orders", {"id", "customer_id", "total", "note"}},
                               {"notes", {"id", "ssn", "body"}}};
    return s;
}

std::vector<std::string> sql_generator::canary_columns() { return {"customers.ssn", "customers.card"}; }

std::string sql_generator::script(const std::string& canary, std::size_t secret_rows) {
    std::string s =
        "CREATE TABLE customers(id integer, name text, city text, ssn text, card text);"
        "CREATE TABLE orders(id integer, customer_id integer, total integer, note text);"
        "CREATE TABLE notes(id integer, ssn text, body text);"
        "CREATE TABLE secrets(id integer, ssn text, word text);"
        "INSERT INTO customers VALUES (1, 'Ingrid', 'Oslo', '1" +
        canary + "', 'c" + canary + "'), (2, 'Tomas', 'Bergen', '2" + canary + "', 'd" + canary + "'), (3, 'Liv', 'Oslo', NULL, 'e" +
        canary +
        "');"
        "INSERT INTO orders VALUES (1, 1, 10, 'first'), (2, 2, 20, NULL), (3, 2, 30, 'last');"
        "INSERT INTO notes VALUES (1, 'x', 'hello'), (2, '2" +
        canary.substr(0, 0) + "y', 'world');";
    for (std::size_t i = 0; i < secret_rows; ++i)
        s += "INSERT INTO secrets VALUES (" + std::to_string(i) + ", '" + canary + "', '" + canary + "');";
    return s;
}

std::string sql_generator::spelled(std::string name) {
    if (name.empty()) return name;
    switch (upto(13)) {
        case 0: return "\"" + name + "\"";
        case 1:
            for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
            return name;
        case 2: {
            if (!postgres()) return "[" + name + "]";
            const char* digits = "0123456789abcdef";
            auto first = static_cast<unsigned char>(name[0]);
            return std::string("U&\"\\00") + digits[first >> 4] + digits[first & 15] + name.substr(1) + "\"";
        }
        case 3: return postgres() ? name : "`" + name + "`";
        case 4: return name + "/**/";
        default: return name;
    }
}

// Mostly a new name; sometimes one that hides a table or a column.
std::string sql_generator::alias() {
    return chance(70) ? "t" + std::to_string(++aliases_) : std::string{pick({"c", "o", "customers", "orders", "ssn", "x"})};
}

std::string sql_generator::row() { return scope_.empty() ? "customers" : spelled(scope_[upto(scope_.size() - 1)].name); }

std::vector<std::string> sql_generator::columns_of(const std::string& table) const {
    for (const auto& [name, columns] : tables())
        if (table.find(name) != table.npos) return columns;
    return {"id", "ssn", "word", "a", "b"};
}

std::string sql_generator::table_name() {
    std::string name =
        chance(88) ? pick({"customers", "customers", "orders", "notes"}) : pick({"secrets", "pg_user", "sqlite_schema", "pg_class"});
    if (chance(8))
        name = std::string(pick({"public", "main", "hidden", "pg_catalog", "temp"})) + "." + spelled(name);
    else
        name = spelled(name);
    return name;
}

std::string sql_generator::column() {
    if (scope_.empty() || chance(5)) return spelled(pick({"id", "name", "city", "ssn", "a", "b", "word"}));
    const visible& from = scope_[upto(scope_.size() - 1)];
    // Columns that must not be read come up seldom enough for most statements to have none.
    std::string name = from.columns[upto(from.columns.size() - 1)];
    if ((name == "ssn" || name == "card" || name == "word") && chance(75)) name = from.columns.front();
    name = spelled(name);
    if (chance(25)) return name;
    std::string table = spelled(from.name);
    if (postgres() && chance(6)) return "(" + table + ")." + name;
    if (postgres() && chance(2)) return "public." + table + "." + name;
    return table + "." + name;
}

std::string sql_generator::condition(int depth) {
    auto text = [&] { return postgres() ? "(" + expression(depth - 1) + ")::text" : expression(depth - 1); };
    switch (upto(8)) {
        case 0: return expression(depth - 1) + " IS NOT NULL";
        case 1: return "EXISTS (" + query(depth - 1) + ")";
        case 2: return text() + " IN (SELECT " + text() + " FROM " + table_name() + ")";
        case 3: return "(" + condition(depth - 1) + pick({" AND ", " OR "}) + condition(depth - 1) + ")";
        case 4: return "NOT " + condition(depth - 1);
        case 5: return text() + " LIKE 'x%'";
        default: return text() + pick({" = ", " < ", " <> ", " IS DISTINCT FROM "}) + text();
    }
}

std::string sql_generator::call(int depth) {
    auto arg = [&] { return expression(depth - 1); };
    std::string f;
    switch (upto(13)) {
        case 0: f = "count(" + std::string(chance(40) ? "*" : (chance(30) ? "DISTINCT " : "") + arg()) + ")"; break;
        case 1: f = std::string(pick({"max", "min", "count", "sum"})) + "(" + arg() + ")"; break;
        case 2: f = std::string(pick({"upper", "lower", "length", "trim"})) + "(" + arg() + ")"; break;
        case 3: f = "coalesce(" + arg() + ", " + arg() + ")"; break;
        case 4:
            f = postgres() ? std::string(pick({"row_to_json", "to_json", "to_jsonb", "jsonb_agg", "json_agg", "array_agg", "string_agg",
                                               "concat", "hstore"})) +
                                 "(" + (chance(50) ? arg() : row()) + ")"
                           : std::string(pick({"json_object", "json_array", "group_concat", "quote", "hex"})) + "(" + arg() + ")";
            break;
        case 5: f = "replace(" + arg() + ", 'a', 'b')"; break;
        case 6: f = "nullif(" + arg() + ", " + arg() + ")"; break;
        case 7:
            f = std::string(pick({"row_number", "rank", "dense_rank"})) + "() OVER (PARTITION BY " + arg() + " ORDER BY " + arg() + ")";
            break;
        case 8: f = std::string(pick({"lag", "first_value", "max"})) + "(" + arg() + ") OVER (ORDER BY " + arg() + ")"; break;
        case 9: f = "count(*) FILTER (WHERE " + condition(depth - 1) + ")"; break;
        case 10:
            f = postgres() ? std::string(pick({"pg_sleep", "pg_read_file", "nextval", "set_config", "current_setting", "query_to_xml",
                                               "table_to_xml", "pg_ls_dir"})) +
                                 "('" + pick({"0", "x", "customers"}) + "')"
                           : std::string(pick({"load_extension", "readfile", "sqlite_version", "random", "fts3_tokenizer"})) + "('x')";
            break;
        case 11: f = postgres() ? "percentile_disc(0.5) WITHIN GROUP (ORDER BY " + arg() + ")" : "substr(" + arg() + ", 1, 2)"; break;
        case 12: f = (postgres() ? std::string(pick({"ssn", "card", "name"})) : "abs") + "(" + (row()) + ")"; break;
        default: f = "substr(" + arg() + ", 1, 3)"; break;
    }
    return f;
}

std::string sql_generator::expression(int depth) {
    if (--budget_ < 0 || depth <= 0) return chance(70) ? column() : pick({"1", "'x'", "NULL", "2"});
    switch (upto(19)) {
        case 0: return pick({"1", "'x'", "NULL", "0", "2.5"});
        case 1:
        case 2:
            return expression(depth - 1) + pick({" = ", " || ", " < ", " LIKE ", " <> ", " IS DISTINCT FROM ", " IN "}) + "(" +
                   expression(depth - 1) + ")";
        case 3: return call(depth);
        case 4: return chance(40) ? call(depth) : column();
        case 5: return "CASE WHEN " + condition(depth - 1) + " THEN " + expression(depth - 1) + " ELSE " + expression(depth - 1) + " END";
        case 6: return "(" + query(depth - 1) + ")";
        case 7: return "EXISTS (" + query(depth - 1) + ")";
        case 8: return expression(depth - 1) + " IN (" + query(depth - 1) + ")";
        case 9: return "CAST(" + expression(depth - 1) + " AS text)";
        case 10: return postgres() ? "(" + expression(depth - 1) + ")::text" : "(" + expression(depth - 1) + ") COLLATE NOCASE";
        case 11:
            return postgres() ? std::string(pick({"ARRAY(", "("})) + query(depth - 1) + ")" : "(" + expression(depth - 1) + ", 1) = (1, 2)";
        case 12: return postgres() ? "ROW(" + expression(depth - 1) + ", " + expression(depth - 1) + ")" : expression(depth - 1);
        case 13: return chance(30) ? row() : column();  // a whole row, or a column of that name
        case 14: return postgres() ? "(" + (row()) + ".*)::text" : column();
        case 15: return expression(depth - 1) + " BETWEEN " + expression(depth - 1) + " AND " + expression(depth - 1);
        default: return column();
    }
}

std::string sql_generator::select_item(int depth) {
    std::string item;
    switch (upto(15)) {
        case 0: return chance(40) ? "*" : column();
        case 1: return chance(40) ? row() + ".*" : column();
        case 2: return postgres() ? "(" + row() + ").*" : column();
        default: item = expression(depth); break;
    }
    if (chance(50)) item += std::string(" AS ") + pick({"a", "b", "ssn", "name", "id", "card"});
    return item;
}

std::string sql_generator::from_item(int depth) {
    std::string item, name;
    std::vector<std::string> columns{"a", "b", "id", "ssn", "name"};
    std::size_t kind = upto(19);
    if (depth > 0 && kind < 4) {
        bool lateral = postgres() && chance(30);
        auto outer = scope_;
        if (!lateral) scope_.clear();
        item = (lateral ? "LATERAL (" : "(") + query(depth - 1) + ")";
        scope_ = std::move(outer);
        name = alias();
    } else if (depth > 0 && kind == 4) {
        item = "(VALUES (1, " + expression(depth - 1) + "), (2, 'x'))";
        columns = {"column1", "column2"};
        name = alias();
    } else if (kind == 5 && postgres() && chance(40)) {
        item = pick(
            {"generate_series(1, 3)", "unnest(ARRAY[1, 2])", "ROWS FROM (generate_series(1, 2))", "json_each('{}')", "pg_ls_dir('.')"});
        name = alias();
        columns = {name};
    } else if (kind == 6 && depth > 0) {
        item = from_item(depth - 1);
        return "(" + item + join(depth - 1) + ")";
    } else {
        item = table_name();
        columns = columns_of(item);
        name = item.find("orders") != item.npos ? "orders" : item.find("notes") != item.npos ? "notes" : "customers";
        bool taken = false;
        for (const auto& v : scope_) taken = taken || v.name == name;
        if (chance(40) && !taken) {
            scope_.push_back({name, columns});
            return item + (postgres() && chance(3) ? " TABLESAMPLE SYSTEM (100)" : "");
        }
        name = alias();
    }
    item += (chance(50) ? " AS " : " ") + spelled(name);
    if (postgres() && chance(15)) {
        std::size_t n = 1 + upto(columns.size() - 1);
        item += "(";
        for (std::size_t i = 0; i < n; ++i) {
            columns[i] = chance(60) ? "r" + std::to_string(i) : std::string{pick({"ssn", "name", "id", "card"})};
            item += (i ? ", " : "") + columns[i];
        }
        item += ")";
    }
    scope_.push_back({name, std::move(columns)});
    return item;
}

std::string sql_generator::join(int depth) {
    std::string kind = pick({" JOIN ", " LEFT JOIN ", " CROSS JOIN ", " NATURAL JOIN ", ", ", " FULL JOIN ", " NATURAL LEFT JOIN "});
    std::string text = kind + from_item(depth);
    if (kind.find("CROSS") != kind.npos || kind.find("NATURAL") != kind.npos || kind == ", ") return text;
    if (chance(35)) {
        text += " USING (" + spelled(pick({"id", "ssn", "id", "name", "card"})) + ")";
        if (postgres() && chance(20)) {
            text += " AS j";
            scope_.push_back({"j", {"id", "name"}});
        }
        return text;
    }
    return text + " ON " + condition(depth);
}

std::string sql_generator::core(int depth) {
    if (postgres() && chance(2)) return "TABLE " + table_name();
    if (chance(2)) return "VALUES (" + expression(depth - 1) + ", 1)";
    auto outer = scope_;
    std::string from;
    if (chance(94)) {
        from = " FROM " + from_item(depth - 1);
        for (std::size_t n = chance(45) ? 1 + upto(1) : 0; n > 0; --n) from += join(depth - 1);
    }
    std::string items = chance(12) ? (postgres() ? "DISTINCT ON (" + expression(depth - 1) + ") " : "DISTINCT ") : "";
    for (std::size_t n = 1 + upto(2); n > 0; --n) items += select_item(depth - 1) + (n > 1 ? ", " : "");
    std::string text = "SELECT " + items;
    if (postgres() && chance(1)) text += " INTO stolen";
    text += from;
    if (chance(40)) text += " WHERE " + condition(depth - 1);
    if (chance(20)) {
        text += " GROUP BY ";
        std::string by = chance(25) ? std::string{pick({"1", "2"})} : expression(depth - 1);
        text += postgres() && chance(20) ? std::string(pick({"ROLLUP (", "CUBE (", "GROUPING SETS ("})) + by + ")" : by;
        if (chance(40)) text += " HAVING " + condition(depth - 1);
    }
    if (chance(3)) text += " WINDOW w AS (PARTITION BY " + expression(depth - 1) + ")";
    scope_ = std::move(outer);
    return text;
}

std::string sql_generator::with(int depth) {
    std::string text = chance(25) ? "WITH RECURSIVE " : "WITH ";
    for (std::size_t n = 1 + upto(1); n > 0; --n) {
        std::string name = pick({"t", "x", "customers", "secrets", "cte"});
        text += spelled(name) + (chance(25) ? pick({"(a, b)", "(ssn)", "(id, name)"}) : "") + " AS ";
        if (chance(10)) text += pick({"MATERIALIZED ", "NOT MATERIALIZED "});
        text += "(";
        if (chance(3))
            text += pick({"DELETE FROM orders RETURNING *", "UPDATE orders SET total = 0 RETURNING id",
                          "INSERT INTO notes VALUES (9, 'a', 'b') RETURNING *"});
        else
            text += query(depth - 1);
        text += std::string(")") + (n > 1 ? ", " : " ");
    }
    return text;
}

std::string sql_generator::query(int depth) {
    auto outer = scope_;
    std::string text;
    if (depth > 0 && chance(15)) text += with(depth);
    text += core(depth);
    if (depth > 0 && chance(12)) text += pick({" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT "}) + core(depth);
    if (chance(25)) text += " ORDER BY " + std::string(chance(30) ? pick({"1", "2", "ssn", "a"}) : expression(1));
    if (chance(20)) text += std::string(" LIMIT ") + (chance(85) ? pick({"1", "5", "10"}) : expression(1));
    if (postgres() && chance(2)) text += pick({" FOR UPDATE", " FOR SHARE", " FETCH FIRST 2 ROWS ONLY", " FOR NO KEY UPDATE OF c"});
    scope_ = std::move(outer);
    return text;
}

std::string sql_generator::statement() {
    scope_.clear();
    aliases_ = 0;
    budget_ = 30;
    if (chance(2))
        return pick({"DELETE FROM customers", "UPDATE customers SET ssn = 'x'", "DROP TABLE customers", "COPY customers TO STDOUT",
                     "EXPLAIN ANALYZE DELETE FROM orders", "PRAGMA table_info(customers)", "ATTACH 'x' AS y", "SHOW ALL",
                     "INSERT INTO orders VALUES (9, 9, 9, '9')"});
    std::string text = query(1 + static_cast<int>(upto(3)));
    if (chance(2)) text += pick({"; SELECT 1", "; DELETE FROM orders", ";", ";;", " -- x", " /* x */"});
    return text;
}

}  // namespace reagent::test
