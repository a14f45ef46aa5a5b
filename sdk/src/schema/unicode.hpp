#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace reagent {

/// Appends one code point; a surrogate or a number beyond Unicode becomes U+FFFD.
void append_utf8(std::string& out, char32_t point);

/// What the digits behind `\u` stand for, with the low surrogate's escape behind a high one; `at` is behind them then.
/// Nothing: there are not four digits, and `at` stays.
std::optional<char32_t> read_escaped_point(std::string_view text, std::size_t& at);

/// The text with every byte that is no valid UTF-8 replaced by U+FFFD (RFC 3629).
std::string to_utf8(std::string_view text);

bool is_utf8(std::string_view text);

/// The number of code points.
std::size_t utf8_length(std::string_view text);

}  // namespace reagent
