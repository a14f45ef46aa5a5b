#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::sql {

enum class dialect { postgres, sqlite };

/// Why a statement is refused.
enum class reason {
    empty,
    syntax_error,
    invalid_encoding,
    too_long,
    too_deep,
    multiple_statements,
    not_select,
    data_modification,
    select_into,
    locking_clause,
    table_not_allowed,
    schema_not_allowed,
    column_denied,
    wildcard_exposes_denied_column,
    whole_row_exposes_denied_column,
    function_not_allowed,
    missing_limit,
    limit_too_large,
};

std::string_view to_string(reason r);

/// The columns of each table.
using schema = std::map<std::string, std::vector<std::string>>;

/// What a statement may do. Names are compared as the database folds them: PostgreSQL's unquoted names in lower case,
/// SQLite's without regard to case.
struct policy {
    sql::dialect dialect = sql::dialect::postgres;
    std::vector<std::string> allowed_tables{};  ///< "orders"; "archive.orders" for one that is named with its schema
    std::vector<std::string> denied_tables{};   ///< never, whatever `allowed_tables` says
    std::vector<std::string> allowed_schemas{"public"};  ///< that an allowed table may be named with; "main" in SQLite
    std::vector<std::string> denied_columns{};           ///< "customers.ssn"; "ssn" or "*.ssn" in every table
    std::vector<std::string> listed_columns{};  ///< "orders.status": a model is shown its values (ready::sqlite_query)
    std::optional<std::vector<std::string>> allowed_functions{};  ///< not set: a list of harmless ones
    std::optional<std::uint64_t> max_rows{};                      ///< the statement must have a LIMIT of at most this
    std::size_t max_length = 20'000;                              ///< bytes
    std::size_t max_depth = 100;  ///< of expressions and subqueries inside of each other
};

struct violation {
    reason code{};
    std::size_t position = 0;  ///< byte in the statement; 0 where it concerns the whole
    std::string message{};     ///< tells a model what to do instead
};

struct verdict {
    std::vector<violation> violations{};

    bool ok() const { return violations.empty(); }
    /// All violations, a line each; "" when there is none.
    std::string message() const;
};

/// Whether the policy allows a statement. Pure; thread-safe. The rule is written in docs/sql-safety.md.
///
/// PostgreSQL is parsed by its own parser (libpg_query, version 15), SQLite compiled by SQLite itself against empty
/// tables of the schema. What is not understood is refused. Takes at most 100 ms and 64 MB for statements of the
/// default `max_length`.
/// @param columns every column of the allowed tables, in their order, by "table" or "schema.table". SQLite needs it;
/// without it PostgreSQL's `alias.column` is refused, since it may call a function
/// @throws schema_error as `validate` does
verdict check(std::string_view statement, const policy& p, const schema& columns = {});

/// @throws schema_error naming the field and, where one is near, the name that was meant: when the policy allows no
/// table, or names a table or a column that the schema does not have
void validate(const policy& p, const schema& columns);

/// What may be run in a statement's place.
struct safe_statement {
    sql::verdict verdict{};
    std::string statement{};  ///< "" where the verdict is no
};

struct safe_options {
    std::optional<std::uint64_t> max_rows{};  ///< PostgreSQL: the LIMIT that a statement gets which has none
    schema keys{};  ///< the columns of tables' primary keys: what is grouped by them may select the others
};

/// The statement with nothing denied left in it, for running on a database.
///
/// PostgreSQL: every table with denied columns has become a subquery of the others, every table is named with its
/// schema, every function of the list with pg_catalog, and what WITH defines has names that no table has. So `*` and
/// whole rows are allowed here, and a mistake about names reaches nothing. The result has been parsed and checked
/// again. Needs the schema of tables with denied columns. SQLite: the statement as it is; what protects there is the
/// connection (`ready::sqlite_query`). Pure; thread-safe. @throws schema_error as `validate` does
safe_statement safe(std::string_view statement, const policy& p, const schema& columns,
                    const safe_options& options = {});

/// The statement in what a model wrote: the inside of a fenced block when there is exactly one, else all of it; without
/// spaces around. Judges nothing.
std::string extract(std::string_view completion);

/// Whether the policy allows a table (of that schema; "" as an unqualified name is read), and whether it denies one of
/// its columns.
bool allows_table(const policy& p, std::string_view table, std::string_view table_schema = {});
bool denies_column(const policy& p, std::string_view table, std::string_view column);
/// Whether a model is shown the values of a column.
bool lists_column(const policy& p, std::string_view table, std::string_view column);

/// Reads `{"dialect", "allowed_tables", "denied_tables", "allowed_schemas", "denied_columns", "listed_columns",
/// "allowed_functions", "max_rows", "max_length", "max_depth"}`. @throws schema_error naming the field
policy policy_from_json(const boost::json::value& v);
/// Reads `{"table": ["column", ...]}`. @throws schema_error naming the field
schema schema_from_json(const boost::json::value& v);

boost::json::object to_json(
    const verdict& v);  ///< {"verdict": "allow"|"deny", "violations": [{"code", "position", "message"}]}

}  // namespace reagent::sql
