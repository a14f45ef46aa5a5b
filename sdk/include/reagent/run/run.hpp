#pragma once

#include <reagent/error.hpp>
#include <reagent/run/run_core.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <initializer_list>
#include <type_traits>

namespace reagent {

/// A program as something that takes inputs and gives outputs, by name.
using program_function = std::function<task<json::object>(run&, const json::object& inputs)>;

/// Which predictor an assertion sends back to its work: of those that ran until now on this run handle's way, the last
/// one that is, or is part of, the given module; by default the last of all.
class assertion_target {
public:
    assertion_target() = default;
    assertion_target(const program_part& module) : module_{&module} {}

    const program_part* module() const { return module_; }  ///< null: any

private:
    const program_part* module_ = nullptr;
};

/// A condition and what to tell the model when it does not hold.
struct condition {
    bool holds;
    std::string message;
};

/// Thrown by `run::assert_that` when backtracking did not help.
class assertion_failed : public error {
public:
    assertion_failed(const std::string& message, std::vector<failed_assertion> attempts);

    /// What failed, each time with the outputs that were to blame; oldest first.
    const std::vector<failed_assertion>& attempts() const noexcept { return attempts_; }

private:
    std::vector<failed_assertion> attempts_;
};

/// What a module works with: its language model, parameters and journal. Every effect goes through it.
///
/// A handle: made by the `runtime`, or by `branch()`. Used by one coroutine at a time, on the run's thread; lives as
/// long as the task that it was given to.
class run : public run_core {
public:
    explicit run(std::shared_ptr<state> s, std::string branch = {}) : run_core{std::move(s), std::move(branch)} {}

    const run_options& options() const;
    const journal& history() const;
    reagent::usage usage() const;  ///< of all branches, until now

    /// A durable run's id; of another one a random name.
    const std::string& id() const;

    /// The time of day; the same again when the run is replayed. @param path whose clock it is; one of your choice
    std::chrono::system_clock::time_point now(std::string_view path = {});

    /// A number in [0, 1); the same again when the run is replayed.
    double random(std::string_view path = {});

    /// Goes on when the condition holds. Else the program starts again from the call that `target` names: effects
    /// before it are answered from the journal, its predictor is asked again and sees what it answered and `message`,
    /// and everything after it happens anew. At most `run_options::max_backtracks` times for this assertion and that
    /// call.
    ///
    ///     run.assert_that(verdict.ok(), verdict.message(), generate);
    ///
    /// Several that should be told together stand in one list: `run.assert_that({{a, "..."}, {b, "..."}}, generate)`.
    /// Code between the target's call and here runs once more, so its effects must go through the run.
    /// @param site tells this assertion from others
    /// @throws assertion_failed when no backtrack is left, or no predictor has run
    void assert_that(bool holds, std::string message, assertion_target target = {},
                     std::source_location site = std::source_location::current()) {
        if (!holds) failed(false, std::move(message), target, site);
    }
    void assert_that(std::initializer_list<condition> conditions, assertion_target target = {},
                     std::source_location site = std::source_location::current()) {
        if (auto text = unmet(conditions); !text.empty()) failed(false, std::move(text), target, site);
    }

    /// As `assert_that`, but only a wish: when no backtrack is left, it is logged and the program goes on. The program
    /// goes on to its next effect before it starts again, so that suggestions and assertions in a row are told
    /// together.
    void suggest_that(bool holds, std::string message, assertion_target target = {},
                      std::source_location site = std::source_location::current()) {
        if (!holds) failed(true, std::move(message), target, site);
    }
    void suggest_that(std::initializer_list<condition> conditions, assertion_target target = {},
                      std::source_location site = std::source_location::current()) {
        if (auto text = unmet(conditions); !text.empty()) failed(true, std::move(text), target, site);
    }

    /// Every assertion and suggestion of this run that failed until now, also where a backtrack helped.
    const std::vector<failed_assertion>& violations() const;

    /// Within a tool: the same for each attempt at this call, also after a crash and where somebody had it repeated,
    /// and for no other call. Hand it on to a service that does things once per key.
    std::string idempotency_key() const;

    /// Does `work` on the thread pool for blocking calls and returns what it returns. When the run is cancelled, the
    /// task ends at once; the work goes on to its end, unheard, so it must own what it uses.
    task<json::value> blocking(std::function<json::value()> work);
    template <class F>
    requires(!detail::survives_await<F>) task<json::value> blocking(F&&) {
        static_assert(detail::callback_survives<F>());
        return blocking(std::function<json::value()>{});
    }

    http::client& http();

    /// Throws run_error(cancelled) when somebody cancelled the run. For loops that do not await.
    void check() const;
};

namespace detail {

/// Does `start()` on a run handle, and again from there whenever an assertion sends it back to a call of this handle's.
template <class T, class Start>
task<T> attempts(run& r, Start start) {
    for (;;) {
        std::optional<backtrack> back;
        try {
            auto value = co_await wrapped(start());
            r.settle();
            if constexpr (std::is_void_v<T>)
                co_return;
            else
                co_return std::move(*value);
        } catch (const backtrack& b) {
            if (!r.reaches(b)) throw;
            back = b;
        }
        r.rewind(*back);
    }
}

}  // namespace detail

}  // namespace reagent
