#pragma once

#include <reagent/sandbox/python.hpp>

namespace reagent::sandbox::detail {

/// What the interpreter tells of a cell's end. Whatever does not have its shape is left out.
void read_cell(const json::value& told, cell& c);

/// The calls that a cell makes. @throws std::runtime_error
std::vector<host_call> read_calls(const json::value& told);

json::object written(const std::vector<host_result>& results);

}  // namespace reagent::sandbox::detail
