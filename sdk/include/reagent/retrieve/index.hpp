#pragma once

#include <reagent/retrieve/error.hpp>
#include <reagent/retrieve/filter.hpp>
#include <reagent/retrieve/passage.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reagent {

/// How near two vectors are.
enum class similarity { cosine, dot };

struct index_options {
    std::string language = "english";  ///< of words, for stemming: "german", "french", ... as Xapian has them; "none"
    std::string
        embedder{};  ///< whose vectors the passages have, as "openai/text-embedding-3-small"; "": they have none
    std::size_t dimensions = 0;  ///< of the vectors; 0: as many as the first one has
    similarity by = similarity::cosine;
};

/// What an index says of itself.
struct index_manifest {
    index_options options{};
    std::uint64_t passages = 0;
    std::uint64_t removed = 0;     ///< rows of vectors that are no passage's any more; `compact` frees them
    std::uint64_t graph_rows = 0;  ///< vectors that the graph of neighbours covers; the others are compared one by one
    std::uint64_t bytes = 0;       ///< on disk
    json::object settings{};       ///< of whoever builds it, as chunk sizes
};

/// How the text of a query is read.
enum class query_syntax {
    words,      ///< any text: passages that have more of its words, and rarer ones, come first
    operators,  ///< Xapian's: "a phrase", AND, OR, NOT, +must -mustnot, prefix*, NEAR; what cannot be read is an error
};

struct found_problem {
    std::string file{};  ///< below the index's folder
    std::string what{};
};

struct writing_options {
    std::chrono::milliseconds patience{30'000};  ///< for another writer to end
    /// That `commit` builds the graph of neighbours with, and ends; 0: one per processor.
    unsigned threads = 0;
};

class index_writer;

/// Passages on disk, found by words (BM25, on Xapian) and by vectors (a graph of hnswlib, or exactly). A folder; this
/// is a handle to it, cheap to copy, safe to share between threads. All calls block: coroutines use `lexical` and
/// `nearest` (lexical.hpp, vectors.hpp).
///
/// A change is made by an `index_writer` and is one step: readers, in this process or another, also after a crash or a
/// power failure, find the index before it or after it. Readers do not wait for writers, and see a change at their next
/// call.
///
/// Errors are retrieve_error(not_an_index, unknown_version, corrupt, unwritable, ...).
class passage_index {
public:
    /// Makes an empty one; the folder must not be there, or be empty, or hold what is left of such a call that was
    /// interrupted.
    static passage_index create(const std::filesystem::path& folder, index_options options = {});
    static passage_index open(const std::filesystem::path& folder);

    const std::filesystem::path& folder() const;
    index_manifest manifest() const;

    std::optional<passage> get(const std::string& id) const;
    std::uint64_t count(const filter& where = {}) const;

    /// Passages with the query's words, best first by BM25 (k1 1.2, b 0.75, as Lucene computes it). Filters are exact:
    /// fewer than `k` come only where there are no more. @throws retrieve_error(bad_query) for operators that cannot be
    /// read
    std::vector<passage> by_words(const std::string& query, std::size_t k, const filter& where = {},
                                  query_syntax syntax = query_syntax::words) const;

    /// Passages with the nearest vectors, best first; scores are cosines, or dot products. All `k` of them, however few
    /// fit the filter. Approximate above 20,000 vectors (about 98 of 100 found, measured on the index's own vectors
    /// when its graph is built), and exact below, and where a filter leaves few. @throws retrieve_error(wrong_model)
    /// when the length is not the index's
    std::vector<passage> by_vector(const std::vector<float>& query, std::size_t k, const filter& where = {}) const;
    /// The same, always by comparing all of them.
    std::vector<passage> by_vector_exactly(const std::vector<float>& query, std::size_t k,
                                           const filter& where = {}) const;

    /// The vectors of passages, of length 1 under cosine; empty for ids that are not there.
    std::vector<std::vector<float>> vectors_of(const std::vector<std::string>& ids) const;

    /// Content hashes of what passages were made of, by source: for whoever builds it again.
    std::map<std::string, json::object> sources() const;

    /// Waits for another writer to end. @throws retrieve_error(locked)
    index_writer write(writing_options options = {}) const;

    /// Reads everything and says what is damaged. Empty: nothing is. Files that are not as the last commit left them
    /// are read in a process of its own (fork), since Xapian may crash on them.
    std::vector<found_problem> check() const;

    /// Writes it anew without what was removed, with a new graph; readers go on meanwhile.
    void compact(writing_options options = {}) const;

    struct impl;
    explicit passage_index(std::shared_ptr<impl> i) : impl_{std::move(i)} {}

private:
    std::shared_ptr<impl> impl_;
};

/// A change to an index, made by `commit` or not at all. Used by one thread at a time.
class index_writer {
public:
    index_writer(index_writer&&) noexcept;
    ~index_writer();  ///< without `commit`, nothing was changed

    /// Adds a passage, or replaces the one with its id. `score` is not stored.
    /// @param vector of it, where the index has an embedder
    /// Words of more than 200 bytes are not found.
    /// @throws retrieve_error(bad_passage) for an empty id, text that is no UTF-8, 4 MiB of it and more
    /// @throws retrieve_error(wrong_model) for a vector of another length, or with something that is no number
    void put(const passage& p, const std::vector<float>& vector = {});

    bool remove(const std::string& id);  ///< @return whether it was there
    std::size_t remove_source(
        const std::string& source);  ///< every passage with that `source`; and forgets what `set_source` said

    /// Keeps a note on a source; `passage_index::sources` has them.
    void set_source(const std::string& source, json::object note);
    void set_settings(json::object settings);  ///< for `index_manifest::settings`

    std::uint64_t passages() const;  ///< as it would be now

    /// Makes the change. After it, or after an exception from it, the writer is at its end.
    void commit();

    struct impl;
    explicit index_writer(std::unique_ptr<impl> i);

private:
    std::unique_ptr<impl> impl_;
};

}  // namespace reagent
