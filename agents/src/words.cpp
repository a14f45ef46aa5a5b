#include "words.hpp"

#include <utf8proc.h>

namespace reagent::detail {
namespace {

auto category_of(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool is_between(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

// Of scripts that put blanks between phrases.
bool is_of_long_runs(char32_t c) {
    return is_between(c, 0x0E00, 0x0EFF) || is_between(c, 0x1000, 0x109F) || is_between(c, 0x1780, 0x17FF);
}

}  // namespace

std::pair<char32_t, std::size_t> code_point_at(std::string_view text, std::size_t at) {
    utf8proc_int32_t code = 0;
    const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                         static_cast<utf8proc_ssize_t>(text.size() - at), &code);
    if (length <= 0) return {0x110000u + static_cast<unsigned char>(text[at]), 1};
    return {static_cast<char32_t>(code), static_cast<std::size_t>(length)};
}

bool is_word(char32_t c) {
    const auto category = category_of(c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

bool is_digit(char32_t c) { return category_of(c) == UTF8PROC_CATEGORY_ND; }

int digit_value(char32_t c) {  // digits of a script stand in a row, from zero on
    int value = 0;
    while (value < 60 && is_digit(c - static_cast<char32_t>(value) - 1)) ++value;
    return value % 10;
}

bool is_mark(char32_t c) {
    const auto category = category_of(c);
    return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

bool is_blank(char32_t c) {
    const auto category = category_of(c);
    return c < 0x20 || c == 0x7F || c == 0x85 || (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP);
}

bool is_not_shown(char32_t c) {
    return c == 0xFEFF || (c <= 0x10FFFF && utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->ignorable);
}

bool is_hiragana(char32_t c) { return is_between(c, 0x3041, 0x309F); }
bool is_katakana(char32_t c) {
    return is_between(c, 0x30A1, 0x30FA) || is_between(c, 0x30FC, 0x30FF) || is_between(c, 0x31F0, 0x31FF) ||
           is_between(c, 0xFF66, 0xFF9F);
}

bool stands_alone(char32_t c) {
    return is_hiragana(c) || is_katakana(c) || is_between(c, 0x4E00, 0x9FFF) || is_between(c, 0x3400, 0x4DBF) ||
           is_between(c, 0x20000, 0x3FFFF) || is_between(c, 0xF900, 0xFAFF) || is_between(c, 0x3005, 0x3007) ||
           is_between(c, 0x3100, 0x312F) || is_between(c, 0xA000, 0xA48F);
}

std::size_t end_of_line_at(std::string_view text, std::size_t at) {
    const char c = text[at];
    if (c == '\r' && at + 1 < text.size() && text[at + 1] == '\n') return 2;
    if (c >= '\n' && c <= '\r') return 1;
    for (std::string_view end : {"\u0085", "\u2028", "\u2029"})
        if (text.substr(at).starts_with(end)) return end.size();
    return 0;
}

std::size_t word_count(std::string_view text) {
    std::size_t words = 0, alone = 0, in_runs = 0;
    bool inside = false;
    for (std::size_t at = 0; at < text.size();) {
        const auto [c, length] = code_point_at(text, at);
        at += length;
        if (is_not_shown(c)) continue;
        const bool apart = stands_alone(c) || is_of_long_runs(c), word = is_word(c) && !apart;
        words += word && !inside;
        inside = word;
        if (is_word(c) && !is_mark(c)) {
            alone += stands_alone(c);
            in_runs += is_of_long_runs(c);
        }
    }
    return words + (alone + 1) / 2 + (in_runs + 3) / 4;
}

}  // namespace reagent::detail
