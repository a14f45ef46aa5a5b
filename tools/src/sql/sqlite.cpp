// The check on SQLite's own compiler: the statement is compiled against empty tables of the schema, and an authorizer sees every
// table, column and function that it would use.
#include "rules.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <set>

namespace reagent::sql {
namespace {

struct database {
    sqlite3* db = nullptr;
    database() {
        if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK)
            throw std::bad_alloc{};
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    }
    ~database() { sqlite3_close(db); }
    database(const database&) = delete;
};

// Virtual tables that need no CREATE: json_each, pragma_..., and whatever else this SQLite was built with.
const std::set<std::string>& modules() {
    static const std::set<std::string> all = [] {
        std::set<std::string> names;
        database d;
        auto note = [](void* to, int, char** row, char**) {
            if (row[0]) static_cast<std::set<std::string>*>(to)->insert(lower(row[0]));
            return 0;
        };
        sqlite3_exec(d.db, "SELECT name FROM pragma_module_list", note, &names, nullptr);
        return names;
    }();
    return all;
}

struct watcher {
    const rules& given;
    verdict& found;
    bool query;                         // the statement begins as one
    const std::set<std::string>& ctes;  // what WITH names

    int see(int action, const char* first, const char* second, const char* in) {
        std::string a = first ? lower(first) : "", b = second ? lower(second) : "";
        switch (action) {
            case SQLITE_SELECT:
            case SQLITE_RECURSIVE: return SQLITE_OK;
            case SQLITE_READ: return read(a, b, in ? lower(in) : "");
            case SQLITE_FUNCTION:
                if (given.allows_function(b)) return SQLITE_OK;
                add(found, reason::function_not_allowed, 0, "The function \"" + b + "\" is not allowed; do without it.");
                return SQLITE_DENY;
            default: break;
        }
        // A query that opens a virtual table or a pragma's table does more than read.
        bool changes = action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE;
        if (query && (!changes || a.starts_with("sqlite_")))
            add(found, reason::table_not_allowed, 0, "Only plain tables are allowed; use " + given.table_list + ".");
        else
            add(found, reason::not_select, 0, "Only SELECT is allowed; write a query that reads.");
        return SQLITE_DENY;
    }

    int read(const std::string& table, const std::string& column, const std::string& in) {
        // The authorizer is told of a CTE none of whose columns is used as if it were a table.
        bool cte = column.empty() && ctes.contains(table) && !given.columns.contains(table) && !modules().contains(table) &&
                   !table.starts_with("sqlite_") && !table.starts_with("pragma_");
        if (cte) return SQLITE_OK;
        if (!given.tables.contains(table)) {
            add(found, reason::table_not_allowed, 0, "The table \"" + table + "\" is not allowed; use " + given.table_list + ".");
            return SQLITE_DENY;
        }
        if (!in.empty() && !given.allows_schema(in)) {
            add(found, reason::schema_not_allowed, 0, "The schema \"" + in + "\" is not allowed; use " + given.table_list + ".");
            return SQLITE_DENY;
        }
        const auto* denied = given.denied(table);
        if (!denied || !denied->contains(column)) return SQLITE_OK;
        add(found, reason::column_denied, 0,
            "The column \"" + table + "." + column + "\" must not be read; leave it out, and name columns instead of *.");
        return SQLITE_DENY;
    }
};

// Words and signs in lower case, without comments. @param outer leave out what stands in parentheses
std::vector<std::string> tokens_of(std::string_view s, bool outer) {
    std::vector<std::string> tokens;
    int depth = 0;
    for (std::size_t i = 0; i < s.size();) {
        char c = s[i];
        std::size_t end = i + 1;
        if (std::isspace(static_cast<unsigned char>(c))) {
            ++i;
            continue;
        }
        if (s.substr(i, 2) == "--")
            end = std::min(s.find('\n', i), s.size());
        else if (s.substr(i, 2) == "/*")
            end = s.find("*/", i + 2) == s.npos ? s.size() : s.find("*/", i + 2) + 2;
        else {
            if (c == '\'' || c == '"' || c == '`' || c == '[') {
                char close = c == '[' ? ']' : c;
                while (end < s.size() && s[end] != close) ++end;
                end = std::min(end + 1, s.size());
            } else if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80)
                while (end < s.size() && (std::isalnum(static_cast<unsigned char>(s[end])) || s[end] == '_' || s[end] == '.' ||
                                          static_cast<unsigned char>(s[end]) >= 0x80))
                    ++end;
            if (c == '(') ++depth;
            if (depth == 0 || !outer) tokens.push_back(lower(s.substr(i, end - i)));
            if (c == ')') --depth;
        }
        i = end;
    }
    return tokens;
}

std::string bare(std::string name) {
    if (name.size() > 2 && std::string_view{"\"`['"}.find(name.front()) != std::string_view::npos) name = name.substr(1, name.size() - 2);
    return name;
}

// Names that stand where WITH defines one: `name AS (`, `name(columns) AS (`.
std::set<std::string> ctes_of(const std::vector<std::string>& tokens) {
    std::set<std::string> names;
    if (std::find(tokens.begin(), tokens.end(), "with") == tokens.end()) return names;
    for (std::size_t i = 1; i < tokens.size(); ++i) {
        if (tokens[i] != "as") continue;
        std::size_t at = i - 1;
        if (tokens[at] == ")")
            while (at > 0 && tokens[at] != "(") --at;
        if (tokens[i - 1] == ")" && at > 0) --at;
        names.insert(bare(tokens[at]));
    }
    return names;
}

void check_limit(std::string_view statement, std::uint64_t max, verdict& v) {
    auto tokens = tokens_of(statement, true);
    while (!tokens.empty() && tokens.back() == ";") tokens.pop_back();
    std::string advice = "End the statement with LIMIT and a number of at most " + std::to_string(max) + ".";
    auto number = [&](std::size_t i) {
        return i < tokens.size() && !tokens[i].empty() && tokens[i].find_first_not_of("0123456789") == std::string::npos;
    };
    std::size_t at = tokens.size();
    for (std::size_t i = 0; i < tokens.size(); ++i)
        if (tokens[i] == "limit") at = i;
    // LIMIT n | LIMIT n OFFSET m | LIMIT m, n
    std::string rows;
    if (number(at + 1) && at + 2 == tokens.size()) rows = tokens[at + 1];
    if (number(at + 1) && number(at + 3) && at + 4 == tokens.size())
        rows = tokens[at + 2] == "," ? tokens[at + 3] : tokens[at + 2] == "offset" ? tokens[at + 1] : "";
    if (rows.empty()) return add(v, reason::missing_limit, 0, advice);
    while (rows.size() > 1 && rows[0] == '0') rows.erase(0, 1);
    if (rows.size() > 18 || std::stoull(rows) > max) add(v, reason::limit_too_large, 0, advice);
}

// The authorizer is not told of the columns that NATURAL and USING compare.
void check_joins(const std::vector<std::string>& tokens, const rules& r, verdict& v) {
    std::set<std::string> denied;
    for (const auto& [table, columns] : r.denied_columns) denied.insert(columns.begin(), columns.end());
    if (denied.empty()) return;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i] == "natural")
            add(v, reason::column_denied, 0, "NATURAL JOIN may compare columns that must not be read; name the columns with ON.");
        if (tokens[i] != "using") continue;
        for (std::size_t k = i + 1; k < tokens.size() && tokens[k] != ")"; ++k) {
            std::string name = bare(tokens[k]);
            if (denied.contains(name)) add(v, reason::column_denied, 0, "The column \"" + name + "\" must not be read; leave it out.");
        }
    }
}

// What SQLite says when it cannot compile.
void explain(const std::string& message, std::size_t at, const rules& r, verdict& v) {
    auto rest = [&](const char* prefix) { return message.substr(std::strlen(prefix)); };
    if (message.starts_with("no such table: ")) {
        std::string name = rest("no such table: ");
        auto dot = name.find('.');
        if (dot != name.npos && !r.allows_schema(lower(name.substr(0, dot))))
            return add(v, reason::schema_not_allowed, at,
                       "The schema \"" + name.substr(0, dot) + "\" is not allowed; use " + r.table_list + ".");
        return add(v, reason::table_not_allowed, at, "The table \"" + name + "\" is not allowed; use " + r.table_list + ".");
    }
    if (message.starts_with("unknown database "))
        return add(v, reason::schema_not_allowed, at, "The schema \"" + rest("unknown database ") + "\" is not allowed.");
    if (message.starts_with("no such function: "))
        return add(v, reason::function_not_allowed, at,
                   "The function \"" + rest("no such function: ") + "\" is not allowed; do without it.");
    bool deep = message.find("too deep") != message.npos || message.find("too large") != message.npos ||
                message.find("stack overflow") != message.npos || message.find("too many") != message.npos;
    add(v, deep ? reason::too_deep : reason::syntax_error, at, "SQLite cannot compile the statement: " + message + ".");
}

}  // namespace

void check_sqlite(std::string_view statement, const rules& r, verdict& v) {
    database d;
    for (const auto& [table, columns] : r.columns) {
        std::string sql = "CREATE TABLE " + identifier(table) + " (";
        for (std::size_t i = 0; i < columns.size(); ++i) sql += (i ? ", " : "") + identifier(columns[i]);
        if (columns.empty()) sql += "\"_\"";
        if (sqlite3_exec(d.db, (sql + ")").c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            return add(v, reason::syntax_error, 0, "The schema's table \"" + table + "\" cannot be made: " + sqlite3_errmsg(d.db) + ".");
    }
    sqlite3_limit(d.db, SQLITE_LIMIT_EXPR_DEPTH, static_cast<int>(std::min<std::size_t>(r.given.max_depth, 1000)));
    sqlite3_limit(d.db, SQLITE_LIMIT_COMPOUND_SELECT, 100);
    auto tokens = tokens_of(statement, false);
    bool query = !tokens.empty() && (tokens[0] == "select" || tokens[0] == "with" || tokens[0] == "values");
    check_joins(tokens, r, v);
    auto ctes = ctes_of(tokens);
    watcher w{r, v, query, ctes};
    sqlite3_set_authorizer(
        d.db,
        [](void* self, int action, const char* a, const char* b, const char* in, const char*) {
            return static_cast<watcher*>(self)->see(action, a, b, in);
        },
        &w);

    std::string text{statement};
    const char* rest = text.c_str();
    int statements = 0;
    bool failed = false;
    while (*rest && !failed) {
        sqlite3_stmt* compiled = nullptr;
        const char* next = nullptr;
        int rc = sqlite3_prepare_v3(d.db, rest, -1, 0, &compiled, &next);
        std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> freed{compiled, sqlite3_finalize};
        if (rc != SQLITE_OK) {
            failed = true;
            ++statements;
            int offset = sqlite3_error_offset(d.db);
            std::size_t at = static_cast<std::size_t>(rest - text.c_str()) + static_cast<std::size_t>(std::max(0, offset));
            if (rc != SQLITE_AUTH || v.ok()) explain(sqlite3_errmsg(d.db), at, r, v);
            break;
        }
        if (compiled) {
            ++statements;
            bool reads = sqlite3_stmt_readonly(compiled) && !sqlite3_stmt_isexplain(compiled) && sqlite3_column_count(compiled) > 0;
            if (!reads) add(v, reason::not_select, 0, "Only SELECT is allowed; write a query that reads.");
        }
        if (next == rest) break;
        rest = next;
    }
    // What follows a failed statement is looked at for its presence only.
    if (failed && v.violations.size() == 1 && v.violations.front().code == reason::syntax_error) return;
    if (statements == 0 && v.ok()) return add(v, reason::empty, 0, "There is no statement; write a SELECT.");
    if (statements > 1) add(v, reason::multiple_statements, 0, "There are " + std::to_string(statements) + " statements; write one.");
    if (r.given.max_rows && v.ok()) check_limit(statement, *r.given.max_rows, v);
}

}  // namespace reagent::sql
