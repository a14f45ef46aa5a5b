#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>
#include <reagent/tools/sql_metric.hpp>

#include <reagent/schema/render.hpp>

#include "sql/guard.hpp"
#include "sql/rules.hpp"

#include <sqlite3.h>
#include <boost/json.hpp>

#include <algorithm>
#include <memory>

namespace reagent::ready {
namespace {

using database = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;
using statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

// A second line behind `sql::check`, on the statement as it is really compiled. Everything that is not listed is denied.
// Source: sqlite.org/c3ref/c_alter_table.html (action codes).
int only_reading(void* self, int action, const char* first, const char* function, const char*, const char*) {
    switch (action) {
        case SQLITE_READ: {
            const auto* denied = static_cast<const sql::rules*>(self)->denied(sql::lower(first ? first : ""));
            return denied && denied->contains(sql::lower(function ? function : "")) ? SQLITE_DENY : SQLITE_OK;
        }
        case SQLITE_SELECT:
        case SQLITE_RECURSIVE: return SQLITE_OK;
        case SQLITE_FUNCTION: {
            std::string_view name = function ? function : "";
            for (std::string_view bad : {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
                if (name == bad) return SQLITE_DENY;
            return SQLITE_OK;
        }
        default: return SQLITE_DENY;
    }
}

database open(const std::filesystem::path& file) {
    sqlite3* raw = nullptr;
    int rc = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
    database db{raw, sqlite3_close};
    if (rc == SQLITE_OK) rc = sqlite3_exec(db.get(), "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK)
        throw tool_error{tool_errc::bad_configuration,
                         "the database \"" + file.string() + "\" cannot be read: " + (raw ? sqlite3_errmsg(raw) : "out of memory")};
    sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_limit(db.get(), SQLITE_LIMIT_LENGTH, 4 * 1024 * 1024);
    sqlite3_limit(db.get(), SQLITE_LIMIT_SQL_LENGTH, 64 * 1024);
    sqlite3_limit(db.get(), SQLITE_LIMIT_ATTACHED, 0);
    return db;
}

json::value column(sqlite3_stmt* s, int i) {
    switch (sqlite3_column_type(s, i)) {
        case SQLITE_INTEGER: return static_cast<std::int64_t>(sqlite3_column_int64(s, i));
        case SQLITE_FLOAT: return sqlite3_column_double(s, i);
        case SQLITE_TEXT:
            return json::value(json::string(reinterpret_cast<const char*>(sqlite3_column_text(s, i)),
                                            static_cast<std::size_t>(sqlite3_column_bytes(s, i))));
        case SQLITE_BLOB: return json::value(json::string("(" + std::to_string(sqlite3_column_bytes(s, i)) + " bytes)"));
        default: return nullptr;
    }
}

struct limit_clock {
    clock::time_point until;
    static int expired(void* self) { return clock::now() > static_cast<limit_clock*>(self)->until; }
};

json::value query(const std::filesystem::path& file, const sqlite_options& options, const sql::schema& columns_known,
                  const std::string& sql) {
    sql::refuse_unless_allowed(sql, *options.policy, columns_known);
    database db = open(file);
    sql::rules rules{*options.policy, {}};
    sqlite3_exec(db.get(), "PRAGMA query_only = ON", nullptr, nullptr, nullptr);
    sqlite3_set_authorizer(db.get(), only_reading, &rules);
    limit_clock limit{clock::now() + options.time_limit};
    sqlite3_progress_handler(db.get(), 1000, limit_clock::expired, &limit);
    auto fail = [&](int rc) -> std::runtime_error {
        if (rc == SQLITE_INTERRUPT)
            return std::runtime_error{"the query took longer than " + std::to_string(options.time_limit.count()) + " ms; make it simpler"};
        if (rc == SQLITE_AUTH) return std::runtime_error{"only reading is allowed: write one SELECT statement"};
        return std::runtime_error{sqlite3_errmsg(db.get())};
    };
    sqlite3_stmt* raw = nullptr;
    int rc = sqlite3_prepare_v2(db.get(), sql.data(), static_cast<int>(std::min<std::size_t>(sql.size(), INT_MAX)), &raw, nullptr);
    statement s{raw, sqlite3_finalize};
    if (rc != SQLITE_OK) throw fail(rc);
    if (!s) throw std::runtime_error{"the query is empty; write one SELECT statement"};
    if (!sqlite3_stmt_readonly(s.get())) throw fail(SQLITE_AUTH);
    json::array columns, rows;
    for (int i = 0; i < sqlite3_column_count(s.get()); ++i) columns.emplace_back(sqlite3_column_name(s.get(), i));
    bool more = false;
    std::size_t bytes = 0;
    while ((rc = sqlite3_step(s.get())) == SQLITE_ROW) {
        if (rows.size() == options.max_rows || bytes > options.max_bytes) {
            more = true;
            break;
        }
        json::array row;
        for (int i = 0; i < sqlite3_column_count(s.get()); ++i) {
            row.push_back(column(s.get(), i));
            bytes += static_cast<std::size_t>(sqlite3_column_bytes(s.get(), i)) + 8;
        }
        rows.push_back(std::move(row));
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) throw fail(rc);
    json::object result{{"columns", std::move(columns)}, {"rows", std::move(rows)}};
    if (more) result["note"] = "there are more rows; narrow the query or aggregate";
    return result;
}

// "orders(id INTEGER, status TEXT: 'open' | 'paid', customer_id INTEGER -> customers.id)". Completes the policy and learns the columns.
std::string describe_tables(const std::filesystem::path& file, sqlite_options& options, sql::schema& columns_known) {
    database db = open(file);
    limit_clock limit{clock::now() + options.time_limit};
    sqlite3_progress_handler(db.get(), 1000, limit_clock::expired, &limit);
    auto each = [&](const std::string& sql, auto f) {
        sqlite3_stmt* raw = nullptr;
        if (sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) return;
        statement s{raw, sqlite3_finalize};
        while (sqlite3_step(s.get()) == SQLITE_ROW) f(s.get());
    };
    auto text = [](sqlite3_stmt* s, int i) {
        return std::string{sqlite3_column_text(s, i) ? reinterpret_cast<const char*>(sqlite3_column_text(s, i)) : ""};
    };
    std::string all;
    std::size_t tables = 0;
    bool any_table = !options.policy;
    if (any_table) options.policy.emplace();
    options.policy->dialect = sql::dialect::sqlite;
    each("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
         [&](sqlite3_stmt* t) {
             std::string table = text(t, 0), columns;
             if (any_table) options.policy->allowed_tables.push_back(table);
             if (!sql::allows_table(*options.policy, table, "main")) return;
             bool shown = ++tables <= 50;
             std::map<std::string, std::string> references;
             each("PRAGMA foreign_key_list(" + sql::identifier(table) + ")",
                  [&](sqlite3_stmt* k) { references[text(k, 3)] = text(k, 2) + "." + (text(k, 4).empty() ? "rowid" : text(k, 4)); });
             each("PRAGMA table_info(" + sql::identifier(table) + ")", [&](sqlite3_stmt* c) {
                 std::string name = text(c, 1), type = text(c, 2);
                 columns_known[table].push_back(name);
                 if (!shown || sql::denies_column(*options.policy, table, name)) return;
                 columns += (columns.empty() ? "" : ", ") + name + (type.empty() ? "" : " " + type);
                 if (auto r = references.find(name); r != references.end()) columns += " -> " + r->second;
                 if (options.listed_values == 0 || type.find("CHAR") == type.npos) {
                     if (type != "TEXT" || options.listed_values == 0) return;
                 }
                 json::array values;
                 std::size_t bytes = 0;
                 each("SELECT DISTINCT " + sql::identifier(name) + " FROM " + sql::identifier(table) + " WHERE " + sql::identifier(name) +
                          " IS NOT NULL ORDER BY 1 LIMIT " + std::to_string(options.listed_values + 1),
                      [&](sqlite3_stmt* v) {
                          bytes += text(v, 0).size();
                          values.emplace_back(text(v, 0));
                      });
                 if (values.empty() || values.size() > options.listed_values || bytes > 600) return;
                 columns += ":";
                 for (const auto& v : values) columns += (&v == &values.front() ? " " : " | ") + python_repr(v);
             });
             if (shown) all += "\n- " + table + "(" + columns + ")";
         });
    return all;
}

}  // namespace

tool sqlite_query(const std::filesystem::path& file, sqlite_options options) {
    sql::schema columns;
    std::string tables = describe_tables(file, options, columns);
    std::string rule;
    if (options.policy->max_rows)
        rule = " The statement must end with LIMIT and a number of at most " + std::to_string(*options.policy->max_rows) + ".";
    auto shared = std::make_shared<const sqlite_options>(std::move(options));
    auto call = [file, shared, columns](std::string sql) { return query(file, *shared, columns, sql); };
    return detail::make_tool(
        "sql", "Runs one SELECT statement on an SQLite database and returns columns and rows." + rule + " Tables:" + tables, call,
        {{"query", "one SQLite SELECT statement"}}, {.read_only = true, .timeout = shared->time_limit + std::chrono::seconds{2}});
}

}  // namespace reagent::ready

namespace reagent {
namespace {

// Rows as texts that compare: numbers by value, whatever their type; in the order of the statement only when that sorts.
std::vector<std::string> comparable(const json::value& result, bool in_order) {
    std::vector<std::string> rows;
    for (const auto& row : result.at("rows").as_array()) {
        std::string text;
        for (const auto& cell : row.as_array()) {
            if (cell.is_number()) {
                char number[40];
                std::snprintf(number, sizeof number, "%.9g", cell.to_number<double>());
                text += std::string{number} + "\x1f";
            } else
                text += dump_json(cell) + "\x1f";
        }
        rows.push_back(std::move(text));
    }
    if (!in_order) std::sort(rows.begin(), rows.end());
    return rows;
}

}  // namespace

metric sql_match_of(std::string field, const std::filesystem::path& database, ready::sqlite_options options) {
    sql::schema columns;
    ready::describe_tables(database, options, columns);
    auto shared = std::make_shared<const ready::sqlite_options>(std::move(options));
    return [field = std::move(field), database, shared, columns](run& r, const rated_run& rated) -> task<judgement> {
        const auto *label = rated.expected.find(field), *output = rated.outputs.if_contains(field);
        if (!label || !label->is_string())
            throw program_error{
                program_errc::mismatch, "the metric compares `" + field + "`, but an example has no such text", {.path = field}};
        if (!output || !output->is_string())
            throw program_error{
                program_errc::mismatch, "the metric compares `" + field + "`, but the program has no such text", {.path = field}};
        // Owns what it uses: it may go on when the run is cancelled.
        auto rows_of = [database, shared, columns](std::string statement) -> std::function<json::value()> {
            return [=] { return ready::query(database, *shared, columns, statement); };
        };
        std::string gold{std::string_view{label->get_string()}}, predicted{std::string_view{output->get_string()}};
        if (auto code = sql::extract(predicted); !code.empty()) predicted = code;
        auto expected_work = rows_of(gold), predicted_work = rows_of(predicted);
        json::value expected = co_await r.blocking(std::move(expected_work)), found;
        judgement j;
        try {
            found = co_await r.blocking(std::move(predicted_work));
        } catch (const std::runtime_error& e) {
            j.feedback = std::string{"the statement cannot be run: "} + e.what();
        }
        if (!j.feedback.empty()) co_return j;
        std::string lower = sql::lower(gold);
        bool in_order = lower.find("order by") != lower.npos;
        bool same = comparable(expected, in_order) == comparable(found, in_order) &&
                    expected.get_object().contains("note") == found.get_object().contains("note");
        j.score = same ? 1 : 0;
        if (!same)
            j.feedback = "the rows differ: expected " + dump_json(expected.at("rows")).substr(0, 300) + ", got " +
                         dump_json(found.at("rows")).substr(0, 300);
        co_return j;
    };
}

}  // namespace reagent
