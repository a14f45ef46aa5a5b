#include "shown.hpp"

#include "../../../sdk/src/base/text.hpp"

#include <algorithm>

namespace reagent::sql {
namespace {

constexpr std::size_t longest = 100;  // bytes

// The bytes of a character that is not seen or turns the order of others round: U+200B to 200F, 2028 to 202E, 2060 to
// 206F, FEFF, and tags.
std::size_t unseen(std::string_view s) {
    auto at = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
    if (at(0) == 0xE2 && at(1) == 0x80 && ((at(2) >= 0x8B && at(2) <= 0x8F) || (at(2) >= 0xA8 && at(2) <= 0xAE)))
        return 3;
    if (at(0) == 0xE2 && at(1) == 0x81 && at(2) >= 0xA0 && at(2) <= 0xAF) return 3;
    if (at(0) == 0xEF && at(1) == 0xBB && at(2) == 0xBF) return 3;
    if (at(0) == 0xF3 && at(1) == 0xA0 && s.size() >= 4) return 4;
    return 0;
}

// One line of text in `quote`s, cut, with no beginning of a marker ([[) in it.
std::string on_one_line(std::string_view text, char quote) {
    bool cut = text.size() > longest;
    if (cut) {
        std::size_t end = longest;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
        text = text.substr(0, end);
    }
    std::string out(1, quote);
    char before = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (std::size_t n = unseen(text.substr(i)); n > 0) {
            out += ' ';
            i += n - 1;
            continue;
        }
        char c = text[i];
        auto byte = static_cast<unsigned char>(c);
        if (c == quote || c == '\\' || (c == '[' && before == '[')) out += '\\';
        if (byte < 0x20 || byte == 0x7F)
            out += ' ';
        else
            out += c;
        before = c;
    }
    return out + (cut ? "..." : "") + quote;
}

}  // namespace

std::string shown(std::string_view name) {
    bool plain = !name.empty() && name.size() <= longest && std::all_of(name.begin(), name.end(), is_word);
    return plain ? std::string{name} : on_one_line(name, '"');
}

// Words, then perhaps one or two numbers in parentheses: double precision, numeric(10,2).
std::string shown_type(std::string_view type) {
    std::size_t i = 0;
    while (i < type.size() && (is_word(type[i]) || type[i] == ' ' || type[i] == '[' || type[i] == ']')) ++i;
    bool plain = type.size() <= 40 && type.find("[[") == type.npos;
    if (i < type.size()) {
        auto rest = type.substr(i);
        plain = plain && rest.size() > 2 && rest.front() == '(' && rest.back() == ')' &&
                std::all_of(rest.begin() + 1, rest.end() - 1, [](char c) { return is_digit(c) || c == ','; });
    }
    return plain ? std::string{type} : on_one_line(type, '"');
}

std::string shown_value(std::string_view value) { return on_one_line(value, '\''); }

}  // namespace reagent::sql
