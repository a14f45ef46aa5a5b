#pragma once

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

namespace json = boost::json;

/// Members of an object in strict JSON, at any depth, that stand in it more than once with different values:
/// boost::json merges them. By their paths ("a.b"; a list adds nothing).
std::vector<std::string> repeated_members(std::string_view text);

/// The members of all objects in a value.
std::size_t count_members(const json::value& v);

/// As `parse_json`. @param repeats whether an object has a member more than once: where none has, nothing is to be
/// looked for
std::optional<json::value> parse_json(std::string_view text, int max_depth, bool& repeats);

}  // namespace reagent
