#pragma once

#include <reagent/retrieve/embed.hpp>
#include <reagent/retrieve/index.hpp>
#include <reagent/retrieve/retriever.hpp>

#include <chrono>

namespace reagent {

struct store_options {
    std::string collection{};                   ///< collection, or table, on the server
    vector_source vectors{"words"};             ///< makes the vectors of passages and queries, where they are not given
    similarity by = similarity::cosine;         ///< of a collection that `put` makes
    std::chrono::milliseconds timeout{30'000};  ///< of one request
    std::size_t batch = 500;                    ///< most passages in one request
    std::size_t max_fetched = 100'000;  ///< most passages that one retrieval reads, where the server's filter lets too
                                        ///< many through; more would be retrieve_error(too_large)
};

/// Passages and their vectors on a server: a retriever that can be filled. Safe to share between threads. Filters mean
/// what `matches` says, whatever the server's mean: it is asked for a superset, which is checked here, and asked for
/// more where too little is left.
///
/// `put` and `remove` are no effects in the journal: run again they do the same. A request that failed may have been
/// done.
/// @throws retrieve_error(server) when the server is not there, refuses or answers nonsense, or has no such collection;
///         retrieve_error(wrong_model) for vectors of another length or source than the collection's
class passage_store : public retriever {
public:
    /// Adds passages, or replaces those with the same ids; makes the collection where it is not there. Of several with
    /// one id the last counts.
    /// @param vectors one for each, in their order; empty: made by `store_options::vectors`, as model calls of the run
    /// at "embed_passages"
    /// @throws retrieve_error(bad_passage) for an empty id or text that is no UTF-8
    virtual task<void> put(run& r, std::vector<passage> passages,
                           std::vector<std::vector<float>> vectors = {}) const = 0;

    /// Ids that are not there do no harm.
    virtual task<void> remove(run& r, std::vector<std::string> ids) const = 0;

    virtual task<std::uint64_t> count(run& r) const = 0;
};

}  // namespace reagent
