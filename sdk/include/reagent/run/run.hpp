#pragma once

#include <reagent/adapter/adapter.hpp>
#include <reagent/error.hpp>
#include <reagent/run/journal.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <map>
#include <optional>

namespace reagent {

struct parameters;

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

struct run_options {
    run_options() = default;
    run_options(language_model model) : lm{std::move(model)} {}

    language_model lm{};
    reagent::adapter adapter = reagent::adapter::chat;
    bool json_fallback = true;     ///< ask once more, for JSON, when a chat completion cannot be read
    reagent::sampling sampling{};  ///< for every call of this run
    std::shared_ptr<const reagent::parameters> parameters{};
    reagent::budget budget{};
    std::chrono::milliseconds deadline{std::chrono::hours{1}};
    std::size_t max_journal_bytes = 256 * 1024 * 1024;
    std::shared_ptr<const journal> replay{};           ///< effects recorded here are answered from here
    bool stream = false;                               ///< tell `on_event` of outputs while they are written
    std::function<void(const run_event&)> on_event{};  ///< called on the run's thread; must not block
    std::uint64_t seed = 0;                            ///< of the run's random numbers; 0: from the machine
};

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

    /// Calls a language model, or answers from the journal. `model` null: the run's own.
    /// @param on_event where given, the answer is streamed and each of its events told; not those of a replayed call
    /// @throws run_error(no_language_model, budget_*, replay_mismatch, journal_full), lm_error, http_error
    task<std::shared_ptr<const lm_response>> call_model(std::string path, language_model model, lm_request request,
                                                        std::function<void(const lm_event&)> on_event = {});

    /// Does what `effect` does, or answers from the journal. Exceptions of `effect` are recorded and thrown on.
    task<json::value> call_tool(std::string path, std::string tool, json::value arguments, std::function<task<json::value>()> effect);

    /// The time of day; the same again when the run is replayed. @param path whose clock it is; one of your choice
    std::chrono::system_clock::time_point now(std::string_view path = {});

    /// A number in [0, 1); the same again when the run is replayed.
    double random(std::string_view path = {});

    /// A handle for a concurrent part of the run. @param index tells it from its siblings, stably
    run branch(std::size_t index);

    /// Indexes for `n` new branches. @return the first
    std::size_t reserve_branches(std::size_t n) { return std::exchange(branches_, branches_ + n); }

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
    std::uint32_t occurrence(event_kind kind, std::string_view path);
    std::chrono::microseconds elapsed() const;
    void record(event e);
    const event* recorded(event_kind kind, std::string_view path, std::uint32_t occurrence) const;

    std::shared_ptr<state> state_;
    std::string branch_;
    std::size_t branches_ = 0;
    std::vector<std::pair<std::string, std::uint32_t>> occurrences_;
};

}  // namespace reagent
