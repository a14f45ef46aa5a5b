#pragma once

#include <reagent/optimize/dice.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace reagent {

/// How many examples each candidate is best on, alone or with others; 0 for one that others equal wherever it is best.
/// @param scores of each candidate on each example
std::vector<std::size_t> wins_on_front(const std::vector<std::vector<double>>& scores);

/// One of them, drawn by weight. @pre some weight is not 0
std::size_t drawn_by_weight(const std::vector<std::size_t>& weights, dice& random);

/// What a merge has to know of a candidate.
struct lineage {
    std::vector<std::size_t> parents{};  ///< earlier candidates
    std::vector<std::string> pieces{};   ///< its texts, in the order of all candidates
    double score = 0;
};

/// Two candidates put together: each piece from the side that changed it since their common ancestor.
struct merge_choice {
    std::size_t first = 0, second = 0, ancestor = 0;
    std::vector<bool> from_second{};  ///< of each piece
};

/// Merges of two of the front, each with something that the other lacks; the best pairs first.
/// @param front candidates that take part
std::vector<merge_choice> possible_merges(const std::vector<lineage>& all, const std::vector<std::size_t>& front,
                                          dice& random);

}  // namespace reagent
