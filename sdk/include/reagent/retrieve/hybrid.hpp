#pragma once

#include <reagent/retrieve/retriever.hpp>

#include <memory>
#include <vector>

namespace reagent {

struct weighted_retriever {
    std::shared_ptr<const retriever> from;
    double weight = 1;
};

struct hybrid_options {
    std::size_t depth = 4;  ///< each is asked for so many times k, and for 20 at least
    double constant = 60;   ///< of the formula: the larger, the less the first ranks stand out
};

/// Asks several retrievers at once and joins their answers by rank (`fused`), so that scores of different kinds need
/// not be compared.
/// @throws retrieve_error(bad_options) for none, or a weight that is no positive number
std::shared_ptr<const retriever> hybrid(std::vector<weighted_retriever> of, hybrid_options options = {});

/// Reciprocal rank fusion: a passage's score is the sum of weight / (constant + rank) over the lists that have it. The
/// same passage is one with the same id; of equal scores the one that comes earlier in an earlier list is first.
/// @param weights one for each list
/// Source: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
/// Methods", 2009.
std::vector<passage> fused(const std::vector<std::vector<passage>>& lists, const std::vector<double>& weights,
                           double constant = 60);

}  // namespace reagent
