#include "written_calls.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <optional>

namespace reagent::detail {
namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view s) {
    s.remove_prefix(std::min(s.find_first_not_of(blanks), s.size()));
    return s.substr(0, s.find_last_not_of(blanks) + 1);
}

// Without thinking: up to its end, or, where it has none, nothing.
std::string_view behind_thinking(std::string_view text) {
    for (std::string_view end : {"</think>", "</thinking>"})
        if (auto at = text.rfind(end); at != text.npos) text.remove_prefix(at + end.size());
    for (std::string_view begin : {"<think>", "<thinking>"})
        if (text.find(begin) != text.npos) return {};
    return trimmed(text);
}

std::string_view without_fence(std::string_view text) {
    if (!text.starts_with("```") || !text.ends_with("```") || text.size() < 7) return text;
    auto line = text.find('\n');
    if (line == text.npos) return text;
    return trimmed(text.substr(line + 1, text.size() - line - 4));
}

std::optional<tool_call> call_of(const json::value& v, const std::function<bool(std::string_view)>& is_tool) {
    if (!v.is_object()) return {};
    const auto& o = v.get_object();
    for (const char* wrapper : {"function_call", "function", "tool_call"})
        if (auto* inner = o.if_contains(wrapper); inner && inner->is_object()) return call_of(*inner, is_tool);
    auto* name = o.if_contains("name");
    if (!name || !name->is_string() || !is_tool(name->get_string())) return {};
    const json::value* arguments = nullptr;
    for (const char* key : {"arguments", "parameters"})
        if (!arguments) arguments = o.if_contains(key);
    if (!arguments) return {};
    tool_call c;
    c.name = name->get_string();
    c.arguments = arguments->is_string() ? std::string{std::string_view{arguments->get_string()}} : dump_json(*arguments);
    return c;
}

// What of a block can be read, where nothing of it has to be guessed.
std::optional<json::value> whole_json(std::string_view text) {
    std::vector<std::string> repeated;
    repairs done;
    json::value v = repair_json(text, repeated, done);
    if (done.closed || done.fence || !repeated.empty() || !v.is_structured()) return {};
    return v;
}

std::vector<tool_call> in_blocks(std::string_view text, const std::function<bool(std::string_view)>& is_tool) {
    constexpr std::string_view open = "<tool_call>", close = "</tool_call>";
    std::vector<tool_call> calls;
    for (auto at = text.find(open); at != text.npos && calls.size() < 64;) {
        text.remove_prefix(at + open.size());
        auto end = std::min(text.find(close), text.size());
        auto v = whole_json(trimmed(text.substr(0, end)));
        auto call = v ? call_of(*v, is_tool) : std::nullopt;
        if (!call) return {};
        calls.push_back(std::move(*call));
        text = trimmed(text.substr(std::min(end + close.size(), text.size())));
        at = text.find(open);
        if (at != 0 && !text.empty()) return {};  // it is quoted in what the model says
    }
    return calls;
}

}  // namespace

std::vector<tool_call> written_calls(std::string_view text, const std::function<bool(std::string_view)>& is_tool) {
    text = behind_thinking(text);
    if (text.find("<tool_call>") != text.npos) return in_blocks(text, is_tool);
    text = without_fence(text);
    if (text.empty() || (text.front() != '{' && text.front() != '[')) return {};
    auto v = whole_json(text);
    if (!v) return {};
    std::vector<tool_call> calls;
    if (v->is_object()) {
        if (auto call = call_of(*v, is_tool)) calls.push_back(std::move(*call));
        return calls;
    }
    for (const auto& one : v->get_array()) {
        auto call = call_of(one, is_tool);
        if (!call || calls.size() >= 64) return {};
        calls.push_back(std::move(*call));
    }
    return calls;
}

}  // namespace reagent::detail
