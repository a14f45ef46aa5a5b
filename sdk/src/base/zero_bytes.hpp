#pragma once

#include <string>

namespace reagent {

/// The text with U+FFFD for each zero byte: `what()` of an exception ends at the first one, and with it what the
/// message says.
inline std::string without_zero_bytes(std::string s) {
    constexpr const char* replacement = "\xEF\xBF\xBD";
    for (std::size_t at = 0; (at = s.find('\0', at)) != s.npos; at += 3) s.replace(at, 1, replacement);
    return s;
}

}  // namespace reagent
