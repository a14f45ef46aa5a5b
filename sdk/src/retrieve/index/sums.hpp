#pragma once

#include <reagent/retrieve/index.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

namespace reagent::detail {

// gen-1/sums.json: size and checksum of each file of text/ after the last commit, so that a file of another index, or a
// single bit, is seen without Xapian's reading it, which crashes on some damage. While a writer works, and after one
// that was killed, it says that they are not known.

enum class sums_are { known, unknown };

/// Of files as they are now. Under the lock.
void write_sums(const std::filesystem::path& generation);
/// A writer is about to change them.
void forget_sums(const std::filesystem::path& generation);

/// Files that are not as the last commit left them. @param root that their names are relative to
sums_are compare_sums(const std::filesystem::path& generation, const std::filesystem::path& root,
                      std::vector<found_problem>& problems);

/// @throws retrieve_error(corrupt) naming the files that are not as they were left
void check_sums(const std::filesystem::path& generation);

/// Work that may crash on damaged files, in a process of its own. @return none: it crashed
std::optional<std::vector<found_problem>> in_child(const std::function<std::vector<found_problem>()>& work);

}  // namespace reagent::detail
