#pragma once

#include "descriptor.hpp"

#include <sys/types.h>
#include <cstdint>
#include <vector>

namespace reagent::sandbox::detail {

/// The user that a host which is root becomes before it starts a program: no file belongs to it, and the kernel limits the number of
/// its processes, as it does not for root.
inline constexpr unsigned unprivileged_user = 2'000'000'000, nobody = 65'534;

/// A process of ours. Its descriptor, unlike its number, cannot come to mean another one.
struct process {
    pid_t id = 0;
    descriptor pidfd;

    bool has_ended() const;
    void kill() const;
};

/// Starts `program` with descriptor i being `descriptors[i]`, and no other, an empty environment, default signal handling, in a session of
/// its own, in /. It is killed when the calling thread ends. Works in a process with many threads: between the clone and the exec only
/// system calls are made.
/// @param drop_root  whether to become `unprivileged_user` first
/// @throws std::system_error
process launch(const char* program, const std::vector<const char*>& arguments, const std::vector<int>& descriptors, bool drop_root);

struct resource_limit {
    int what;  ///< RLIMIT_...
    std::uint64_t value;
};

/// Sets limits, soft and hard, of a process that `launch` has started or that one has started; where they are lower already, they stay.
/// @param dropped_root  as in `launch`. Root without CAP_SYS_RESOURCE, as in many containers, may not do it as root.
/// @throws std::system_error
void set_limits(pid_t of, std::vector<resource_limit> limits, bool dropped_root);

/// Fetches the exit of `p`, now or, when it has not ended, at some later call.
void reap(process p);

}  // namespace reagent::sandbox::detail
