#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace reagent::sandbox {

/// What a process may use. It has no network, no new privileges and an empty environment in any case.
struct limits {
    std::chrono::milliseconds wall_time{10'000};
    std::chrono::seconds cpu_time{5};
    std::uint64_t memory_bytes = 512ull * 1024 * 1024;  ///< address space
    std::uint64_t file_bytes = 16ull * 1024 * 1024;     ///< of one file it writes
    std::uint64_t output_bytes = 1024 * 1024;           ///< of stdout and of stderr; more is dropped
    unsigned open_files = 64;
};

struct outcome {
    int exit_code = -1;  ///< meaningful when `signal` is 0 and not `timed_out`
    int signal = 0;
    bool timed_out = false;
    bool truncated = false;  ///< output was dropped
    std::string out, err;
};

/// Runs a program and waits: `argv[0]` is its path. Blocks; call it from a thread for blocking work.
///
/// Restricts resources (setrlimit), forbids sockets and tracing (seccomp) and kills the whole process group at the
/// deadline. It does NOT hide the file system: the program reads and writes whatever the user may.
/// @throws std::system_error when the program cannot be started
outcome run(const std::vector<std::string>& argv, const std::string& input, const limits& l = {});

}  // namespace reagent::sandbox
