#pragma once

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

namespace reagent::detail {

struct code_range {
    char32_t first, last;
};

/// Source: Unicode 15, DerivedCoreProperties.txt, Default_Ignorable_Code_Point; unassigned ones included.
inline constexpr code_range default_ignorable[]{
    {0x00AD, 0x00AD}, {0x034F, 0x034F}, {0x061C, 0x061C},   {0x115F, 0x1160},   {0x17B4, 0x17B5},  {0x180B, 0x180F},
    {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x206F},   {0x3164, 0x3164},   {0xFE00, 0xFE0F},  {0xFEFF, 0xFEFF},
    {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};

inline bool is_default_ignorable(char32_t c) {
    const auto* r = std::upper_bound(std::begin(default_ignorable), std::end(default_ignorable), c,
                                     [](char32_t x, const code_range& range) { return x < range.first; });
    return r != std::begin(default_ignorable) && c <= std::prev(r)->last;
}

/// Symbols whose glyph is empty: blank Braille pattern, musical null notehead.
inline bool is_empty_symbol(char32_t c) { return c == 0x2800 || c == 0x1D159; }

/// Whether a character leaves no mark of its own: blanks, line ends, controls, formats, marks on others, what is
/// ignored by default.
inline bool is_unseen(char32_t c) {
    if (c < 0x80) return c <= 0x20 || c == 0x7F;
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
        case UTF8PROC_CATEGORY_ZS:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_ME: return true;
        default: return is_default_ignorable(c) || is_empty_symbol(c);
    }
}

}  // namespace reagent::detail
