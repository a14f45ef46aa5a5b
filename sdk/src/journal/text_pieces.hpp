#pragma once

#include <reagent/journal/recorded.hpp>

namespace reagent::detail {

/// How a text is put together from an earlier one and what is new: what both begin and end with, and between them
/// blocks that stand in both in the same order. Pieces never cut a UTF-8 character. Takes time in proportion to the
/// sizes. Source: the rolling hash of rsync (Tridgell and Mackerras, 1996), here a polynomial one.
std::vector<recorded_text::piece> pieces_between(std::string_view earlier, std::string_view whole);

/// How many bytes two texts begin with that are the same.
std::size_t common_prefix(std::string_view a, std::string_view b);

}  // namespace reagent::detail
