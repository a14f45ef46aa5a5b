#pragma once

#include <reagent/retrieve/retriever.hpp>

namespace reagent {

struct expand_options {
    std::size_t queries = 3;           ///< most of them, besides the one that was asked
    std::string predictor = "expand";  ///< its path, for saved parameters
};

/// Has the run's model write other queries for the same, asks for all of them at once, and joins the answers by rank
/// (`fused`). The predictor is found and taught by optimizers.
std::shared_ptr<const retriever> expanded(std::shared_ptr<const retriever> from, expand_options options = {});

}  // namespace reagent
