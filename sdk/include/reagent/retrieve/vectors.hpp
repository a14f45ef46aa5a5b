#pragma once

#include <reagent/retrieve/embed.hpp>
#include <reagent/retrieve/index.hpp>
#include <reagent/retrieve/retriever.hpp>

namespace reagent {

struct nearest_options {
    bool exactly = false;  ///< compare all vectors, whatever it costs
    std::string name{};    ///< for the journal; "": "vectors:" and the folder's name
};

/// Finds passages of an index by their vectors. The query's vector is made by `with`, as a model call of the run at
/// "embed_query", where `retrieval::vector` is empty.
/// @throws retrieve_error(wrong_model) when the index has vectors of another source, or none
std::shared_ptr<const retriever> nearest(passage_index from, vector_source with, nearest_options options = {});

}  // namespace reagent
