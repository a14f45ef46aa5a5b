#pragma once

#include <cstdint>
#include <limits>

namespace reagent {

/// The sum, or the largest number there is: a server may claim any count, and a budget must not start again at zero.
constexpr std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    return a > most - b ? most : a + b;
}

/// The difference, or 0.
constexpr std::uint64_t saturating_difference(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

}  // namespace reagent
