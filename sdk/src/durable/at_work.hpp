#pragma once

#include "../run/state.hpp"

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

}  // namespace reagent::detail
