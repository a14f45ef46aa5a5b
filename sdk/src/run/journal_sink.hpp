#pragma once

#include <reagent/journal/decision.hpp>
#include <reagent/run/run.hpp>
#include <reagent/task.hpp>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::detail {

/// Where a durable run's records go, and what an earlier worker left behind there. Used on the run's thread.
/// @throws from the tasks: run_error(lease_lost, journal_unavailable)
class journal_sink {
public:
    using content = decltype(journal_record::what);

    virtual ~journal_sink() = default;

    virtual const std::string& run_id() const = 0;
    virtual std::uint64_t takes() const = 0;  ///< how often a worker took the run up

    /// Goes to the store in this order, together with the next record for which somebody waits: what follows from it is
    /// never there without it.
    virtual void append(std::chrono::microseconds at, content what) = 0;
    virtual void send() = 0;           ///< at once
    virtual task<void> stored() = 0;   ///< until everything that was appended is stored
    virtual task<void> certain() = 0;  ///< before an effect: the run is still ours, or the store says so
    virtual void
    hold_back() = 0;  ///< from here to `release` the records become one: a crash leaves all or none of them
    virtual void release() = 0;

    /// Tells the store of the run's end; `failure` becomes what a caller is told.
    virtual task<void> close(run::state& s, std::exception_ptr& failure) = 0;

    // What an earlier worker left behind, by place; each is found once.
    virtual std::optional<effect_begun> take_open(const event& at) = 0;
    virtual std::optional<pending_decision> take_pending(const event& at) = 0;
    virtual bool is_open(const event& at) const = 0;
    virtual bool is_pending(const event& at) const = 0;
    /// Calls of tools in a branch and below it that began and were cut off by a backtrack.
    virtual std::vector<std::uint64_t> given_up(std::string_view branch) = 0;
    /// Whether a predictor's call has been recorded before the run was resumed.
    virtual bool was_recorded(const call_place& p) = 0;
};

}  // namespace reagent::detail
