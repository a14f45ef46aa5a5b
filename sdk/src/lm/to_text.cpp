#include <reagent/lm/to_text.hpp>

namespace reagent {
namespace {

std::string called(const std::string& name, std::string_view arguments) {
    return "-> " + name + " " + std::string{arguments} + "\n";
}

}  // namespace

std::string to_text(const lm_request& request) {
    std::string text;
    for (const auto& m : request.messages) {
        text += std::string{to_string(m.role)} + (m.tool_call_id.empty() ? "" : " (result of " + m.tool_call_id + ")") +
                ":\n" + m.content;
        if (!m.content.empty() && m.content.back() != '\n') text += '\n';
        for (const auto& c : m.tool_calls) text += called(c.name, c.arguments);
        if (!m.images.empty()) text += "(" + std::to_string(m.images.size()) + " images)\n";
        text += '\n';
    }
    if (request.tools.empty()) return text;
    text += "tools offered:";
    for (const auto& t : request.tools) text += " " + t.name;
    return text + "\n";
}

std::string to_text(const lm_response& response) {
    std::string text = response.text;
    if (!text.empty() && text.back() != '\n') text += '\n';
    for (const auto& c : response.tool_calls) text += called(c.name, c.arguments);
    if (response.finish != finish_reason::stop && response.finish != finish_reason::tool_calls)
        text += "(ended by " + std::string{to_string(response.finish)} + ")\n";
    return text;
}

}  // namespace reagent
