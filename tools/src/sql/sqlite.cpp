// SQLite's side of the check. SQLite reads the statement, and nothing else does: it is compiled against empty tables
// that hold what the policy allows; an authorizer sees the names that it uses, and its program the trees that it opens
// and the columns that it reads. What either sees and the policy does not allow is refused.
#include "rules.hpp"
#include "sqlite_program.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace reagent::sql {
namespace sqlite {
namespace {

struct database {
    sqlite3* db = nullptr;
    database() {
        if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX,
                            nullptr) != SQLITE_OK) {
            sqlite3_close(db);
            throw std::bad_alloc{};
        }
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
        // As it is written: nothing is left out, and no expression is copied into another.
        sqlite3_test_control(SQLITE_TESTCTRL_OPTIMIZATIONS, db, ~0);
        sqlite3_exec(db, "PRAGMA automatic_index = OFF", nullptr, nullptr, nullptr);
    }
    ~database() { sqlite3_close(db); }
    database(const database&) = delete;
};

// Tables that need no CREATE in a real database: what has such a name may be read there by it.
const std::set<std::string>& modules() {
    static const std::set<std::string> all = [] {
        std::set<std::string> names;
        database d;
        each(d.db, "SELECT name FROM pragma_module_list", [&](sqlite3_stmt* s) { names.insert(lower(text(s, 0))); });
        return names;
    }();
    return all;
}

bool is_json_rows(std::string_view name) { return name == "json_each" || name == "json_tree"; }

class check {
public:
    check(std::string_view statement, const rules& r, verdict& v) : statement_{statement}, rules_{r}, verdict_{v} {}

    void all() {
        const memory_leash leash{most_memory_to_compile};
        if (!make_tables()) return;
        if (auto size = expanded_size(statement_); size > most_expanded)
            return report(reason::too_deep, 0,
                          "The statement is too large when what WITH defines stands in each place that uses it; write "
                          "a simpler one.");
        set_limits();
        if (!compile_all()) return;
        try {
            program_ = program_of(d_.db, statement_.substr(0, end_));
            judge_program();
        } catch (const std::runtime_error& e) {
            return report(reason::syntax_error, 0, std::string{e.what()} + "; write a simpler one.");
        }
        if (rules_.given.max_rows) limit(*rules_.given.max_rows);
    }

private:
    void report(reason code, std::size_t at, std::string message) { add(verdict_, code, at, std::move(message)); }

    // Only what may be read is there at all.
    bool make_tables() {
        for (const auto& [key, columns] : rules_.known()) {
            auto dot = key.rfind('.');
            std::string table = dot == key.npos ? key : key.substr(dot + 1);
            if (dot != key.npos && key.substr(0, dot) != "main") continue;  // of another database
            auto known = rules_.find("", table);
            if (!known || tables_.contains(table)) continue;
            std::string sql = "CREATE TABLE " + identifier(table) + " (";
            for (std::size_t i = 0; i < columns.size(); ++i) sql += (i ? ", " : "") + identifier(columns[i]);
            if (columns.empty()) sql += "\"_\"";
            if (sqlite3_exec(d_.db, (sql + ")").c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
                report(reason::syntax_error, 0,
                       "The schema's table \"" + table + "\" cannot be made: " + sqlite3_errmsg(d_.db) + ".");
                return false;
            }
            widest_ = std::max(widest_, columns.size());
            tables_.emplace(table, std::move(*known));
        }
        layout_ = layout_of(d_.db);
        return true;
    }

    void set_limits() {
        auto set = [&](int id, std::size_t n) { sqlite3_limit(d_.db, id, static_cast<int>(n)); };
        set(SQLITE_LIMIT_EXPR_DEPTH, std::min<std::size_t>(rules_.given.max_depth, 1000));
        set(SQLITE_LIMIT_COMPOUND_SELECT, 100);
        set(SQLITE_LIMIT_COLUMN, std::max<std::size_t>(200, 2 * widest_));
        set(SQLITE_LIMIT_VDBE_OP, 100'000);
        set(SQLITE_LIMIT_ATTACHED, 0);
        set(SQLITE_LIMIT_VARIABLE_NUMBER, 10);
        set(SQLITE_LIMIT_TRIGGER_DEPTH, 1);
        set(SQLITE_LIMIT_LENGTH, 1'000'000);
        // Of the tables that need no CREATE only those remain whose functions are listed. They say what they are once.
        const char* kept[3]{};
        std::size_t n = 0;
        for (const char* name : {"json_each", "json_tree"})
            if (rules_.allows_function(name)) kept[n++] = name;
        sqlite3_drop_modules(d_.db, kept);
        for (const char* const* name = kept; *name; ++name)
            each(d_.db, std::string{"SELECT 1 FROM "} + *name + "('[]')", [](sqlite3_stmt*) {});
    }

    // ------------------------------------------------------------------ names

    int see(int action, const char* first, const char* second, const char* in) {
        std::string a = first ? lower(first) : "", b = second ? lower(second) : "";
        switch (action) {
            case SQLITE_SELECT:
            case SQLITE_RECURSIVE: return SQLITE_OK;
            case SQLITE_READ: return read(a, b, in ? lower(in) : "");
            case SQLITE_FUNCTION:
                if (rules_.allows_function(b)) return SQLITE_OK;
                report(reason::function_not_allowed, 0, "The function \"" + b + "\" is not allowed; do without it.");
                return SQLITE_DENY;
            default:
                report(reason::not_select, 0, "Only SELECT is allowed; write a query that reads.");
                return SQLITE_DENY;
        }
    }

    int read(const std::string& table, const std::string& column, const std::string& in) {
        if (is_json_rows(table) && rules_.allows_function(table)) return SQLITE_OK;
        auto known = tables_.find(table);
        if (known == tables_.end()) {
            // A subquery or what WITH defines, none of whose columns is used, is told as if it were a table.
            bool hidden = table.starts_with("sqlite_") || table.starts_with("pragma_") || modules().contains(table);
            if (column.empty() && !hidden) return SQLITE_OK;
            report(reason::table_not_allowed, 0,
                   "The table \"" + table + "\" is not allowed; use " + rules_.table_list() + ".");
            return SQLITE_DENY;
        }
        if (!in.empty() && !rules_.allows_schema(in)) {
            report(reason::schema_not_allowed, 0,
                   "The schema \"" + in + "\" is not allowed; use " + rules_.table_list() + ".");
            return SQLITE_DENY;
        }
        // The key of a table may be a column that is denied: INTEGER PRIMARY KEY is another name for it.
        const auto& t = known->second;
        bool key = column == "rowid" && !t.denied.empty() &&
                   std::find(t.columns->begin(), t.columns->end(), column) == t.columns->end();
        if (!key && !t.is_denied(column)) return SQLITE_OK;
        deny(table, column);
        return SQLITE_DENY;
    }

    void deny(const std::string& table, const std::string& column) {
        report(reason::column_denied, 0,
               "The column \"" + table + "." + column +
                   "\" must not be read; leave it out, and name columns instead of *.");
    }

    // ------------------------------------------------------------------ the statement

    bool compile_all() {
        sqlite3_set_authorizer(
            d_.db,
            [](void* self, int action, const char* a, const char* b, const char* in, const char*) {
                return static_cast<check*>(self)->see(action, a, b, in);
            },
            this);
        // pragma_... are tables that cannot be dropped; where they may be named no such table is read at all.
        unsigned flags = lower(statement_).find("pragma_") == std::string::npos ? 0 : SQLITE_PREPARE_NO_VTAB;
        std::string_view rest = statement_;
        std::size_t statements = 0;
        bool reads = false;
        while (true) {
            std::string text{rest};
            std::size_t begin = statement_.size() - text.size();
            int rc = SQLITE_OK;
            std::string_view behind;
            auto s = compile(d_.db, text, rc, &behind, flags);
            if (rc != SQLITE_OK) {
                ++statements;
                int offset = sqlite3_error_offset(d_.db);
                std::string message = sqlite3_errmsg(d_.db);
                if (rc != SQLITE_AUTH || verdict_.ok())
                    explain(message, begin + static_cast<std::size_t>(std::max(0, offset)));
                break;
            }
            if (!s) break;
            if (++statements == 1) end_ = begin + text.size() - behind.size();
            parameters_ = sqlite3_bind_parameter_count(s.get());
            if (parameters_ > 0)
                report(reason::syntax_error, begin, "The statement has parameters; write the values themselves.");
            reads =
                sqlite3_stmt_readonly(s.get()) && !sqlite3_stmt_isexplain(s.get()) && sqlite3_column_count(s.get()) > 0;
            if (!reads) report(reason::not_select, begin, "Only SELECT is allowed; write a query that reads.");
            rest = statement_.substr(begin + text.size() - behind.size());
        }
        sqlite3_set_authorizer(d_.db, nullptr, nullptr);
        bool compiled = statements == 1 && end_ > 0;
        if (statements == 0) report(reason::empty, 0, "There is no statement; write a SELECT.");
        bool prose = statements > 1 && verdict_.violations.size() == 1 &&
                     verdict_.violations.front().code == reason::syntax_error;
        if (statements > 1 && !prose)
            report(reason::multiple_statements, 0,
                   "There are " + std::to_string(statements) + " statements; write one.");
        return compiled && reads;
    }

    // What SQLite says when it cannot compile.
    void explain(const std::string& message, std::size_t at) {
        if (message.find("out of memory") != message.npos)
            return report(reason::too_deep, at,
                          "SQLite takes too much memory to compile the statement; write a simpler one.");
        auto rest = [&](const char* prefix) { return message.substr(std::strlen(prefix)); };
        if (message.starts_with("no such table: ")) {
            std::string name = rest("no such table: ");
            auto dot = name.find('.');
            if (dot != name.npos && !rules_.allows_schema(lower(name.substr(0, dot))))
                return report(
                    reason::schema_not_allowed, at,
                    "The schema \"" + name.substr(0, dot) + "\" is not allowed; use " + rules_.table_list() + ".");
            return report(reason::table_not_allowed, at,
                          "The table \"" + name + "\" is not allowed; use " + rules_.table_list() + ".");
        }
        if (message.starts_with("unknown database "))
            return report(reason::schema_not_allowed, at,
                          "The schema \"" + rest("unknown database ") + "\" is not allowed.");
        if (message.starts_with("no such function: "))
            return report(reason::function_not_allowed, at,
                          "The function \"" + rest("no such function: ") + "\" is not allowed; do without it.");
        bool deep = message.find("too deep") != message.npos || message.find("too large") != message.npos ||
                    message.find("stack overflow") != message.npos || message.find("too many") != message.npos ||
                    message.find("too big") != message.npos;
        report(deep ? reason::too_deep : reason::syntax_error, at,
               "SQLite cannot compile the statement: " + message + ".");
    }

    // ------------------------------------------------------------------ its program

    void judge_program() {
        if (program_.reads_other_databases)
            report(reason::table_not_allowed, 0,
                   "Only tables of the database are allowed; use " + rules_.table_list() + ".");
        for (const auto& a : program_.accesses) {
            auto tree = layout_.trees.find(a.page);
            auto table = tree == layout_.trees.end() ? tables_.end() : tables_.find(lower(tree->second.table));
            if (table == tables_.end()) {
                report(reason::table_not_allowed, 0,
                       "The statement opens a table that is not allowed; use " + rules_.table_list() + ".");
                continue;
            }
            if (a.column == program::access::none || table->second.denied.empty()) continue;
            bool known = a.column >= 0 && static_cast<std::size_t>(a.column) < tree->second.columns.size();
            std::string column = known ? lower(tree->second.columns[static_cast<std::size_t>(a.column)]) : "rowid";
            if (!known || table->second.is_denied(column)) deny(table->first, column);
        }
    }

    // ------------------------------------------------------------------ LIMIT

    void limit(std::uint64_t max) {
        std::string advice = "End the statement with LIMIT and a number of at most " + std::to_string(max) + ".";
        std::optional<std::uint64_t> rows = written_limit();
        if (!rows && program_.most_rows && *program_.most_rows <= max) return;
        if (!rows) return report(reason::missing_limit, 0, advice);
        if (*rows > max) report(reason::limit_too_large, 0, advice);
    }

    // A number behind LIMIT counts where SQLite, given a parameter in its place, finds a parameter, and nothing behind
    // it.
    std::optional<std::uint64_t> written_limit() {
        std::string text = lower(statement_.substr(0, end_));
        for (auto at = text.rfind("limit"); at != text.npos; at = at ? text.rfind("limit", at - 1) : text.npos) {
            if (at &&
                (std::isalnum(static_cast<unsigned char>(text[at - 1])) || text[at - 1] == '_' || text[at - 1] == '$'))
                continue;
            std::size_t i = at + 5;
            auto blanks = [&] {
                std::size_t begin = i;
                while (i < text.size() && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r'))
                    ++i;
                return i > begin;
            };
            auto digits = [&] {
                std::size_t begin = i;
                while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
                return std::pair{begin, i};
            };
            if (!blanks()) continue;
            // A comment that begins before LIMIT on its line would hide it and end before the number.
            auto line = text.rfind('\n', at);
            bool new_line = text.substr(at, i - at).find('\n') != text.npos;
            if (new_line &&
                text.substr(line == text.npos ? 0 : line, at - (line == text.npos ? 0 : line)).find("--") != text.npos)
                continue;
            auto first = digits();
            if (first.first == first.second) continue;
            auto number = first;
            std::size_t end = i;
            bool spaced = blanks();
            if (text.substr(i).starts_with(',')) {  // LIMIT offset, rows
                ++i;
                blanks();
                if (auto second = digits(); second.first < second.second) number = second, end = i;
            } else if (spaced && text.substr(i).starts_with("offset")) {
                i += 6;
                if (blanks())
                    if (auto second = digits(); second.first < second.second) end = i;
            }
            if (!is_over(text.substr(end)) || !is_read(number)) continue;
            auto value = text.substr(number.first, number.second - number.first);
            value.erase(0, std::min(value.find_first_not_of('0'), value.size() - 1));
            return value.size() > 18 ? ~std::uint64_t{0} : std::stoull(value);
        }
        return {};
    }

    bool is_over(const std::string& text) {
        int rc = SQLITE_OK;
        std::string_view rest;
        auto s = compile(d_.db, text, rc, &rest);
        return rc == SQLITE_OK && !s;
    }

    bool is_read(std::pair<std::size_t, std::size_t> number) {
        std::string text{statement_.substr(0, end_)};
        text.replace(number.first, number.second - number.first, "?");
        int rc = SQLITE_OK;
        auto s = compile(d_.db, text, rc);
        return rc == SQLITE_OK && s && sqlite3_bind_parameter_count(s.get()) == parameters_ + 1;
    }

    std::string_view statement_;
    const rules& rules_;
    verdict& verdict_;
    database d_;
    std::map<std::string, rules::table> tables_;
    layout layout_;
    program program_;
    std::size_t widest_ = 0;
    std::size_t end_ = 0;  // of the first statement
    int parameters_ = 0;   // that it has
};

}  // namespace
}  // namespace sqlite

void check_sqlite(std::string_view statement, const rules& r, verdict& v) { sqlite::check{statement, r, v}.all(); }

}  // namespace reagent::sql
