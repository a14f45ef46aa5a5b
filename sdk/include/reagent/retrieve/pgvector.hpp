#pragma once

#include <reagent/retrieve/passage_store.hpp>
#include <reagent/secret.hpp>

namespace reagent {

struct pgvector_options : store_options {
    secret conninfo{};  ///< as libpq takes it; never shown
    bool with_index =
        true;  ///< `put` makes an HNSW index with the table, where it can have one (2,000 dimensions at most)
    std::size_t connections = 8;  ///< kept open
};

/// A table of PostgreSQL with pgvector. Filters are done by the server. What the HNSW index leaves out (it looks at
/// `hnsw.ef_search` rows and filters then; before 0.8 it does not go on) is found by a second query without it, so a
/// retrieval never brings fewer than there are. Works on threads for blocking work. The user needs the right to make
/// the table; the extension has to be there, or be one that they may create. Tried with pgvector 0.6.2 on
/// PostgreSQL 16.
/// @throws retrieve_error(bad_options) for no collection
std::shared_ptr<const passage_store> pgvector(pgvector_options options);

}  // namespace reagent
