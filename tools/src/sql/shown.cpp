#include "shown.hpp"

#include "../../../sdk/src/text.hpp"

#include <algorithm>

namespace reagent::sql {
namespace {

constexpr std::size_t longest = 100;  // bytes

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
    for (char c : text) {
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

std::string shown_type(std::string_view type) {
    auto plain = [](char c) { return is_word(c) || c == '(' || c == ')' || c == ',' || c == ' '; };
    return type.size() <= 40 && std::all_of(type.begin(), type.end(), plain) ? std::string{type} : on_one_line(type, '"');
}

std::string shown_value(std::string_view value) { return on_one_line(value, '\''); }

}  // namespace reagent::sql
