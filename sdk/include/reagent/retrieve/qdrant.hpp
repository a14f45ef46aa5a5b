#pragma once

#include <reagent/retrieve/passage_store.hpp>
#include <reagent/secret.hpp>

namespace reagent {

struct qdrant_options : store_options {
    std::string url = "http://127.0.0.1:6333";
    secret api_key{};  ///< empty: none
};

/// A collection of a Qdrant server, by its REST API (1.10 and later: `points/query`). A point's id is a UUID made of the passage's id
/// (RFC 4122, version 5). Written and tested by Qdrant's OpenAPI description: it has not met a real server.
std::shared_ptr<const passage_store> qdrant(qdrant_options options);

}  // namespace reagent
