#pragma once

#include <reagent/evaluate/metrics.hpp>
#include <reagent/tools/ready.hpp>

namespace reagent {

/// Whether a statement that a model wrote gives the rows that the label's statement gives, on an SQLite database:
/// execution match. The order counts where the label says ORDER BY; names of columns never do. Both run as
/// `ready::sqlite_query` runs them: read-only, checked, with limits. What cannot be run scores 0 and says why. A
/// statement in a fence is taken out of it.
/// @param options `max_rows` are compared, and whether there are more
/// @throws tool_error(bad_configuration) when the database cannot be read
metric sql_match_of(std::string field, const std::filesystem::path& database,
                    ready::sqlite_options options = {.max_rows = 10'000, .max_bytes = 16 * 1024 * 1024});

}  // namespace reagent
