#pragma once

#include "writer.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace reagent::detail {

/// An index that is being made: it lies hidden in its place until it is complete, so that a first build which fails
/// leaves nothing.
class first_index {
public:
    /// Waits for who is making one there. @return none: there is an index by now
    static std::unique_ptr<first_index> begin(const std::filesystem::path& where, const index_options& options,
                                              std::chrono::milliseconds patience);
    ~first_index();
    first_index(const first_index&) = delete;
    first_index& operator=(const first_index&) = delete;

    passage_index index() const { return passage_index::open(hidden()); }
    void place();  ///< from now on it is there; its writer has ended

private:
    explicit first_index(const std::filesystem::path& where) : where_{where} {}
    std::filesystem::path hidden() const { return where_ / ".first"; }
    bool is_there() const { return std::filesystem::exists(where_ / "index.json"); }
    void make_folders();

    std::filesystem::path where_;
    std::vector<std::filesystem::path> made_;  // outermost first
    std::optional<writer_lock> lock_;
    bool placed_ = false;
};

/// That a folder may become an index: it holds nothing but what is left of such work. @throws retrieve_error
void check_place(const std::filesystem::path& folder);

}  // namespace reagent::detail
