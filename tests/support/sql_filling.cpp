// Puts the shapes of sql_shapes_*.cpp into statements. In a template `{a~b~c}` is one of them, `@@` an @, and
//   @V @D  an alias in scope of a table with denied columns, and such a column       @v  both, or the column alone
//   @r @R  an alias of any table in scope, of orders                                 @x @i @y  a column: text, number,
//   alias.text
//   @t @s  a denied column that needs no alias, such a one named ssn
//   @p @q  a text, a number: column, literal, cast                                   @f @g  functions of a text, of a
//   number
//   @h @k  functions of a row of orders, of customers                                @T @U  tables that are allowed
//   @A @B  aliases, the same ones in all of the template                             @d  a denied column of customers
//   @l     a file                                                                    @Q  an honest statement
#include "sql_generator.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace reagent::test {

// An alias with a denied text column.
std::string sql_generator::victim(names& n) {
    if (n.contains('V')) return n['V'];
    std::vector<reference> all;
    for (const auto& r : visible(type::text, true))
        if (scope_[r.level].relations[r.relation].table == "customers") all.push_back(r);
    if (all.empty()) return {};
    const auto& chosen = one_of(all);
    const auto& relation = scope_[chosen.level].relations[chosen.relation];
    n['D'] = relation.columns[chosen.column].name;
    return n['V'] = relation.name;
}

bool sql_generator::placeholder(char what, names& n, std::string& out) {
    auto keep = [&](auto make) {
        if (!n.contains(what)) n[what] = make();
        out += spelled(n[what]);
        return true;
    };
    auto row = [&](std::string_view table) {
        std::vector<std::string> all;
        for (std::size_t l = 0; l < scope_.size(); ++l)
            for (std::size_t i = 0; i < scope_[l].relations.size(); ++i) {
                const auto& r = scope_[l].relations[i];
                if (!hidden(l, i) && !r.table.empty() && (table.empty() || r.table == table)) all.push_back(r.name);
            }
        if (all.empty()) return false;
        return keep([&] { return one_of(all); });
    };
    switch (what) {
        case 'V':
        case 'D':
            if (victim(n).empty()) return false;
            out += spelled(n[what]);
            return true;
        case 'v': {
            auto all = visible(type::text, true);
            if (all.empty()) return false;
            out += written_as(one_of(all));
            return true;
        }
        case 't':
        case 's': {
            if (n.contains('t')) return out += spelled(n['t']), true;
            std::vector<std::string> all;
            for (const auto& r : visible(type::text, true)) {
                const auto& name = scope_[r.level].relations[r.relation].columns[r.column].name;
                if (unique(r) && (what == 't' || name == "ssn")) all.push_back(name);
            }
            if (all.empty()) return false;
            out += spelled(n['t'] = one_of(all));
            return true;
        }
        case 'r': return row("");
        case 'R': return row("orders");
        case 'x':
        case 'i': {
            type t = what == 'x' ? type::text : type::number;
            std::string nested = chance(25) ? shape_expression(t) : "";  // the other shape of the statement
            out += nested.empty() ? column_of(t) : nested;
            return true;
        }
        case 'y': {
            auto all = visible(type::text, false);
            if (all.empty()) return false;
            const auto& r = one_of(all);
            const auto& from = scope_[r.level].relations[r.relation];
            out += from.name + "." + from.columns[r.column].name;
            return true;
        }
        case 'p':
            if (auto nested = chance(15) ? shape_expression(type::text) : ""; !nested.empty())
                return out += nested, true;
            out += chance(35) ? column_of(type::text)
                              : pick({"'canary.txt'::text", "'.'::text", "'canary_seq'::text", "'orders'::text",
                                      "('canary.txt')::text", "concat('canary', '.txt')", "'data_directory'::text"});
            return true;
        case 'q': out += chance(50) ? column_of(type::number) : pick({"1", "0", "16400", "0.1"}); return true;
        case 'f':
            out += spelled(
                pick({"pg_read_file", "pg_read_file", "pg_ls_dir", "pg_relation_size", "current_setting", "nextval",
                      "nameless", "nameless", "whole", "whole", "pg_read_binary_file", "pg_get_viewdef", "to_regclass",
                      "pg_stat_file", "lo_import", "currval", "pg_size_bytes", "ts_stat", "quote_ident"}));
            return true;
        case 'g':
            out += spelled(
                pick({"pg_sleep", "pg_sleep", "pg_terminate_backend", "pg_cancel_backend", "pg_advisory_lock",
                      "pg_try_advisory_lock", "pg_advisory_xact_lock", "nameless", "nameless", "whole", "lo_get",
                      "lo_create", "setseed", "txid_status", "pg_stat_get_activity", "pg_stat_get_backend_pid"}));
            return true;
        case 'h':
            out += spelled(pick(
                {"secret_of", "secret_of", "whole", "body", "body", "upper", "rows_of", "to_json", "row_to_json"}));
            return true;
        case 'k':
            out += spelled(
                pick({"leak_of", "leak_of", "total", "total", "whole", "length", "to_jsonb", "row_to_json", "name"}));
            return true;
        case 'T':
        case 'U': return keep([&] { return pick({"orders", "products", "inventory", "notes"}); });
        case 'A':
        case 'B':
            return keep([&] {
                auto used = [&](char other, const std::string& name) {
                    auto found = n.find(other);
                    return found != n.end() && found->second == name;
                };
                std::string s;
                do
                    s = pick({"q", "c", "x1", "ssn", "qty", "name", "total", "secrets", "customers", "orders", "id",
                              "upper", "o"});
                while (used('A', s) || used('V', s));
                return s;
            });
        case 'd': out += spelled(pick({"ssn", "ssn", "card"})); return true;
        case 'l': out += "canary.txt"; return true;
        case 'Q': {
            auto scope = std::move(scope_);
            scope_.clear();
            out += query({type::number, type::text}, 1, true).text;
            scope_ = std::move(scope);
            return true;
        }
        case '@': out += '@'; return true;
        default: return false;
    }
}

// @return false where the scope has nothing for a placeholder
bool sql_generator::fill(std::string_view text, names& n, std::string& out) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '@' && i + 1 < text.size()) {
            if (!placeholder(text[++i], n, out)) return false;
        } else if (text[i] == '{') {
            std::vector<std::string_view> choices;
            std::size_t depth = 0, from = i + 1, end = i;
            for (; end < text.size(); ++end) {
                if (text[end] == '{') ++depth;
                bool closes = text[end] == '}' && --depth == 0;
                if ((text[end] == '~' && depth == 1) || closes) {
                    choices.push_back(text.substr(from, end - from));
                    from = end + 1;
                }
                if (closes) break;
            }
            if (!fill(one_of(choices), n, out)) return false;
            i = end;
        } else
            out += text[i];
    }
    return true;
}

// One of the shapes that are still to be used, as an expression of a type; "" where none fits.
std::string sql_generator::shape_expression(type t) {
    if (pending_.empty()) return {};
    std::size_t at = upto(pending_.size() - 1);
    const shape& s = *pending_[at];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(at));
    auto pending = pending_;
    auto state = out_;
    std::string e;
    bool filled = false;
    for (int tries = 0; tries < 4 && !filled; ++tries) {
        e.clear();
        names n;
        out_ = state;
        pending_ = pending;
        filled = fill(s.text, n, e);
    }
    if (!filled) {
        pending_.push_back(&s);
        return {};
    }
    out_.shapes.emplace(s.name);
    out_.order_matters = out_.order_matters || e.find("LIMIT") != e.npos || e.find("_agg") != e.npos;
    if (s.place == slot::expression) return wrapped(e, s.result, t);
    switch (t) {
        case type::truth: return "EXISTS (" + e + ")";
        case type::number: return "(SELECT count(*) FROM (" + e + ") z)";
        default: break;
    }
    out_.order_matters = true;
    if (!postgres()) return "(SELECT * FROM (" + e + ") LIMIT 1)";
    return (t == type::any && chance(50) ? "(SELECT z FROM (" : "(SELECT z::text FROM (") + e + ") z LIMIT 1)";
}

// A place of its own in a SELECT for one of the shapes.
void sql_generator::in_role(clauses& c, const types& wanted) {
    auto put = [&](const char* role, type t, auto use) {
        std::string e = shape_expression(t);
        if (e.empty()) return;
        use(e);
        out_.shapes.insert(std::string{"at "} + role);
    };
    type first = wanted[0] == type::any ? type::number : wanted[0];
    auto item = [&](const std::string& e, type t) { c.items[0] = wrapped(e, t, first); };
    auto alone = [&](const std::string& e, type t) {  // of a query with one column, which becomes an aggregate
        c.order.clear();
        c.distinct.clear();
        item(e, t);
    };
    auto restrict_to = [&](const std::string& e) { c.where = c.where.empty() ? e : c.where + " AND " + e; };
    bool one = wanted.size() == 1, ordered = c.distinct.empty();
    switch (upto(one ? 27 : 20)) {
        case 0: return put("WHERE", type::truth, restrict_to);
        case 1:
            return put("IN", type::number,
                       [&](auto& e) { restrict_to(column_of(type::number) + " IN (2, " + e + ")"); });
        case 2: return put("a row comparison", type::text, [&](auto& e) { restrict_to("(" + e + ", 1) > ('5', 1)"); });
        case 3:
            return put("BETWEEN", type::number,
                       [&](auto& e) { restrict_to(column_of(type::number) + " BETWEEN 0 AND " + e); });
        case 4:
            return put("an argument", type::text,
                       [&](auto& e) { restrict_to("length(coalesce(" + e + ", 'a')) > 7"); });
        case 5:
            return put("CASE", type::truth,
                       [&](auto& e) { item("CASE WHEN " + e + " THEN 1 ELSE 0 END", type::number); });
        case 6:
        case 7: {  // sees outer queries alone
            level own = std::move(scope_.back());
            scope_.back() = {};
            bool limit = chance(50);
            put(limit ? "LIMIT" : "OFFSET", type::number, [&](auto& e) {
                if (limit) return void(c.limit = e);
                if (!postgres()) c.limit = "9";
                c.offset = e;
            });
            scope_.back() = std::move(own);
            return;
        }
        case 8:
        case 9:
            if (ordered) put("ORDER BY", type::text, [&](auto& e) { c.order = e; });
            return;
        case 10:
            if (ordered)
                put("PARTITION BY", type::text,
                    [&](auto& e) { c.order = "count(*) OVER (PARTITION BY " + e + "), 1"; });
            return;
        case 11:
            if (ordered)
                put("WINDOW", type::text,
                    [&](auto& e) { c.window = "wi AS (ORDER BY " + e + ")", c.order = "rank() OVER wi"; });
            return;
        case 12:
            return put("COLLATE", type::text,
                       [&](auto& e) { item(e + (postgres() ? " COLLATE \"C\"" : " COLLATE NOCASE"), type::text); });
        case 13: return put("VALUES", type::text, [&](auto& e) { item("(VALUES (" + e + "))", type::text); });
        case 14:
            if (postgres())
                put("DISTINCT ON", type::text,
                    [&](auto& e) { c.distinct = "DISTINCT ON (" + e + ") ", c.order.clear(); });
            return;
        case 15:
            if (postgres())
                put("LATERAL", type::text,
                    [&](auto& e) { c.from += ", LATERAL (SELECT " + e + " AS v) lv", restrict_to("lv.v > '5'"); });
            return;
        case 16:
            if (postgres())
                put("a function in FROM", type::number,
                    [&](auto& e) { c.from += ", generate_series(1, least(5, " + e + ")) gs"; });
            return;
        case 17:
            if (postgres())
                put("VALUES in FROM", type::text, [&](auto& e) {
                    c.from += ", LATERAL (VALUES (" + e + "), ('b')) vs(v)", restrict_to("vs.v > '5'");
                });
            return;
        case 21: return put("GROUP BY", type::text, [&](auto& e) { alone("count(*)", type::number), c.group = e; });
        case 22:
            return put("HAVING", type::text,
                       [&](auto& e) { alone("count(*)", type::number), c.having = "max(" + e + ") > '5'"; });
        case 23:
            return put("FILTER", type::truth,
                       [&](auto& e) { alone("count(*) FILTER (WHERE " + e + ")", type::number); });
        case 24: return put("an aggregate", type::text, [&](auto& e) { alone("max(" + e + ")", type::text); });
        case 25:
            if (postgres())
                put("GROUPING SETS", type::text,
                    [&](auto& e) { alone("count(*)", type::number), c.group = "GROUPING SETS ((" + e + "), ())"; });
            return;
        case 26:
            if (postgres())
                put("WITHIN GROUP", type::text,
                    [&](auto& e) { alone("percentile_disc(0.5) WITHIN GROUP (ORDER BY " + e + ")", type::text); });
            return;
        default: return put("the select list", type::any, [&](auto& e) { c.items.push_back(e); });
    }
}

// Spaces that are comments.
std::string sql_generator::disturbed(const std::string& statement) {
    std::string s;
    bool quoted = false;
    for (char ch : statement) {
        if (ch == '\'' || ch == '"' || ch == '$' || ch == '[' || ch == '`' || ch == '-' || ch == '/') quoted = true;
        if (ch != ' ' || quoted || !chance(8)) {
            s += ch;
            continue;
        }
        s += postgres() ? pick({"/* ' */", " /* /* \" */ $$ */ ", " -- it's\n", "\t", "\n", "/**/"})
                        : pick({"/* ' */", " /* [ \" ` */ ", " -- it's\n", "\t", "\f", "/**/"});
    }
    return s;
}

// A short query with the shapes that are left, over tables that have what they want.
std::string sql_generator::plain_statement() {
    std::size_t limit = out_.limit;
    out_ = {};
    out_.limit = limit;
    out_.order_matters = true;
    ctes_.clear();
    scope_ = {level{}};
    clauses c;
    c.from = " FROM ";
    for (const char* name : {"customers", "orders"}) {
        relation r = table(name);
        if (chance(50)) r.name = alias();
        c.from += (scope_[0].relations.empty() ? "" : ", ") +
                  (r.name == name ? r.name : std::string{name} + " AS " + spelled(r.name));
        scope_[0].relations.push_back(std::move(r));
    }
    c.items = {column_of(type::text)};
    for (int tries = 0; !pending_.empty() && tries < 6; ++tries) in_role(c, {type::text});
    return assembled(c, c.items[0] + (c.items.size() > 1 ? ", " + c.items[1] : ""));
}

// The statement with one name in the place of another: mostly an error, sometimes a reading that nobody thought of.
std::string sql_generator::swapped(const std::string& statement) {
    static const std::set<std::string> known{"customers", "orders",    "notes",
                                             "inventory", "products",  "members",
                                             "secrets",   "id",        "name",
                                             "city",      "ssn",       "card",
                                             "note",      "total",     "qty",
                                             "body",      "pin",       "word",
                                             "c",         "q",         "x",
                                             "o",         "j",         "s",
                                             "y",         "t1",        "t2",
                                             "t3",        "a0",        "a1",
                                             "z",         "p",         "pg_read_file",
                                             "nameless",  "secret_of", "upper",
                                             "length"};
    std::vector<std::pair<std::size_t, std::size_t>> found;
    for (std::size_t i = 0; i < statement.size();) {
        std::size_t end = i;
        while (end < statement.size() &&
               (std::isalnum(static_cast<unsigned char>(statement[end])) || statement[end] == '_'))
            ++end;
        if (end > i && known.contains(statement.substr(i, end - i))) found.emplace_back(i, end - i);
        i = end > i ? end : i + 1;
    }
    if (found.size() < 2) return statement;
    const auto& [at, size] = one_of(found);
    const auto& [from, length] = one_of(found);
    std::string name = chance(60) ? statement.substr(from, length)
                                  : *std::next(known.begin(), static_cast<std::ptrdiff_t>(upto(known.size() - 1)));
    return statement.substr(0, at) + name + statement.substr(at + size);
}

written sql_generator::statement() {
    scope_.clear();
    ctes_.clear();
    out_ = {};
    aliases_ = 0;
    budget_ = 22;
    const auto& shapes = postgres() ? postgres_shapes() : sqlite_shapes();
    if (chance(12)) out_.limit = 5;
    std::size_t wanted = chance(22) ? 0 : chance(75) ? 1 : 2;
    pending_.clear();
    while (pending_.size() < wanted) {
        const auto& s = one_of(shapes);
        bool limits = s.name == "forged LIMIT";
        if (limits) out_.limit = 5;
        if (s.place == slot::expression || wanted == 1)
            pending_.push_back(&s);
        else
            wanted = 1;
    }
    names n;
    std::string& text = out_.text;
    const shape* s = pending_.empty() ? nullptr : pending_[0];
    if (s && s->place == slot::statement) {
        pending_.clear();
        out_.shapes.emplace(s->name);
        fill(s->text, n, text);
    } else if (s && s->place == slot::query && chance(65)) {
        pending_.clear();
        out_.shapes.emplace(s->name);
        std::string q;
        fill(s->text, n, q);
        out_.order_matters = true;
        switch (upto(9)) {
            case 0: text = "SELECT * FROM (" + q + ") z"; break;
            case 1: text = "WITH z AS (" + q + ") SELECT * FROM z"; break;
            case 2: text = postgres() ? "SELECT z FROM (" + q + ") z" : "SELECT count(*) FROM (" + q + ") z"; break;
            case 3: text = "SELECT id FROM orders WHERE EXISTS (" + q + ") ORDER BY 1"; break;
            default: text = q; break;
        }
    } else {
        types columns{type::text};
        if (chance(40)) columns.insert(columns.begin(), type::number);
        if (chance(10)) columns.push_back(type::number);
        if (columns.size() > 1) columns.back() = type::number;
        text = query(columns, 1 + static_cast<int>(upto(2)), true).text;
        if (!pending_.empty()) text = plain_statement();  // none of its places was fit
    }
    if (out_.limit && !out_.shapes.contains("forged LIMIT") && text.find(" LIMIT ") == text.npos && chance(85)) {
        text += " LIMIT 5";
        out_.order_matters = out_.order_matters || !out_.ordered;
    }
    if (chance(6)) {
        text = swapped(text);
        out_.order_matters = true;
        out_.ordered = false;
        out_.shapes.insert("a name in another's place");
    }
    if (out_.shapes.empty()) out_.shapes.insert("none");
    if (chance(10)) text = disturbed(text);
    return std::move(out_);
}

}  // namespace reagent::test
