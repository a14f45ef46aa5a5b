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

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), text) != names.end();
}

// Arguments as an object, or as the text of one.
bool are_arguments(const json::value& v) {
    if (v.is_string()) return trimmed(v.get_string()).starts_with('{');
    return v.is_object() || v.is_null();
}

// An object that says nothing but a tool's name and arguments: what else is said beside them may be why it stands
// there.
std::optional<tool_call> call_of(const json::value& v, const find_tool& find) {
    if (!v.is_object()) return {};
    const json::value *name = nullptr, *arguments = nullptr, *inner = nullptr;
    for (const auto& [key, part] : v.get_object()) {
        const json::value** place = nullptr;
        if (is_one_of(key, {"function_call", "function", "tool_call"}) && part.is_object())
            place = &inner;
        else if (is_one_of(key, {"name", "tool_name", "toolName", "tool", "function", "function_name", "recipient_name",
                                 "action"}))
            place = &name;
        else if (is_one_of(key, {"arguments", "parameters", "args", "action_input", "tool_input", "input", "params",
                                 "kwargs", "tool_args"}))
            place = &arguments;
        else if (is_one_of(key, {"id", "type", "index", "call_id"}))
            continue;
        if (!place || *place) return {};
        *place = &part;
    }
    if (inner) return name || arguments ? std::nullopt : call_of(*inner, find);
    if (!name || !name->is_string() || !find(name->get_string()) || !arguments || !are_arguments(*arguments)) return {};
    tool_call c;
    c.name = name->get_string();
    c.arguments =
        arguments->is_string() ? std::string{std::string_view{arguments->get_string()}} : dump_json(*arguments);
    return c;
}

// Nothing for what is no JSON, and where a member stands twice in it, with two things.
std::optional<json::value> json_that_is_clear(std::string_view text) {
    auto v = parse_json(text);
    return v && read_unambiguous_json(text).value ? v : std::nullopt;
}

// What of a block can be read, where nothing of it has to be guessed.
std::optional<json::value> whole_json(std::string_view text) {
    auto read = read_unambiguous_json(text);
    if (!read.value || read.around || !read.value->is_structured()) return {};
    return std::move(*read.value);
}

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

// Whether a schema takes a text; one that says nothing does.
bool takes_text(const json::value& schema) {
    if (!schema.is_object()) return true;
    const auto& o = schema.get_object();
    for (const char* key : {"anyOf", "oneOf"})
        if (auto* some = o.if_contains(key); some && some->is_array())
            return std::any_of(some->get_array().begin(), some->get_array().end(), takes_text);
    auto* type = o.if_contains("type");
    if (!type) return !o.contains("$ref");
    if (type->is_array())
        return std::find(type->get_array().begin(), type->get_array().end(), "string") != type->get_array().end();
    return *type == "string";
}

}  // namespace

json::value parameter_value(std::string_view text, const json::value* schema) {
    json::value as_text = json::string(text);
    if (!schema || takes_text(*schema)) return as_text;
    text = trimmed(text);
    for (auto [word, v] : {std::pair<std::string_view, json::value>{"True", true}, {"False", false}, {"None", nullptr}})
        if (text == word) return v;
    auto parsed = json_that_is_clear(text);
    return parsed ? std::move(*parsed) : as_text;
}

namespace {

const json::value* schema_of(const tool_description& tool, std::string_view parameter) {
    auto* all = tool.parameters.is_object() ? tool.parameters.get_object().if_contains("properties") : nullptr;
    return all && all->is_object() ? all->get_object().if_contains(parameter) : nullptr;
}

// `<parameter=NAME>` ... `</parameter>`, one after the other and nothing else.
std::optional<json::object> parameters_in(std::string_view text, const tool_description& tool) {
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
        all[name] = parameter_value(parameter_text(*value), schema_of(tool, name));
    }
    return all;
}

// `<function=NAME>` with JSON, parameters or nothing in it, at the beginning of `text`.
std::optional<tool_call> take_function(std::string_view& text, const find_tool& find) {
    if (!take(text, "<function=")) return {};
    auto name = take_until(text, ">");
    auto inner = name ? take_until(text, "</function>") : std::nullopt;
    if (!inner || !find(trimmed(*name)) || inner->find("<function=") != inner->npos) return {};
    tool_call c;
    c.name = trimmed(*name);
    auto body = without_fence(trimmed(*inner));
    if (body.starts_with('{')) {
        auto v = whole_json(body);
        if (!v || !v->is_object()) return {};
        c.arguments = dump_json(*v);
        return c;
    }
    auto parameters = parameters_in(body, *find(c.name));
    if (!parameters) return {};
    c.arguments = dump_json(json::value(std::move(*parameters)));
    return c;
}

// One object, or a list of them, each a call.
found_calls calls_in_json(std::string_view text, const find_tool& find) {
    auto v = whole_json(text);
    if (!v) return {};
    std::vector<tool_call> calls;
    if (v->is_object()) {
        if (auto call = call_of(*v, find)) return calls.push_back(std::move(*call)), calls;
        const auto& o = v->get_object();
        const bool wraps = o.size() == 1 && is_one_of(o.begin()->key(), {"tool_uses", "tool_calls", "calls"});
        if (!wraps || !o.begin()->value().is_array()) return {};
        json::value list = o.begin()->value();
        v = std::move(list);
    }
    for (const auto& one : v->get_array()) {
        auto call = call_of(one, find);
        if (!call || calls.size() >= most_calls) return {};
        calls.push_back(std::move(*call));
    }
    return calls;
}

// `<tool_call>` around JSON or a function; only the last may lack its end.
found_calls take_block(std::string_view& text, const find_tool& find) {
    if (!take(text, "<tool_call>")) return {};
    if (text.starts_with("<function=")) {
        auto call = take_function(text, find);
        if (!call || (!take(text, "</tool_call>") && !text.empty())) return {};
        return std::vector<tool_call>{std::move(*call)};
    }
    auto inner = text.substr(0, text.find("</tool_call>"));
    text = trimmed(text.substr(std::min(inner.size() + std::string_view{"</tool_call>"}.size(), text.size())));
    return calls_in_json(without_fence(trimmed(inner)), find);
}

found_calls calls_in_sequence(std::string_view text, const find_tool& find) {
    std::vector<tool_call> calls;
    while (!text.empty()) {
        found_calls some;
        if (text.starts_with("<tool_call>"))
            some = take_block(text, find);
        else if (auto call = take_function(text, find))
            some.emplace().push_back(std::move(*call));
        if (!some || calls.size() + some->size() > most_calls) return {};
        for (auto& c : *some) calls.push_back(std::move(c));
    }
    return calls;
}

// A JSON object at the beginning, which is taken.
std::optional<std::string> take_object(std::string_view& text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (i == 0 && c != '{') return {};
        if (quoted && c == '\\')
            ++i;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == '{')
            ++depth;
        else if (!quoted && c == '}' && --depth == 0) {
            auto v = json_that_is_clear(text.substr(0, i + 1));
            if (!v || !v->is_object()) return {};
            text = trimmed(text.substr(i + 1));
            return dump_json(*v);
        }
    }
    return {};
}

std::optional<tool_call> named_call(std::string_view name, std::optional<std::string> arguments,
                                    const find_tool& find) {
    if (!arguments || !find(name)) return {};
    tool_call c;
    c.name = name;
    c.arguments = std::move(*arguments);
    return c;
}

// Kimi's `functions.NAME:0{...}`.
std::optional<tool_call> take_numbered(std::string_view& text, const find_tool& find) {
    auto name = text.substr(0, text.find_first_of(" \t\r\n{"));
    text = trimmed(text.substr(name.size()));
    return named_call(name, take_object(text), find);
}

// Qwen's `FUNCTION: NAME` and `ARGS: {...}`, each between flowers.
std::optional<tool_call> take_flowers(std::string_view& text, const find_tool& find) {
    if (!take(text, "\u273fFUNCTION\u273f:")) return {};
    auto name = take_until(text, "\u273fARGS\u273f:");
    if (!name) return {};
    auto call = named_call(trimmed(*name), take_object(text), find);
    for (std::string_view result : {"\u273fRESULT\u273f", "\u273fRETURN\u273f"})
        if (take(text, result)) take(text, ":");
    return call;
}

// `Action: NAME` and `Action Input: {...}`.
std::optional<tool_call> take_action(std::string_view& text, const find_tool& find) {
    if (!take(text, "Action:")) return {};
    auto name = take_until(text, "Action Input:");
    return name ? named_call(trimmed(*name), take_object(text), find) : std::nullopt;
}

using take_call = std::optional<tool_call> (*)(std::string_view&, const find_tool&);

// One call after the other, and nothing else.
found_calls only_calls(std::string_view text, const find_tool& find, take_call take_one) {
    std::vector<tool_call> calls;
    while (!text.empty()) {
        auto call = calls.size() < most_calls ? take_one(text, find) : std::nullopt;
        if (!call) return {};
        calls.push_back(std::move(*call));
    }
    return calls;
}

// Tokens of a template that end a turn.
std::string_view without_turn_end(std::string_view text) {
    for (bool again = true; std::exchange(again, false);)
        for (std::string_view end : {"<|eom_id|>", "<|eot_id|>", "<|im_end|>", "</s>", "<|call|>"})
            if (text.ends_with(end)) text = trimmed(text.substr(0, text.size() - end.size())), again = true;
    return text;
}

}  // namespace

std::string_view without_fence(std::string_view text) {
    text = trimmed(text);
    if (!text.starts_with("```") || !text.ends_with("```") || text.size() < 7) return text;
    auto line = text.find('\n');
    if (line == text.npos) return text;
    return trimmed(text.substr(line + 1, text.size() - line - 4));
}

std::vector<tool_call> written_calls(std::string_view text, const find_tool& find) {
    text = without_turn_end(without_fence(trimmed(text)));
    found_calls calls;
    if (take(text, "<|python_start|>")) text = trimmed(text.substr(0, text.find("<|python_end|>")));
    auto list = text;
    const bool is_action = take(list, "Action:");
    list = without_fence(list);
    if (text.starts_with("<tool_call>") || text.starts_with("<function="))
        calls = calls_in_sequence(text, find);
    else if (text.starts_with("functions."))
        calls = only_calls(text, find, take_numbered);
    else if (text.starts_with("\u273fFUNCTION\u273f"))
        calls = only_calls(text, find, take_flowers);
    else if (is_action && !list.starts_with('[') && !list.starts_with('{'))
        calls = only_calls(text, find, take_action);
    else if (is_action)
        calls = calls_in_json(list, find);
    else if (take(text, "[TOOL_CALLS]") || take(text, "<|python_tag|>") || text.starts_with('{') ||
             text.starts_with('['))
        calls = calls_in_json(text, find);
    if (!calls && text.starts_with('[')) calls = python_calls(text, find);
    return calls ? std::move(*calls) : std::vector<tool_call>{};
}

}  // namespace reagent::detail
