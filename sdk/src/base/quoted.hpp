#pragma once

#include <string>
#include <string_view>

namespace reagent {

/// A part of what a model wrote, in words about it: between backticks, cut to so many bytes, and what steers a terminal
/// or the direction of writing (controls, formats, line ends but blanks) as an escape of JSON. For one character beyond
/// the first 65,536 that is a pair.
std::string quoted(std::string_view text, std::size_t limit);

}  // namespace reagent
