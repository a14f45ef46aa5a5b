#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace reagent {

/// Replaces a file as one step: whoever reads it, also after a crash or a power failure, finds the old text or the new
/// one, whole.
///
/// Writes beside the file, in its folder, under a name of its own; `commit` brings the text to the disk, gives it the
/// file's name, and brings the folder to the disk. A file that was there keeps its mode, and its owner where this user
/// may give it away; through a symbolic link the file that it leads to is replaced, and a link that leads to nothing is
/// an error (it stays as it is). What is no regular file (a terminal, a pipe) is written to directly. Without `commit`,
/// and when anything fails, the file stays as it was and nothing is left in the folder.
///
/// Errors are std::system_error; its text says what could not be done, not which file: callers know that.
class file_replacement {
public:
    /// @param mode  of a file that was not there, less the umask
    explicit file_replacement(const std::filesystem::path& file, unsigned mode = 0666);
    ~file_replacement();
    file_replacement(const file_replacement&) = delete;
    file_replacement& operator=(const file_replacement&) = delete;

    void write(std::string_view text);
    void commit();

private:
    void give_up() noexcept;

    std::filesystem::path file_, temporary_;
    int fd_ = -1;
};

/// Removes what `file_replacement` left in a folder when its process was killed: its hidden files that nobody has
/// written to for an hour.
void sweep_temporaries(const std::filesystem::path& folder);

/// A whole text by `file_replacement`. @throws std::system_error
void write_file(const std::filesystem::path& file, std::string_view text);

}  // namespace reagent
