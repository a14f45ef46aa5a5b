#include "../../../sdk/src/base/zero_bytes.hpp"
#include "catalog.hpp"
#include "connection.hpp"
#include "wall.hpp"

#include <reagent/error.hpp>
#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include "../sql/rules.hpp"
#include "../sql/shown.hpp"
#include "../time_limit.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <limits>

namespace reagent::ready {
namespace {

using namespace postgres;

constexpr std::size_t long_statement = 2'000;  // bytes; its check would hold up an event loop

// A statement runs in here and nowhere else: nothing can be written, and unqualified names mean what the allowed
// schemas have.
std::string opening(const postgres_options& o, bool may_limit_files) {
    std::string path;
    for (const auto& s : o.policy.allowed_schemas) path += sql::identifier(s) + ", ";
    constexpr std::int64_t most = std::numeric_limits<int>::max();  // 0 is none to the server
    std::string ms =
        std::to_string(o.time_limit == no_time_limit ? 0 : std::clamp<std::int64_t>(o.time_limit.count(), 1, most));
    std::string files =
        may_limit_files ? "; SET LOCAL temp_file_limit = '" + std::to_string(o.max_temporary_bytes / 1024) + "kB'" : "";
    return "BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = " + ms + "; SET LOCAL lock_timeout = " + ms +
           "; SET LOCAL search_path = " + path + "pg_temp" + files;
}

// Whatever a statement may have left in the session: locks that outlive a transaction, prepared statements, settings.
constexpr auto closing = "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all(); DEALLOCATE ALL; UNLISTEN *; RESET ALL";

struct server {
    server(secret conninfo, postgres_options o) : connections{std::move(conninfo), 4}, options{std::move(o)} {}

    pool connections;
    postgres_options options;
    sql::schema columns;  // by "schema.table"
    sql::safe_options safe{};
    std::string begin{};  // what a transaction begins with
};

task<rows> guarded(std::shared_ptr<server> s, std::string statement) {
    const auto& o = s->options;
    auto c = co_await s->connections.take();
    co_await c->command(s->begin);
    rows found;
    std::exception_ptr failure;
    try {
        found = co_await c->query(std::move(statement), {o.max_rows, o.max_bytes});
    } catch (const boost::system::system_error&) {
        throw;  // cancelled: the connection goes
    } catch (...) {
        failure = std::current_exception();
    }
    if (!found.more) {  // else what was not read yet stands in the way, and the connection goes
        std::exception_ptr lost;
        try {
            co_await c->command(closing);
        } catch (const boost::system::system_error&) {
            throw;
        } catch (...) {
            lost = std::current_exception();
        }
        if (!lost) s->connections.give_back(std::move(c));
    }
    if (failure) std::rethrow_exception(failure);
    co_return found;
}

json::value checked(const server& s, const std::string& statement) {
    auto safe = sql::safe(statement, s.options.policy, s.columns, s.safe);
    if (!safe.verdict.ok())
        throw std::runtime_error{without_zero_bytes("the statement was not run. " + safe.verdict.message())};
    return json::value(json::string(safe.statement));
}

task<json::value> answer(run& r, std::shared_ptr<server> s, std::string statement) {
    json::value safe;
    if (statement.size() > long_statement) {
        std::function<json::value()> work = [s, statement] { return checked(*s, statement); };
        safe = co_await r.blocking(std::move(work));
    } else
        safe = checked(*s, statement);
    rows found = co_await guarded(s, std::string{std::string_view{safe.get_string()}});
    json::object result{{"columns", std::move(found.columns)}, {"rows", std::move(found.values)}};
    if (found.more) result["note"] = "there are more rows; narrow the query or aggregate";
    result["ran"] = std::move(safe);
    co_return result;
}

// What is asked once, when the tool is made, on the caller's thread.
std::vector<catalog::row> columns_of(const catalog& db) {  // schema, table, column, type, generated, readable
    return db.ask(
        "SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated, "
        "has_column_privilege(c.oid, "
        "a.attnum, 'SELECT') FROM pg_class c JOIN pg_namespace n "
        "ON n.oid = "
        "c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND "
        "a.attnum > 0 AND NOT "
        "a.attisdropped AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2, a.attnum");
}

sql::schema primary_keys(const catalog& db) {
    sql::schema keys;
    for (const auto& r : db.ask("SELECT n.nspname, c.relname, a.attname FROM pg_constraint k JOIN pg_class c ON c.oid "
                                "= k.conrelid JOIN pg_namespace n ON "
                                "n.oid = "
                                "c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY "
                                "(k.conkey) WHERE k.contype = 'p'"))
        keys[r[0] + "." + r[1]].push_back(r[2]);
    return keys;
}

// Whether this user may set, and should, how much of temporary files a query may write: others have what their role was
// given.
bool may_limit_files(const catalog& db, std::size_t bytes) {
    std::string may = db.version() < 150'000 ? "false" : "has_parameter_privilege('temp_file_limit', 'SET')";
    auto r = db.ask("SELECT current_setting('is_superuser') = 'on' OR " + may +
                    ", setting::bigint < 0 OR setting::bigint > " + std::to_string(bytes / 1024) +
                    " FROM pg_settings WHERE name = 'temp_file_limit'");
    return !r.empty() && r[0][0] == "t" && r[0][1] == "t";
}

// Learns the tables of the database. @return those that a model may read, in words
std::string learn(server& s, const secret& conninfo) {
    auto misfit = [](const std::string& why) {
        return tool_error{tool_errc::bad_configuration, "the PostgreSQL database does not fit its policy: " + why};
    };
    const catalog db{conninfo};
    std::map<std::string, std::string> shown;
    std::set<std::string> allowed, readable;  // "schema.table"; allowed ones without a schema too
    auto& p = s.options.policy;
    const auto rows = columns_of(db);
    for (const auto& r : rows) s.columns[r[0] + "." + r[1]].push_back(r[2]);
    // What is computed from a row with denied columns may show one.
    auto denies_any = [&](const catalog::row& r) {
        const auto& all = s.columns[r[0] + "." + r[1]];
        return std::any_of(all.begin(), all.end(), [&](const auto& c) { return sql::denies_column(p, r[1], c); });
    };
    // Nor is there any use in a column that this user may not read, as one that was added since its privileges were
    // granted.
    std::vector<std::string> left_out;
    for (const auto& r : rows)
        if (sql::allows_table(p, r[1], r[0]) && ((!r[4].empty() && denies_any(r)) || r[5] != "t"))
            left_out.push_back(r[0] + "." + r[1] + "." + r[2]);
    const auto given = p;
    p.denied_columns.insert(p.denied_columns.end(), left_out.begin(), left_out.end());
    for (const auto& r : rows) {
        const auto &in = r[0], &table = r[1], &column = r[2];
        if (!sql::allows_table(p, table, in)) continue;
        allowed.insert({table, in + "." + table});
        if (!sql::denies_column(given, table, column) && r[5] == "t") readable.insert(in + "." + table);
        auto name = sql::shown(table);
        if (p.allowed_schemas.empty() || in != p.allowed_schemas.front()) name = sql::shown(in) + "." + name;
        auto& text = shown[name];
        if (!sql::denies_column(p, table, column))
            text += (text.empty() ? "" : ", ") + sql::shown(column) + " " + sql::shown_type(r[3]);
    }
    try {
        sql::validate(given, s.columns);
    } catch (const schema_error& e) {
        throw misfit(e.what());
    }
    for (const auto& t : p.allowed_tables)
        if (!allowed.contains(t) &&
            std::find(p.denied_tables.begin(), p.denied_tables.end(), t) == p.denied_tables.end())
            throw misfit("the table \"" + t + "\" stands in none of the allowed schemas");
    for (const auto& [name, text] : shown)
        if (text.empty() && !p.allowed_tables.empty())
            throw misfit("this user may read no column of " + name + "; `reagent sql grants` prints what grants them");
    s.safe.keys = primary_keys(db);
    s.safe.max_rows = s.options.max_rows + 1;
    s.begin = opening(s.options, may_limit_files(db, s.options.max_temporary_bytes));
    std::string described;
    for (const auto& [table, columns] : shown) described += "\n- " + table + "(" + columns + ")";
    return described;
}

}  // namespace

tool postgres_query(secret conninfo, postgres_options options) {
    options.policy.dialect = sql::dialect::postgres;
    check_time_limit(options.time_limit);
    if (options.policy.allowed_tables.empty())
        throw tool_error{tool_errc::bad_configuration,
                         "postgres_query needs policy.allowed_tables: which tables of the database may a model read?"};
    auto s = std::make_shared<server>(conninfo, std::move(options));
    const auto policy = s->options.policy;
    std::string tables = learn(*s, conninfo);  // first: a policy that does not fit finds walls open that are not
    if (!s->options.without_wall) sql::refuse_without_wall(conninfo, policy);
    const flow_flags shown{.untrusted = !policy.listed_columns.empty()};  // their values stand in the description
    auto call = [s](run& r, std::string query) { return answer(r, s, std::move(query)); };
    std::string rule = s->options.policy.max_rows ? " The statement must end with LIMIT and a number of at most " +
                                                        std::to_string(*s->options.policy.max_rows) + "."
                                                  : "";
    return detail::make_tool(
        "sql",
        "Runs one SELECT statement on a PostgreSQL database and returns columns and rows." + rule + " Tables:" + tables,
        call, {{"query", "one PostgreSQL SELECT statement"}},
        {.read_only = true,
         .timeout = longer_by(s->options.time_limit, std::chrono::seconds{5}),
         .flow = flow_flags{.untrusted = true, .private_data = true},
         .described_flow = shown});
}

}  // namespace reagent::ready
