#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace reagent::sandbox {

/// What holds a program, besides the mounts that decide what it sees. Each is there for what another one might let
/// through.
enum class layer {
    network,          ///< a network namespace: no address of the host's, no abstract socket
    processes,        ///< a PID namespace: no process of the host's can be seen
    ipc,              ///< an IPC namespace: no queues and no shared memory of the host's
    user_namespaces,  ///< no further user namespaces (bubblewrap's --disable-userns)
    seccomp,          ///< a list of allowed system calls
    landlock,         ///< no TCP (ABI 4, Linux 6.7), no signal and no abstract socket to outside (ABI 6, Linux 6.12)
};

const char* name_of(layer l);

/// What a program may use, together with everything that it starts. Each limit holds for all of them at once, unless it
/// says otherwise.
struct limits {
    std::chrono::milliseconds wall_time{
        10'000};                       ///< from the call of `run`; starting it is included; at most ten years
    std::chrono::seconds cpu_time{5};  ///< of each process by the kernel, of their sum by samples
    std::uint64_t memory_bytes =
        512ull * 1024 * 1024;  ///< address space of each process; of their sum, resident, by samples
    std::uint64_t disk_bytes = 64ull * 1024 * 1024;  ///< of all that stands in /tmp; kept in memory; 1 to 2^62
    std::uint64_t files = 10'000;                    ///< files and folders in /tmp, by samples
    std::uint64_t file_bytes = 16ull * 1024 * 1024;  ///< of one file
    std::uint64_t output_bytes = 1024 * 1024;        ///< of stdout and of stderr; more is dropped
    unsigned processes = 32;                         ///< at the same time, by samples; a thread counts as one; from 1
    unsigned open_files = 64;                        ///< of each process; from 12
};

struct command {
    /// `argv[0]` is the absolute path of the program. Some 8,900 arguments (fewer with many paths and variables) of at
    /// most 131,071 bytes, all of them with the environment a quarter of the host's RLIMIT_STACK, mostly 2 MB
    std::vector<std::string> argv;
    std::string input{};  ///< its stdin
    /// All that it gets but PWD=/tmp, its working folder, which bubblewrap sets; nothing of the host's is passed on
    std::map<std::string, std::string> environment{};
    /// Files and folders (absolute paths) that it reads at the same path, besides /usr. What is not named does not
    /// exist for it. Links are followed; what leads to / or /tmp, or shows a file system of the kernel (/proc, /sys,
    /// /dev), is refused. Name no folder with named pipes in it: whom the file's mode allows it can write to them.
    /// Locks (fcntl) that it takes on these files last as long as it runs. At most 512, as of variables.
    std::vector<std::string> readable{};
    limits limit{};
    /// Layers that are used only where the machine has them; without the others nothing is run (`unavailable`, which
    /// names it).
    std::set<layer> may_lack{layer::landlock};
    /// Layers that are not used, even where the machine has them: to measure what they hold. A program that nobody
    /// trusts needs all.
    std::set<layer> without{};
};

struct outcome {
    int exit_code = -1;  ///< meaningful when `signal` is 0 and `exceeded` is empty
    int signal = 0;      ///< that ended it; an exit code of 128 + n cannot be told from signal n, as in a shell
    bool timed_out = false;
    bool truncated = false;  ///< output was dropped
    /// The field of `limits` because of which it was ended: "wall_time", "cpu_time", "memory_bytes", "files",
    /// "processes", or "". The kernel's own limits (of one process: cpu_time, memory_bytes, file_bytes, open_files; and
    /// disk_bytes) are felt by the program instead.
    std::string exceeded;
    bool stuck =
        false;  ///< killed, but the kernel had not let go of it (as in a system call that cannot be interrupted)
    std::string out, err;
};

/// This machine cannot isolate a program; says what is missing and how to get it.
class unavailable : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Runs a program in isolation and waits. Blocks its thread; call it from a thread for blocking work.
///
/// The program runs under bubblewrap in namespaces of its own (user, PID, mount, network, IPC, UTS), with no
/// capabilities and a list of allowed system calls (seccomp). It sees /usr, /proc of its own processes, a few devices,
/// what `readable` names, and an empty folder /tmp, its working folder, which is gone afterwards. It has no network and
/// none of the host's descriptors. A host that runs as root runs it as user 2000000000 (or 65534), so it reads what
/// everybody may.
///
/// Not to be had inside: shared memory without a file (mmap of MAP_SHARED and MAP_ANONYMOUS, /dev/zero), sockets other
/// than pairs of streams, sizes of their buffers, flock, leases and notices of files. The program runs ten steps nicer
/// than the host.
///
/// Whatever the program started ends with it. The call returns within `wall_time` and a second, if the machine lets the
/// host run. While a program runs, the host's memory cannot be read by others (`PR_SET_DUMPABLE`; that is set back when
/// the last one ends). Should the host die, the program dies too. For that a second process of the host,
/// "reagent-guard", stands by as long as the program runs: a copy, with the host's memory shared until it is written
/// to, as of every fork; making it takes some 0.08 ms for each MB that the host has in memory. Who kills both in one
/// instant can leave behind a program that is just starting.
///
/// Samples are taken every 25 ms: what is limited by them can be exceeded for that long. Sockets count as memory, as if
/// their buffers were full. What samples cannot see: the time of processes that live for less and that nobody waits for
/// (`wall_time` times the cores is the bound), what is swapped out, and the kernel's own memory for a program (page
/// tables, file locks, pipes; `processes` times `open_files`, and `cpu_time`, bound it).
///
/// Safe to call from several threads at once.
/// @throws unavailable when this machine lacks what isolation needs; nothing has been run then
/// @throws std::invalid_argument when `c` cannot be meant; it names the field
/// @throws std::system_error when the program cannot be started
outcome run(const command& c);
outcome run(std::vector<std::string> argv, std::string input, const limits& l = {});

}  // namespace reagent::sandbox
