#pragma once

#include <reagent/retrieve/embed.hpp>
#include <reagent/retrieve/retriever.hpp>

namespace reagent {

struct diverse_options {
    double relevance = 0.7;  ///< how much nearness to the query counts against newness; 1: nothing else does
    std::size_t depth = 4;   ///< so many times k passages are chosen from, and 20 at least
};

/// Chooses from what another retriever finds passages that fit the query and differ from each other (`most_diverse`),
/// by vectors that `with` makes of query and passages, as model calls of the run at "embed_query" and "embed_passages".
std::shared_ptr<const retriever> diverse(std::shared_ptr<const retriever> from, vector_source with,
                                         diverse_options options = {});

/// Maximal marginal relevance: each next one is the passage with the largest relevance * cosine(query, it) - (1 -
/// relevance) * its largest cosine with one that was chosen. @return indexes into `passages`, best first Source:
/// Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
/// Summaries", 1998.
std::vector<std::size_t> most_diverse(const std::vector<float>& query, const std::vector<std::vector<float>>& passages,
                                      std::size_t k, double relevance);

}  // namespace reagent
