#include "prompt.hpp"

#include "../../sdk/src/base/text.hpp"

#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace reagent::offline {
namespace {

using section = std::pair<std::string, std::string>;

std::string unescaped(std::string_view text) {
    std::string s = replace_all(text, "[[ \\##", "[[ ##");
    return std::string{trim(s)};
}

std::vector<section> sections_of(std::string_view text) {
    std::vector<section> found;
    for (const auto& line : split(text, '\n')) {
        std::string_view t = trim(line);
        if (t.starts_with("[[ ## ") && t.ends_with(" ## ]]"))
            found.emplace_back(std::string{t.substr(6, t.size() - 12)}, "");
        else if (!found.empty())
            found.back().second += line + "\n";
    }
    for (auto& [name, value] : found) value = unescaped(value);
    return found;
}

std::vector<section> elements_of(std::string_view text) {
    std::vector<section> found;
    for (std::size_t at = 0; (at = text.find('<', at)) != text.npos;) {
        auto end = text.find('>', at);
        if (end == text.npos) break;
        std::string name{text.substr(at + 1, end - at - 1)};
        auto close = text.find("</" + name + ">", end);
        if (close == text.npos) break;
        std::string value = replace_all(replace_all(text.substr(end + 1, close - end - 1), "&lt;", "<"), "&amp;", "&");
        found.emplace_back(name, unescaped(value));
        at = close + name.size() + 3;
    }
    return found;
}

// The names in backticks in the last line of a request: `[[ ## name ## ]]`, `<name>` or `name`.
std::vector<std::string> requested(std::string_view line) {
    std::vector<std::string> names;
    for (std::size_t at = 0; (at = line.find('`', at)) != line.npos;) {
        auto end = line.find('`', at + 1);
        if (end == line.npos) break;
        auto name = line.substr(at + 1, end - at - 1);
        for (std::string_view mark : {"[[ ## ", "<"})
            if (name.starts_with(mark)) name.remove_prefix(mark.size());
        for (std::string_view mark : {" ## ]]", ">"})
            if (name.ends_with(mark)) name.remove_suffix(mark.size());
        if (name != "completed") names.emplace_back(name);
        at = end + 1;
    }
    return names;
}

// "1. `answer` (int): ..." in the system message.
std::string type_of(std::string_view system, const std::string& name) {
    auto at = system.find(". `" + name + "` (");
    if (at == system.npos) return "str";
    at += name.size() + 6;
    auto end = system.find('\n', at);
    auto line = system.substr(at, end - at);
    auto close = line.find("): ");
    if (close == line.npos) close = line.rfind(')');
    return std::string{line.substr(0, close)};
}

std::vector<offered_tool> tools_of(std::string_view system) {
    std::vector<offered_tool> tools;
    auto begin = system.find("\nTools:\n");
    if (begin == system.npos) return tools;
    for (const auto& line : split(system.substr(begin + 8), '\n')) {
        std::size_t n = 2;
        while (n < line.size() && (is_word(line[n]) || line[n] == '-')) ++n;
        if (line.starts_with("- ") && n > 2 && line.compare(n, 2, ": ") == 0)
            tools.push_back({line.substr(2, n - 2), line.substr(n + 2), {}});
        else if (!tools.empty())
            tools.back().description += "\n" + line;
    }
    for (auto& t : tools) {
        auto at = t.description.rfind(" Arguments: ");
        if (at == t.description.npos) continue;
        if (auto arguments = parse_json(t.description.substr(at + 12)); arguments && arguments->is_object())
            for (const auto& [name, shape] : arguments->get_object()) t.arguments.emplace_back(name);
        t.description.resize(at);
    }
    return tools;
}

void take_past(std::vector<section>& fields, std::vector<past_step>& past) {
    std::string thought;
    for (auto& [name, value] : fields) {
        if (name.starts_with("thought_")) thought = value;
        if (name.starts_with("tool_name_")) past.push_back({value, "", thought});
        if (name.starts_with("observation_") && !past.empty()) past.back().observation = value;
    }
    std::erase_if(fields, [](const section& s) {
        for (std::string_view p : {"thought_", "tool_name_", "tool_args_", "observation_"})
            if (s.first.starts_with(p) && is_digit(s.first.back())) return true;
        return false;
    });
}

}  // namespace

std::string prompt::question() const {
    for (std::string_view wanted_name : {"question", "query", "request", "task", "input"})
        for (const auto& [name, value] : inputs)
            if (name == wanted_name) return value;
    return inputs.empty() ? std::string{} : inputs.back().second;
}

bool prompt::wants(std::string_view field) const {
    return std::any_of(wanted.begin(), wanted.end(), [&](const auto& w) { return w.name == field; });
}

prompt read_prompt(const lm_request& request) {
    prompt p;
    std::string system, last;
    for (const auto& m : request.messages) {
        if (m.role == role::system) system = m.content;
        if (m.role == role::user && !m.content.starts_with("That cannot be read")) last = m.content;
        for (const auto& c : m.tool_calls) p.past.push_back({c.name, "", m.content});
    }
    if (!request.tools.empty()) {
        p.format = answer_format::native;
        std::size_t next = 0;
        for (const auto& m : request.messages)
            if (m.role == role::tool && next < p.past.size()) p.past[next++].observation = m.content;
        for (const auto& t : request.tools) {
            offered_tool o{t.name, t.description, {}};
            if (t.parameters.is_object())
                if (auto* properties = t.parameters.get_object().if_contains("properties");
                    properties && properties->is_object())
                    for (const auto& [name, shape] : properties->get_object()) o.arguments.emplace_back(name);
            p.tools.push_back(std::move(o));
        }
        p.inputs = sections_of(last);
        return p;
    }
    auto at = last.rfind("\n\nWrite ");
    std::string line = at == last.npos ? (last.starts_with("Write ") ? last : "") : last.substr(at + 2);
    std::string body = at == last.npos ? "" : last.substr(0, at);
    if (line.starts_with("Write one JSON"))
        p.format = answer_format::json;
    else if (line.starts_with("Write the elements"))
        p.format = answer_format::xml;
    for (const auto& name : requested(line)) p.wanted.push_back({name, type_of(system, name)});
    p.inputs = p.format == answer_format::xml ? elements_of(body) : sections_of(body);
    take_past(p.inputs, p.past);
    p.tools = tools_of(system);
    return p;
}

}  // namespace reagent::offline
