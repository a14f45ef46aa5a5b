#pragma once
// The changes that odd servers make to an exchange, drawn at random, and what Reagent reads of it: for
// odd_servers_test.cpp and for the official clients (tests/interop/odd_judges.py).
#include "odd_servers.hpp"

#include <reagent/lm/language_model.hpp>

#include <cstdint>

namespace reagent::test::odd {

enum class oracle { right, right_or_error };

struct mutated {
    std::string kind{}, bytes{};
    bool streamed = false;     ///< what is sent
    bool asks_stream = false;  ///< what was asked for
    oracle wanted = oracle::right;
    std::size_t largest_piece = 0;  ///< 0: fed at once
};

/// An exchange: what was meant, and what is sent of it.
struct drawn {
    meaning meant;
    const provider::protocol* speaks;
    mutated sent;
};

/// @param n its number, which draws the same exchange again
drawn draw(std::uint64_t n);

/// What Reagent makes of it.
struct heard {
    lm_response answer{};
    std::string error{};
    bool failed = false;
};
heard read(const provider::protocol& speaks, const mutated& sent);

/// An answer that ended otherwise, or calls whose arguments do not parse, are not taken: the next layer says so.
bool is_taken(const lm_response& r);

}  // namespace reagent::test::odd
