#pragma once

#include <reagent/tools/ready.hpp>

#include <filesystem>

namespace reagent::sqlite {

/// What a query tool knows of a file.
struct description {
    std::string text{};  ///< for the model: "- orders(id INTEGER, status TEXT: 'open' | 'paid', customer_id INTEGER ->
                         ///< customers.id)"
    sql::schema columns{};  ///< of every table and view
};

/// Reads what a model may know of a database. Completes the policy of `options`: its dialect, and, where there was
/// none, all tables.
/// @throws tool_error(bad_configuration) when the file cannot be read, or names of the policy are none of its
description describe(const std::filesystem::path& file, ready::sqlite_options& options);

}  // namespace reagent::sqlite
