#pragma once

#include <reagent/sandbox/process.hpp>

#include "descriptor.hpp"
#include "launch.hpp"
#include "undumpable.hpp"
#include "watch.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace reagent::sandbox::detail {

inline constexpr auto sample_time = std::chrono::milliseconds{25};

/// Keeps the first `most` bytes of a pipe and throws the rest away. Never blocks.
struct collected {
    descriptor end;
    std::string* text = nullptr;
    std::uint64_t most = 0;
    bool* truncated = nullptr;

    bool read_some();  ///< whether there may be more
};

/// A program that runs in isolation, from its start to its certain end. Whoever owns it waits on its descriptors, and
/// calls `step` when one of them has something to tell and `exceeded` every `sample_time`. Nothing here blocks but the
/// constructor, which starts processes, and `end_all`.
class box {
public:
    using clock = std::chrono::steady_clock;

    /// @param c      outlives this
    /// @param until  for how long its start may take
    /// @param more   descriptors that become 8, 9, ... of the program
    box(const command& c, clock::time_point until, const std::vector<int>& more = {});
    ~box();
    box(const box&) = delete;
    box& operator=(const box&) = delete;

    /// Reads what has been told and written, and lets the program begin as soon as its limits hold.
    void step();
    bool ended() const { return box_.guardian.has_ended() || (box_.program.pidfd && box_.program.has_ended()); }
    bool released() const { return released_; }

    /// The field of `limits` that it exceeds now; "": none. @param until  when to stop looking
    std::string exceeded(clock::time_point until) { return watch_ ? watch_->exceeded(until) : ""; }

    /// Stops everything in it until `go_on`. @return false where it does not hold still
    bool pause();
    void go_on();

    /// Kills everything in it. @param until  when to stop waiting for the kernel
    void end_all(clock::time_point until);
    /// Once it has ended or was ended: reads the rest of its output. @param exceeded  why it was ended, "" where it was
    /// not
    outcome conclude(std::string exceeded, clock::time_point until);

    collected out, err;  ///< `text` is this one's; whoever wants the text itself points it elsewhere
    int status() const { return status_.end.fd; }
    int program() const { return box_.program.pidfd.fd; }
    int guardian() const { return box_.guardian.pidfd.fd; }
    int guardian_id() const { return box_.guardian.id; }
    bool truncated = false;
    std::string said, complained;  ///< stdout, stderr

private:
    void find_inner();
    void release();
    void tell(outcome& o, std::optional<long> code, const std::string& exceeded) const;
    std::optional<long> exit_code();

    undumpable shield_;
    const command& c_;
    launched box_;    // bubblewrap
    process inner_;   // process 1 of the namespace
    pipe_ends hold_;  // the start signal; both ends are kept, so that neither side meets a closed pipe
    std::string status_text_;
    collected status_;
    std::optional<watch> watch_;
    const bool root_ = ::geteuid() == 0;
    bool released_ = false, stuck_ = false;
};

}  // namespace reagent::sandbox::detail
