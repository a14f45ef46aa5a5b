#pragma once

#include <reagent/journal/flow.hpp>
#include <reagent/run/history_limits.hpp>
#include <reagent/task.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace reagent {

class run;

/// A turn of a conversation: what a program was given, which tools it called, and what it answered.
struct turn {
    json::object inputs{};  ///< without the history
    json::object outputs{};
    json::object trajectory{};  ///< calls of tools: `tool_name_0`, `tool_args_0`, `observation_0` and so on; each
                                ///< result cut to 16 KiB
    std::string run{};          ///< id of the durable run that it was
    flow_state flow{};          ///< what it had met at its end, with the turns before it
    std::chrono::system_clock::time_point at{};
};

/// A conversation, kept by its id in a `journal_store`. A turn is a durable run: it is part of the conversation once it
/// has finished, and what failed or was cancelled never was said.
struct session {
    std::string id{};
    std::string program{};      ///< of its last turn
    std::string parent{};       ///< the conversation that it was forked from
    std::vector<turn> turns{};  ///< all of them, whatever was summarized; oldest first
    std::string summary{};      ///< of the first `summarized` turns; stands for them in a prompt
    std::size_t summarized = 0;
    std::chrono::system_clock::time_point updated{};
};

json::object to_json(const turn& t);
turn turn_from_json(const json::object& o);
json::object to_json(const session& s);

/// Fewer hold no summary beside the newest turns: turns would be left out that nothing stands for.
inline constexpr std::size_t least_history_tokens = 500;

/// Of a conversation that a new run is given: beyond it the oldest results of tools are left out before the run is
/// stored.
inline constexpr std::size_t most_history_tokens = 250'000;

/// A conversation as an input of type `History`: `{"messages": [...], "summary": "...", "summarized": 3}`. A message
/// holds a turn's inputs and outputs by name, and its trajectory under `trajectory`; the summary stands for the turns
/// before them, and `flow` says what all of them have met.
json::object history_of(const session& s);

/// Roughly the tokens that a history takes of a prompt.
std::size_t tokens_of(const json::object& history);

/// Leaves out the results of tools of more than 200 bytes, the oldest first, until the history fits or none is left.
/// Pure. @return whether it fits
bool leave_out_tool_results(json::object& history, std::size_t tokens);

/// A history that fits: first the oldest results of tools go, then all but the newest turns are replaced by a summary,
/// for which the model is asked (an effect of the run, at `history_path`); what is too long even then is cut.
/// @throws what `run::call_model` throws
task<json::object> compacted(run& r, json::object history, history_limits limits);

}  // namespace reagent
