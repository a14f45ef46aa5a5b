#pragma once

#include <reagent/tools/sql.hpp>

namespace reagent::test {

/// The PostgreSQL guard as it was at first (commit 9a8ae47), without its LIMIT. It resolves names itself and is known
/// to be wrong: attribute notation, siblings in FROM, aliases of joins, ON, renamed columns, forward references. It is
/// kept to test the differential test, which has to find that it leaks. Nothing else may use it.
sql::verdict scoped_check(std::string_view statement, const sql::policy& p, const sql::schema& columns);

}  // namespace reagent::test
