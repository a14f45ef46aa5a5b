// The queries of the generator: FROM and what it makes visible, joins, WITH, grouping.
#include "sql_generator.hpp"

#include <algorithm>

namespace reagent::test {

// ---------------------------------------------------------------------- FROM

std::string sql_generator::from(int depth) {
    std::string text = " FROM ";
    std::size_t n = chance(60) ? 1 : chance(85) ? 2 : 3;
    for (std::size_t i = 0; i < n; ++i) {
        std::size_t first = scope_.back().relations.size();
        std::string item = from_item(depth);
        if (chance(25)) item = join(item, first, depth);
        text += (i ? ", " : "") + item;
    }
    return text;
}

std::string sql_generator::from_item(int depth) {
    auto& here = scope_.back();
    relation r;
    std::string item;
    std::size_t kind = upto(21);
    bool lists = true;
    if (depth > 0 && kind < 4) {
        bool lateral = postgres() && chance(35);
        level own;
        if (!lateral) {
            own = std::move(here);
            scope_.pop_back();
        }
        types wanted;
        for (std::size_t n = 1 + upto(2); n > 0; --n) wanted.push_back(chance(50) ? type::number : type::text);
        auto q = query(wanted, depth - 1);
        if (!lateral) scope_.push_back(std::move(own));
        item = (lateral ? "LATERAL (" : "(") + q.text + ")";
        r.columns = q.columns;
    } else if ((kind < 7 || chance(25)) && !ctes_.empty()) {
        r = one_of(ctes_);
        item = r.name;
    } else if (kind == 7) {
        item = "(VALUES (1, " + (postgres() ? std::string{"'a'::text"} : "'a'") + "), (2, 'b'))";
        r.columns = {{"column1", type::number}, {"column2", type::text}};
    } else if (kind == 8 && postgres()) {
        bool ordinal = chance(30);
        std::string name = alias();
        switch (upto(3)) {
            case 0: item = "generate_series(1, " + (chance(50) ? expression(type::number, 0) : "3") + ")"; break;
            case 1: item = "unnest(ARRAY[1, 2, 3])"; break;
            case 2: item = "ROWS FROM (generate_series(1, 2))"; break;
            default: item = "generate_series(1, 3, 1)"; break;
        }
        r = {name, {{name, type::number}}};
        if (ordinal) r.columns.push_back({"ordinality", type::number});
        if (chance(40)) r.columns[0].name = pick({"g", "id", "qty"});
        bool column = r.columns[0].name != name;
        std::string text = item + (ordinal ? " WITH ORDINALITY" : "") + " AS " + spelled(name) +
                           (column ? "(" + r.columns[0].name + ")" : "");
        scope_.back().relations.push_back(r);
        return text;
    } else if (kind == 8) {
        item = "json_each('[1, 2, 3]')";
        r.columns = {{"key", type::number}, {"value", type::number}};
        lists = false;
    } else if (kind == 9 && depth > 0) {
        // A join in parentheses; its alias hides the names inside.
        std::size_t first = here.relations.size();
        item = from_item(0);
        item = "(" + join(item, first, 0) + ")";
        auto& now = scope_.back();
        if (!postgres() || chance(50)) return item;
        if (!now.merged.empty()) return item;
        for (std::size_t i = first; i < now.relations.size(); ++i)
            r.columns.insert(r.columns.end(), now.relations[i].columns.begin(), now.relations[i].columns.end());
        now.relations.resize(first);
    } else {
        std::vector<std::string> tables{"orders",    "products", "inventory", "notes",
                                        "customers", "orders",   "customers", "members"};
        std::string name = pending_.empty() || chance(50) ? one_of(tables) : "customers";
        for (const auto& c : ctes_)
            if (c.name == name) name = "products";
        for (const auto& c : ctes_)
            if (c.name == name) {  // both are hidden
                item = "(SELECT 1 AS n)";
                r.columns = {{"n", type::number}};
            }
        if (item.empty()) {
            r = table(name);
            item = spelled(name);
            if (chance(8)) item = (postgres() ? "public." : "main.") + item;
        }
    }
    bool taken = r.name.empty();
    for (const auto& x : scope_.back().relations) taken = taken || x.name == r.name;
    if (!taken && chance(45)) {
        scope_.back().relations.push_back(r);
        return item;
    }
    r.name = alias();
    item += (chance(60) ? " AS " : " ") + spelled(r.name);
    if (postgres() && lists && chance(20) && !r.columns.empty()) {
        item += "(";
        std::set<std::string> used;
        for (std::size_t i = 0, n = 1 + upto(r.columns.size() - 1); i < n; ++i) {
            std::string name =
                chance(60) ? "r" + std::to_string(i) : pick({"ssn", "name", "id", "card", "qty", "total"});
            if (!used.insert(name).second) name = "r" + std::to_string(i);
            r.columns[i].name = name;
            item += (i ? ", " : "") + name;
        }
        item += ")";
    }
    scope_.back().relations.push_back(r);
    return item;
}

// What ON sees: the two sides of the join, and outer queries.
std::string sql_generator::join(std::string left, std::size_t first, int depth) {
    std::size_t middle = scope_.back().relations.size();
    std::string kind = pick({" JOIN ", " LEFT JOIN ", " CROSS JOIN ", " INNER JOIN ", " JOIN ", " RIGHT JOIN "});
    std::string right = from_item(depth);
    auto& here = scope_.back();
    bool lateral = right.starts_with("LATERAL");
    if (lateral && kind == " RIGHT JOIN ") kind = " JOIN ";
    if (kind == " CROSS JOIN ") return left + kind + right;
    auto count = [&](std::size_t from, std::size_t to, const std::string& name, column& found) {
        std::size_t n = 0;
        for (std::size_t i = from; i < to; ++i)
            for (const auto& c : here.relations[i].columns)
                if (c.name == name) ++n, found = c;
        return n;
    };
    std::vector<std::string> common;
    bool honest = true;  // NATURAL has to be possible
    for (std::size_t i = first; i < middle; ++i)
        for (const auto& c : here.relations[i].columns) {
            column a, b;
            std::size_t n = count(middle, here.relations.size(), c.name, b);
            if (n == 0) continue;
            bool good = n == 1 && count(first, middle, c.name, a) == 1 && a.kind == b.kind && !a.denied && !b.denied;
            honest = honest && good;
            if (good) common.push_back(c.name);
        }
    bool natural = !common.empty() && honest && chance(15) && here.merged.empty();
    if (natural) {
        here.merged.insert(common.begin(), common.end());
        return left + " NATURAL" + (kind == " INNER JOIN " ? " JOIN " : kind) + right;
    }
    if (!common.empty() && here.merged.empty() && chance(35)) {
        std::string name = one_of(common);
        here.merged.insert(name);
        std::string text = left + kind + right + " USING (" + spelled(name) + ")";
        if (postgres() && chance(25)) {
            std::string u = "u" + std::to_string(++aliases_);
            column c;
            count(first, middle, name, c);
            text += " AS " + u;
            here.relations.push_back({u, {c}, "", true});
        }
        return text;
    }
    level all = here;
    here.merged.clear();
    here.relations.assign(all.relations.begin() + static_cast<std::ptrdiff_t>(first), all.relations.end());
    std::string on = chance(50) ? expression(type::truth, depth - 1)
                                : expression(type::number, 0) + " = " + expression(type::number, 0);
    scope_.back() = std::move(all);
    return left + kind + right + " ON " + on;
}

// ---------------------------------------------------------------------- queries

std::string sql_generator::with(int depth) {
    bool recursive = chance(20);
    std::string text = recursive ? "WITH RECURSIVE " : "WITH ";
    std::set<std::string> used;
    for (std::size_t n = 1 + upto(1); n > 0; --n) {
        std::string name = chance(50)
                               ? "w" + std::to_string(++aliases_)
                               : pick({"customers", "secrets", "inventory", "notes", "customer_view", "x", "orders"});
        if (!used.insert(name).second) name = "w" + std::to_string(++aliases_);
        if (recursive) name = "w" + std::to_string(++aliases_);  // else it might mean itself
        types wanted{chance(50) ? type::number : type::text, type::number};
        relation r{name, {}};
        std::string body;
        if (recursive && chance(60)) {
            body = "SELECT 1 AS n UNION ALL SELECT n + 1 FROM " + name + " WHERE n < 4";
            r.columns = {{"n", type::number}};
        } else {
            auto q = query(wanted, depth - 1);
            body = q.text;
            r.columns = q.columns;
        }
        if (!postgres() && body.find(name) != body.npos && !recursive)
            name = "w" + std::to_string(++aliases_);  // SQLite would see a circle
        r.name = name;
        text += spelled(name);
        if (chance(25)) {
            text += "(";
            for (std::size_t i = 0; i < r.columns.size(); ++i) {
                r.columns[i].name = i ? "b" : pick({"a", "ssn", "qty", "name", "card"});
                text += (i ? ", " : "") + r.columns[i].name;
            }
            text += ")";
            if (recursive) {
                auto at = body.find("SELECT n + 1");
                if (at != body.npos)
                    body = "SELECT 1 UNION ALL SELECT " + r.columns[0].name + " + 1 FROM " + name + " WHERE " +
                           r.columns[0].name + " < 4";
            }
        }
        text += " AS " + (chance(15) ? pick({"MATERIALIZED ", "NOT MATERIALIZED "}) : "") + "(" + body + ")" +
                (n > 1 ? ", " : " ");
        ctes_.erase(std::remove_if(ctes_.begin(), ctes_.end(), [&](auto& c) { return c.name == name; }), ctes_.end());
        ctes_.push_back(std::move(r));
    }
    return text;
}

void sql_generator::grouped(clauses& c, const types& wanted) {
    type t = chance(50) ? type::number : type::text;
    std::string key;
    {
        std::vector<reference> inner;
        for (const auto& r : visible(t, false))
            if (r.level + 1 == scope_.size()) inner.push_back(r);
        if (!inner.empty()) key = written_as(one_of(inner));
    }
    for (std::size_t i = 0; i < wanted.size(); ++i)
        c.items[i] = !key.empty() && (wanted[i] == t || wanted[i] == type::any) && chance(60)
                         ? key
                         : aggregate(wanted[i] == type::any ? type::number : wanted[i]);
    if (!key.empty())
        c.group = postgres() && chance(15) ? pick({"ROLLUP (", "CUBE (", "GROUPING SETS ((), "}) + key + ")" : key;
    if (!key.empty() && chance(25)) c.having = aggregate(type::number) + " > 0";
}

std::string sql_generator::assembled(const clauses& c, const std::string& items) {
    auto clause = [](const char* word, const std::string& s) { return s.empty() ? std::string{} : word + s; };
    return "SELECT " + c.distinct + items + c.from + clause(" WHERE ", c.where) + clause(" GROUP BY ", c.group) +
           clause(" HAVING ", c.having) + clause(" WINDOW ", c.window) + clause(" ORDER BY ", c.order) +
           clause(" LIMIT ", c.limit) + clause(" OFFSET ", c.offset);
}

sql_generator::made sql_generator::core(const types& wanted, int depth, bool top) {
    made q;
    if (!top && chance(3)) {
        std::string row;
        std::vector<column> columns;
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            row += (i ? ", " : "") + expression(wanted[i], 0);
            columns.push_back({"column" + std::to_string(i + 1), wanted[i]});
        }
        return {"VALUES (" + row + ")", columns};
    }
    clauses c;
    scope_.emplace_back();
    if (top || chance(96)) c.from = from(depth - 1);
    std::set<std::string> used;
    bool aggregated = !c.from.empty() && chance(15), windows = !aggregated && !c.from.empty();
    for (type t : wanted) {
        std::string item;
        if (windows && t == type::number && chance(6)) {
            std::string by = column_of(type::number);
            item = pick({"row_number()", "rank()", "count(*)", "max(", "lag("});
            if (item.ends_with("(")) item += column_of(type::number) + ")";
            out_.order_matters = true;
            item += " OVER (" + (chance(50) ? "PARTITION BY " + expression(type::text, 0) + " " : "") + "ORDER BY " +
                    by + ")";
        } else if (!aggregated)
            item = expression(t, depth - 1);
        c.items.push_back(item);
    }
    if (chance(40)) c.where = expression(type::truth, depth - 1);
    if (aggregated) grouped(c, wanted);
    bool plain = !aggregated && !c.from.empty();
    if (plain && chance(8)) c.distinct = "DISTINCT ";
    if (plain && c.distinct.empty() && top && chance(25))
        c.order = column_of(type::number) + pick({"", " DESC", " NULLS FIRST"});
    if (plain && !pending_.empty() && (top || chance(25))) in_role(c, wanted);
    std::string items;
    for (std::size_t i = 0; i < c.items.size(); ++i) {
        if (i >= wanted.size()) q.columns.push_back({"", type::any}), out_.ordered = false;
        std::string name =
            chance(50) ? "a" + std::to_string(i) : pick({"ssn", "name", "id", "card", "qty", "total", "x"});
        if (!used.insert(name).second) name = "a" + std::to_string(i) + "b", used.insert(name);
        items += (i ? ", " : "") + c.items[i] + (top && chance(35) ? "" : " AS " + name);
        if (i < wanted.size()) q.columns.push_back({name, wanted[i] != type::any ? wanted[i] : type::number});
    }
    scope_.pop_back();
    q.text = assembled(c, items);
    bool closed = !c.order.empty() || !c.limit.empty() || !c.offset.empty();
    if (closed && !top) q.text = "SELECT * FROM (" + q.text + ") z";
    return q;
}

sql_generator::made sql_generator::query(const types& wanted, int depth, bool top) {
    auto ctes = ctes_;
    std::string text;
    if (depth > 0 && chance(top ? 22 : 8)) text = with(depth);
    auto q = core(wanted, depth, top);
    bool closed = q.text.find(" ORDER BY ") != q.text.npos || q.text.find(" LIMIT ") != q.text.npos ||
                  q.text.find(" OFFSET ") != q.text.npos || q.text.find("DISTINCT ON") != q.text.npos;
    if (top && closed) {  // of the statement itself, or in parentheses
        if (q.text.find(" LIMIT ") == q.text.npos && q.text.find(" OFFSET ") == q.text.npos && chance(20))
            q.text += " LIMIT 3", out_.order_matters = true;
    } else {
        bool any = std::find(wanted.begin(), wanted.end(), type::any) != wanted.end();
        any = any || q.columns.back().kind == type::any;
        if (depth > 0 && !any && chance(8))
            q.text += pick({" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT "}) + core(wanted, depth - 1, false).text;
        if (top && chance(60) && q.columns.back().kind != type::any) {
            q.text += " ORDER BY ";
            for (std::size_t i = 0; i < q.columns.size(); ++i) q.text += (i ? ", " : "") + std::to_string(i + 1);
            out_.ordered = true;
        }
        if (chance(top ? 20 : 5)) {
            if (!(top && out_.ordered)) out_.order_matters = true;
            q.text += pick({" LIMIT 1", " LIMIT 5", " LIMIT 3 OFFSET 1"});
        }
    }
    ctes_ = std::move(ctes);
    q.text = text + q.text;
    return q;
}

}  // namespace reagent::test
