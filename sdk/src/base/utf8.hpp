#pragma once

#include <string>
#include <string_view>

namespace reagent::detail {

/// Length of the UTF-8 sequence at a place, 1 to 4; 0: there is none. Source: RFC 3629, section 4.
std::size_t utf8_sequence(std::string_view text, std::size_t at);
bool is_valid_utf8(std::string_view text);
bool is_ascii(std::string_view text);
/// Bytes that are no UTF-8 become U+FFFD: PostgreSQL and JSON take nothing else.
std::string valid_utf8(std::string text);

}  // namespace reagent::detail
