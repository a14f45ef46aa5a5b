#pragma once

#include <reagent/retrieve/retriever.hpp>

#include <chrono>

namespace reagent {

struct retrieval_cache_options {
    std::size_t max_entries = 1'000;  ///< the least recently used go first
    std::chrono::seconds max_age{
        300};  ///< an older answer does not count, since passages change; zero and less: age does not matter
};

/// Answers from memory what was asked before: the same query or vector, k and filter. Failures are not kept.
std::shared_ptr<const retriever> cached(std::shared_ptr<const retriever> from, retrieval_cache_options options = {});

}  // namespace reagent
