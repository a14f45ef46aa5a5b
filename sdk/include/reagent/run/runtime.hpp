#pragma once

#include <reagent/durable/journal_store.hpp>
#include <reagent/http/client.hpp>
#include <reagent/run/call_shape.hpp>
#include <reagent/run/completion.hpp>
#include <reagent/run/invoke.hpp>
#include <reagent/run/run.hpp>

#include <concepts>
#include <optional>
#include <type_traits>

namespace spdlog {
class logger;
}

namespace reagent {

class runtime;
class telemetry;

struct runtime_options {
    /// Told what runs do, one line of NAME key=value ... each, with the run's id: that they begin and end (info), calls with path, duration
    /// and tokens (debug), what goes in and comes out (trace), what fails (warn). No key stands there, and nothing that is marked
    /// private. None by default.
    std::shared_ptr<spdlog::logger> logger{};
    std::vector<secret> secrets{};  ///< texts that no log and no telemetry may hold: passwords that tools use, for example
    unsigned threads = 1;           ///< each with an event loop and a connection pool of its own
    unsigned blocking_threads = 4;  ///< for tools and everything else that may block
    /// How long the runtime's end waits for blocking work that goes on although nobody waits for it any more: a tool past its time limit,
    /// or one of a run that was cancelled. Then it is named, in the log or on stderr, and left; it ends with the process at the latest. It
    /// must not use by then what the program destroys after the runtime. std::chrono::milliseconds::max(): for ever.
    std::chrono::milliseconds exit_grace{5'000};
    http::client_options http{};
    std::shared_ptr<journal_store> journals{};  ///< of durable runs; see `runtime::serve`

    std::shared_ptr<reagent::telemetry> telemetry{};  ///< told of every run that has ended

    /// Folder into which the journal of every run goes, as run-1.jsonl and so on in the order of their start, after those that are there:
    /// nothing is written over. The file is empty until its run has ended. What is to be replayed has a folder of its own: a replay begins
    /// with run-1. Default: $REAGENT_RECORD.
    /// Durable runs have theirs in the store; see `runtime::replay`.
    std::string record{};
    /// Such a folder: the runs are answered from there, without models, tools and network, or fail where they do something else;
    /// default: $REAGENT_REPLAY.
    std::string replay{};
};

/// How a worker takes up runs.
struct work_options {
    std::size_t concurrency = 64;                      ///< runs at work at the same time
    bool until_idle = false;                           ///< come back when nothing is left to do, here or at another worker
    std::chrono::milliseconds poll{200};               ///< how often it looks for runs that others submitted or left behind
    std::function<void(const stored_run&)> on_halt{};  ///< told of every run that this worker leaves; on some thread
    /// Told once of what keeps the worker from taking up runs, and with "" when that is over; on the thread of `work`. The worker goes
    /// on trying, less and less often, up to every 30 seconds.
    std::function<void(const std::string&)> on_trouble{};
};

/// What a program does differently from a run that it, or an earlier version of it, has made.
struct run_comparison {
    struct difference {
        std::string place{};  ///< "a model call at "generate", call 2"
        std::string what{};   ///< what the journal has there, and what the program
    };
    std::vector<difference> differences{};
    std::optional<json::object> outputs{};  ///< none: it did not come to an end
    std::string ended{};                    ///< why not
};

/// What remains of a finished run.
struct run_report {
    reagent::usage usage{};
    std::map<std::string, reagent::usage> usage_by_model{};
    std::shared_ptr<const journal> history{};
    std::chrono::microseconds duration{};
};

namespace detail {

template <class Module, class... Args>
class run_initiation;
template <class Module, class... ArgsAndToken>
auto async_run(runtime& rt, run_options options, Module&& module, ArgsAndToken&&... args_and_token);

void cancel(const std::shared_ptr<run::state>& s);
run_report report(const run::state& s);
bool is_of_recording(const std::exception_ptr& failure);  ///< the run has its value, and its record is lost

}  // namespace detail

template <class T>
struct outcome {
    T value;
    run_report report;
};

/// A run under way. Destroying it does not stop the run.
template <class T>
class running {
public:
    running(detail::completion done, std::shared_ptr<detail::kept<T>> value, std::shared_ptr<run::state> state)
        : done_{std::move(done)}, value_{std::move(value)}, state_{std::move(state)} {}

    /// Waits for the result, and gives it once. Not to be called on a thread of the runtime, which would wait for itself.
    /// @throws what the module threw; run_error(cancelled, deadline_exceeded, would_deadlock)
    T get() {
        done_.result();
        if constexpr (!std::is_void_v<T>) return std::move(detail::taken(*value_));
    }
    /// Waits until the run has ended, whatever it ended with. @throws run_error(would_deadlock)
    void wait() const { done_.wait(); }
    /// @return whether the run has ended
    bool wait_for(std::chrono::nanoseconds most) const { return done_.wait_for(most); }
    void cancel();              ///< from any thread; the run ends with run_error(cancelled)
    run_report report() const;  ///< after the result is there

private:
    detail::completion done_;
    std::shared_ptr<detail::kept<T>> value_;
    std::shared_ptr<run::state> state_;
};

/// Owns the threads and the connection pools. Thread-safe. Its destructor cancels what runs and waits for it.
class runtime {
public:
    explicit runtime(runtime_options options = {});
    ~runtime();
    runtime(const runtime&) = delete;

    /// Executes a module and waits: the blocking door, for `main` and threads of your own. @throws run_error(would_deadlock) at once on a
    /// thread of this runtime, its blocking ones included: a task there awaits the module itself with its `run&`, other code on an
    /// executor `async_run`.
    template <class Module, class... Args>
    auto run(run_options options, const Module& module, Args&&... args) {
        refuse_own_threads();
        return begin(std::move(options), module, nullptr, std::forward<Args>(args)...).get();
    }

    /// By the model's name, as "openai/gpt-4o-mini".
    template <std::convertible_to<std::string_view> Name, class Module, class... Args>
    auto run(const Name& lm, const Module& module, Args&&... args) {
        return run(run_options{language_model{lm}}, module, std::forward<Args>(args)...);
    }

    /// As `run`, with usage, journal and duration. The module must not return void.
    template <class Module, class... Args>
    auto execute(run_options options, const Module& module, Args&&... args) {
        refuse_own_threads();
        auto r = begin(std::move(options), module, nullptr, std::forward<Args>(args)...);
        auto value = r.get();
        return outcome<decltype(value)>{std::move(value), r.report()};
    }

    template <std::convertible_to<std::string_view> Name, class Module, class... Args>
    auto execute(const Name& lm, const Module& module, Args&&... args) {
        return execute(run_options{language_model{lm}}, module, std::forward<Args>(args)...);
    }

    /// Starts a module on one of the threads. A module with a name must outlive the run; a temporary function object is kept, and a
    /// temporary `module` does not compile; arguments are copied now (texts as std::string), what cannot be copied is moved, and then the
    /// program cannot be sent back by an assertion.
    template <class Module, class... Args>
    auto start(run_options options, Module&& module, Args&&... args) {
        auto own = detail::owner_of<Module>(module);
        const auto& m = detail::owned_or(own, module);
        return begin(std::move(options), m, std::move(own), std::forward<Args>(args)...);
    }

    /// Starts a module from any executor, and completes as `token` says (`use_awaitable`, `use_future`, a callback), with the value, or
    /// with what the run ended with:
    ///
    ///     auto answer = co_await runtime.async_run(options, agent, question, asio::use_awaitable);
    ///
    /// Signature: void(std::exception_ptr, T), of a module that returns nothing void(std::exception_ptr); a T that has no default
    /// constructor comes as a std::optional. The handler is called on its associated executor, else on the run's thread. A signal of any
    /// type on its cancellation slot cancels the run, which then ends with run_error(cancelled). A temporary module and the arguments are
    /// kept as by `start`; a module with a name must outlive the run, and the executor's context too. Options are named first where the
    /// call stands in a `co_await`.
    template <class Module, class... ArgsAndToken>
    auto async_run(const run_options& options, Module&& module, ArgsAndToken&&... args_and_token) {
        return detail::async_run(*this, run_options{options}, std::forward<Module>(module), std::forward<ArgsAndToken>(args_and_token)...);
    }
    template <class Module, class... ArgsAndToken>
    auto async_run(run_options&& options, Module&& module, ArgsAndToken&&... args_and_token) {
        using result = decltype(detail::async_run(*this, std::move(options), std::forward<Module>(module),
                                                  std::forward<ArgsAndToken>(args_and_token)...));
        static_assert(!detail::temporaries_are_destroyed_twice || !detail::awaits_later<result>,
                      "reagent: g++ 12 destroys options that are written inside co_await twice; name them first, then pass them");
        return detail::async_run(*this, std::move(options), std::forward<Module>(module), std::forward<ArgsAndToken>(args_and_token)...);
    }
    template <std::derived_from<language_model> Model, class Module, class... ArgsAndToken>
    auto async_run(const Model& lm, Module&& module, ArgsAndToken&&... args_and_token) {
        return detail::async_run(*this, run_options{lm}, std::forward<Module>(module), std::forward<ArgsAndToken>(args_and_token)...);
    }
    template <std::convertible_to<std::string_view> Name, class Module, class... ArgsAndToken>
    auto async_run(const Name& lm, Module&& module, ArgsAndToken&&... args_and_token) {
        return detail::async_run(*this, run_options{language_model{lm}}, std::forward<Module>(module),
                                 std::forward<ArgsAndToken>(args_and_token)...);
    }

    /// Starts a module and calls `done(std::exception_ptr, const run_report&)` on the run's thread when it has ended; its
    /// value is dropped. `done` must not block.
    template <class Module, class... Args>
    void detach(run_options options, Module&& module, std::function<void(std::exception_ptr, const run_report&)> done, Args&&... args) {
        auto own = detail::owner_of<Module>(module);
        auto state = prepare(std::move(options));
        auto work = detail::invoke_program(detail::owned_or(own, module), trunk(state), std::forward<Args>(args)...);
        using T = typename detail::task_value<decltype(work)>::type;
        auto value = std::make_shared<detail::kept<T>>();
        auto* s = state.get();
        spawn(std::move(state), detail::keep(std::move(work), value), [done = std::move(done), value, s, own](std::exception_ptr failure) {
            done(*value && !detail::is_of_recording(failure) ? nullptr : std::move(failure), detail::report(*s));
        });
    }

    // Durable runs: programs under a name, so that any process that serves them can continue a run. They need runtime_options::journals.

    /// What a stored run's inputs say about its options: fields that are private, limits of its own. Called whenever the run is taken up,
    /// here or by another process that serves it, and by `replay`; what it throws ends the run.
    using options_of_inputs = std::function<void(run_options&, const json::object& inputs)>;

    /// Makes a program known. @param options of its runs: model, budget, deadline; these hold for all resumes of a run together
    /// @param adjust changes them for one run by its inputs
    void serve(std::string name, program_function program, run_options options, options_of_inputs adjust = {});
    /// A module that has `call(run&, json::object)`; it must outlive the runtime. Any other program: `serve(name, as_program(module),
    /// ...)`.
    template <class Module>
    requires(!std::is_convertible_v<const Module&, program_function>) void serve(std::string name, const Module& module,
                                                                                 run_options options) {
        serve(std::move(name), program_function{[&module](reagent::run& r, const json::object& inputs) { return module.call(r, inputs); }},
              std::move(options));
    }

    /// Stores a run; it begins when a worker, or `resume`, takes it. @return its id
    std::string submit(const std::string& program, json::object inputs, std::string id = {}, std::string session = {});

    /// Continues a run here and waits until it ends or waits for somebody: what is in its journal is not done again.
    /// A run that failed is tried again from where it failed. @return where it stands then
    /// @throws run_error(unknown_run, unknown_program, lease_lost, not_possible, journal_unavailable, bad_journal)
    stored_run resume(const std::string& run_id);

    /// Also takes it from a worker that still has it: see `journal_store::take_by_force` for the risk.
    stored_run resume_by_force(const std::string& run_id);

    /// Submits a run and continues it here.
    stored_run run_durably(const std::string& program, json::object inputs, std::string id = {}) {
        refuse_own_threads();
        return resume(submit(program, std::move(inputs), std::move(id)));
    }

    /// The next turn of a conversation, here: a run in that session, which is made when it is new. The program gets the turns so far as its
    /// input `history`, as short as `run_options::history` wants it; what it answers is the session's next turn once the run has finished.
    /// @throws as `resume`; run_error(not_possible) while the turn before is not over
    stored_run converse(const std::string& session, const std::string& program, json::object inputs, std::string id = {});

    /// Executes a program, as it is served now, on the journal of a run: no model is asked, no tool is called, nothing is stored. Goes on
    /// over prompts and arguments that differ, with what the journal has, until the program wants something that is not there.
    /// @throws run_error(unknown_run, unknown_program, journal_unavailable, bad_journal)
    run_comparison replay(const std::string& run_id);

    /// A worker: takes up runs that are ready, and those whose worker is gone, until `stop_work`. Blocks. A store that cannot be used
    /// does not end it; with `until_idle` one that cannot be used for five minutes does, and one that refuses for good (it may only be
    /// read, it holds no journals) at once. @throws run_error(journal_unavailable)
    void work(const work_options& options = {});
    /// From any thread: `work` takes up nothing more, lets effects under way end, leaves its runs ready for others, and returns.
    void stop_work();

    template <class Module>
    requires(!std::is_convertible_v<const Module&, program_function>) void serve(std::string, const Module&&, run_options) {
        static_assert(!std::is_class_v<Module>,
                      "reagent: a served module must outlive the runtime, and this one is a temporary; name it first");
    }

    // What is no options gets words instead of a list of candidates.
    template <detail::no_options First, class... Rest>
    void run(const First&, const Rest&...) {
        static_assert(!detail::no_options<First>, "reagent: what is run needs a model: give options, a language model or its name first");
    }
    template <detail::no_options First, class... Rest>
    void execute(const First&, const Rest&...) {
        static_assert(!detail::no_options<First>, "reagent: what is run needs a model: give options, a language model or its name first");
    }
    template <detail::no_options First, class... Rest>
    void start(const First&, const Rest&...) {
        static_assert(!detail::no_options<First>, "reagent: what is run needs a model: give options, a language model or its name first");
    }
    template <detail::no_options First, class... Rest>
    void async_run(const First&, const Rest&...) {
        static_assert(!detail::no_options<First>, "reagent: what is run needs a model: give options, a language model or its name first");
    }

private:
    template <class, class...>
    friend class detail::run_initiation;

    template <class Module, class... Args>
    auto begin(run_options options, const Module& module, std::shared_ptr<const void> own, Args&&... args) {
        auto state = prepare(std::move(options));
        auto work = detail::invoke_program(module, trunk(state), std::forward<Args>(args)...);
        using T = typename detail::task_value<decltype(work)>::type;
        auto done = new_completion();
        auto value = std::make_shared<detail::kept<T>>();
        running<T> handle{done, value, state};
        spawn(std::move(state), detail::keep(std::move(work), value), [done, value, own = std::move(own)](std::exception_ptr failure) {
            done.finish(*value && !detail::is_of_recording(failure) ? nullptr : std::move(failure));
        });
        return handle;
    }

    void refuse_own_threads() const;
    detail::completion new_completion() const;
    asio::any_io_executor default_executor() const;
    std::shared_ptr<run::state> prepare(run_options options, bool durable = false);
    std::shared_ptr<const struct served_program> served(const std::string& run_id, const std::string& program) const;
    stored_run resume_taken(journal_store::taken_run taken);
    void continue_run(journal_store::taken_run taken, std::function<void(std::exception_ptr)> ended);
    std::function<void(std::exception_ptr)> on_leaving(const std::string& id, const work_options& options, std::function<void()> left);
    bool take_up(std::size_t most, const work_options& options, const std::function<void()>& begun, const std::function<void()>& left);
    std::vector<std::string> served_names() const;
    void drain();
    static reagent::run& trunk(const std::shared_ptr<run::state>& s);
    // Calls `ended` once, on the run's thread, when nothing of the run is left; with what ended it, or null.
    void spawn(std::shared_ptr<run::state> s, task<void> work, std::function<void(std::exception_ptr)> ended);

    struct impl;
    std::unique_ptr<impl> impl_;
};

template <class T>
void running<T>::cancel() {
    detail::cancel(state_);
}
template <class T>
run_report running<T>::report() const {
    return detail::report(*state_);
}

}  // namespace reagent

#include <reagent/run/async_run.hpp>
