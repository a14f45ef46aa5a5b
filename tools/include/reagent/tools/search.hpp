#pragma once

#include <reagent/retrieve/retriever.hpp>
#include <reagent/tools/tool.hpp>

namespace reagent::ready {

struct passage_search_options {
    std::string name = "search";
    std::string description{};  ///< of what is searched; "": "Searches documents and returns the best passages: ..."
    std::size_t k = 5;          ///< most passages of one answer
    std::size_t max_passage_bytes = 2'000;  ///< that the model is shown of each
};

/// A retriever as a tool (needs reagent::retrieve). Answers with the best passages: id, source, title, text. Its flow
/// is the retriever's.
tool passage_search(std::shared_ptr<const retriever> from, passage_search_options options = {});

}  // namespace reagent::ready
