#pragma once

#include <reagent/tools/sql.hpp>

namespace reagent::sql {

/// Throws what a model should read when the policy does not allow the statement.
void refuse_unless_allowed(const std::string& statement, const policy& p, const schema& columns);

}  // namespace reagent::sql
