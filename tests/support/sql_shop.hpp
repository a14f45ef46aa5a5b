#pragma once

#include <reagent/tools/sql.hpp>

#include <string>
#include <vector>

namespace reagent::test {

/// The shop on which the differential test of the SQL guard runs statements: twice the same database, but for the
/// canaries. Those are the values of denied columns, the rows and the number of rows of tables that are not allowed,
/// files, and what functions that are not on the list answer.
enum class side { left, right };

constexpr const char* canary_text = "CANARY";  ///< stands in every canary of the left side, and nowhere else

/// The scripts that make a side. PostgreSQL's also makes the schema `spy`: wrappers of dangerous built-in functions,
/// which count calls in the sequence spy.calls (a rollback does not undo that) and warn of them with "spy: NAME". It
/// has to come first in the search path.
std::string shop_script(sql::dialect d, side s);
std::string shop_user(side s);  ///< of PostgreSQL; may do everything, and is a canary by name

sql::policy shop_policy(sql::dialect d);                 ///< allows six tables and denies columns of two
std::vector<sql::policy> shop_policies(sql::dialect d);  ///< that one, and others that give away no canary either
sql::policy shop_blind_policy(sql::dialect d);           ///< denies nothing: what goes wrong without a guard

/// What a guard knows of the database.
enum class known { every_table, allowed_tables, nothing };
sql::schema shop_schema(known k);

}  // namespace reagent::test
