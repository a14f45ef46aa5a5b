#pragma once

#include <reagent/retrieve/passage_store.hpp>
#include <reagent/secret.hpp>

namespace reagent {

struct qdrant_options : store_options {
    std::string url = "http://127.0.0.1:6333";
    secret api_key{};  ///< empty: none
};

/// A collection of a Qdrant server, by its REST API (1.10 and later: `points/query`). A point's id is a UUID made of
/// the passage's id (RFC 4122, version 5). It has not met a real server, nor was Qdrant's description at hand.
std::shared_ptr<const passage_store> qdrant(qdrant_options options);

}  // namespace reagent
