#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace reagent {

/// A file cannot be read; the text says why, without its name.
class folder_error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A folder whose files are read, and nothing that lies outside of it. Whatever opens files that a model, a user or a
/// document names does it by this class: it decides what is inside.
///
/// The kernel resolves a path and refuses to leave the folder (openat2(2) with RESOLVE_BENEATH and
/// RESOLVE_NO_MAGICLINKS): links that stay inside are followed, others refused, and exchanging a folder for a link
/// meanwhile gains nothing. Where the call is missing (before Linux 5.6, or forbidden by a filter) every step is opened
/// by itself and no link followed at all. Only regular files are read: a pipe is not waited for, a device not opened. A
/// hard link is the file itself and cannot be told apart.
///
/// Thread-safe.
class folder {
public:
    enum class resolution { kernel, stepwise };

    /// @throws folder_error when it is no folder
    explicit folder(const std::filesystem::path& root, resolution how = resolution::kernel);
    ~folder();
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;

    struct content {
        std::string text;        ///< at most as much as was asked for
        std::uint64_t size = 0;  ///< of the whole file
    };
    /// @param path relative to the folder, as notes/today.txt
    /// @param max_bytes that are read, however large the file is or becomes
    /// @throws folder_error
    content read(const std::filesystem::path& path, std::size_t max_bytes) const;

    /// The names of what may be files and are wanted, relative to the folder, in order. Links to folders are not
    /// followed. A name that is listed may still be refused by `read`.
    /// @param too_deep is told of each folder below 64 levels, which is not read
    /// @throws folder_error for more than `max_files` names, a hundred times as many entries, or, without `too_deep`,
    /// 64 levels: nothing is left out quietly
    std::vector<std::filesystem::path> files(
        std::size_t max_files, const std::function<bool(const std::filesystem::path&)>& wanted,
        const std::function<void(const std::filesystem::path&)>& too_deep = {}) const;

private:
    int open(const std::filesystem::path& path, int flags) const;

    int root_ = -1;
    resolution how_;
};

}  // namespace reagent
