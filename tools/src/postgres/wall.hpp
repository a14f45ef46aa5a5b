#pragma once

#include <reagent/tools/wall.hpp>

#include "../sql/rules.hpp"

namespace reagent::sql {

/// @throws tool_error(bad_configuration) that lists the serious openings and how to close them
void refuse_without_wall(const secret& conninfo, const policy& p);

/// Refuses a policy of SQLite, in words.
void require_postgres(const policy& p);

bool denies_table(const policy& p, const std::string& table_schema, const std::string& table);

/// Functions that PostgreSQL lets everybody call and that a query does not need, by what they do.
struct function_group {
    const char* does;
    std::vector<std::string> names;
};
const std::vector<function_group>& idle_functions();

std::string name_of(const std::string& table_schema, const std::string& table);  ///< "public"."orders"
std::string literal(const std::string& text);

/// A column list where the policy denies columns of the table, also when none of them is there today; "" when it leaves
/// no column.
std::string grant_select(const rules& r, const std::string& table_schema, const std::string& table,
                         const std::vector<std::string>& columns, const std::string& role);

}  // namespace reagent::sql
