// Names of hosts. Which characters a label may hold, and next to what, is libidn2's knowledge (IDNA 2008); what holds
// for a whole name (lengths, labels that run from right to left beside others) is checked here.
#include "hostname.hpp"

#include "../base/text.hpp"
#include "unicode.hpp"

#include <idn2.h>
#include <utf8proc.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace reagent {
namespace {

constexpr std::size_t max_label = 63, max_name = 253;

bool is_plain_label(std::string_view label) {
    if (label.empty() || label.size() > max_label || label.front() == '-' || label.back() == '-') return false;
    return std::all_of(label.begin(), label.end(), [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; });
}

using u_label = std::u32string;

std::optional<u_label> code_points(std::string_view text) {
    u_label points;
    for (std::size_t i = 0; i < text.size();) {
        utf8proc_int32_t point = 0;
        auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + i,
                                  static_cast<utf8proc_ssize_t>(text.size() - i), &point);
        if (n <= 0) return {};
        points += static_cast<char32_t>(point);
        i += static_cast<std::size_t>(n);
    }
    return points;
}

struct checked_label {
    std::string ascii;  ///< as it is written in a request
    u_label points;     ///< as it is shown
};

// "IDNA registration" of one label: more is checked than a lookup would.
std::optional<checked_label> check(std::string_view label) {
    bool ascii = std::all_of(label.begin(), label.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    std::string lower = ascii ? to_lower(label) : std::string{label};
    bool encoded = lower.starts_with("xn--");
    if (ascii && !is_plain_label(lower)) return {};
    if (ascii && !encoded) {
        if (lower.size() >= 4 && lower.compare(2, 2, "--") == 0) return {};
        return checked_label{lower, u_label(lower.begin(), lower.end())};
    }
    std::uint8_t* found = nullptr;
    auto* given = reinterpret_cast<const std::uint8_t*>(lower.c_str());
    int rc = encoded ? idn2_register_u8(nullptr, given, &found, 0) : idn2_register_u8(given, nullptr, &found, 0);
    std::string a = rc == IDN2_OK ? reinterpret_cast<const char*>(found) : "";
    idn2_free(found);
    if (rc != IDN2_OK) return {};
    std::string u = lower;
    if (encoded) {
        char* shown = nullptr;
        rc = idn2_to_unicode_8z8z(lower.c_str(), &shown, 0);
        u = rc == IDN2_OK ? shown : "";
        idn2_free(shown);
        if (rc != IDN2_OK || u == lower) return {};
    }
    auto points = code_points(u);
    if (!points || (points->size() >= 4 && points->compare(2, 2, U"--") == 0)) return {};
    return checked_label{a, *points};
}

utf8proc_bidi_class_t direction(char32_t c) {
    return static_cast<utf8proc_bidi_class_t>(utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->bidi_class);
}

bool is_right_to_left(char32_t c) {
    auto d = direction(c);
    return d == UTF8PROC_BIDI_CLASS_R || d == UTF8PROC_BIDI_CLASS_AL || d == UTF8PROC_BIDI_CLASS_AN;
}

// The Bidi Rule (RFC 5893, section 2) for one label of a name that holds a right-to-left label.
bool follows_bidi_rule(const u_label& label) {
    auto first = direction(label.front());
    bool rtl = first == UTF8PROC_BIDI_CLASS_R || first == UTF8PROC_BIDI_CLASS_AL;
    if (!rtl && first != UTF8PROC_BIDI_CLASS_L) return false;
    bool european = false, arabic = false;
    auto last = first;
    for (char32_t c : label) {
        auto d = direction(c);
        switch (d) {
            case UTF8PROC_BIDI_CLASS_EN: european = true; break;
            case UTF8PROC_BIDI_CLASS_AN: arabic = true; break;
            case UTF8PROC_BIDI_CLASS_R:
            case UTF8PROC_BIDI_CLASS_AL:
                if (!rtl) return false;
                break;
            case UTF8PROC_BIDI_CLASS_L:
                if (rtl) return false;
                break;
            case UTF8PROC_BIDI_CLASS_ES:
            case UTF8PROC_BIDI_CLASS_CS:
            case UTF8PROC_BIDI_CLASS_ET:
            case UTF8PROC_BIDI_CLASS_ON:
            case UTF8PROC_BIDI_CLASS_BN: break;
            case UTF8PROC_BIDI_CLASS_NSM: continue;  // the last one that counts stands before
            default: return false;
        }
        last = d;
    }
    if (last == UTF8PROC_BIDI_CLASS_EN) return !(rtl && arabic && european);
    if (!rtl) return last == UTF8PROC_BIDI_CLASS_L && !arabic;
    bool ends_well = last == UTF8PROC_BIDI_CLASS_R || last == UTF8PROC_BIDI_CLASS_AL || last == UTF8PROC_BIDI_CLASS_AN;
    return ends_well && !(european && arabic);
}

bool is_name(const std::vector<std::string>& labels) {
    std::size_t length = 0;
    bool any_rtl = false;
    std::vector<u_label> shown;
    for (const auto& l : labels) {
        auto label = check(l);
        if (!label) return false;
        length += label->ascii.size() + 1;
        any_rtl = any_rtl || std::any_of(label->points.begin(), label->points.end(), is_right_to_left);
        shown.push_back(std::move(label->points));
    }
    return length - 1 <= max_name && (!any_rtl || std::all_of(shown.begin(), shown.end(), follows_bidi_rule));
}

}  // namespace

bool is_hostname(std::string_view text) {
    if (text.empty() || text.size() > max_name) return false;
    auto labels = split(text, '.');
    return std::all_of(labels.begin(), labels.end(), is_plain_label) && is_name(labels);
}

bool is_idn_hostname(std::string_view text) {
    if (text.empty() || text.size() > 4 * max_name || text.find('\0') != text.npos || !is_utf8(text)) return false;
    std::string dotted{text};
    for (std::string_view stop : {"\u3002", "\uFF0E", "\uFF61"})
        dotted = replace_all(dotted, stop, ".");  // RFC 3490, section 3.1
    return is_name(split(dotted, '.'));
}

}  // namespace reagent
