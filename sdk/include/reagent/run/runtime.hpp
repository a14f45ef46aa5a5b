#pragma once

#include <reagent/run/call_shape.hpp>
#include <reagent/run/completion.hpp>
#include <reagent/run/invoke.hpp>
#include <reagent/run/run.hpp>
#include <reagent/run/runtime_options.hpp>

#include <concepts>
#include <optional>
#include <type_traits>

namespace reagent {

class durable_service;
class runtime;
struct stored_run;
struct work_options;
struct run_comparison;

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

/// A module that has `call(run&, json::object)` as a program that is served.
template <class Module>
program_function served_by(const Module& module) {
    return [&module](run& r, const json::object& inputs) { return module.call(r, inputs); };
}

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

    /// Waits for the result, and gives it once. Not to be called on a thread of the runtime, which would wait for
    /// itself.
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

    /// Executes a module and waits: the blocking door, for `main` and threads of your own. @throws
    /// run_error(would_deadlock) at once on a thread of this runtime, its blocking ones included: a task there awaits
    /// the module itself with its `run&`, other code on an executor `async_run`.
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

    /// Starts a module on one of the threads. A module with a name must outlive the run; a temporary function object is
    /// kept, and a temporary `module` does not compile; arguments are copied now (texts as std::string; what views
    /// within containers refer to as well, other views do not compile), what cannot be copied is moved, and then the
    /// program cannot be sent back by an assertion.
    template <class Module, class... Args>
    auto start(run_options options, Module&& module, Args&&... args) {
        static_assert(detail::arguments_can_be_kept<Args...>());
        auto own = detail::owner_of<Module>(module);
        const auto& m = detail::owned_or(own, module);
        return begin(std::move(options), m, std::move(own), std::forward<Args>(args)...);
    }

    /// Starts a module from any executor, and completes as `token` says (`use_awaitable`, `use_future`, a callback),
    /// with the value, or with what the run ended with:
    ///
    ///     auto answer = co_await runtime.async_run(options, agent, question, asio::use_awaitable);
    ///
    /// Signature: void(std::exception_ptr, T), of a module that returns nothing void(std::exception_ptr); a T that has
    /// no default constructor comes as a std::optional. The handler is called on its associated executor, else on the
    /// run's thread. A signal of any type on its cancellation slot cancels the run, which then ends with
    /// run_error(cancelled). A temporary module and the arguments are kept as by `start`; a module with a name must
    /// outlive the run, and the executor's context too. Options are named first where the call stands in a `co_await`.
    template <class Module, class... ArgsAndToken>
    auto async_run(const run_options& options, Module&& module, ArgsAndToken&&... args_and_token) {
        return detail::async_run(*this, run_options{options}, std::forward<Module>(module),
                                 std::forward<ArgsAndToken>(args_and_token)...);
    }
    template <class Module, class... ArgsAndToken>
    auto async_run(run_options&& options, Module&& module, ArgsAndToken&&... args_and_token) {
        using result = decltype(detail::async_run(*this, std::move(options), std::forward<Module>(module),
                                                  std::forward<ArgsAndToken>(args_and_token)...));
        static_assert(
            !detail::temporaries_are_destroyed_twice || !detail::awaits_later<result>,
            "reagent: g++ 12 destroys options that are written inside co_await twice; name them first, then pass them");
        return detail::async_run(*this, std::move(options), std::forward<Module>(module),
                                 std::forward<ArgsAndToken>(args_and_token)...);
    }
    template <std::derived_from<language_model> Model, class Module, class... ArgsAndToken>
    auto async_run(const Model& lm, Module&& module, ArgsAndToken&&... args_and_token) {
        return detail::async_run(*this, run_options{lm}, std::forward<Module>(module),
                                 std::forward<ArgsAndToken>(args_and_token)...);
    }
    template <std::convertible_to<std::string_view> Name, class Module, class... ArgsAndToken>
    auto async_run(const Name& lm, Module&& module, ArgsAndToken&&... args_and_token) {
        return detail::async_run(*this, run_options{language_model{lm}}, std::forward<Module>(module),
                                 std::forward<ArgsAndToken>(args_and_token)...);
    }

    /// Starts a module and calls `done(std::exception_ptr, const run_report&)` on the run's thread when it has ended;
    /// its value is dropped. `done` must not block.
    template <class Module, class... Args>
    void detach(run_options options, Module&& module, std::function<void(std::exception_ptr, const run_report&)> done,
                Args&&... args) {
        static_assert(detail::arguments_can_be_kept<Args...>());
        auto own = detail::owner_of<Module>(module);
        detail::check_options(module, options);
        auto state = prepare(std::move(options));
        auto work = detail::invoke_program(detail::owned_or(own, module), trunk(state), std::forward<Args>(args)...);
        using T = typename detail::task_value<decltype(work)>::type;
        auto value = std::make_shared<detail::kept<T>>();
        auto* s = state.get();
        spawn(std::move(state), detail::keep(std::move(work), value),
              [done = std::move(done), value, s, own](std::exception_ptr failure) {
                  done(*value && !detail::is_of_recording(failure) ? nullptr : std::move(failure), detail::report(*s));
              });
    }

    // Durable runs: what a `durable_service` (reagent/durable/durable_service.hpp) on runtime_options::journals does,
    // for programs that link reagent::durable.
    using options_of_inputs = std::function<void(run_options&, const json::object& inputs)>;
    void serve(std::string name, program_function program, run_options options, options_of_inputs adjust = {});
    template <class Module>
    requires(!std::is_convertible_v<const Module&, program_function>) void serve(std::string name, const Module& module,
                                                                                 run_options options) {
        serve(std::move(name), detail::served_by(module), std::move(options));
    }
    std::string submit(const std::string& program, json::object inputs, std::string id = {}, std::string session = {});
    stored_run resume(const std::string& run_id);
    stored_run resume_by_force(const std::string& run_id);
    stored_run run_durably(const std::string& program, json::object inputs, std::string id = {});
    stored_run converse(const std::string& session, const std::string& program, json::object inputs,
                        std::string id = {});
    run_comparison replay(const std::string& run_id);
    void work();
    void work(const work_options& options);
    void stop_work();

    template <class Module>
    requires(!std::is_convertible_v<const Module&, program_function>) void serve(std::string, const Module&&,
                                                                                 run_options) {
        static_assert(!std::is_class_v<Module>,
                      "reagent: a served module must outlive the runtime, and this one is a temporary; name it first");
    }

    // What is no options gets words instead of a list of candidates.
    template <detail::no_options First, class... Rest>
    void run(const First&, const Rest&...) {
        static_assert(!detail::no_options<First>,
                      "reagent: what is run needs a model: give options, a language model or its name first");
    }
    template <detail::no_options First, class... Rest>
    void execute(const First&, const Rest&...) {
        static_assert(!detail::no_options<First>,
                      "reagent: what is run needs a model: give options, a language model or its name first");
    }
    template <detail::no_options First, class... Rest>
    void start(const First&, const Rest&...) {
        static_assert(!detail::no_options<First>,
                      "reagent: what is run needs a model: give options, a language model or its name first");
    }
    template <detail::no_options First, class... Rest>
    void async_run(const First&, const Rest&...) {
        static_assert(!detail::no_options<First>,
                      "reagent: what is run needs a model: give options, a language model or its name first");
    }

private:
    template <class, class...>
    friend class detail::run_initiation;

    template <class Module, class... Args>
    auto begin(run_options options, const Module& module, std::shared_ptr<const void> own, Args&&... args) {
        detail::check_options(module, options);
        auto state = prepare(std::move(options));
        auto work = detail::invoke_program(module, trunk(state), std::forward<Args>(args)...);
        using T = typename detail::task_value<decltype(work)>::type;
        auto done = new_completion();
        auto value = std::make_shared<detail::kept<T>>();
        running<T> handle{done, value, state};
        spawn(std::move(state), detail::keep(std::move(work), value),
              [done, value, own = std::move(own)](std::exception_ptr failure) {
                  done.finish(*value && !detail::is_of_recording(failure) ? nullptr : std::move(failure));
              });
        return handle;
    }

    void refuse_own_threads() const;
    detail::completion new_completion() const;
    asio::any_io_executor default_executor() const;
    std::shared_ptr<run::state> prepare(run_options options, bool durable = false);
    static reagent::run& trunk(const std::shared_ptr<run::state>& s);
    // Calls `ended` once, on the run's thread, when nothing of the run is left; with what ended it, or null.
    void spawn(std::shared_ptr<run::state> s, task<void> work, std::function<void(std::exception_ptr)> ended);

    friend class durable_service;
    durable_service& durable();  // of this runtime; made when it is first wanted

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
