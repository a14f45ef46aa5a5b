#pragma once

#include "choices.hpp"

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

namespace reagent::fuzz {

/// What many exchanges came to.
struct tally {
    std::uint64_t exchanges = 0, answered = 0, right = 0, reused = 0, poisons = 0, floods = 0, stalls = 0, resets = 0,
                  tunnels = 0, connections = 0, cancelled = 0, longest_lulls = 0;
    std::size_t most_held = 0;
    std::map<std::string, std::uint64_t> failures;  ///< by the error's code

    void add(const tally& other);
    std::string text() const;
};

/// What must not happen.
struct violation : std::runtime_error {
    using runtime_error::runtime_error;
};

/// One client and its peers on one thread: some exchanges, several at once, over socket pairs.
/// @throws violation
tally play(choices c, std::uint64_t exchanges);

/// What a client may hold in `play`, in bytes.
std::size_t held_limit();

}  // namespace reagent::fuzz
