#include "quoted.hpp"

#include "text.hpp"
#include "utf8.hpp"

#include <utf8proc.h>

namespace reagent {
namespace {

bool steers(utf8proc_int32_t c) {
    switch (utf8proc_category(c)) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP: return true;
        default: return false;
    }
}

void append_escape(std::string& out, unsigned unit) {
    static constexpr char hex[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += hex[unit >> shift & 15];
}

}  // namespace

std::string quoted(std::string_view text, std::size_t limit) {
    const std::string shown = cut(detail::valid_utf8(std::string{text.substr(0, limit + 4)}), limit);
    std::string out = "`";
    for (std::size_t i = 0; i < shown.size();) {
        utf8proc_int32_t c = 0;
        auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(shown.data() + i),
                                  static_cast<utf8proc_ssize_t>(shown.size() - i), &c);
        if (n < 1) n = 1, c = 0;
        if (!steers(c))
            out.append(shown, i, static_cast<std::size_t>(n));
        else if (c < 0x10000)
            append_escape(out, static_cast<unsigned>(c));
        else {
            append_escape(out, 0xD800u + (static_cast<unsigned>(c - 0x10000) >> 10));
            append_escape(out, 0xDC00u + (static_cast<unsigned>(c - 0x10000) & 0x3FF));
        }
        i += static_cast<std::size_t>(n);
    }
    return out + "`";
}

}  // namespace reagent
