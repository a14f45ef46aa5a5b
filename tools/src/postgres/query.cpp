#include "connection.hpp"
#include "wall.hpp"

#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include "../sql/guard.hpp"
#include "../sql/rules.hpp"

#include <boost/json.hpp>

namespace reagent::ready {
namespace {

using namespace postgres;

// A statement runs in here and nowhere else: nothing can be written, and unqualified names mean tables of the allowed schemas.
std::string opening(const sql::policy& p, std::chrono::milliseconds time_limit) {
    std::string path;
    for (const auto& s : p.allowed_schemas) path += sql::identifier(s) + ", ";
    std::string ms = std::to_string(time_limit.count());
    return "BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = " + ms + "; SET LOCAL lock_timeout = " + ms +
           "; SET LOCAL search_path = " + path + "pg_temp";
}

struct server {
    server(secret conninfo, postgres_options o) : connections{std::move(conninfo), 4}, options{std::move(o)} {}

    pool connections;
    postgres_options options;
    sql::schema columns;
};

task<rows> guarded(std::shared_ptr<server> s, std::string statement) {
    const auto& o = s->options;
    auto c = co_await s->connections.take();
    co_await c->command(opening(o.policy, o.time_limit));
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
            co_await c->command("ROLLBACK");
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

task<json::value> answer(std::shared_ptr<server> s, std::string statement) {
    sql::refuse_unless_allowed(statement, s->options.policy, s->columns);
    rows found = co_await guarded(s, std::move(statement));
    json::object result{{"columns", std::move(found.columns)}, {"rows", std::move(found.values)}};
    if (found.more) result["note"] = "there are more rows; narrow the query or aggregate";
    co_return result;
}

// Read once, when the tool is made, on the caller's thread.
sql::schema columns_of(const secret& conninfo, const sql::policy& p, std::string& described) {
    std::string text{conninfo.reveal()};
    std::unique_ptr<PGconn, decltype(&PQfinish)> db{PQconnectdb(text.c_str()), PQfinish};
    auto failed = [&](const std::string& why) {
        std::string reason = why;
        while (!reason.empty() && reason.back() == '\n') reason.pop_back();
        return tool_error{tool_errc::bad_configuration, "the PostgreSQL database cannot be read: " + reason};
    };
    if (PQstatus(db.get()) != CONNECTION_OK) throw failed(PQerrorMessage(db.get()));
    const char* question =
        "SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2, a.attnum";
    result r{PQexec(db.get(), question), PQclear};
    if (PQresultStatus(r.get()) != PGRES_TUPLES_OK) throw failed(PQresultErrorMessage(r.get()));
    sql::schema found;
    std::map<std::string, std::string> shown;
    for (int i = 0; i < PQntuples(r.get()); ++i) {
        std::string schema = PQgetvalue(r.get(), i, 0), table = PQgetvalue(r.get(), i, 1), column = PQgetvalue(r.get(), i, 2);
        if (!sql::allows_table(p, table, schema)) continue;
        found[table].push_back(column);
        if (!sql::denies_column(p, table, column))
            shown[table] += (shown[table].empty() ? "" : ", ") + column + " " + PQgetvalue(r.get(), i, 3);
    }
    for (const auto& [table, columns] : shown) described += "\n- " + table + "(" + columns + ")";
    return found;
}

}  // namespace

tool postgres_query(secret conninfo, postgres_options options) {
    options.policy.dialect = sql::dialect::postgres;
    if (options.policy.allowed_tables.empty())
        throw tool_error{tool_errc::bad_configuration,
                         "postgres_query needs policy.allowed_tables: which tables of the database may a model read?"};
    if (!options.without_wall) sql::refuse_without_wall(conninfo, options.policy);
    auto s = std::make_shared<server>(conninfo, std::move(options));
    std::string tables;
    s->columns = columns_of(conninfo, s->options.policy, tables);
    auto call = [s](std::string query) { return answer(s, std::move(query)); };
    std::string rule = s->options.policy.max_rows ? " The statement must end with LIMIT and a number of at most " +
                                                        std::to_string(*s->options.policy.max_rows) + "."
                                                  : "";
    return detail::make_tool(
        "sql", "Runs one SELECT statement on a PostgreSQL database and returns columns and rows." + rule + " Tables:" + tables, call,
        {{"query", "one PostgreSQL SELECT statement"}}, {.read_only = true, .timeout = s->options.time_limit + std::chrono::seconds{5}});
}

}  // namespace reagent::ready
