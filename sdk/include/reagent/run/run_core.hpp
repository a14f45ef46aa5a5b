#pragma once

// What a run is for modules, tools and agents: a program uses run.hpp.

#include <reagent/journal/journal_record.hpp>
#include <reagent/run/call_shape.hpp>
#include <reagent/run/program_part.hpp>
#include <reagent/run/run_options.hpp>

#include <source_location>
#include <variant>

namespace reagent {

class assertion_target;
class run;
struct condition;
struct signature;
enum class run_status;

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

/// What a `run` is besides for those who write modules, tools and agents: effects, consent, branches, and what
/// predictors tell of their calls. A part of `run`, and nothing by itself.
class run_core {
public:
    struct state;

    const reagent::parameters* parameters() const;
    const std::map<std::string, reagent::usage>& usage_by_model() const;  ///< by the names that the providers give
    const std::string& branch_name() const { return branch_; }
    std::string branch_name(std::size_t index) const;  ///< of a branch of this one

    /// Calls a language model, or answers from the journal. `model` null: the run's own.
    /// @param on_event where given, the answer is streamed and each of its events told; not those of a replayed call
    /// @throws run_error(no_language_model, budget_*, replay_mismatch, journal_full), lm_error, http_error
    task<std::shared_ptr<const lm_response>> call_model(std::string path, language_model model, lm_request request,
                                                        std::function<void(const lm_event&)> on_event = {});
    template <class F>
    requires(!detail::survives_await<F>) task<std::shared_ptr<const lm_response>> call_model(std::string path,
                                                                                             language_model model,
                                                                                             lm_request request, F&&) {
        static_assert(detail::callback_survives<F>());
        return call_model(std::move(path), std::move(model), std::move(request));
    }
    /// As above for a request that is made only where it is needed: an answer from the journal whose event has the same
    /// fingerprint is the answer to it. @param fingerprint the same for requests with the same messages and tools and
    /// for no others; asked for where there is such an event, or one is written to a store or a file
    task<std::shared_ptr<const lm_response>> call_model(std::string path, language_model model,
                                                        std::function<lm_request()> make,
                                                        std::function<std::string()> fingerprint,
                                                        std::function<void(const lm_event&)> on_event = {});

    /// For authors of modules: what the next model call at `path` asked when the journal, which will answer it, was
    /// written; null: no journal answers it. So a module whose requests have changed replays its older journals.
    std::shared_ptr<const recorded_request> upcoming_request(std::string_view path) const;

    /// Does what `effect` does, or answers from the journal. Exceptions of `effect` are recorded and thrown on.
    /// In a durable run the call is stored before `effect`, its result after it; one that was under way in a crash is
    /// made again only where `traits` allow it, else the run stops and asks (run_status::outcome_unknown).
    task<json::value> call_tool(std::string path, std::string tool, json::value arguments,
                                std::function<task<json::value>()> effect, tool_call_traits traits = {});
    template <class F>
    requires(!detail::survives_await<F>) task<json::value> call_tool(std::string path, std::string tool,
                                                                     json::value arguments, F&&,
                                                                     tool_call_traits traits = {}) {
        static_assert(detail::callback_survives<F>());
        return call_tool(std::move(path), std::move(tool), std::move(arguments), std::function<task<json::value>()>{},
                         traits);
    }

    /// Asks for consent to a tool's call. @param ask who is asked here and now; none: the run is suspended until
    /// somebody decides (run_status::awaiting_approval), which a durable run can. @param schema what edited arguments
    /// must fit
    /// @param why for whoever decides; recorded
    /// @param wrong what else makes edited arguments unfit for the call; "": nothing. Ones that do not fit decide
    /// nothing.
    task<approval_decision> ask_approval(std::string path, std::string tool, json::value arguments, json::value schema,
                                         std::function<task<approval_decision>()> ask, std::string why = {},
                                         std::function<std::string(const json::object&)> wrong = {});
    /// Whether `ask_approval` without `ask` gets an answer: the run can wait for one, or its journal has one.
    bool can_await_approval(std::string_view path) const;
    bool is_durable() const;

    /// What the run has met until now.
    const flow_state& flow() const;
    /// Calls that are made together are met together, before the first of them begins. @param where besides by a call:
    /// "its description"
    void meet(flow_flags f, std::string tool, std::string where = "called in the same step");
    /// Before each call of a tool, once: whether the flow policy wants consent to it, or the journal says that it was
    /// asked for.
    struct flow_question {
        bool asks = false;
        std::string path{};  ///< for `ask_approval`
        std::string why{};
    };
    flow_question question_flow(const std::string& path, const std::string& tool, flow_flags flags,
                                const json::value& arguments);

    /// What a predictor has to know when it is called.
    struct begun_call {
        call_place place;
        const std::vector<feedback>* earlier =
            nullptr;           ///< attempts at this call that were sent back; null when there are none
        std::string advice{};  ///< of the variation
        std::uint32_t splits = 0;
    };

    /// For predictors, before `begin_call`: takes the path for this module. Two that live at once cannot have one path:
    /// parameters and advice for one would reach both. @param alive gone with the module @throws
    /// run_error(ambiguous_path)
    void take_path(const std::string& path, const signature& s, const std::shared_ptr<const void>& alive);
    /// What runs from here on is another program, as a metric is: it may use the paths again.
    void release_paths();

    /// For predictors: tells that `path` is called, before its first model call, and that it has returned.
    begun_call begin_call(const std::string& path);
    void mark_private(const std::string& path, const signature& s,
                      const json::object& inputs);          ///< what of a call is private
    void mark_private(const std::set<std::string>& names);  ///< of a tool's arguments
    void finish_call(const program_part& who, const begun_call& call, json::object inputs, const json::object& outputs,
                     recorded_text trajectory = {});

    /// A handle for a concurrent part of the run; `parallel` and its like make them, run them by `detail::attempts`,
    /// and `join` them. @param index tells it from its siblings, stably
    run branch(std::size_t index, std::shared_ptr<const variation> v = {}) const;

    /// Within a tool's effect: a handle for what the tool itself does by the run. Nothing outside of the tool can be
    /// blamed there, nor what is inside from outside.
    run branch_of_tool() const;

    /// Indexes for `n` new branches. @return the first
    std::size_t reserve_branches(std::size_t n);

    /// Takes over what a branch that has ended did: its predictors' calls can be blamed here. @param counts false: they
    /// are forgotten, and are no part of the trace
    void join(const run& ended, bool counts = true);

    const variation* current_variation() const { return variation_.get(); }

    // For detail::attempts: what ends an attempt, and what begins the next.
    void settle();
    bool reaches(const detail::backtrack& b) const { return is_within(b.target.branch, branch_); }
    void rewind(const detail::backtrack& b);

    void notify(run_event e) const;  ///< tells `on_event`; branch is filled in

    /// A prompt that is the same all through the run, made at first use.
    std::shared_ptr<const prompt_template> prompt(const std::string& key,
                                                  const std::function<std::shared_ptr<const prompt_template>()>& make);

private:
    friend class run;  // which is the one that there is

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

    run_core(std::shared_ptr<state> s, std::string branch);

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
    std::uint64_t inside_ = 0;  // the call of a tool whose own program this is: its paths are its own
};

}  // namespace reagent
