#pragma once

#include "commands.hpp"
#include "subject.hpp"

#include <reagent/tools/sql.hpp>

namespace reagent::cli {

/// What the `sql` commands read. @throws misuse naming the file, or the field in it
sql::policy policy_in(const std::string& file);
sql::schema schema_in(const std::string& file);

void add_sql_grants(CLI::App& group, command& chosen);
void add_sql_probe(CLI::App& group, command& chosen);

}  // namespace reagent::cli
