#pragma once
// Quotation marks as models write them.
#include "../base/text.hpp"

#include <optional>
#include <string_view>

namespace reagent {

// A quotation mark at the head of `s`: its bytes and the mark that closes it. Typographic quotes count too.
struct quote {
    std::string_view open, close;
};
inline std::optional<quote> quote_at(std::string_view s) {
    static constexpr quote all[]{{"\"", "\""}, {"'", "'"}, {"`", "`"}, {"\u201c", "\u201d"}, {"\u2018", "\u2019"}};
    for (const auto& q : all)
        if (s.starts_with(q.open)) return q;
    return {};
}

inline bool is_part_of_word(char c) { return is_word(c) || static_cast<unsigned char>(c) >= 0x80; }
// Signs beyond ASCII that are no letters: general and full-width punctuation.
inline bool is_sign(std::string_view text) {
    for (std::string_view lead : {"\xe2\x80", "\xe3\x80", "\xef\xbc", "\xef\xbd"})
        if (text.starts_with(lead)) return true;
    return false;
}

// Quotation marks in a text that are not its own; an apostrophe is none.
inline bool holds_mark(std::string_view text) {
    for (std::string_view sign : {"\"", "`", "\u201c", "\u201d"})
        if (text.find(sign) != text.npos) return true;
    return false;
}
inline bool begins_with_mark(std::string_view text) {
    for (std::string_view sign : {"\"", "\u201c", "\u201d"})
        if (text.starts_with(sign)) return true;
    return false;
}
// Whether a quotation in typographic marks is open at the end of a text.
inline bool quotes_within(std::string_view text) {
    const auto open = text.rfind("\u201c");
    return open != text.npos && text.find("\u201d", open) == text.npos;
}

}  // namespace reagent
