#include "utf8.hpp"

#include <cstdint>
#include <cstring>

namespace reagent::detail {

std::size_t utf8_sequence(std::string_view text, std::size_t i) {
    auto at = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
    auto tail = [&](std::size_t k) { return (at(k) & 0xC0) == 0x80; };
    unsigned c = at(i), second = at(i + 1);
    if (c < 0x80) return 1;
    if (c >= 0xC2 && c <= 0xDF) return tail(i + 1) ? 2 : 0;
    if (c >= 0xE0 && c <= 0xEF) {
        if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F)) return 0;
        return tail(i + 1) && tail(i + 2) ? 3 : 0;
    }
    if (c >= 0xF0 && c <= 0xF4) {
        if ((c == 0xF0 && second < 0x90) || (c == 0xF4 && second > 0x8F)) return 0;
        return tail(i + 1) && tail(i + 2) && tail(i + 3) ? 4 : 0;
    }
    return 0;
}

namespace {

// Up to where a text is certainly ASCII, in steps of 32 bytes.
std::size_t ascii_until(std::string_view text) {
    std::size_t i = 0;
    for (std::uint64_t w[4]; i + sizeof w <= text.size(); i += sizeof w) {
        std::memcpy(w, text.data() + i, sizeof w);
        if ((w[0] | w[1] | w[2] | w[3]) & 0x8080808080808080u) break;
    }
    return i;
}

std::size_t valid_until(std::string_view text) {
    std::size_t i = ascii_until(text);
    while (i < text.size()) {
        if (static_cast<unsigned char>(text[i]) < 0x80) {
            std::uint64_t eight = 0;
            if (i + 8 <= text.size()) std::memcpy(&eight, text.data() + i, 8);
            const bool ascii = i + 8 <= text.size() && !(eight & 0x8080808080808080u);
            i += ascii ? 8 : 1;
            continue;
        }
        auto n = utf8_sequence(text, i);
        if (!n) break;
        i += n;
    }
    return i;
}

}  // namespace

bool is_ascii(std::string_view text) {
    std::size_t i = ascii_until(text);
    while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
    return i == text.size();
}

bool is_valid_utf8(std::string_view text) { return valid_until(text) >= text.size(); }

std::string valid_utf8(std::string text) {
    std::size_t i = valid_until(text);
    if (i >= text.size()) return text;
    std::string out = text.substr(0, i);
    while (i < text.size()) {
        auto n = utf8_sequence(text, i);
        if (n)
            out.append(text, i, n);
        else
            out += "\xEF\xBF\xBD";
        i += n ? n : 1;
    }
    return out;
}

}  // namespace reagent::detail
