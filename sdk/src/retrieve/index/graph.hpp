#pragma once

#include "../../base/vectors.hpp"
#include "doc_set.hpp"
#include "rows.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace reagent::detail {

using near_row = near_one<float>;  // by the dot product

/// The `k` rows nearest to a query among those that are allowed (documents `row + 1`), by comparing all of them;
/// nearest first, equally near ones by number. @param from, to only these rows
std::vector<near_row> nearest_exactly(const mapped_rows& rows, const float* query, std::size_t k,
                                      const doc_set& allowed, std::uint32_t from, std::uint32_t to);

/// A graph of neighbours over the first rows of a file. hnswlib makes it and defines its file; the vectors stay where
/// they are. Its search is our own, since hnswlib 0.6 has no filters. Source: Malkov and Yashunin, "Efficient and
/// robust approximate nearest neighbor search using Hierarchical Navigable Small World graphs", 2016, algorithms 2
/// and 5.
class graph {
public:
    /// Over the rows that are allowed; `known`, where given, is extended by those behind its own.
    /// @param threads that work on it until the call returns
    static std::shared_ptr<const graph> build(std::shared_ptr<const mapped_rows> rows, const doc_set& allowed,
                                              unsigned threads, const std::filesystem::path& known = {},
                                              std::uint32_t known_rows = 0);
    /// @throws retrieve_error(corrupt) naming the file
    static std::shared_ptr<const graph> load(const std::filesystem::path& file, std::shared_ptr<const mapped_rows> rows,
                                             std::uint32_t covered);
    ~graph();
    graph(const graph&) = delete;
    graph& operator=(const graph&) = delete;

    void save(const std::filesystem::path& file) const;  ///< and brings it to the disk

    std::uint32_t covered() const { return covered_; }  ///< rows from 0 on

    /// At most `effort` rows (`ef` of the paper), nearest first. @return none: more than `most` comparisons would have
    /// been needed
    std::optional<std::vector<near_row>> nearest(const float* query, std::size_t effort, const doc_set& allowed,
                                                 std::size_t most) const;

    /// The least effort that finds 98 of 100 of the `k` nearest, tried on `samples` of the rows; 0: no effort up to
    /// 2048 does.
    std::size_t tuned_effort(const doc_set& allowed, std::size_t k, std::size_t samples) const;

private:
    struct impl;
    graph(std::unique_ptr<impl> i, std::uint32_t covered);

    std::unique_ptr<impl> impl_;
    std::uint32_t covered_;
};

}  // namespace reagent::detail
