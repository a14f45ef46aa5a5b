#include "plan.hpp"

#include "../../sdk/src/base/text.hpp"

#include <algorithm>

namespace reagent::offline {
namespace {

std::string name(const std::string& n) {
    bool plain = true;
    for (char c : n) plain = plain && (is_digit(c) || c == '_' || (c >= 'a' && c <= 'z'));
    for (std::string_view reserved :
         {"all",   "case",  "check",      "default", "desc",  "end", "from", "group",  "index", "key",
          "limit", "order", "references", "select",  "table", "to",  "user", "values", "when",  "where"})
        plain = plain && n != reserved;
    return plain ? n : "\"" + replace_all(n, "\"", "\"\"") + "\"";
}

std::string literal(const std::string& text) { return "'" + replace_all(text, "'", "''") + "'"; }

// Columns stand with their table's name where rows of several tables meet.
struct scope {
    const table* of = nullptr;
    bool several = false;
    std::string operator()(const column* c) const {
        return several ? name(of->name) + "." + name(c->name) : name(c->name);
    }
};

std::string select(const term& t);

std::string number(const operand& o) { return o.computed ? "(" + select(*o.computed) + ")" : o.number; }

std::string compared(const std::string& what, const std::string& op, const operand& low, const operand& high) {
    if (op == "between") return what + " BETWEEN " + number(low) + " AND " + number(high);
    return what + " " + op + " " + number(low);
}

std::string aggregated(const measure& m, const scope& s) {
    switch (m.how) {
        case aggregate::count: return "COUNT(*)";
        case aggregate::distinct: return "COUNT(DISTINCT " + s(m.of) + ")";
        case aggregate::sum: return "COALESCE(SUM(" + s(m.of) + "), 0)";
        case aggregate::average: return "AVG(" + s(m.of) + ")";
        case aggregate::least: return "MIN(" + s(m.of) + ")";
        case aggregate::most: return "MAX(" + s(m.of) + ")";
        case aggregate::median: break;  // has a statement of its own
    }
    return "AVG(value)";
}

std::string where(const rows& r, const scope& s, const std::string& first = {});

std::string test(const condition& c, const scope& s);

std::string joined(const std::vector<condition>& parts, const char* between, const scope& s) {
    std::string text;
    for (const auto& p : parts) text += (text.empty() ? "" : between) + test(p, s);
    return parts.size() > 1 ? "(" + text + ")" : text;
}

std::string related(const condition& c, const scope& s) {
    // Fewer than some is not at least so many: rows to which nothing belongs are counted too.
    bool few = c.op == "<" || c.op == "<=";
    scope theirs{c.other->of, false};
    std::string link = theirs(c.theirs);
    std::string text = s(c.of) + (few ? " NOT IN" : " IN") + " (SELECT " + link + " FROM " + name(c.other->of->name) +
                       where(*c.other, theirs, c.up ? "" : link + " IS NOT NULL");
    if (!c.op.empty()) {
        std::string op = c.op == "<" ? ">=" : c.op == "<=" ? ">" : c.op;
        text += " GROUP BY " + link + " HAVING " + compared(aggregated(c.how, theirs), op, c.low, c.high);
    }
    return text + ")";
}

std::string test(const condition& c, const scope& s) {
    using kind = condition::kind;
    switch (c.what) {
        case kind::one_of: {
            if (c.values.size() == 1) return s(c.of) + " = " + (c.of->numeric() ? c.values[0] : literal(c.values[0]));
            std::string list;
            for (const auto& v : c.values) list += (list.empty() ? "" : ", ") + (c.of->numeric() ? v : literal(v));
            return s(c.of) + " IN (" + list + ")";
        }
        case kind::compared: return compared(s(c.of), c.op, c.low, c.high);
        case kind::dated: {
            std::string text = c.from.empty() ? "" : s(c.of) + " >= " + literal(c.from);
            if (!c.to.empty()) text += (text.empty() ? "" : " AND ") + s(c.of) + " < " + literal(c.to);
            return "(" + text + ")";
        }
        case kind::related: return related(c, s);
        case kind::all: return joined(c.parts, " AND ", s);
        case kind::any: return joined(c.parts, " OR ", s);
        case kind::none: break;
    }
    return "NOT (" + joined(c.parts, " AND ", s) + ")";
}

std::string where(const rows& r, const scope& s, const std::string& first) {
    std::string text = first;
    for (const auto& c : r.where) text += (text.empty() ? "" : " AND ") + test(c, s);
    return text.empty() ? "" : " WHERE " + text;
}

std::string select_value(const term& t) {
    scope s{t.in.of, false};
    std::string from = " FROM " + name(t.in.of->name);
    if (t.how.how != aggregate::median) return "SELECT " + aggregated(t.how, s) + " AS value" + from + where(t.in, s);
    return "SELECT AVG(value) AS value FROM (SELECT " + s(t.how.of) + " AS value, ROW_NUMBER() OVER (ORDER BY " +
           s(t.how.of) + ") AS place, COUNT(*) OVER () AS n" + from + where(t.in, s, s(t.how.of) + " IS NOT NULL") +
           ") AS sorted WHERE place IN ((n + 1) / 2, (n + 2) / 2)";
}

std::string inner(const term& t) { return t.what == term::kind::number ? t.number : "(" + select(t) + ")"; }

std::string select(const term& t) {
    using kind = term::kind;
    auto a = [&] { return inner(t.parts[0]); };
    auto b = [&] { return inner(t.parts[1]); };
    switch (t.what) {
        case kind::value: return select_value(t);
        case kind::number: return "SELECT " + t.number;
        case kind::minus: return "SELECT " + a() + " - " + b() + " AS value";
        case kind::apart: return "SELECT ABS(" + a() + " - " + b() + ") AS value";
        case kind::times: return "SELECT " + a() + " * " + b() + " AS value";
        case kind::over: return "SELECT 1.0 * " + a() + " / NULLIF(" + b() + ", 0) AS value";
        case kind::percent: return "SELECT 100.0 * " + a() + " / NULLIF(" + b() + ", 0) AS value";
        case kind::more: return "SELECT CASE WHEN " + a() + " > " + b() + " THEN 'yes' ELSE 'no' END AS value";
        case kind::exists:
            return "SELECT CASE WHEN EXISTS (SELECT 1 FROM " + name(t.in.of->name) + where(t.in, {t.in.of, false}) +
                   ") THEN 'yes' ELSE 'no' END AS value";
        case kind::plus: break;
    }
    std::string sum;
    for (const auto& p : t.parts) sum += (sum.empty() ? "" : " + ") + inner(p);
    return "SELECT " + sum + " AS value";
}

std::string column_of(const column_path& p, const scope& own) {
    std::string c = p.up.empty() ? own(p.of) : name(p.up.back().to->name) + "." + name(p.of->name);
    if (p.part == "year") return "SUBSTR(CAST(" + c + " AS TEXT), 1, 4)";
    if (p.part == "month") return "SUBSTR(CAST(" + c + " AS TEXT), 1, 7)";
    return c;
}

std::string joins(const listing& l) {
    std::string text;
    std::vector<const table*> joined;
    for (const auto& p : l.shown) {
        const table* from = l.in.of;
        for (const auto& s : p.up) {
            if (std::find(joined.begin(), joined.end(), s.to) == joined.end())
                text += " JOIN " + name(s.to->name) + " ON " + name(from->name) + "." + name(s.here->name) + " = " +
                        name(s.to->name) + "." + name(s.there->name);
            joined.push_back(s.to);
            from = s.to;
        }
    }
    return text;
}

std::string value_of(const listing& l, const scope& s) {
    if (l.related) {
        const auto& c = *l.related;
        scope theirs{c.other->of, false};
        std::string link =
            name(c.other->of->name) + "." + name(c.theirs->name) + " = " + name(l.in.of->name) + "." + name(c.of->name);
        return "(SELECT " + aggregated(c.how, theirs) + " FROM " + name(c.other->of->name) +
               where(*c.other, theirs, link) + ")";
    }
    if (!l.value) return {};
    return l.grouped ? aggregated(*l.value, s) : s(l.value->of);
}

// The value of a row is computed below the ranking, so that it stands in the statement once.
std::string select(const listing& l) {
    std::string join = joins(l), keys, out;
    scope s{l.in.of, !join.empty()};
    std::size_t n = 0;
    for (const auto& p : l.shown) {
        std::string key = column_of(p, s), as = p.part.empty() ? name(p.of->name) : p.part;
        keys += (n ? ", " : "") + key;
        out += (n++ ? ", " : "") + key + (p.part.empty() ? "" : " AS " + as);
    }
    std::string value = value_of(l, s);
    bool shown = !value.empty() && (l.value_shown || l.ranked);
    std::string present = l.ranked && !l.grouped && !l.related ? value + " IS NOT NULL" : "";
    std::string from = name(l.in.of->name) + join + where(l.in, s, present);
    if (l.all_groups) {
        const auto& up = l.shown[0].up[0];
        std::string link = s(up.here);
        if (l.value->how == aggregate::count) value = "COUNT(" + link + ")";
        from = name(up.to->name) + " LEFT JOIN " + name(l.in.of->name) + " ON " + link + " = " + name(up.to->name) +
               "." + name(up.there->name);
        for (const auto& c : l.in.where) from += " AND " + test(c, s);
    }
    std::string text = std::string{"SELECT "} + (l.grouped && value.empty() ? "DISTINCT " : "") + out +
                       (shown ? ", " + value + " AS value" : "") + " FROM " + from;
    if (l.grouped && !value.empty()) text += " GROUP BY " + keys;
    if (!l.op.empty()) text += " HAVING " + compared(value, l.op, l.low, l.high);
    if (l.counted) return "SELECT COUNT(*) AS value FROM (" + text + ") AS found";
    if (!l.ranked) return text + " ORDER BY 1";
    std::string order = std::string{" OVER (ORDER BY value"} + (l.descending ? " DESC" : "") + ") AS ";
    std::string first = std::to_string(l.first), last = std::to_string(l.last);
    std::string place = l.first == 1 ? "place <= " + last : "place = " + first + " OR level = " + first;
    return "SELECT * FROM (SELECT *, RANK()" + order + "place, DENSE_RANK()" + order + "level FROM (" + text +
           ") AS valued WHERE value IS NOT NULL) AS ranked WHERE " + place + " ORDER BY place";
}

}  // namespace

std::string sql_of(const plan& p) {
    return std::visit([](const auto& what) { return select(what); }, p.what);
}

}  // namespace reagent::offline
