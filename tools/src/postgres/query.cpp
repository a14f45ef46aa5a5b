#include "connection.hpp"

#include <reagent/error.hpp>
#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include "../sql/rules.hpp"
#include "../sql/shown.hpp"

#include <boost/json.hpp>

namespace reagent::ready {
namespace {

using namespace postgres;

constexpr std::size_t long_statement = 2'000;  // bytes; its check would hold up an event loop

// A statement runs in here and nowhere else: nothing can be written, and unqualified names mean what the allowed schemas have.
std::string opening(const postgres_options& o, bool may_limit_files) {
    std::string path;
    for (const auto& s : o.policy.allowed_schemas) path += sql::identifier(s) + ", ";
    std::string ms = std::to_string(o.time_limit.count());
    std::string files = may_limit_files ? "; SET LOCAL temp_file_limit = '" + std::to_string(o.max_temporary_bytes / 1024) + "kB'" : "";
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
    if (!safe.verdict.ok()) throw std::runtime_error{"the statement was not run. " + safe.verdict.message()};
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

// What is read once, when the tool is made, on the caller's thread.
class catalog {
public:
    explicit catalog(const secret& conninfo) {
        std::string text{conninfo.reveal()};
        db_.reset(PQconnectdb(text.c_str()));
        if (PQstatus(db_.get()) != CONNECTION_OK) throw failed(PQerrorMessage(db_.get()));
    }

    // The columns of every table, with their types.
    struct column {
        std::string table, name, type;  // "schema.table"
    };
    std::vector<column> columns() {
        std::vector<column> all;
        ask("SELECT n.nspname || '.' || c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname NOT IN ('pg_catalog', "
            "'information_schema', 'pg_toast') ORDER BY 1, a.attnum",
            [&](auto text) { all.push_back({text(0), text(1), text(2)}); });
        return all;
    }
    // Whether this user may set, and should, how much of temporary files a query may write: others have what their role was given.
    bool may_limit_files(std::size_t bytes) {
        std::string may = PQserverVersion(db_.get()) < 150'000 ? "false" : "pg_catalog.has_parameter_privilege('temp_file_limit', 'SET')";
        bool does = false;
        ask("SELECT pg_catalog.current_setting('is_superuser') = 'on' OR " + may +
                ", setting::bigint < 0 OR setting::bigint > " + std::to_string(bytes / 1024) +
                " FROM pg_catalog.pg_settings WHERE name = 'temp_file_limit'",
            [&](auto text) { does = text(0) == "t" && text(1) == "t"; });
        return does;
    }
    sql::schema primary_keys() {
        sql::schema keys;
        ask("SELECT n.nspname || '.' || c.relname, a.attname FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = "
            "ANY (k.conkey) WHERE k.contype = 'p'",
            [&](auto text) { keys[text(0)].push_back(text(1)); });
        return keys;
    }

private:
    static tool_error failed(std::string reason) {
        while (!reason.empty() && reason.back() == '\n') reason.pop_back();
        return tool_error{tool_errc::bad_configuration, "the PostgreSQL database cannot be read: " + reason};
    }
    template <class F>
    void ask(const std::string& question, F row) {
        result r{PQexec(db_.get(), question.c_str()), PQclear};
        if (PQresultStatus(r.get()) != PGRES_TUPLES_OK) throw failed(PQresultErrorMessage(r.get()));
        for (int i = 0; i < PQntuples(r.get()); ++i) row([&](int k) { return std::string{PQgetvalue(r.get(), i, k)}; });
    }

    std::unique_ptr<PGconn, decltype(&PQfinish)> db_{nullptr, PQfinish};
};

// Learns the tables of the database. @return those that a model may read, in words
std::string learn(server& s, const secret& conninfo) {
    auto misfit = [](const std::string& why) {
        return tool_error{tool_errc::bad_configuration, "the PostgreSQL database does not fit its policy: " + why};
    };
    catalog c{conninfo};
    std::map<std::string, std::string> shown;
    std::set<std::string> readable;
    const auto& p = s.options.policy;
    for (const auto& column : c.columns()) {
        s.columns[column.table].push_back(column.name);
        auto dot = column.table.find('.');
        std::string in = column.table.substr(0, dot), table = column.table.substr(dot + 1);
        if (!sql::allows_table(p, table, in)) continue;
        readable.insert({table, column.table});
        auto& text = shown[sql::shown(table)];
        if (!sql::denies_column(p, table, column.name))
            text += (text.empty() ? "" : ", ") + sql::shown(column.name) + " " + sql::shown_type(column.type);
    }
    try {
        sql::validate(p, s.columns);
    } catch (const schema_error& e) {
        throw misfit(e.what());
    }
    for (const auto& t : p.allowed_tables)
        if (!readable.contains(t)) throw misfit("the table \"" + t + "\" stands in none of the allowed schemas");
    s.safe.keys = c.primary_keys();
    s.safe.max_rows = s.options.max_rows + 1;
    s.begin = opening(s.options, c.may_limit_files(s.options.max_temporary_bytes));
    std::string described;
    for (const auto& [table, columns] : shown) described += "\n- " + table + "(" + columns + ")";
    return described;
}

}  // namespace

tool postgres_query(secret conninfo, postgres_options options) {
    options.policy.dialect = sql::dialect::postgres;
    if (options.policy.allowed_tables.empty())
        throw tool_error{tool_errc::bad_configuration,
                         "postgres_query needs policy.allowed_tables: which tables of the database may a model read?"};
    auto s = std::make_shared<server>(conninfo, std::move(options));
    std::string tables = learn(*s, conninfo);
    auto call = [s](run& r, std::string query) { return answer(r, s, std::move(query)); };
    std::string rule = s->options.policy.max_rows ? " The statement must end with LIMIT and a number of at most " +
                                                        std::to_string(*s->options.policy.max_rows) + "."
                                                  : "";
    return detail::make_tool(
        "sql", "Runs one SELECT statement on a PostgreSQL database and returns columns and rows." + rule + " Tables:" + tables, call,
        {{"query", "one PostgreSQL SELECT statement"}}, {.read_only = true, .timeout = s->options.time_limit + std::chrono::seconds{5}});
}

}  // namespace reagent::ready
