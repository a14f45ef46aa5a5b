#pragma once

#include <reagent/module/chain_of_thought.hpp>
#include <reagent/tools/registry.hpp>
#include <reagent/tools/sql.hpp>

namespace reagent {

struct safe_sql_options {
    sql::policy policy{};
    sql::schema schema{};  ///< every column of the allowed tables; the model is shown those that are not denied
    std::string notes{};   ///< what else the model should know: units, codes, what a column means
    std::size_t preferred_bytes = 1500;  ///< a longer statement is sent back by a suggestion
};

namespace detail {

using sql_signature = sig<"request, tables, rules -> sql">;

/// Writes one statement and makes it keep the wishes that every statement has to; what it must keep is the caller's.
class sql_writer : public module {
public:
    sql_writer(module& parent, std::string name);
    task<std::string> operator()(run& r, std::string request, std::string tables, std::string rules,
                                 std::size_t preferred_bytes) const;

private:
    predictor predict_;
};

}  // namespace detail

/// A request in, one SELECT out that the policy allows. What the policy forbids is an assertion: the model is told
/// every violation and writes again. That the statement is short and names its columns is a suggestion. Nothing is
/// executed.
///
///     rg::safe_sql write{{.policy = policy, .schema = schema}};
///     auto statement = runtime.run(lm, write, "The ten best customers of this month");
///
/// @throws assertion_failed from the run, with every attempt
class safe_sql : public module {
public:
    explicit safe_sql(safe_sql_options options);
    safe_sql(module& parent, std::string name, safe_sql_options options);

    task<std::string> forward(run& r, std::string request) const;

    struct input {
        std::string request;
    };
    struct output {
        std::string sql;
    };
    task<output> forward(run& r, input in) const;

private:
    safe_sql_options options_;
    std::string tables_, rules_;
    detail::sql_writer write_{*this, "write"};
};

/// What came of a question to a database.
struct database_answer {
    std::string answer;
    std::string statement;
    json::value result;  ///< {"columns": [...], "rows": [[...], ...]}
};

/// A question in, an answer in words out: writes a statement, runs it by a query tool, and tells what the rows say.
/// What the tool refuses, and what the database says of a statement, goes back to the model that wrote it.
///
///     rg::ask_database ask{rg::ready::sqlite_query("shop.db", {.policy = policy})};
///     auto a = runtime.run(lm, ask, "Which city has the most customers?");
///
/// @throws assertion_failed from the run, with every attempt
class ask_database : public module {
public:
    /// @param query a tool that takes {"query"}: `ready::sqlite_query` or `ready::postgres_query`, which check what
    /// they run
    explicit ask_database(tool query, std::string notes = {});
    ask_database(module& parent, std::string name, tool query, std::string notes = {});

    task<database_answer> forward(run& r, std::string question) const;

    struct input {
        std::string question;
    };
    using output = database_answer;
    task<output> forward(run& r, input in) const;

private:
    tools tools_;
    std::string query_, notes_;
    detail::sql_writer write_{*this, "write"};
    predict<sig<"question, statement, rows -> answer">> tell_{*this, "tell"};
};

}  // namespace reagent
