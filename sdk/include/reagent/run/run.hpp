#pragma once

#include <reagent/adapter/adapter.hpp>
#include <reagent/error.hpp>
#include <reagent/journal/journal.hpp>
#include <reagent/journal/journal_record.hpp>
#include <reagent/run/flow.hpp>
#include <reagent/run/history_limits.hpp>
#include <reagent/run/program_part.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <source_location>
#include <type_traits>
#include <variant>

namespace reagent {

class run;
struct parameters;
struct signature;
enum class run_status;

/// A program as something that takes inputs and gives outputs, by name.
using program_function = std::function<task<json::object>(run&, const json::object& inputs)>;

/// What a run may use up. A run that reaches a limit ends with run_error.
struct budget {
    std::uint64_t calls = 1000;             ///< of language models
    std::optional<std::uint64_t> tokens{};  ///< prompt and completion together
    std::optional<double> dollars{};        ///< counts calls whose price is known
};

/// Something that happened in a run, for callbacks. Pointers are valid during the callback only.
struct run_event {
    enum kind_t {
        model_started,   ///< request
        model_finished,  ///< request and response; or error
        tool_started,    ///< tool, arguments
        tool_finished,   ///< tool, arguments, result; or error
        step,            ///< thought, tool, arguments: an agent has decided on its next step
        observed,        ///< tool, result: what the agent is shown of it; error is not empty when it failed
        piece,           ///< field, text: with run_options::stream, what an output has grown by; field "": the model's reasoning
        restart,         ///< what the pieces of this path showed does not count: the model is asked again
        backtrack,       ///< error: an assertion or a suggestion did not hold, and this path is asked again, told of it
        note,            ///< error holds a remark: a completion that could not be read, a shortened trajectory
    } kind{};
    std::string_view branch{}, path{};
    const lm_request* request = nullptr;
    const lm_response* response = nullptr;
    std::string_view tool{};
    const json::value* arguments = nullptr;
    const json::value* result = nullptr;
    std::string_view thought{};
    std::string_view field{}, text{};
    std::string_view error{};
    std::chrono::microseconds duration{};
};

/// What a run works with: `{.lm = lm, .deadline = 5min, .budget = {.calls = 20}}`, or a language model alone.
struct run_options {
    language_model lm{};
    std::chrono::milliseconds deadline{std::chrono::hours{1}};  ///< of the whole run; zero and less: no limit
    reagent::budget budget{};
    std::string program{};  ///< a name for telemetry and logs
    /// Fields of signatures and arguments of tools whose values stand in no log and no telemetry, besides those that signatures mark
    /// (`is_private`). Values of four bytes and more are also looked for in other texts there. Journals hold them.
    std::set<std::string> private_fields{};
    reagent::adapter adapter = reagent::adapter::chat;
    bool json_fallback = true;     ///< ask once more, for JSON, when a chat completion cannot be read
    reagent::sampling sampling{};  ///< for every call of this run
    std::shared_ptr<const reagent::parameters> parameters{};
    std::size_t max_journal_bytes = 256 * 1024 * 1024;
    std::shared_ptr<const journal> replay{};  ///< effects recorded here are answered from here
    /// With `replay`: told of a place where the program asks something else than the journal has, and how; the run goes on with what the
    /// journal has. None: the first difference ends the run with run_error(replay_mismatch).
    std::function<void(const std::string& place, const std::string& difference)> on_difference{};
    bool stream = false;                               ///< tell `on_event` of outputs while they are written
    std::function<void(const run_event&)> on_event{};  ///< called on the run's thread; must not block
    std::uint64_t seed = 0;                            ///< of the run's random numbers; 0: from the machine
    std::uint64_t rollout_id = 0;                      ///< of every request: a cache keeps runs with different ones apart
    std::size_t max_retries = 3;                       ///< of a call whose answer cannot be read or breaks a constraint
    std::size_t max_backtracks = 3;                    ///< for each assertion and suggestion, and each call that it blames

    flow_policy flow{};  ///< which calls of tools need consent, for what the run has read before

    history_limits history{};  ///< of a run that is a turn of a conversation

    /// How long a consent holds until the call is made; an older one is asked for again. 0: for ever.
    std::chrono::milliseconds consent_lifetime{std::chrono::hours{24}};

    /// What stands around every model that the run calls, a predictor's own included; called with the model, may return it as it is.
    std::function<language_model(const language_model&)> around{};

    /// Of a durable run: what its journal says of the worker's options whenever it is taken up, for whoever goes on with it
    /// (`run_taken::about`). No secrets.
    json::object about{};
};

inline language_model::operator run_options() const { return {.lm = *this}; }

/// Which predictor an assertion sends back to its work: of those that ran until now on this run handle's way, the last one
/// that is, or is part of, the given module; by default the last of all.
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

/// What differs for one attempt of several at the same (`best_of_n`, `refine`); holds for a branch and those below it.
struct variation {
    std::uint64_t rollout_id = 0;                              ///< of every request: a cache keeps attempts apart
    reagent::sampling sampling{};                              ///< before the predictor's own
    std::map<std::string, std::string, std::less<>> advice{};  ///< predictor path to advice, shown behind its inputs
    std::shared_ptr<const reagent::parameters> parameters{};   ///< none: the run's
};

/// What a run has to know of a tool to be able to continue after a crash in the middle of a call.
struct tool_call_traits {
    bool repeatable = false;  ///< calling it twice with one idempotency key does no more than calling it once
    bool harmless = false;    ///< it changes nothing
    bool enters_run = false;  ///< it does its work through the run
    flow_flags flow{};        ///< what the call lets in; recorded with it, and met when it begins
};

namespace detail {

/// Thrown through a program that is to start again; no std::exception, so that nobody takes it for a failure.
struct backtrack {
    call_place target;
    std::uint32_t splits = 0;  // of the target's branch, when it was called
};

}  // namespace detail

/// What a module works with: its language model, parameters and journal. Every effect goes through it.
///
/// A handle: made by the `runtime`, or by `branch()`. Used by one coroutine at a time, on the run's thread; lives as
/// long as the task that it was given to.
class run {
public:
    struct state;

    explicit run(std::shared_ptr<state> s, std::string branch = {});

    const run_options& options() const;
    const reagent::parameters* parameters() const;
    const journal& history() const;
    reagent::usage usage() const;                                         ///< of all branches, until now
    const std::map<std::string, reagent::usage>& usage_by_model() const;  ///< by the names that the providers give
    const std::string& branch_name() const { return branch_; }
    std::string branch_name(std::size_t index) const;  ///< of a branch of this one

    /// Calls a language model, or answers from the journal. `model` null: the run's own.
    /// @param on_event where given, the answer is streamed and each of its events told; not those of a replayed call
    /// @throws run_error(no_language_model, budget_*, replay_mismatch, journal_full), lm_error, http_error
    task<std::shared_ptr<const lm_response>> call_model(std::string path, language_model model, lm_request request,
                                                        std::function<void(const lm_event&)> on_event = {});
    /// As above for a request that is made only where it is needed: an answer from the journal whose event has the same fingerprint is the
    /// answer to it. @param fingerprint the same for requests with the same messages and tools and for no others
    task<std::shared_ptr<const lm_response>> call_model(std::string path, language_model model, std::function<lm_request()> make,
                                                        std::string fingerprint, std::function<void(const lm_event&)> on_event = {});

    /// For authors of modules: what the next model call at `path` asked when the journal, which will answer it, was written; null: no
    /// journal answers it. So a module whose requests have changed replays its older journals.
    std::shared_ptr<const recorded_request> upcoming_request(std::string_view path) const;

    /// Does what `effect` does, or answers from the journal. Exceptions of `effect` are recorded and thrown on.
    /// In a durable run the call is stored before `effect`, its result after it; one that was under way in a crash is made again only
    /// where `traits` allow it, else the run stops and asks (run_status::outcome_unknown).
    task<json::value> call_tool(std::string path, std::string tool, json::value arguments, std::function<task<json::value>()> effect,
                                tool_call_traits traits = {});

    /// Asks for consent to a tool's call. @param ask who is asked here and now; none: the run is suspended until somebody decides
    /// (run_status::awaiting_approval), which a durable run can. @param schema what edited arguments must fit
    /// @param why for whoever decides; recorded
    /// @param wrong what else makes edited arguments unfit for the call; "": nothing. Ones that do not fit decide nothing.
    task<approval_decision> ask_approval(std::string path, std::string tool, json::value arguments, json::value schema,
                                         std::function<task<approval_decision>()> ask, std::string why = {},
                                         std::function<std::string(const json::object&)> wrong = {});
    /// Whether `ask_approval` without `ask` gets an answer: the run can wait for one, or its journal has one.
    bool can_await_approval(std::string_view path) const;
    bool is_durable() const;

    /// What the run has met until now.
    const flow_state& flow() const;
    /// Calls that are made together are met together, before the first of them begins. @param where besides by a call: "its description"
    void meet(flow_flags f, std::string tool, std::string where = "called in the same step");
    /// Before each call of a tool, once: whether the flow policy wants consent to it, or the journal says that it was asked for.
    struct flow_question {
        bool asks = false;
        std::string path{};  ///< for `ask_approval`
        std::string why{};
    };
    flow_question question_flow(const std::string& path, const std::string& tool, flow_flags flags, const json::value& arguments);

    /// Within a tool: the same for each attempt at this call, also after a crash and where somebody had it repeated, and for no other call.
    /// Hand it on to a service that does things once per key.
    std::string idempotency_key() const;

    /// A durable run's id; of another one a random name.
    const std::string& id() const;

    /// The time of day; the same again when the run is replayed. @param path whose clock it is; one of your choice
    std::chrono::system_clock::time_point now(std::string_view path = {});

    /// A number in [0, 1); the same again when the run is replayed.
    double random(std::string_view path = {});

    /// Goes on when the condition holds. Else the program starts again from the call that `target` names: effects before it
    /// are answered from the journal, its predictor is asked again and sees what it answered and `message`, and everything
    /// after it happens anew. At most `run_options::max_backtracks` times for this assertion and that call.
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

    /// As `assert_that`, but only a wish: when no backtrack is left, it is logged and the program goes on. The program goes
    /// on to its next effect before it starts again, so that suggestions and assertions in a row are told together.
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

    /// What a predictor has to know when it is called.
    struct begun_call {
        call_place place;
        const std::vector<feedback>* earlier = nullptr;  ///< attempts at this call that were sent back; null when there are none
        std::string advice{};                            ///< of the variation
        std::uint32_t splits = 0;
    };

    /// For predictors: tells that `path` is called, before its first model call, and that it has returned.
    begun_call begin_call(const std::string& path);
    void mark_private(const std::string& path, const signature& s, const json::object& inputs);  ///< what of a call is private
    void mark_private(const std::set<std::string>& names);                                       ///< of a tool's arguments
    void finish_call(const program_part& who, const begun_call& call, json::object inputs, const json::object& outputs,
                     recorded_text trajectory = {});

    /// A handle for a concurrent part of the run; `parallel` and its like make them, run them by `detail::attempts`, and
    /// `join` them. @param index tells it from its siblings, stably
    run branch(std::size_t index, std::shared_ptr<const variation> v = {}) const;

    /// Within a tool's effect: a handle for what the tool itself does by the run. Nothing outside of the tool can be
    /// blamed there, nor what is inside from outside.
    run branch_of_tool() const;

    /// Indexes for `n` new branches. @return the first
    std::size_t reserve_branches(std::size_t n);

    /// Takes over what a branch that has ended did: its predictors' calls can be blamed here. @param counts false: they are
    /// forgotten, and are no part of the trace
    void join(const run& ended, bool counts = true);

    const variation* current_variation() const { return variation_.get(); }

    // For detail::attempts: what ends an attempt, and what begins the next.
    void settle();
    bool reaches(const detail::backtrack& b) const { return is_within(b.target.branch, branch_); }
    void rewind(const detail::backtrack& b);

    /// Does `work` on the thread pool for blocking calls and returns what it returns. When the run is cancelled, the
    /// task ends at once; the work goes on to its end, unheard, so it must own what it uses.
    task<json::value> blocking(std::function<json::value()> work);

    http::client& http();
    void notify(run_event e) const;  ///< tells `on_event`; branch is filled in

    /// A prompt that is the same all through the run, made at first use.
    std::shared_ptr<const prompt_template> prompt(const std::string& key,
                                                  const std::function<std::shared_ptr<const prompt_template>()>& make);

    /// Throws run_error(cancelled) when somebody cancelled the run. For loops that do not await.
    void check() const;

private:
    struct made_call {
        const program_part* who;
        std::shared_ptr<const predictor_call> call;
        std::uint32_t splits;
    };
    struct wish {  // a suggestion that failed, until the next effect
        failed_assertion what;
        std::size_t blamed;
    };
    struct way_back {
        call_place target;
        bool reached = false;
    };

    task<void> begin_effect();
    task<void> park(run_status why, std::uint64_t id);
    struct edit_check;
    task<approval_decision> wait_for_consent(event& e, const edit_check& edits);
    bool is_consent_to_act(const event& known);
    task<bool> settle_open(event& e, const effect_begun& before, tool_call_traits traits);
    void record_fresh(event e);
    bool is_recording() const;
    std::uint32_t occurrence(event_kind kind, std::string_view path);
    std::uint32_t upcoming(event_kind kind, std::string_view path) const;
    std::chrono::microseconds elapsed() const;
    void record(event e);
    std::optional<event> recorded(event_kind kind, std::string_view path, std::uint32_t occurrence);
    event started(event_kind kind, std::string_view path, std::uint32_t occurrence) const;
    void before_effect() {
        if (!wishes_.empty() || unwinding_) turn_back();
    }
    void turn_back();
    [[noreturn]] void go_back(std::vector<wish> reasons);
    void failed(bool soft, std::string message, const assertion_target& target, const std::source_location& site);
    void go_live();
    static std::string unmet(std::initializer_list<condition> conditions);
    const made_call* find_call(const assertion_target& target, std::size_t& index) const;

    std::shared_ptr<state> state_;
    std::string branch_;
    std::size_t branches_ = 0;
    std::vector<std::pair<std::string, std::uint32_t>> occurrences_;

    std::vector<made_call> calls_;  // of predictors, on the way that led here; the first ones are the parent's
    std::size_t inherited_calls_ = 0;
    std::vector<wish> wishes_;
    std::optional<detail::backtrack> unwinding_;  // thrown, and not yet arrived
    std::shared_ptr<way_back> way_back_;          // while a program starts again: where to
    std::shared_ptr<const variation> variation_;
    bool turned_back_ = false;  // `way_back_` is this handle's own
    bool live_ = false;         // nothing more is answered from the journal
    bool rewinding_ = false;    // what happens has been told before
    std::uint64_t effect_ = 0;  // the tool's call that this handle is in
    std::string key_;           // its idempotency key, where an earlier attempt has given it; "": by `effect_`
    std::string tool_;          // and the tool
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
