#pragma once

#include <reagent/http/client.hpp>
#include <reagent/run/run.hpp>
#include <reagent/run/run_observer.hpp>

#include "blocking_pool.hpp"
#include "earlier.hpp"
#include "journal_sink.hpp"
#include "kept_events.hpp"
#include "paced_queue.hpp"
#include "privacy.hpp"
#include "run_deadlines.hpp"
#include "taken_paths.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <random>

namespace reagent::decorators {
class spending;
}

namespace reagent {

namespace detail {
inline constexpr std::size_t most_question_bytes =
    2048;  // of a call's arguments, where a run says that it waits for consent

using observer_list = std::vector<std::shared_ptr<run_observer>>;
struct observed_state {};
}  // namespace detail

/// What the handles of one run share. Touched on the run's thread only, but for `cancelled`.
struct run_core::state : detail::observed_state, std::enable_shared_from_this<run_core::state> {
    run_options options;
    asio::any_io_executor executor;
    std::shared_ptr<detail::paced_queue> arrivals;     // on `executor`
    std::shared_ptr<detail::run_deadlines> deadlines;  // likewise
    http::client* http = nullptr;
    detail::blocking_pool* blocking = nullptr;
    std::shared_ptr<const detail::observer_list> observers;  // null: none
    std::shared_ptr<detail::known_secrets> secrets;          // the runtime's
    detail::privacy private_to;                              // this run

    std::shared_ptr<journal> history = std::make_shared<journal>();
    detail::kept_events kept;
    detail::earlier_requests requests;
    detail::earlier_texts trajectories;
    flow_state flow;                                            // what the run has met; never less
    std::vector<std::pair<std::string, flow_flags>> announced;  // the calls of the step that is being taken
    reagent::usage usage;
    std::map<std::string, reagent::usage> by_model;
    std::uint64_t calls_started = 0;
    clock::time_point started = clock::now();
    clock::time_point deadline = no_deadline;
    bool overdue = false;  // it has passed
    std::chrono::microseconds duration{};
    std::unique_ptr<std::mt19937_64> random;  // made when it is first wanted: it is large, and few runs want it

    // By the parameters of the variation they were made for; null: the run's own.
    std::map<std::shared_ptr<const reagent::parameters>, std::map<std::string, std::shared_ptr<const prompt_template>>>
        prompts;

    std::string record_to;  // a file; "": nowhere

    // Of a turn of a conversation: its id, and what the program was given besides, and of what came before.
    std::string session;
    json::object turn_inputs, turn_history;

    // Of a durable run.
    std::shared_ptr<detail::journal_sink> log;
    std::optional<json::object> outputs;            // of its program
    std::map<std::uint64_t, effect_begun> entered;  // tools at work that go through the run themselves
    struct parked {
        std::string branch;
        run_status why;  // ready: nothing but the wish to stop
    };
    std::vector<parked> waiting;
    std::size_t at_work = 0;        // effects under way that nothing may interrupt
    std::size_t tools_at_work = 0;  // calls under way that do not go through the run
    bool cancel_wanted = false;     // by the store: once no tool is at work
    bool draining = false;          // no effect begins any more
    bool suspended = false;
    std::vector<run_status> suspended_for;
    std::string unknown_call;            // the last one whose outcome nobody knows, for the message
    std::vector<event> questions;        // that wait for consent, for the message
    std::atomic<bool> shutdown = false;  // cancelled because the runtime ends: another worker goes on

    detail::taken_paths paths;
    std::shared_ptr<decorators::spending>
        spending;  // with a budget of tokens or dollars, from the first call that is made

    std::uint64_t next_id = 1;
    std::string name;  // of the run, for idempotency keys and logs; made when it is first wanted
    const std::string& own_name();
    void check() const;
    /// A journal in memory has none: what comes back to an answer of it compares the requests themselves.
    bool keeps_fingerprints() const { return log || !record_to.empty() || options.replay; }
    std::string key_of(std::uint64_t effect) {
        return own_name() + "-" + std::to_string(effect);
    }  // of a first attempt
    void record_in_log(detail::journal_sink::content what);
    void count(const event& e) {
        const auto& used = e.response ? e.response->usage : e.used;
        if (!e.response && !used.calls) return;
        usage += used;
        by_model[e.response ? e.response->model : e.model] += used;
    }
    /// Calls `f(run_observer&, const observed_run&)` for every observer.
    template <class F>
    void tell(F f) {
        if (!observers) return;
        const observed_run self{*this};
        for (const auto& o : *observers) {
            try {
                f(*o, self);
            } catch (...) {  // a run does not fail, or stay for ever, by who watches it
            }
        }
    }
    /// Ends the run in good order once all that is left of it waits.
    void consider_suspending();
    /// Somebody wants a durable run to end: calls of tools come to their end, and are stored; nothing else begins. On
    /// the run's thread.
    void cancel_in_good_order();
    /// Whether a tool is at its own work: cut off there, nobody would know what it did.
    bool has_tool_at_work() const;
    std::chrono::microseconds elapsed() const {
        return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - started);
    }

    asio::cancellation_signal signal;
    std::atomic<bool> cancelled = false;
    bool finished = false;  // the coroutine has ended: there is nothing left to cancel
    std::optional<reagent::run> trunk;
};

}  // namespace reagent
