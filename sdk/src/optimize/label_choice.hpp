#pragma once

#include <reagent/optimize/study.hpp>

namespace reagent {

/// Labeled training examples as demonstrations for a predictor, behind those that are there: each next one is the one
/// that stands for most of the pool. Where the last labeled output is a class (few values, many examples of each),
/// classes come in turn, and what counts is how many examples of the pool are nearer to a demonstration of their own
/// class than to one of another. Else it is how similar each example of the pool is to some demonstration. Which ones
/// may be chosen is drawn. Source: greedy facility location (Nemhauser et al., 1978); the classes' rule is that of
/// condensed nearest neighbours (Hart, 1968), taken greedily.
/// @param pool training examples to choose from @param shown those that the demonstrations were made from
void add_labels(study& s, std::vector<json::object>& demos, const predictor& p, std::vector<std::size_t> pool,
                const std::vector<std::size_t>& shown, std::size_t wanted, dice& random);

}  // namespace reagent
