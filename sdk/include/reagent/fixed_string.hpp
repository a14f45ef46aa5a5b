#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace reagent {

/// A string as a template argument: `sig<"question -> answer">`, `field<int, "how many">`.
template <std::size_t N>
struct fixed_string {
    char chars[N]{};

    consteval fixed_string(const char (&text)[N]) { std::copy_n(text, N, chars); }

    constexpr std::size_t size() const { return N - 1; }
    constexpr std::string_view view() const { return {chars, N - 1}; }

    template <std::size_t M>
    constexpr bool operator==(const fixed_string<M>& other) const {
        return view() == other.view();
    }
};

}  // namespace reagent
