#pragma once

#include <reagent/retrieve/index.hpp>

namespace reagent {

/// Passages in memory, found by words as those of an index on disk are: the same terms, BM25 and filters. For what is
/// small enough to be read again by each process. A handle, cheap to copy, safe to share between threads: its calls
/// wait for each other. They block: coroutines use `lexical` (lexical.hpp).
class memory_index {
public:
    /// @throws retrieve_error(bad_options) for a language without a stemmer
    explicit memory_index(const std::string& language = "english");

    /// Adds a passage, or replaces the one with its id. @throws retrieve_error(bad_passage) as `index_writer::put`, but
    /// a text may have any length
    void put(const passage& p);
    bool remove(const std::string& id);  ///< @return whether it was there

    std::size_t size() const;  ///< passages
    std::optional<passage> get(const std::string& id) const;

    /// As `passage_index::by_words`.
    std::vector<passage> by_words(const std::string& query, std::size_t k, const filter& where = {},
                                  query_syntax syntax = query_syntax::words) const;

    /// The same, but of each text only what fits the query best.
    /// @param max_bytes about so many of each
    std::vector<passage> excerpts(const std::string& query, std::size_t k, std::size_t max_bytes) const;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace reagent
