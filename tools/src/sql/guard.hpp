#pragma once

#include <reagent/tools/sql.hpp>

namespace reagent::sql {

/// Throws what a model should read when the policy does not allow the statement.
void refuse_unless_allowed(const std::string& statement, const policy& p, const schema& columns);

/// Whether a policy allows a table of that schema; and whether it denies one of its columns.
bool names_table(const policy& p, const std::string& schema, const std::string& table);
bool denies_column(const policy& p, const std::string& table, const std::string& column);

}  // namespace reagent::sql
