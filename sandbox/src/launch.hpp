#pragma once

#include "descriptor.hpp"

#include <sys/types.h>
#include <chrono>
#include <cstdint>
#include <vector>

namespace reagent::sandbox::detail {

/// The user that a host which is root becomes before it starts a program: no file belongs to it, and the kernel limits
/// the number of its processes, as it does not for root.
inline constexpr unsigned unprivileged_user = 2'000'000'000, nobody = 65'534;

/// A process below this one. Its descriptor, unlike its number, cannot come to mean another one. Without a descriptor:
/// none.
struct process {
    pid_t id = 0;
    descriptor pidfd;

    bool has_ended() const;
    void kill() const;
};

/// A program and its guardian (guardian.hpp), which is its parent.
class launched {
public:
    process guardian, program;
    pipe_ends leash;  ///< both ends, so that writing meets no closed pipe

    /// Tells the guardian to end the program and all below it, and then itself.
    void end();

private:
    bool told_ = false;
};

struct rights_given_up {
    bool root;      ///< it becomes `unprivileged_user`
    bool landlock;  ///< as `layer::landlock` says, as far as the kernel goes
};

/// Starts `program` with descriptor i being `descriptors[i]`, and no other, an empty environment, default signal
/// handling, in a session of its own, in /, ten steps nicer than this process. Works in a process with many threads.
/// @param rights     what it gives up first
/// @param until      for how long to wait; when the program has not been started by then, or its guardian was killed,
/// it has no descriptor
/// @throws std::system_error, unavailable
launched launch(const char* program, const std::vector<const char*>& arguments, const std::vector<int>& descriptors,
                rights_given_up rights, std::chrono::steady_clock::time_point until);

struct resource_limit {
    int what;  ///< RLIMIT_...
    std::uint64_t value;
};

/// Sets limits, soft and hard, of a process that `launch` has started or that one has started; where they are lower
/// already, they stay.
/// @param dropped_root  as in `launch`. Root without CAP_SYS_RESOURCE, as in many containers, may not do it as root.
/// @return false when there is no such process any more
/// @throws std::system_error
bool set_limits(pid_t of, std::vector<resource_limit> limits, bool dropped_root);

/// Kills the processes with this name, other than this one, that have the pipe among their first descriptors.
/// @return whether there were any
bool kill_holders(const descriptor& pipe, const char* name);

/// Fetches the exit of `p`, a child, now or, when it has not ended, at some later call.
void reap(process p);

}  // namespace reagent::sandbox::detail
