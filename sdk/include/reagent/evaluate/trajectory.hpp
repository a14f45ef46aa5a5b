#pragma once

#include <reagent/evaluate/metrics.hpp>

#include <string>
#include <vector>

namespace reagent {

/// A call of a tool that a run made, whatever came of it.
struct tool_use {
    std::string tool{};
    json::value arguments{}, result{};
    std::string error{};  ///< why it failed; "" when it did not
};

/// The calls of tools in a run, in the order in which they began; what backtracks undid is left out.
std::vector<tool_use> tool_uses(const journal& history);

/// What a run did that a better one would not: calls that failed, and calls that were made before with the same
/// arguments. A line each.
std::vector<std::string> wasted_steps(const journal& history);

// --- metrics on the way a result was found ---------------------------------------------------------------------------
// The label lists the calls that are expected: names of tools, or objects {"tool": name, "arguments": {...}}. Every
// metric says as feedback what is missing, superfluous or different.

/// F1 of the tools that were called and those that are expected, each as often as it is called; order makes no
/// difference.
metric tool_correctness_of(std::string label);
/// How much of the expected order is there: the longest common subsequence, by the longer of both.
metric tool_order_of(std::string label);
/// The mean over the expected calls of the share of their arguments that the most similar call of this tool has. Each
/// call counts for one expected call; arguments that are not expected are no fault.
metric tool_arguments_of(std::string label);
/// 1 for at most `most` calls of tools; beyond it `most` by their number.
metric tool_steps_within(std::size_t most);
/// 1 for a run that costs at most so many dollars (calls without a known price cost nothing), or tokens; beyond it the
/// limit by what it cost.
metric cost_within(double dollars);
metric tokens_within(std::uint64_t tokens);

/// "tool_correctness:LABEL", "tool_order:LABEL", "tool_arguments:LABEL", "tool_steps:N", "cost:DOLLARS", "tokens:N";
/// null for others.
/// @throws program_error(mismatch) for a number that is none
metric trajectory_metric_named(std::string_view text);

}  // namespace reagent
