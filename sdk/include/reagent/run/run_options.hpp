#pragma once

#include <reagent/adapter/adapter.hpp>
#include <reagent/journal/journal.hpp>
#include <reagent/run/flow.hpp>
#include <reagent/run/history_limits.hpp>

#include <functional>
#include <map>
#include <optional>
#include <set>

namespace reagent {

struct parameters;
class retriever;

/// What a run may use up. A run that reaches a limit ends with run_error. Tokens and dollars are passed by what one
/// call uses at most: near the limit branches that ask at once wait for each other.
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
        piece,  ///< field, text: with run_options::stream, what an output has grown by; field "": the model's reasoning
        restart,    ///< what the pieces of this path showed does not count: the model is asked again
        backtrack,  ///< error: an assertion or a suggestion did not hold, and this path is asked again, told of it
        note,       ///< error holds a remark: a completion that could not be read, a shortened trajectory
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
    /// Fields of signatures and arguments of tools whose values stand in no log and no telemetry, besides those that
    /// signatures mark
    /// (`is_private`). Values of four bytes and more are also looked for in other texts there. Journals hold them.
    std::set<std::string> private_fields{};
    reagent::adapter adapter = reagent::adapter::chat;
    bool json_fallback = true;     ///< ask once more, for JSON, when a chat completion cannot be read
    reagent::sampling sampling{};  ///< for every call of this run
    std::shared_ptr<const reagent::parameters> parameters{};
    std::size_t max_journal_bytes = 256 * 1024 * 1024;
    std::shared_ptr<const journal> replay{};  ///< effects recorded here are answered from here
    /// With `replay`: told of a place where the program asks something else than the journal has, and how; the run goes
    /// on with what the journal has. None: the first difference ends the run with run_error(replay_mismatch).
    std::function<void(const std::string& place, const std::string& difference)> on_difference{};
    bool stream = false;                               ///< tell `on_event` of outputs while they are written
    std::function<void(const run_event&)> on_event{};  ///< called on the run's thread; must not block
    std::uint64_t seed = 0;                            ///< of the run's random numbers; 0: from the machine
    std::uint64_t rollout_id = 0;    ///< of every request: a cache keeps runs with different ones apart
    std::size_t max_retries = 3;     ///< of a call whose answer cannot be read or breaks a constraint
    std::size_t max_backtracks = 3;  ///< for each assertion and suggestion, and each call that it blames

    flow_policy flow{};  ///< which calls of tools need consent, for what the run has read before

    /// Whom `rg::retrieve` modules ask that have none of their own.
    std::shared_ptr<const reagent::retriever> retriever{};

    history_limits history{};  ///< of a run that is a turn of a conversation

    /// How long a consent holds until the call is made; an older one is asked for again. 0: for ever.
    std::chrono::milliseconds consent_lifetime{std::chrono::hours{24}};

    /// What stands around every model that the run calls, a predictor's own included; called with the model, may return
    /// it as it is.
    std::function<language_model(const language_model&)> around{};

    /// Of a durable run: what its journal says of the worker's options whenever it is taken up, for whoever goes on
    /// with it
    /// (`run_taken::about`). No secrets.
    json::object about{};
};

inline language_model::operator run_options() const { return {.lm = *this}; }

}  // namespace reagent
