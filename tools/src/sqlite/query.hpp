#pragma once

#include <reagent/tools/ready.hpp>

#include <filesystem>

namespace reagent::sqlite {

/// Checks a statement and runs it on a connection of its own: {"columns", "rows"}, and "note" when there are more.
/// @throws std::runtime_error with what a model should read
json::value query(const std::filesystem::path& file, const ready::sqlite_options& options, const sql::schema& columns,
                  const std::string& statement);

}  // namespace reagent::sqlite
