#pragma once

#include "commands.hpp"

#include <reagent/run/consent.hpp>
#include <reagent/run/run.hpp>

#include <set>

namespace reagent::cli {

/// Shows an agent at work, for `run_options::on_event`: thoughts and text outputs grow while the model writes them.
class live_view {
public:
    live_view(const terminal& t, const signature& s) : t_{t}, signature_{s} {}

    void operator()(const run_event& e);

    /// Whether an output has been shown already.
    bool has_shown(const std::string& output) const { return shown_.contains(output); }
    void close();
    void start_again() { shown_.clear(); }  ///< before the next run

private:
    void grow(const run_event& e);

    terminal t_;
    const signature& signature_;
    const char* indent() const { return open_ == "next_thought" ? "         " : "  "; }  ///< of further lines

    std::string open_;
    visible_pieces pieces_;
    bool thought_shown_ = false;
    std::set<std::string> shown_;
};

}  // namespace reagent::cli
