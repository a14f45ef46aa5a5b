#pragma once

#include "../text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace reagent {

/// The double that a decimal number stands for, when a double holds it: nothing for what is out of its range (9876e543, 1e-400), for a
/// whole number that is written out and not that very number (12345678901234567890123), and for more than 17 digits of which some are lost.
/// `text` is as in JSON, or without digits on one side of the point.
inline std::optional<double> held_number(std::string_view text) {
    double d{};
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), d);
    if (ec != std::errc{} || end != text.data() + text.size()) return {};
    constexpr std::size_t always_held = 17, most = 800;  // a double has at most 767 digits
    bool whole = text.find_first_of(".eE") == text.npos;
    if (text.size() <= always_held || (!whole && text.size() <= always_held + 1)) return d;
    std::string digits;
    for (char c : text.substr(0, text.find_first_of("eE")))
        if (is_digit(c) && !(digits.empty() && c == '0')) digits += c;
    while (digits.ends_with('0')) digits.pop_back();
    if (digits.empty() || (!whole && digits.size() <= always_held)) return d;
    std::array<char, 400> shown{};
    if (whole) {
        auto written = std::to_chars(shown.data(), shown.data() + shown.size(), d, std::chars_format::fixed);
        std::string_view exact{shown.data(), static_cast<std::size_t>(written.ptr - shown.data())};
        return text.substr(std::min(text.find_first_not_of("-0"), text.size())) == exact.substr(exact.starts_with('-')) ? std::optional{d}
                                                                                                                        : std::nullopt;
    }
    if (digits.size() > most) return {};
    std::array<char, most + 16> all{};
    auto written =
        std::to_chars(all.data(), all.data() + all.size(), d, std::chars_format::scientific, static_cast<int>(digits.size()) - 1);
    std::string kept;
    for (const char* c = all.data(); c != written.ptr && *c != 'e'; ++c)
        if (is_digit(*c)) kept += *c;
    return kept == digits ? std::optional{d} : std::nullopt;
}

}  // namespace reagent
