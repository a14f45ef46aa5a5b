#include "sql_generator.hpp"

#include "sql_shop.hpp"

#include <algorithm>
#include <cctype>

namespace reagent::test {

sql_generator::sql_generator(sql::dialect d, std::uint64_t seed) : dialect_{d}, random_{seed} {}

// ---------------------------------------------------------------------- names

// Another way to write an identifier, seldom.
std::string sql_generator::spelled(const std::string& name) {
    if (name.empty() || !chance(7)) return name;
    switch (upto(4)) {
        case 0: return "\"" + name + "\"";
        case 1: {
            std::string s = name;
            for (char& c : s)
                if (chance(50)) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
            return s;
        }
        case 2: {
            if (!postgres()) return "[" + name + "]";
            constexpr const char* digits = "0123456789abcdef";
            auto first = static_cast<unsigned char>(name[0]);
            return std::string{"U&\"\\00"} + digits[first >> 4] + digits[first & 15] + name.substr(1) + "\"";
        }
        case 3: return postgres() ? "\"" + name + "\"" : "`" + name + "`";
        default: return name + "/**/";
    }
}

// Mostly a new name. Sometimes an alias of an outer query, or the name of a table, a column or a function.
std::string sql_generator::alias() {
    if (chance(55)) return "t" + std::to_string(++aliases_);
    std::string name;
    if (chance(40) && scope_.size() > 1) {
        const auto& outer = scope_[upto(scope_.size() - 2)].relations;
        if (!outer.empty()) name = one_of(outer).name;
    }
    if (name.empty())
        name = pick({"c", "o", "q", "x", "customers", "orders", "secrets", "inventory", "notes", "ssn", "qty", "name",
                     "id", "total", "length", "upper"});
    for (const auto& l : {std::cref(scope_.back())})
        for (const auto& r : l.get().relations)
            if (r.name == name) return "t" + std::to_string(++aliases_);
    return name;
}

sql_generator::relation sql_generator::table(const std::string& name) {
    static const auto denied = shop_policy(sql::dialect::postgres).denied_columns;
    static const auto columns = shop_schema(known::every_table);
    relation r{name, {}, name};
    for (const auto& c : columns.at(name)) {
        bool text = c == "name" || c == "city" || c == "ssn" || c == "card" || c == "note" || c == "body" ||
                    c == "level" || c == "word";
        bool no = std::find(denied.begin(), denied.end(), name + "." + c) != denied.end();
        r.columns.push_back({c, text ? type::text : type::number, no});
    }
    return r;
}

// An inner alias of the same name stands before it.
bool sql_generator::hidden(std::size_t at, std::size_t which) const {
    const auto& name = scope_[at].relations[which].name;
    for (std::size_t l = at + 1; l < scope_.size(); ++l)
        for (const auto& r : scope_[l].relations)
            if (r.name == name) return true;
    return false;
}

// Whether the column's name alone means it.
bool sql_generator::unique(const reference& r) const {
    const auto& name = scope_[r.level].relations[r.relation].columns[r.column].name;
    for (std::size_t l = r.level; l < scope_.size(); ++l) {
        std::size_t n = 0;
        for (const auto& x : scope_[l].relations) {
            if (!postgres() && x.name == name) return false;
            if (x.named_only) continue;
            n += static_cast<std::size_t>(
                std::count_if(x.columns.begin(), x.columns.end(), [&](auto& c) { return c.name == name; }));
        }
        std::size_t most = l == r.level ? (scope_[l].merged.contains(name) ? 2 : 1) : 0;
        if (n > most) return false;
    }
    return true;
}

std::vector<sql_generator::reference> sql_generator::visible(type t, bool denied) const {
    std::vector<reference> all;
    for (std::size_t l = 0; l < scope_.size(); ++l)
        for (std::size_t r = 0; r < scope_[l].relations.size(); ++r) {
            if (hidden(l, r)) continue;
            const auto& columns = scope_[l].relations[r].columns;
            auto twice = [&](const column& x) {  // in one relation: ambiguous
                return std::count_if(columns.begin(), columns.end(), [&](auto& y) { return y.name == x.name; }) > 1;
            };
            for (std::size_t c = 0; c < columns.size(); ++c)
                if (!twice(columns[c]) && (t == type::any || columns[c].kind == t) && columns[c].denied == denied)
                    all.push_back({l, r, c});
        }
    return all;
}

std::string sql_generator::written_as(const reference& r) {
    const auto& from = scope_[r.level].relations[r.relation];
    std::string name = spelled(from.columns[r.column].name);
    if (unique(r) && chance(45)) return name;
    return spelled(from.name) + "." + name;
}

// ---------------------------------------------------------------------- expressions

std::string sql_generator::literal(type t) {
    switch (t) {
        case type::number: return pick({"1", "2", "3", "0", "10", "25"});
        case type::truth:
            return postgres() ? pick({"true", "1 = 1", "NULL IS NULL"}) : pick({"1", "1 = 1", "NULL IS NULL"});
        default: break;
    }
    if (postgres() && chance(12))
        return pick({"E'it\\'s'", "$$o'x$$", "$q$a$q$", "U&'\\0061'", "'it''s'", "'--'", "'/*'"});
    if (postgres()) return pick({"'a'", "'Oslo'", "'first'", "'x'"}) + (chance(30) ? "::text" : "");
    return chance(15) ? pick({"'it''s'", "'--'", "'/*'", "x'61'", "'natural'", "'a\"b'"})
                      : pick({"'a'", "'Oslo'", "'first'", "'x'"});
}

std::string sql_generator::column_of(type t) {
    auto all = visible(t, false);
    if (t == type::truth || all.empty()) return postgres() && t == type::text ? "'a'::text" : literal(t);
    // Mostly of the innermost query.
    std::vector<reference> inner;
    for (const auto& r : all)
        if (r.level + 1 == scope_.size()) inner.push_back(r);
    return written_as(one_of(inner.empty() || chance(20) ? all : inner));
}

// An expression of another type, as this one.
std::string sql_generator::wrapped(const std::string& e, type from, type to) {
    if (to == type::any || from == to) return from == to && to == type::truth ? "(" + e + ")" : e;
    std::string as_text = from == type::text ? "(" + e + ")"
                          : postgres()       ? "(" + e + ")::text"
                                             : "CAST(" + e + " AS text)";
    switch (to) {
        case type::text: return as_text;
        case type::number:
            if (from == type::truth && !postgres()) return "(" + e + ")";
            switch (upto(3)) {
                case 0: return "coalesce(" + std::string(postgres() ? "ascii" : "unicode") + "(" + as_text + "), 0)";
                case 1: return std::string(postgres() ? "strpos" : "instr") + "(" + as_text + ", 'CANARY')";
                default: return "length(" + as_text + ")";
            }
        default: break;
    }
    return pick({"(", "NOT ("}) + as_text +
           pick({" > '5'", " IS NULL", " LIKE '9%'", " LIKE '%CANARY%'", " IN ('9CANARY', 'x')",
                 " BETWEEN '0' AND '5'"}) +
           ")";
}

std::string sql_generator::expression(type t, int depth) {
    if (!pending_.empty() && chance(9))
        if (auto s = shape_expression(t); !s.empty()) return s;
    if (--budget_ < 0 || depth <= 0) return chance(80) ? column_of(t) : literal(t);
    switch (t) {
        case type::number: return number(depth);
        case type::text: return text(depth);
        case type::truth: return truth(depth);
        default: return expression(chance(50) ? type::number : type::text, depth);
    }
}

std::string sql_generator::number(int depth) {
    auto n = [&] { return expression(type::number, depth - 1); };
    switch (upto(13)) {
        case 0: return literal(type::number);
        case 1: return "(" + n() + pick({" + ", " - "}) + n() + ")";
        case 2: return "length(" + expression(type::text, depth - 1) + ")";
        case 3: return "coalesce(" + n() + ", " + n() + ")";
        case 4: return "CASE WHEN " + expression(type::truth, depth - 1) + " THEN " + n() + " ELSE " + n() + " END";
        case 5: return pick({"abs(", "(-", "+(", "("}) + n() + ")";
        case 6: return scalar_query(type::number, depth - 1);
        case 7: return "nullif(" + n() + ", " + n() + ")";
        case 8:
            return postgres() ? pick({"greatest(", "least("}) + n() + ", " + n() + ")"
                              : pick({"max(", "min("}) + n() + ", " + n() + ")";
        case 9: return postgres() ? "(ARRAY[" + n() + ", " + n() + "])[1]" : "CAST(" + n() + " AS integer)";
        default: return column_of(type::number);
    }
}

std::string sql_generator::text(int depth) {
    auto e = [&] { return expression(type::text, depth - 1); };
    switch (upto(15)) {
        case 0: return postgres() ? "(" + literal(type::text) + ")::text" : literal(type::text);
        case 1: return pick({"upper(", "lower(", "trim(", "ltrim("}) + e() + ")";
        case 2: return "substr(" + e() + ", 1, 2)";
        case 3: return "replace(" + e() + ", 'a', 'b')";
        case 4: return "(" + e() + " || " + e() + ")";
        case 5: return "coalesce(" + e() + ", " + literal(type::text) + ")";
        case 6: return "CASE WHEN " + expression(type::truth, depth - 1) + " THEN " + e() + " ELSE " + e() + " END";
        case 7: return "CAST(" + expression(type::number, depth - 1) + " AS text)";
        case 8: return scalar_query(type::text, depth - 1);
        case 9: return postgres() ? "(" + e() + " COLLATE \"C\")" : "(" + e() + " COLLATE NOCASE)";
        case 10:
            return postgres() ? "concat(" + e() + ", " + expression(type::number, depth - 1) + ")"
                              : "quote(" + e() + ")";
        case 11: return postgres() ? "to_jsonb(" + e() + ")::text" : "json_array(" + e() + ")";
        default: return column_of(type::text);
    }
}

std::string sql_generator::truth(int depth) {
    type t = chance(50) ? type::number : type::text;
    auto e = [&] { return expression(t, depth - 1); };
    switch (upto(13)) {
        case 0: return e() + pick({" IS NOT NULL", " IS NULL"});
        case 1: return "EXISTS (" + query({type::any}, depth - 1).text + ")";
        case 2: return e() + pick({" IN (", " NOT IN ("}) + query({t}, depth - 1).text + ")";
        case 3:
            return "(" + expression(type::truth, depth - 1) + pick({" AND ", " OR "}) +
                   expression(type::truth, depth - 1) + ")";
        case 4: return "NOT (" + expression(type::truth, depth - 1) + ")";
        case 5: return expression(type::text, depth - 1) + pick({" LIKE 'L%'", " LIKE '%a%'", " NOT LIKE 'x_'"});
        case 6: return e() + " BETWEEN " + e() + " AND " + e();
        case 7: return e() + " IN (" + e() + ", " + e() + ")";
        case 8: return "(" + e() + ", 1) = (" + e() + ", 1)";
        case 9: return postgres() ? e() + " = ANY (ARRAY[" + e() + "])" : e() + " IS " + e();
        default: return e() + pick({" = ", " < ", " <> ", " >= ", " IS DISTINCT FROM "}) + e();
    }
}

// Over the innermost query's own columns alone: with outer ones it would be an aggregate of the outer query.
std::string sql_generator::aggregate(type t) {
    auto outer = std::move(scope_);
    scope_ = {outer.back()};
    auto pending = std::move(pending_);
    std::string n = column_of(type::number), s = column_of(type::text), filter;
    if (chance(15)) filter = " FILTER (WHERE " + expression(type::truth, 1) + ")";
    pending_ = std::move(pending);
    scope_ = std::move(outer);
    if (t == type::text) {
        if (chance(25)) {
            out_.order_matters = true;
            return postgres() ? pick({"string_agg(", "array_agg("}) == "array_agg(" ? "array_agg(" + s + ")::text"
                                                                                    : "string_agg(" + s + ", ',')"
                              : "group_concat(" + s + ")";
        }
        return pick({"max(", "min("}) + s + ")" + filter;
    }
    if (t == type::truth) return "count(*) > 1";
    switch (upto(4)) {
        case 0: return "count(*)" + filter;
        case 1: return "count(DISTINCT " + s + ")" + filter;
        case 2: return "count(" + n + ")" + filter;
        default: return pick({"max(", "min("}) + n + ")" + filter;
    }
}

std::string sql_generator::scalar_query(type t, int depth) {
    if (depth <= 0) return column_of(t);
    if (chance(50)) {
        scope_.emplace_back();
        std::string f = from(0);
        std::string where = chance(50) ? " WHERE " + expression(type::truth, depth - 1) : "";
        std::string s = "(SELECT " + aggregate(t) + f + where + ")";
        scope_.pop_back();
        return s;
    }
    auto q = query({t}, depth);
    out_.order_matters = true;
    bool closed = q.text.find(" LIMIT ") != q.text.npos || q.text.starts_with("VALUES");
    if (closed) return "(SELECT * FROM (" + q.text + ") z LIMIT 1)";
    return "(" + q.text + " LIMIT 1)";
}

}  // namespace reagent::test
