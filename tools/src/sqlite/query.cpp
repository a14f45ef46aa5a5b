#include "query.hpp"
#include "../../../sdk/src/base/zero_bytes.hpp"

#include <reagent/tools/function.hpp>

#include "../time_limit.hpp"
#include "describe.hpp"
#include "guarded.hpp"

#include <boost/json.hpp>

namespace reagent {

json::value sqlite::query(const std::filesystem::path& file, const ready::sqlite_options& options,
                          const sql::schema& columns, const std::string& statement) {
    auto checked = sql::safe(statement, *options.policy, columns);
    if (!checked.verdict.ok())
        throw std::runtime_error{without_zero_bytes("the statement was not run. " + checked.verdict.message())};
    guarded_database db{file, options, columns};
    return db.run(checked.statement);
}

tool ready::sqlite_query(const std::filesystem::path& file, sqlite_options options) {
    ready::check_time_limit(options.time_limit);
    auto known = sqlite::describe(file, options);
    std::string rule;
    if (options.policy->max_rows)
        rule = " The statement must end with LIMIT and a number of at most " +
               std::to_string(*options.policy->max_rows) + ".";
    auto shared = std::make_shared<const sqlite_options>(std::move(options));
    const flow_flags shown{.untrusted =
                               !shared->policy->listed_columns.empty()};  // their values stand in the description
    auto call = [file, shared, columns = std::move(known.columns)](std::string sql) {
        return sqlite::query(file, *shared, columns, sql);
    };
    return detail::make_tool("sql",
                             "Runs one SELECT statement on an SQLite database and returns columns and rows." + rule +
                                 " Tables:" + known.text,
                             call, {{"query", "one SQLite SELECT statement"}},
                             {.read_only = true,
                              .timeout = longer_by(shared->time_limit, std::chrono::seconds{2}),
                              .flow = flow_flags{.untrusted = true, .private_data = true},
                              .described_flow = shown});
}

}  // namespace reagent
