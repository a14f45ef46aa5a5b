#include "written_calls.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace reagent::detail {
namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view s) {
    s.remove_prefix(std::min(s.find_first_not_of(blanks), s.size()));
    return s.substr(0, s.find_last_not_of(blanks) + 1);
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
    static constexpr std::string_view members[]{"name",  "arguments",     "parameters", "id",       "type",
                                                "index", "function_call", "function",   "tool_call"};
    for (const auto& member : o)  // what else is said beside it may be why it stands there
        if (std::find(std::begin(members), std::end(members), std::string_view{member.key()}) == std::end(members)) return {};
    if (o.contains("arguments") && o.contains("parameters")) return {};
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
    if (done.closed || done.fence || done.several || !repeated.empty() || !v.is_structured()) return {};
    return v;
}

using tool_names = std::function<bool(std::string_view)>;
using found_calls = std::optional<std::vector<tool_call>>;
constexpr std::size_t most_calls = 64;

bool take(std::string_view& text, std::string_view begin) {
    if (!text.starts_with(begin)) return false;
    text = trimmed(text.substr(begin.size()));
    return true;
}

// Up to `end`, which is taken too.
std::optional<std::string_view> take_until(std::string_view& text, std::string_view end) {
    auto at = text.find(end);
    if (at == text.npos) return {};
    auto part = text.substr(0, at);
    text = trimmed(text.substr(at + end.size()));
    return part;
}

// The text of a parameter, without the line ends around it.
std::string_view parameter_text(std::string_view text) {
    if (text.starts_with('\n')) text.remove_prefix(1);
    if (text.ends_with('\n')) text.remove_suffix(1);
    return text;
}

// `<parameter=NAME>` ... `</parameter>`, one after the other and nothing else.
std::optional<json::object> parameters_in(std::string_view text) {
    json::object all;
    for (text = trimmed(text); !text.empty();) {
        if (!text.starts_with("<parameter=")) return {};
        text.remove_prefix(std::string_view{"<parameter="}.size());
        auto end = text.find('>');
        if (end == text.npos) return {};
        auto name = trimmed(text.substr(0, end));
        text.remove_prefix(end + 1);
        auto value = take_until(text, "</parameter>");
        if (!value || name.empty() || value->find("<parameter=") != value->npos || all.contains(name)) return {};
        all[name] = parameter_text(*value);
    }
    return all;
}

// `<function=NAME>` with JSON, parameters or nothing in it, at the beginning of `text`.
std::optional<tool_call> take_function(std::string_view& text, const tool_names& is_tool) {
    if (!take(text, "<function=")) return {};
    auto name = take_until(text, ">");
    auto inner = name ? take_until(text, "</function>") : std::nullopt;
    if (!inner || !is_tool(trimmed(*name)) || inner->find("<function=") != inner->npos) return {};
    tool_call c;
    c.name = trimmed(*name);
    auto body = without_fence(trimmed(*inner));
    if (body.starts_with('{')) {
        auto v = whole_json(body);
        if (!v || !v->is_object()) return {};
        c.arguments = dump_json(*v);
        return c;
    }
    auto parameters = parameters_in(body);
    if (!parameters) return {};
    c.arguments = dump_json(json::value(std::move(*parameters)));
    return c;
}

// One object, or a list of them, each a call.
found_calls calls_in_json(std::string_view text, const tool_names& is_tool) {
    auto v = whole_json(text);
    if (!v) return {};
    std::vector<tool_call> calls;
    if (v->is_object()) {
        if (auto call = call_of(*v, is_tool)) return calls.push_back(std::move(*call)), calls;
        return {};
    }
    for (const auto& one : v->get_array()) {
        auto call = call_of(one, is_tool);
        if (!call || calls.size() >= most_calls) return {};
        calls.push_back(std::move(*call));
    }
    return calls;
}

// `<tool_call>` around JSON or a function; only the last may lack its end.
found_calls take_block(std::string_view& text, const tool_names& is_tool) {
    if (!take(text, "<tool_call>")) return {};
    if (text.starts_with("<function=")) {
        auto call = take_function(text, is_tool);
        if (!call || (!take(text, "</tool_call>") && !text.empty())) return {};
        return std::vector<tool_call>{std::move(*call)};
    }
    auto inner = text.substr(0, text.find("</tool_call>"));
    text = trimmed(text.substr(std::min(inner.size() + std::string_view{"</tool_call>"}.size(), text.size())));
    return calls_in_json(without_fence(trimmed(inner)), is_tool);
}

found_calls calls_in_sequence(std::string_view text, const tool_names& is_tool) {
    std::vector<tool_call> calls;
    while (!text.empty()) {
        found_calls some;
        if (text.starts_with("<tool_call>"))
            some = take_block(text, is_tool);
        else if (auto call = take_function(text, is_tool))
            some.emplace().push_back(std::move(*call));
        if (!some || calls.size() + some->size() > most_calls) return {};
        for (auto& c : *some) calls.push_back(std::move(c));
    }
    return calls;
}

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return out;
}

// Tokens of a template that end a turn.
std::string_view without_turn_end(std::string_view text) {
    for (bool again = true; std::exchange(again, false);)
        for (std::string_view end : {"<|eom_id|>", "<|eot_id|>", "<|im_end|>", "</s>", "<|call|>"})
            if (text.ends_with(end)) text = trimmed(text.substr(0, text.size() - end.size())), again = true;
    return text;
}

}  // namespace

std::vector<tool_call> written_calls(std::string_view text, const std::function<bool(std::string_view)>& is_tool) {
    text = without_turn_end(without_fence(trimmed(text)));
    found_calls calls;
    if (text.starts_with("<tool_call>") || text.starts_with("<function="))
        calls = calls_in_sequence(text, is_tool);
    else if (take(text, "[TOOL_CALLS]") || take(text, "<|python_tag|>") || text.starts_with('{') || text.starts_with('['))
        calls = calls_in_json(text, is_tool);
    return calls ? std::move(*calls) : std::vector<tool_call>{};
}

std::string_view call_markup(std::string_view text) {
    // What templates and servers of open models put around a call, in lower case.
    static constexpr std::string_view known[]{"<tool_call",
                                              "</tool_call",
                                              "<toolcall",
                                              "<tool_use",
                                              "<tool_code",
                                              "<function=",
                                              "<function_call",
                                              "<functioncall",
                                              "</function>",
                                              "<invoke ",
                                              "<parameter=",
                                              "<|python_tag|>",
                                              "<|tool_call",
                                              "<|tool_use",
                                              "<|tool_code",
                                              "<|tool>",
                                              "<|action_start|>",
                                              "<|plugin|>",
                                              "<start_function_call>",
                                              "[tool_call",
                                              "[tool_request]",
                                              "[/tool_request]",

                                              "functools[",
                                              "```tool_code",
                                              "```tool_call",
                                              "<|channel|>commentary",
                                              "to=functions.",
                                              "<|start_action|>",
                                              "<longcat_tool_call",
                                              "<minimax:tool_call",
                                              "<seed:tool_call",
                                              "<\uff5ctool\u2581",
                                              "<\uff5cdsml\uff5c",
                                              "\u25c1tool_call"};
    const std::string whole = lower(text);
    for (auto markup : known)
        if (whole.find(markup) != whole.npos) return markup;
    text = without_fence(trimmed(text));
    if (!text.starts_with('{') && !text.starts_with('[')) return {};
    json::value v = repair_json(text);
    const json::value* first = v.is_array() && !v.get_array().empty() ? &v.get_array().front() : &v;
    if (!first->is_object()) return {};
    const auto& o = first->get_object();
    const bool called = o.contains("name") && (o.contains("arguments") || o.contains("parameters"));
    return called || o.contains("function_call") || o.contains("tool_calls") ? "a call in JSON" : "";
}

}  // namespace reagent::detail
