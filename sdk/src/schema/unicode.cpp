#include "unicode.hpp"

#include "../base/utf8.hpp"

#include <algorithm>
#include <charconv>

namespace reagent {

void append_utf8(std::string& out, char32_t p) {
    if (p > 0x10FFFF || (p >= 0xD800 && p < 0xE000)) p = 0xFFFD;
    auto byte = [&](char32_t b) { out += static_cast<char>(b); };
    if (p < 0x80)
        byte(p);
    else if (p < 0x800)
        byte(0xC0 | p >> 6), byte(0x80 | (p & 63));
    else if (p < 0x10000)
        byte(0xE0 | p >> 12), byte(0x80 | (p >> 6 & 63)), byte(0x80 | (p & 63));
    else
        byte(0xF0 | p >> 18), byte(0x80 | (p >> 12 & 63)), byte(0x80 | (p >> 6 & 63)), byte(0x80 | (p & 63));
}

namespace {

std::optional<char32_t> four_digits(std::string_view text, std::size_t at) {
    auto digits = text.substr(std::min(at, text.size()), 4);
    unsigned value{};
    auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 4 || ec != std::errc{} || end != digits.data() + 4) return {};
    return value;
}

}  // namespace

std::optional<char32_t> read_escaped_point(std::string_view text, std::size_t& at) {
    auto unit = four_digits(text, at);
    if (!unit) return {};
    at += 4;
    if (*unit < 0xD800 || *unit >= 0xDC00 || !text.substr(at).starts_with("\\u")) return unit;
    auto low = four_digits(text, at + 2);
    if (!low || *low < 0xDC00 || *low >= 0xE000) return unit;
    at += 6;
    return 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00);
}

namespace {

// The length of the valid sequence at the head of `s`, or 0.
std::size_t sequence(std::string_view s) {
    auto b = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
    auto tail = [&](std::size_t i) { return (b(i) & 0xC0) == 0x80; };
    unsigned c = b(0);
    if (c < 0x80) return 1;
    if (c >= 0xC2 && c < 0xE0) return tail(1) ? 2 : 0;
    if (c >= 0xE0 && c < 0xF0) {
        bool first = tail(1) && !(c == 0xE0 && b(1) < 0xA0) && !(c == 0xED && b(1) >= 0xA0);
        return first && tail(2) ? 3 : 0;
    }
    if (c >= 0xF0 && c < 0xF5) {
        bool first = tail(1) && !(c == 0xF0 && b(1) < 0x90) && !(c == 0xF4 && b(1) >= 0x90);
        return first && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::string to_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        std::size_t n = sequence(text);
        if (n == 0)
            out += "\uFFFD", n = 1;
        else
            out += text.substr(0, n);
        text.remove_prefix(n);
    }
    return out;
}

bool is_utf8(std::string_view text) {
    if (detail::is_ascii(text)) return true;
    while (!text.empty()) {
        std::size_t n = sequence(text);
        if (n == 0) return false;
        text.remove_prefix(n);
    }
    return true;
}

std::size_t utf8_length(std::string_view text) {
    std::size_t n = 0;
    for (unsigned char c : text) n += (c & 0xC0) != 0x80;
    return n;
}

}  // namespace reagent
