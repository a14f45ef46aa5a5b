// Markers of an answer: `[1]`, `[1, 2]`, and what else models write for them.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace reagent::detail {

struct marker {
    std::size_t end = 0;                 ///< behind it
    std::vector<std::size_t> numbers{};  ///< 0: one that no passage has
};

/// The marker that begins at a place, in brackets of any kind: numbers, lists and ranges of them, in digits of any
/// script, with words and signs that models put there: `[passage 9]`, `[#9]`, `[9-12]`, `[9, p. 3]`, `【9†source】`.
/// What else stands in brackets is none: `[sic]`, `[table 3]`, a year, `[1.5]`.
std::optional<marker> marker_at(std::string_view text, std::size_t at);

/// All numbers of a text's markers. What stands in backticks is code, unless that is nothing but a marker.
std::vector<std::size_t> markers(std::string_view text);

}  // namespace reagent::detail
