#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace reagent {

/// The double that a decimal number stands for: the nearest one, as every reader of JSON rounds. Nothing for what is
/// out of its range (9876e543, 1e-400), and for a whole number that is written out and not that very number
/// (12345678901234567890123). `text` is as in JSON, or without digits on one side of the point.
inline std::optional<double> held_number(std::string_view text) {
    double d{};
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), d);
    if (ec != std::errc{} || end != text.data() + text.size()) return {};
    if (text.find_first_of(".eE") != text.npos) return d;
    constexpr std::size_t always_held = 15;
    if (text.size() <= always_held) return d;
    std::array<char, 400> shown{};
    auto written = std::to_chars(shown.data(), shown.data() + shown.size(), d, std::chars_format::fixed);
    std::string_view exact{shown.data(), static_cast<std::size_t>(written.ptr - shown.data())};
    const bool same =
        text.substr(std::min(text.find_first_not_of("-0"), text.size())) == exact.substr(exact.starts_with('-'));
    return same || d == 0 ? std::optional{d} : std::nullopt;
}

/// Whether a decimal number is no whole one, though its nearest double is: 1.9999999999999999 (but not 2.0, 20e-1).
/// Only for doubles below 2^53; beyond, all are whole, and integers are refused that are written so.
inline bool rounds_to_whole(std::string_view text, double nearest) {
    constexpr double all_whole = 9007199254740992.0;
    if (!(nearest < all_whole && nearest > -all_whole) ||
        nearest != static_cast<double>(static_cast<std::int64_t>(nearest)))
        return false;
    const auto mark = std::min(text.find_first_of("eE"), text.size());
    int exponent = 0;
    if (mark < text.size()) {
        auto from = text.data() + mark + 1 + (mark + 1 < text.size() && text[mark + 1] == '+');
        std::from_chars(from, text.data() + text.size(), exponent);
    }
    text = text.substr(0, mark);
    const auto point = std::min(text.find('.'), text.size());
    const auto last = text.find_last_not_of("0.");  // the last digit that counts
    if (last == text.npos || text[last] == '-') return false;
    const int place = last > point ? -static_cast<int>(last - point) : static_cast<int>(point - last) - 1;
    return place + exponent < 0;
}

}  // namespace reagent
