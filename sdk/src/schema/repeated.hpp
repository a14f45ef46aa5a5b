#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// Members of an object in strict JSON, at any depth, that stand in it more than once with different values: boost::json merges them. By
/// their paths ("a.b"; a list adds nothing).
std::vector<std::string> repeated_members(std::string_view text);

}  // namespace reagent
