#pragma once

#include "doc_set.hpp"
#include "graph.hpp"
#include "passage_sums.hpp"
#include "rows.hpp"
#include "state.hpp"

#include <xapian.h>

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace reagent::detail {

/// What an index holds after one commit. Thread-safe. Its calls throw Xapian::DatabaseModifiedError once that state is
/// gone from the disk, and its owner takes a newer snapshot.
class snapshot {
public:
    /// @param before of the same index: its graph is taken over where that is the same
    snapshot(const std::filesystem::path& generation, const snapshot* before);

    const index_state& state() const { return state_; }
    const doc_set& passages() const { return passages_; }
    std::size_t size() const { return size_; }

    /// Xapian's objects serve one thread at a time, so each call borrows one.
    class handle {
    public:
        handle(const snapshot& of, std::unique_ptr<Xapian::Database> d) : of_{&of}, database_{std::move(d)} {}
        handle(handle&&) = default;
        ~handle();
        Xapian::Database& operator*() const { return *database_; }
        Xapian::Database* operator->() const { return database_.get(); }

    private:
        const snapshot* of_;
        std::unique_ptr<Xapian::Database> database_;
    };
    handle borrow() const;

    /// What fits a filter; null: everything.
    std::shared_ptr<const doc_set> matching(const filter& where) const;

    std::optional<passage> get(const std::string& id) const;
    std::vector<passage> by_words(const std::string& query, std::size_t k, const filter& where,
                                  query_syntax syntax) const;
    std::vector<passage> by_vector(std::vector<float> query, std::size_t k, const filter& where, bool exactly) const;
    std::vector<std::vector<float>> vectors_of(const std::vector<std::string>& ids) const;
    std::map<std::string, json::object> sources() const;

    std::shared_ptr<const mapped_rows> rows() const { return rows_; }
    std::shared_ptr<const graph> neighbours() const;  ///< null: there is none

private:
    passage read(const Xapian::Database& database, Xapian::docid doc, double score) const;
    std::shared_ptr<const passage_sums> sums(const Xapian::Database& database) const;
    std::vector<near_row> nearest(const float* query, std::size_t k, const doc_set& allowed, std::size_t count) const;

    std::filesystem::path folder_, text_;
    std::string database_id_;
    index_state state_;
    doc_set passages_;
    std::size_t size_ = 0;
    Xapian::rev revision_{};
    std::shared_ptr<const mapped_rows> rows_;

    mutable std::mutex mutex_;
    mutable std::vector<std::unique_ptr<Xapian::Database>> idle_;
    mutable std::shared_ptr<const graph> graph_;                                         // loaded at first use
    mutable std::shared_ptr<const passage_sums> sums_, sums_before_;                     // likewise
    mutable std::list<std::pair<std::string, std::shared_ptr<const doc_set>>> filters_;  // latest first
};

/// The length of a vector becomes 1 under cosine. @return whether it has a direction
bool normalize(std::vector<float>& v, similarity by);
/// @throws retrieve_error(wrong_model)
void check_vector(const std::vector<float>& v, const index_options& options);

/// What Xapian throws, as ours. Call it within a handler.
[[noreturn]] void rethrow_as_ours(const std::filesystem::path& where);
/// The same after reading; every table is checked, to name those that are damaged. @param text Xapian's folder
[[noreturn]] void rethrow_naming_files(const std::filesystem::path& text);

std::string key_of_source(const std::string& source);
inline constexpr const char* source_keys = "S";  // metadata of Xapian's: notes on sources begin so
inline constexpr const char* state_key = "state";

}  // namespace reagent::detail
