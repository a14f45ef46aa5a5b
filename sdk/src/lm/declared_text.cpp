#include "declared_text.hpp"

#include "../base/text.hpp"
#include "../base/utf8.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace reagent {
namespace {

bool declares_latin(std::string_view content_type) {
    const std::string type = to_lower(content_type);
    auto at = type.find("charset");
    if (at == type.npos) return false;
    auto charset = std::string_view{type}.substr(at + 7);
    charset.remove_prefix(std::min(charset.find_first_not_of(" \t=\"'"), charset.size()));
    charset = charset.substr(0, charset.find_first_of(" \t;,\"'"));
    for (std::string_view label :
         {"iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1", "windows-1252", "cp1252", "x-cp1252"})
        if (charset == label) return true;
    return false;
}

// Of the bytes from 0x80 to 0x9F; the others are their own code points.
constexpr std::array<char16_t, 32> windows_1252{0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                                0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                                0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};

void append(std::string& out, unsigned code) {
    if (code < 0x800)
        out += {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
    else
        out += {static_cast<char>(0xE0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 0x3F)),
                static_cast<char>(0x80 | (code & 0x3F))};
}

void append_line(std::string& out, std::string_view line) {
    if (detail::is_valid_utf8(line)) {
        out += line;
        return;
    }
    for (const char c : line) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80)
            out += c;
        else
            append(out, byte < 0xA0 ? windows_1252[byte - 0x80] : byte);
    }
}

}  // namespace

declared_text::declared_text(std::string_view content_type) : latin_{declares_latin(content_type)} {}

std::string declared_text::take(std::string piece) {
    if (!latin_) return piece;
    const bool last = piece.empty();
    std::string all = std::exchange(begun_, {}) + std::move(piece), out;
    std::string_view rest = all;
    for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
        append_line(out, rest.substr(0, end + 1));
        rest.remove_prefix(end + 1);
    }
    if (last)
        append_line(out, rest);
    else
        begun_ = rest;
    return out;
}

}  // namespace reagent
