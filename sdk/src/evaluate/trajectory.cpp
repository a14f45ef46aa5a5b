#include <reagent/evaluate/trajectory.hpp>

#include <reagent/schema/render.hpp>

#include "../base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace reagent {
namespace {

struct expected_call {
    std::string tool;
    json::object arguments;
};

std::vector<expected_call> expected_calls(const example& e, const std::string& label) {
    const auto* v = e.find(label);
    if (!v || !v->is_array())
        throw program_error{program_errc::mismatch, "the label `" + label + "` is no list of expected calls of tools"};
    std::vector<expected_call> calls;
    for (const auto& one : v->get_array()) {
        const auto* o = one.if_object();
        const auto* name = o ? o->if_contains("tool") : &one;
        if (!name || !name->is_string())
            throw program_error{program_errc::mismatch,
                                "the label `" + label + "` holds " + cut(dump_json(one), 80) + ", which names no tool"};
        auto& call = calls.emplace_back(expected_call{std::string{name->get_string()}, {}});
        const auto* arguments = o ? o->if_contains("arguments") : nullptr;
        if (arguments && arguments->is_object()) call.arguments = arguments->get_object();
    }
    return calls;
}

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& n : names) text += (text.empty() ? "`" : ", `") + n + "`";
    return text.empty() ? "none" : text;
}

template <class Calls>
std::vector<std::string> names_of(const Calls& calls) {
    std::vector<std::string> names;
    for (const auto& c : calls) names.push_back(c.tool);
    return names;
}

// What of `all` is left when each of `taken` takes one away.
std::vector<std::string> left_of(std::vector<std::string> all, const std::vector<std::string>& taken) {
    for (const auto& t : taken)
        if (auto at = std::find(all.begin(), all.end(), t); at != all.end()) all.erase(at);
    return all;
}

judgement rated_tools(const std::vector<std::string>& expected, const std::vector<std::string>& made) {
    const auto missing = left_of(expected, made), superfluous = left_of(made, expected);
    if (missing.empty() && superfluous.empty()) return {1, {}};
    const auto both = static_cast<double>(2 * (expected.size() - missing.size()));
    std::string said = missing.empty() ? "" : "not called: " + listed(missing);
    if (!superfluous.empty())
        said += (said.empty() ? "" : "; ") + std::string{"called without need: "} + listed(superfluous);
    return {both / static_cast<double>(expected.size() + made.size()), said};
}

judgement rated_order(const std::vector<std::string>& expected, const std::vector<std::string>& made) {
    std::vector<std::vector<std::size_t>> common(expected.size() + 1, std::vector<std::size_t>(made.size() + 1));
    for (std::size_t i = 1; i <= expected.size(); ++i)
        for (std::size_t j = 1; j <= made.size(); ++j)
            common[i][j] = expected[i - 1] == made[j - 1] ? common[i - 1][j - 1] + 1
                                                          : std::max(common[i - 1][j], common[i][j - 1]);
    if (expected == made) return {1, {}};
    return {static_cast<double>(common[expected.size()][made.size()]) /
                static_cast<double>(std::max(expected.size(), made.size())),
            "expected the calls " + listed(expected) + ", in this order; made were " + listed(made)};
}

double share_of_arguments(const expected_call& wanted, const tool_use& made) {
    if (wanted.arguments.empty()) return 1;
    const auto* given = made.arguments.if_object();
    double same = 0;
    for (const auto& [name, value] : wanted.arguments)
        if (const auto* v = given ? given->if_contains(name) : nullptr; v && equal_json(*v, value)) ++same;
    return same / static_cast<double>(wanted.arguments.size());
}

judgement rated_arguments(const std::vector<expected_call>& expected, std::vector<tool_use> made) {
    if (expected.empty()) return {1, {}};
    double sum = 0;
    std::string said;
    for (const auto& wanted : expected) {
        auto best = made.end();
        double most = -1;
        for (auto it = made.begin(); it != made.end(); ++it)
            if (double share = it->tool == wanted.tool ? share_of_arguments(wanted, *it) : -1; share > most)
                most = share, best = it;
        if (most < 1)
            said += (said.empty() ? "" : "; ") + std::string{"expected `"} + wanted.tool + "` with " +
                    cut(dump_json(json::value(wanted.arguments)), 200) +
                    (best == made.end() ? ", which was not called"
                                        : ", called with " + cut(dump_json(best->arguments), 200));
        if (best == made.end()) continue;
        sum += most;
        made.erase(best);
    }
    return {sum / static_cast<double>(expected.size()), said};
}

judgement within(double limit, double spent, const std::string& what) {
    if (spent <= limit) return {1, {}};
    return {limit / spent, what};
}

// "0.05" and "12"; nothing else.
double number_in(std::string_view text, std::string_view all) {
    double value = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value < 0)
        throw program_error{program_errc::mismatch,
                            "the metric \"" + std::string{all} + "\" needs a number of 0 or more"};
    return value;
}

}  // namespace

std::vector<tool_use> tool_uses(const journal& history) {
    std::vector<const event*> calls;
    for (const auto& e : history.events())
        if (e.kind == event_kind::tool_call) calls.push_back(&e);
    std::stable_sort(calls.begin(), calls.end(), [](const event* a, const event* b) { return a->id < b->id; });
    std::vector<tool_use> uses;
    for (const event* e : calls) uses.push_back({e->tool, e->arguments, e->result, e->error});
    return uses;
}

std::vector<std::string> wasted_steps(const journal& history) {
    std::vector<std::string> said;
    const auto uses = tool_uses(history);
    for (std::size_t i = 0; i < uses.size(); ++i) {
        const auto& u = uses[i];
        const std::string call = "`" + u.tool + "` with " + cut(dump_json(u.arguments), 120);
        if (!u.error.empty()) said.push_back("the call of " + call + " failed: " + cut(u.error, 160));
        for (std::size_t before = 0; before < i; ++before)
            if (uses[before].tool == u.tool && equal_json(uses[before].arguments, u.arguments)) {
                said.push_back("the call of " + call + " was made before, with the same arguments");
                break;
            }
    }
    return said;
}

metric tool_correctness_of(std::string label) {
    return make_metric([label = std::move(label)](const rated_run& r) {
        return rated_tools(names_of(expected_calls(r.expected, label)), names_of(tool_uses(r.history)));
    });
}

metric tool_order_of(std::string label) {
    return make_metric([label = std::move(label)](const rated_run& r) {
        return rated_order(names_of(expected_calls(r.expected, label)), names_of(tool_uses(r.history)));
    });
}

metric tool_arguments_of(std::string label) {
    return make_metric([label = std::move(label)](const rated_run& r) {
        return rated_arguments(expected_calls(r.expected, label), tool_uses(r.history));
    });
}

metric tool_steps_within(std::size_t most) {
    return make_metric([most](const rated_run& r) {
        const auto made = tool_uses(r.history).size();
        return within(static_cast<double>(most), static_cast<double>(made),
                      std::to_string(made) + " calls of tools, where " + std::to_string(most) + " should do");
    });
}

namespace {

// As the run's report counts: also what backtracks undid, and what failed calls used.
usage spent_in(const journal& history) {
    usage all;
    for (const auto* events : {&history.events(), &history.abandoned()})
        for (const auto& e : *events) all += e.response ? e.response->usage : e.used;
    return all;
}

}  // namespace

metric cost_within(double dollars) {
    return make_metric([dollars](const rated_run& r) -> judgement {
        const double spent = spent_in(r.history).cost.value_or(0);
        return within(dollars, spent,
                      "the run cost $" + python_float(spent) + ", where $" + python_float(dollars) + " should do");
    });
}

metric tokens_within(std::uint64_t tokens) {
    return make_metric([tokens](const rated_run& r) -> judgement {
        const auto spent = spent_in(r.history).tokens();
        return within(
            static_cast<double>(tokens), static_cast<double>(spent),
            "the run took " + std::to_string(spent) + " tokens, where " + std::to_string(tokens) + " should do");
    });
}

metric trajectory_metric_named(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == text.npos) return {};
    const std::string_view name = text.substr(0, colon), rest = text.substr(colon + 1);
    if (name == "tool_correctness") return tool_correctness_of(std::string{rest});
    if (name == "tool_order") return tool_order_of(std::string{rest});
    if (name == "tool_arguments") return tool_arguments_of(std::string{rest});
    if (name == "tool_steps") return tool_steps_within(static_cast<std::size_t>(number_in(rest, text)));
    if (name == "cost") return cost_within(number_in(rest, text));
    if (name == "tokens") return tokens_within(static_cast<std::uint64_t>(number_in(rest, text)));
    return {};
}

}  // namespace reagent
