#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// Members of a strict JSON object, the outermost one, that stand there more than once with different values: boost::json merges them.
std::vector<std::string> repeated_members(std::string_view text);

}  // namespace reagent
