#pragma once

#include <reagent/lm/language_model.hpp>

#include <cstddef>

namespace reagent {

/// Where the journal has the calls that summarize a conversation.
inline constexpr const char* history_path = "history";

/// How much of a conversation a prompt holds.
struct history_limits {
    std::size_t tokens = 32'000;  ///< estimated at four bytes each; what is more is compacted
    std::size_t keep_turns = 4;   ///< the newest, which are never summarized
    language_model summarizer{};  ///< none: the run's own model
};

}  // namespace reagent
