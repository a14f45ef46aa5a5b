#pragma once

#include "snapshot.hpp"

#include <chrono>
#include <unordered_map>
#include <unordered_set>

namespace reagent::detail {

/// The lock of an index: one writer at a time, of all processes. The kernel frees it when its process ends.
class writer_lock {
public:
    /// @throws retrieve_error(locked)
    writer_lock(const std::filesystem::path& folder, std::chrono::milliseconds patience);
    ~writer_lock();
    writer_lock(const writer_lock&) = delete;
    writer_lock& operator=(const writer_lock&) = delete;

private:
    int fd_ = -1;
};

/// Removes what interrupted writers left: other generations, graphs that do not count. Under the lock.
void sweep_index(const std::filesystem::path& folder, const std::string& generation, const std::string& graph);

/// Makes a new graph, or extends the known one, where so many vectors are outside of it that comparing them costs more.
/// @return the state's new graph; its file is written beside the known one
graph_state renewed_graph(const std::filesystem::path& generation, const index_state& state, const doc_set& passages,
                          unsigned threads);

/// An empty generation, complete on the disk.
void make_generation(const std::filesystem::path& generation, const index_state& state);

}  // namespace reagent::detail
