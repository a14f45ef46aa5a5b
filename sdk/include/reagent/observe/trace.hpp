#pragma once

#include <reagent/journal/journal_record.hpp>

#include <vector>

namespace reagent {

enum class span_kind { run, branch, predictor, model, tool, approval, clock, random, backtrack };
std::string_view to_string(span_kind k);

/// A part of a run with a beginning and an end. Spans form a tree; a parent stands before its children.
struct span {
    std::size_t parent = SIZE_MAX;  ///< index of another span; of the first, the run itself, none
    span_kind kind{};
    std::string name{};  ///< predictor path, model or tool
    std::string branch{};
    std::chrono::microseconds start{}, duration{};  ///< since the run began
    bool open = false;                              ///< began, and has no end in the journal
    bool abandoned = false;                         ///< a backtrack undid it
    std::string error{};
    const event* effect = nullptr;                ///< of a model call, tool, approval, clock or random number
    const predictor_call* call = nullptr;         ///< of a predictor that returned
    const failed_assertion* assertion = nullptr;  ///< of a backtrack
};

/// A journal, drawn. Points into `records`, which must outlive it.
std::vector<span> trace_of(const std::vector<journal_record>& records, std::string program);

/// What the run has met by its own calls of tools.
flow_state met_in(const std::vector<span>& trace);

/// For pages and programs: `{"about": ..., "spans": [...]}`, with everything that the spans point to.
/// @param content false: no prompts, completions, arguments and results
/// Prompts are whole as long as all of them together have at most `most_whole` bytes; from there on a content has an
/// `earlier`, the effect whose messages it continues, and its `messages` are as `recorded_request::to_json` has them:
/// an agent's prompts repeat each other, and whole they would take the square of its steps.
json::object to_json(const std::vector<span>& trace, const json::object& about, bool content = true,
                     std::size_t most_whole = 64 << 20);

/// What a span holds, as in `to_json`, with a whole prompt.
json::object content_of(const span& s);

}  // namespace reagent
