#pragma once

#include <reagent/retrieve/passage_store.hpp>
#include <reagent/secret.hpp>

namespace reagent {

struct chroma_options : store_options {
    std::string url = "http://127.0.0.1:8000";
    std::string tenant = "default_tenant", database = "default_database";
    secret token{};  ///< for `x-chroma-token`, as Chroma Cloud wants it; empty: none
};

/// A collection of a Chroma server, by its HTTP API v2. Vectors always come from here: Chroma's own embedder is never
/// used. Metadata is stored as Chroma can filter it (numbers as floating point) and, whole, under "reagent". Tried with
/// Chroma 1.5.9.
std::shared_ptr<const passage_store> chroma(chroma_options options);

}  // namespace reagent
