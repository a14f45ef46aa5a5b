#pragma once

#include "state.hpp"

namespace reagent::detail {

/// An effect that is not to be interrupted by a suspension.
class at_work {
public:
    explicit at_work(run::state& s) : state_{s} { ++state_.at_work; }
    ~at_work() {
        --state_.at_work;
        if (!state_.waiting.empty()) state_.consider_suspending();
    }
    at_work(const at_work&) = delete;

private:
    run::state& state_;
};

/// A call of a tool: a cancellation waits for its end as well.
class tool_at_work {
public:
    explicit tool_at_work(run::state& s) : uninterrupted_{s}, state_{s} { ++state_.tools_at_work; }
    ~tool_at_work() {
        --state_.tools_at_work;
        if (state_.cancel_wanted) state_.consider_suspending();
    }

private:
    at_work uninterrupted_;
    run::state& state_;
};

}  // namespace reagent::detail
