#pragma once

#include <reagent/retrieve/index.hpp>
#include <reagent/retrieve/memory_index.hpp>
#include <reagent/retrieve/retriever.hpp>

namespace reagent {

struct lexical_options {
    query_syntax syntax = query_syntax::words;
    std::string name{};  ///< for the journal; "": "lexical:" and the folder's name, or "memory"
};

/// Finds passages of an index by words. The search blocks a thread of the runtime's pool for what blocks, and not the
/// run's.
std::shared_ptr<const retriever> lexical(passage_index from, lexical_options options = {});
std::shared_ptr<const retriever> lexical(memory_index from, lexical_options options = {});

}  // namespace reagent
