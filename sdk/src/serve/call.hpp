#pragma once

#include "versions.hpp"

#include <reagent/run/runtime.hpp>
#include <reagent/serve/server_options.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>

namespace reagent::detail {

/// What a run tells while it works.
struct live_event {
    enum kind_t { piece, step, restart } kind;
    std::string path, field{}, text{};
    json::object data{};  // of a step
};

/// One run for one request. Belongs to the server's thread; the run to its own.
struct call {
    enum class phase { queued, at_work, over };

    explicit call(asio::any_io_executor server) : changed{std::move(server), clock::time_point::max()} {}

    std::string id, run, caller;
    json::object input;
    reagent::sampling sampling{};
    bool streams = false;
    clock::time_point begun = clock::now(), deadline = no_deadline;
    std::shared_ptr<const versions::loaded> version;

    call::phase phase = phase::queued;
    std::optional<json::object> output;
    std::exception_ptr failure;
    reagent::usage used;
    std::deque<live_event> events;  ///< that nobody has taken yet
    std::size_t event_bytes = 0;
    bool too_slow = false;  ///< whoever takes the events: the run was cancelled

    asio::steady_timer changed;  ///< cancelled when something does
    asio::cancellation_signal stop;

    void tell() { changed.cancel(); }
    /// Until something changes, or then. @return false: then has come
    task<bool> wait(clock::time_point until);
    std::deque<live_event> take();
    void add(live_event e, std::size_t most_bytes);
    std::chrono::microseconds took() const {
        return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begun);
    }
};

/// Executes a program and keeps what the run has used up. @param done on `server`, once
struct asked {
    program_function program;
    json::object input;
    reagent::usage used{};
};
task<json::object> answer(run& r, std::shared_ptr<asked> a);

}  // namespace reagent::detail
