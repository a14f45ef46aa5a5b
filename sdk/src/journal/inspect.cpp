#include <reagent/journal/inspect.hpp>

#include <reagent/lm/to_text.hpp>

namespace reagent {
namespace {

std::string title(const event& e) {
    std::string text = "== " + e.model + " for " + (e.path.empty() ? "the program" : e.path);
    if (!e.branch.empty()) text += ", branch " + e.branch;
    text += ", " + std::to_string(e.duration.count() / 1000) + " ms";
    if (e.response) text += ", " + std::to_string(e.response->usage.tokens()) + " tokens";
    return text + "\n\n";
}

}  // namespace

std::string inspect(const journal& j, std::size_t n) {
    std::vector<const event*> calls;
    for (const auto& e : j.events())
        if (e.kind == event_kind::model_call) calls.push_back(&e);
    std::string text;
    for (std::size_t i = calls.size() - std::min(n, calls.size()); i < calls.size(); ++i) {
        const event& e = *calls[i];
        text += title(e);
        if (e.request) text += to_text(e.request->whole());
        text += "== answered:\n\n" + (e.response ? to_text(*e.response) : "nothing: " + e.error + "\n") + "\n";
    }
    return text;
}

}  // namespace reagent
