#pragma once

#include <reagent/schema/schema.hpp>

#include <string>
#include <vector>

namespace reagent {

inline std::string one_line(const std::vector<violation>& violations) {
    std::string text;
    for (const auto& v : violations)
        text += (text.empty() ? "" : "; ") +
                (v.path == "$" ? "" : v.path.substr(v.path.starts_with("$.") ? 2 : 1) + " ") + v.message;
    return text;
}

}  // namespace reagent
