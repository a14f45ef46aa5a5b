// What words are made of, in any script. Source: Unicode's general categories, as utf8proc has them.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

namespace reagent::detail {

/// The code point at a place and its length; a byte that is no UTF-8 is U+110000 and up, of length 1.
std::pair<char32_t, std::size_t> code_point_at(std::string_view text, std::size_t at);

bool is_word(char32_t c);   ///< a letter, a mark, a number
bool is_digit(char32_t c);  ///< of any script; `digit_value` has its value
int digit_value(char32_t c);
bool is_mark(char32_t c);
bool is_blank(char32_t c);      ///< line ends too
bool is_not_shown(char32_t c);  ///< soft hyphens, zero-width spaces

bool is_hiragana(char32_t c);
bool is_katakana(char32_t c);
/// Of scripts that put no blanks between words, and where a letter, or a few of them, are one: Chinese, Japanese, Yi.
bool stands_alone(char32_t c);

/// The length of a line end of any kind: LF, CR LF, CR, VT, FF, U+0085, U+2028, U+2029; 0: there is none.
std::size_t end_of_line_at(std::string_view text, std::size_t at);

/// Words of a text. Where no blanks stand between them, two letters of Chinese or Japanese are taken for one, and four
/// of Thai, Lao, Burmese and Khmer.
std::size_t word_count(std::string_view text);

}  // namespace reagent::detail
