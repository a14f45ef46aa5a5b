#pragma once

#include <reagent/retrieve/index.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace reagent::detail {

// The folder of an index:
//   index.json      format, version, and which generation counts; replaced as one step
//   lock            held (flock) by a writer
//   gen-1/text/     Xapian: passages, words, and the state below, so that one commit of Xapian's decides what the index
//                   holds
//   gen-1/sums.json checksums of the files of text/ (sums.hpp)
//   gen-1/vectors   rows of floats, appended to; how many of them count, and their checksum, stands in the state
//   gen-1/graph-2   of hnswlib, over the first of them; which one counts stands in the state

inline constexpr std::uint64_t index_version = 2;
inline constexpr std::size_t exact_below = 20'000;  // vectors that are compared one by one

struct graph_state {
    std::string file{};  // "": there is none
    std::uint32_t rows = 0, checksum = 0;
    std::size_t effort = 0;  // 0: none finds enough
};

/// What changes with a commit, besides the passages.
struct index_state {
    index_options options{};
    std::uint32_t rows = 0, checksum = 0;  // of vectors
    graph_state graph{};
    std::map<std::string, std::uint32_t, std::less<>> fields{};  // of metadata: Xapian's slots with their values
    json::object settings{};
};

std::string written(const index_state& s);
/// @throws retrieve_error(corrupt)
index_state state_from(const std::string& text, const std::filesystem::path& where);

/// The generation that index.json names. @throws retrieve_error(not_an_index, unknown_version, corrupt)
std::string generation_of(const std::filesystem::path& folder);
void write_generation(const std::filesystem::path& folder, const std::string& name);

/// What tells that a file was replaced.
struct file_stamp {
    std::uint64_t inode = 0, size = 0;
    std::int64_t changed = 0;
    bool operator==(const file_stamp&) const = default;
};
file_stamp stamp_of(const std::filesystem::path& file);

}  // namespace reagent::detail
