#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace reagent::sandbox {

/// What a program may use, together with everything that it starts. Each limit holds for all of them at once, unless it
/// says otherwise.
struct limits {
    std::chrono::milliseconds wall_time{10'000};        ///< from the call of `run`; starting it is included
    std::chrono::seconds cpu_time{5};                   ///< of each process by the kernel, of their sum by samples
    std::uint64_t memory_bytes = 512ull * 1024 * 1024;  ///< address space of each process; memory of their sum by samples
    std::uint64_t disk_bytes = 64ull * 1024 * 1024;     ///< of all that stands in /tmp; it is kept in memory
    std::uint64_t files = 10'000;                       ///< files and folders in /tmp, by samples
    std::uint64_t file_bytes = 16ull * 1024 * 1024;     ///< of one file
    std::uint64_t output_bytes = 1024 * 1024;           ///< of stdout and of stderr; more is dropped
    unsigned processes = 32;                            ///< at the same time; a thread counts as one
    unsigned open_files = 64;                           ///< of each process
};

struct command {
    std::vector<std::string> argv;                     ///< `argv[0]` is the absolute path of the program
    std::string input{};                               ///< its stdin
    std::map<std::string, std::string> environment{};  ///< all that it gets; nothing of the host's is passed on
    /// Files and folders (absolute paths) that it reads at the same path, besides /usr. What is not named does not exist for it.
    std::vector<std::string> readable{};
    limits limit{};
};

struct outcome {
    int exit_code = -1;  ///< meaningful when `signal` is 0 and `exceeded` is empty
    int signal = 0;      ///< that ended it; an exit code of 128 + n cannot be told from signal n, as in a shell
    bool timed_out = false;
    bool truncated = false;  ///< output was dropped
    /// The field of `limits` because of which it was ended: "wall_time", "cpu_time", "memory_bytes", "files", or "". The kernel's
    /// own limits (of one process: cpu_time, memory_bytes, file_bytes, and disk_bytes, processes) are felt by the program instead.
    std::string exceeded;
    bool stuck = false;  ///< killed, but the kernel had not let go of it (as in a system call that cannot be interrupted)
    std::string out, err;
};

/// This machine cannot isolate a program; says what is missing and how to get it.
class unavailable : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Runs a program in isolation and waits. Blocks its thread; call it from a thread for blocking work.
///
/// The program runs under bubblewrap in namespaces of its own (user, PID, mount, network, IPC, UTS), with no capabilities and a list
/// of allowed system calls (seccomp). It sees /usr, /proc of its own processes, a few devices, what `readable` names, and an
/// empty folder /tmp, its working folder, which is gone afterwards. It has no network and none of the host's descriptors. A host that
/// runs as root runs it as user 2000000000 (or 65534), so it reads what everybody may.
///
/// Whatever the program started ends with it. The call returns within `wall_time` and a second, in every case. While a program runs, the
/// host's memory cannot be read by others (`PR_SET_DUMPABLE`; that is set back when the last one ends). Should the host die, the program
/// dies too.
///
/// Samples are taken every 25 ms: what is limited by them can be exceeded for that long.
///
/// Safe to call from several threads at once.
/// @throws unavailable when this machine lacks what isolation needs; nothing has been run then
/// @throws std::invalid_argument when `c` cannot be meant
/// @throws std::system_error when the program cannot be started
outcome run(const command& c);
outcome run(std::vector<std::string> argv, std::string input, const limits& l = {});

}  // namespace reagent::sandbox
