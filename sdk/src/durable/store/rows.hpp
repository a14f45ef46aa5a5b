#pragma once

#include <reagent/durable/journal_store.hpp>
#include <reagent/error.hpp>

#include "database.hpp"

namespace reagent::detail {

// A column as number, text or object; what is missing is 0, "" or {}.
std::int64_t number(const std::optional<std::string>& text);
std::string text(const std::optional<std::string>& t);
json::object object(const std::optional<std::string>& t);

extern const char* const run_columns;  ///< what `run_from` reads, in its order; the fence follows
stored_run run_from(const sql_row& row);
reagent::usage usage_from(const json::object& o);

/// Turns of its conversation that came before a run.
std::size_t turns_before(const stored_run& r);

json::object to_json_object(const run_decision& d);
run_decision decision_from(const json::object& o);

/// JSON as a database takes it: what is no UTF-8 in it is replaced as in a record.
std::string to_text_of(const json::object& o);

/// A new id or name: some bytes of UTF-8, all of which can be seen.
/// @param what it is, for the error. @throws run_error(not_possible)
void check_new_name(const char* what, std::string_view name, std::size_t most_bytes = 200);
/// A name that somebody gave, for an error: short, visible, in quotation marks.
std::string quoted(std::string_view name);
/// No run and no session can have that id. @throws run_error(unknown_run)
bool is_possible_id(std::string_view id);
void check_known(const std::string& id);

std::string random_name(std::size_t length);
bool is_over(run_status s);

run_error not_possible(const std::string& what);
run_error unknown_run(const std::string& id);
run_error taken_over(const std::string& id);
/// Of a run whose journal is not whole. @param left how many records there are before the first that is missing
run_error lost_records(const stored_run& r, std::size_t left);

/// Of a run that ends: what is said of calls of tools that nobody knows the outcome of. "": there are none.
std::string unknown_text(const std::vector<std::string>& tools);

}  // namespace reagent::detail
