#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace reagent {

/// What is done with a pipe in place of a file. A device is always refused.
enum class pipes {
    refused,  ///< what is read more than once, or in the background, is not to wait for anybody
    read,     ///< to its end: "-" is the standard input, `/dev/fd/63` what a shell makes of `<(...)`
};

/// A whole file of at most `most` bytes. Never waits for a writer that does not come: a named pipe that nobody has
/// opened for 5 seconds is an error.
/// @throws std::system_error; its text says what is wrong, not which file: callers know that
std::string read_file(const std::filesystem::path& file, std::uint64_t most, pipes how = pipes::refused);

/// That a file is there and a regular one, for who reads it piece by piece. @throws std::system_error as above
void check_regular_file(const std::filesystem::path& file);

}  // namespace reagent
