#pragma once

#include <reagent/sandbox/process.hpp>

#include "descriptor.hpp"

#include <sys/types.h>
#include <chrono>
#include <map>
#include <string>

namespace reagent::sandbox::detail {

/// Adds up what the processes of one PID namespace use, for limits that the kernel has for single processes only.
/// Counts are of what is there at the moment of the sample.
class watch {
public:
    /// Whether this machine can be asked for what is needed; before anything is started.
    /// @throws unavailable
    static void check();

    /// @param init  process 1 of the namespace, by its number here
    watch(pid_t init, const limits& l) : init_{init}, limits_{l} {}

    /// The field of `limits` that is exceeded, "" when none is or when `until` comes before that is known.
    std::string exceeded(std::chrono::steady_clock::time_point until);

    /// Stops all processes of the namespace but process 1. @return false where they do not hold still, as some that
    /// fork without end
    bool stop() const;
    void go_on() const;

private:
    struct sample;
    void signal_all(const sample& s, int number) const;

    bool too_many_files();
    sample take() const;
    bool too_many_processes(const sample& s) const;
    bool too_long(const sample& s);
    bool too_much_memory(const sample& s, std::chrono::steady_clock::time_point until) const;

    pid_t init_;
    const limits& limits_;
    descriptor folder_;
    std::map<std::pair<pid_t, std::uint64_t>, std::uint64_t>
        alive_;  // by number and start: the time used when last seen
    std::uint64_t of_the_dead_ = 0;
};

}  // namespace reagent::sandbox::detail
