// What looks like a call of a tool in a text that is none.
#include "written_calls.hpp"

#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace reagent::detail {
namespace {

constexpr std::string_view blanks = " \t\r\n";

// What templates and servers of open models put around a call, in lower case.
constexpr std::string_view known_markup[]{"<tool_call",
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
                                          "<|python_start|>",
                                          "<|tool_call",
                                          "<|tool_use",
                                          "<|tool_code",
                                          "<|tool>",
                                          "<|action_start|>",
                                          "<|plugin|>",
                                          "## next_tool_name ##",
                                          "## next_tool_args ##",
                                          "<start_function_call>",
                                          "<<function>>",
                                          "<steptml:",
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
                                          "<\uff5ctool",
                                          "<\uff5cdsml\uff5c",
                                          "\u273ffunction\u273f",
                                          "\u273fargs\u273f",
                                          "\u25c1tool_call"};

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return out;
}

std::string_view trimmed(std::string_view s, std::string_view signs = blanks) {
    s.remove_prefix(std::min(s.find_first_not_of(signs), s.size()));
    return s.substr(0, s.find_last_not_of(signs) + 1);
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

// The place of a name that is no part of a longer word.
std::size_t find_word(std::string_view text, std::string_view name, std::size_t from = 0) {
    for (auto at = text.find(name, from); at != text.npos; at = text.find(name, at + 1)) {
        const bool begins = at == 0 || !is_word(text[at - 1]);
        const auto end = at + name.size();
        if (begins && (end == text.size() || !is_word(text[end]))) return at;
    }
    return text.npos;
}

using names = std::set<std::string, std::less<>>;

bool names_one(std::string_view text, const names& tools) {
    return std::any_of(tools.begin(), tools.end(),
                       [&](const auto& name) { return find_word(text, name) != text.npos; });
}

// A tool at the very beginning of `text`, with the name space and the number that models put around it. @return what
// stands behind it
std::optional<std::string_view> behind_tool(std::string_view text, const names& tools) {
    for (std::string_view space : {"functions.", "tools.", "default_api."})
        if (text.starts_with(space)) {
            text.remove_prefix(space.size());
            break;
        }
    std::size_t end = 0;
    while (end < text.size() && (is_word(text[end]) || text[end] == '-')) ++end;
    if (!tools.contains(text.substr(0, end))) return {};
    text.remove_prefix(end);
    if (text.size() > 1 && text[0] == ':' && text[1] >= '0' && text[1] <= '9') {
        text.remove_prefix(1);
        text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
    }
    return text;
}

// A tag or a token whose own name speaks of a call: `<use_tool>`, `<|call|>`, `[Tool: ...]`.
bool is_token_of_a_call(std::string_view inner) {
    static constexpr std::string_view words[]{"tool",     "tools",     "toolcall",     "toolcalls", "tooluse",
                                              "function", "functions", "functioncall", "call",      "calls",
                                              "invoke",   "action",    "plugin",       "recipient"};
    const std::string text = lower(inner.substr(0, inner.find_first_of("=\"'")));
    for (std::size_t at = 0; at < text.size();) {
        if (!is_letter(text[at])) {
            ++at;
            continue;
        }
        auto end = at;
        while (end < text.size() && is_letter(text[end])) ++end;
        if (std::find(std::begin(words), std::end(words), text.substr(at, end - at)) != std::end(words)) return true;
        at = end;
    }
    return false;
}

std::string token_before_a_tool(std::string_view text, const names& tools) {
    constexpr std::size_t longest = 60, near = 300;
    for (auto at = text.find_first_of("<["); at != text.npos; at = text.find_first_of("<[", at + 1)) {
        if (at > 0 && is_word(text[at - 1])) continue;  // of a template, or an index
        const bool square = text[at] == '[';
        auto end = text.substr(0, std::min(text.size(), at + longest)).find(square ? ']' : '>', at);
        if (end == text.npos || end + 1 == at + 1) continue;
        auto inner = text.substr(at + 1, end - at - 1);
        const bool link = square && end + 1 < text.size() && text[end + 1] == '(';
        if (inner.empty() || inner.find('\n') != inner.npos || blanks.find(inner.front()) != blanks.npos || link)
            continue;
        if (square) inner = inner.substr(0, inner.find_first_of(": "));  // `[the tools]` is prose
        if (is_token_of_a_call(inner) && names_one(text.substr(at, near + longest), tools))
            return std::string{text.substr(at, end + 1 - at)};
    }
    return {};
}

constexpr std::array<std::string_view, 9> name_keys{
    "name", "tool_name", "tool", "function", "function_name", "recipient_name", "action", "toolName", "next_tool_name"};

// `args`, `parameters`, `function_input`, ...
bool is_argument_key(std::string_view key) {
    const std::string name = lower(key);
    for (std::string_view word : {"arg", "param", "input"})
        if (name.find(word) != name.npos) return true;
    return false;
}

bool is_tool_name(const json::value& v, const names& tools) {
    if (!v.is_string()) return false;
    auto rest = behind_tool(v.get_string(), tools);
    return rest && rest->empty();
}

bool names_a_tool(const json::object& o, const names& tools) {
    return std::any_of(name_keys.begin(), name_keys.end(), [&](auto key) {
        auto* name = o.if_contains(key);
        return name && is_tool_name(*name, tools);
    });
}

// An object of a tool's name and arguments: under the usual names among others, or under any where nothing else is in
// it.
bool is_call(const json::value& v, const names& tools) {
    if (!v.is_object()) return false;
    const auto& o = v.get_object();
    const bool arguments =
        std::any_of(o.begin(), o.end(), [](const auto& m) { return is_argument_key(m.key()) || m.key() == "kwargs"; });
    if (arguments && names_a_tool(o, tools)) return true;
    std::size_t named = 0, objects = 0, others = 0;
    for (const auto& [key, part] : o) {
        const std::string_view name = key;
        if (name == "id" || name == "type" || name == "index" || name == "call_id") continue;
        ++(is_tool_name(part, tools) ? named : part.is_object() ? objects : others);
    }
    return named == 1 && objects == 1 && others == 0;
}

// What stands behind the parenthesis that closes the one at the beginning; nothing: none does.
std::optional<std::string_view> behind_parentheses(std::string_view text) {
    int depth = 0;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quote && c == '\\')
            ++i;
        else if (quote)
            quote = c == quote ? '\0' : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '(')
            ++depth;
        else if (c == ')' && --depth == 0)
            return text.substr(i + 1);
    }
    return {};
}

// What parentheses hold where they are a call's and not prose's: a value, or a name with one.
bool holds_a_value(std::string_view text) { return text.find_first_of("=\"'{[:0123456789") != text.npos; }

// The object that begins at a place, as far as it goes and is looked at.
std::string_view object_at(std::string_view text) {
    constexpr std::size_t most = 4'000;
    text = text.substr(0, most);
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted) {
            if (text[i] == '\\')
                ++i;
            else
                quoted = text[i] != '"';
        } else if (text[i] == '"')
            quoted = true;
        else if (text[i] == '{')
            ++depth;
        else if (text[i] == '}' && --depth == 0)
            return text.substr(0, i + 1);
    }
    return text;
}

std::vector<std::size_t> places_of(char sign, std::string_view text) {
    std::vector<std::size_t> places;
    for (auto at = text.find(sign); at != text.npos; at = text.find(sign, at + 1)) places.push_back(at);
    return places;
}

// A call in JSON anywhere in a text: around each place where a tool's name stands in quotes.
bool holds_call_in_json(std::string_view text, const names& tools) {
    constexpr std::size_t near = 1000, most = 8, most_tries = 400;
    const auto braces = places_of('{', text);
    if (braces.empty()) return false;
    std::size_t tries = 0;
    for (const auto& name : tools)
        for (auto at = find_word(text, name); at != text.npos; at = find_word(text, name, at + 1)) {
            if (at + name.size() >= text.size() || (text[at + name.size()] != '"' && text[at + name.size()] != ':'))
                continue;
            auto brace = std::lower_bound(braces.begin(), braces.end(), at);
            for (std::size_t n = 0; n < most && brace != braces.begin(); ++n) {
                if (at - *--brace > near) break;
                if (++tries > most_tries) return true;  // whatever names its tools so often beside braces is no answer
                if (is_call(repair_json(object_at(text.substr(*brace))), tools)) return true;
            }
        }
    return false;
}

// The sign of an item in a list: `- `, `1. `.
bool take_bullet(std::string_view& line) {
    std::size_t n = 0;
    while (n < line.size() && line[n] >= '0' && line[n] <= '9') ++n;
    if (n > 0 && n < line.size() && (line[n] == '.' || line[n] == ')'))
        ++n;
    else if (!line.empty() && std::string_view{"-+>$"}.find(line.front()) != std::string_view::npos)
        n = std::min(line.find_first_not_of("-+>$"), line.size());
    else if (line.starts_with("\u2022"))
        n = 3;
    else
        return false;
    line = trimmed(line.substr(n), " \t\r");
    return true;
}

// A line that is nothing but `NAME(...)`, also as `x = NAME(...)`, in `print()` or in a list.
bool is_call_in_code(std::string_view written, const names& tools) {
    std::string plain;  // not bold, and no code
    for (char c : written)
        if (c != '*' && c != '`') plain += c;
    std::string_view line = trimmed(plain, " \t\r");
    const bool listed = take_bullet(line);
    if (!line.empty() && line.back() == ';') line.remove_suffix(1);
    for (std::string_view around : {"return ", "await ", "print(", "call ", "Call ", "run ", "Run ", "/", "@"})
        if (line.starts_with(around)) line.remove_prefix(around.size());
    if (auto equals = line.find(" = "); equals != line.npos && equals < 40 && line.find('(') > equals)
        line.remove_prefix(equals + 3);
    if (line.starts_with("{{") && line.ends_with("}}")) line = trimmed(line.substr(2, line.size() - 4));
    if (line.starts_with('[')) line = trimmed(line.substr(1));
    auto rest = behind_tool(line, tools);
    if (!rest || rest->empty() || rest->front() != '(' || (listed && !holds_a_value(*rest))) return false;
    if (rest->back() == ')' || rest->back() == ']') return true;
    auto behind = behind_parentheses(*rest);
    if (!behind) return rest->size() == 1 || holds_a_value(*rest);  // cut off, or it goes on in the next line
    *behind = trimmed(*behind, " \t\r;,])");
    return behind->empty() || behind->starts_with('#') || behind->starts_with("//") || behind->starts_with("--");
}

// `Action: NAME`, and `Tool: NAME` with arguments in the next line.
// @param alone nothing else is said
bool is_labelled(std::string_view line, std::string_view below, const names& tools, bool alone) {
    line = trimmed(line, " \t\r`*#>-");
    auto colon = line.find(':');
    if (colon == line.npos || colon > 20) return false;
    const std::string label = lower(trimmed(line.substr(0, colon), " *_`"));
    const bool action = trimmed(label, " 0123456789") == "action";
    static constexpr std::string_view others[]{"name",      "tool",          "function", "tool name", "tool_name",
                                               "tool call", "function call", "call",     "invoke"};
    if (!action && std::find(std::begin(others), std::end(others), label) == std::end(others)) return false;
    const auto named = trimmed(line.substr(colon + 1), " \t\r`*\"'");
    auto rest = behind_tool(named, tools);
    if (!rest && action) {  // `Action: Search[y]`
        const auto name = lower(named.substr(0, named.find_first_of("[({")));
        return name.size() < named.size() &&
               std::any_of(tools.begin(), tools.end(), [&](const auto& tool) { return lower(tool) == name; });
    }
    if (!rest) return false;
    const auto more = trimmed(*rest, " \t\r`*\"'");
    if (!more.empty() && std::string_view{"([{"}.find(more.front()) != std::string_view::npos) return true;
    if (!more.empty()) return false;
    if (action || alone) return true;
    const std::string next =
        lower(trimmed(below.substr(0, below.find('\n', below.find_first_not_of(blanks))), " \t\r\n`*#>-"));
    if (next.starts_with('{') || next.starts_with("```")) return true;
    for (std::string_view word : {"input", "inputs", "arguments", "args", "parameters", "params"})
        if (auto at = find_word(next, word); at != next.npos && next.find(':') != next.npos && next.find(':') < 30)
            return true;
    return false;
}

std::string line_of_a_call(std::string_view text, const names& tools) {
    for (std::size_t at = 0; at < text.size();) {
        auto end = std::min(text.find('\n', at), text.size());
        auto line = text.substr(at, end - at), below = text.substr(std::min(end + 1, text.size()));
        const bool alone = at == 0 && trimmed(below).empty();
        if (is_call_in_code(line, tools) || is_labelled(line, below, tools, alone))
            return std::string{trimmed(line).substr(0, 60)};
        at = end + 1;
    }
    return {};
}

// A fence whose language is a tool, around arguments.
bool is_fence_of_a_tool(std::string_view text, const names& tools) {
    if (!text.starts_with("```")) return false;
    auto line = text.substr(3, text.find('\n') - 3);
    return tools.contains(trimmed(line)) && without_fence(text).starts_with('{');
}

// A text that is a tool's name and arguments, or an element of that name, from its beginning to its end.
bool is_bare_call(std::string_view text, const names& tools) {
    auto named = text;
    const bool bracketed = named.starts_with('[');  // `[NAME] {...}`
    if (bracketed) named.remove_prefix(1);
    if (auto rest = behind_tool(named, tools); rest && (!bracketed || rest->starts_with(']'))) {
        auto arguments = trimmed(rest->substr(bracketed ? 1 : 0), " \t\r\n:");
        return arguments.starts_with('{') ||
               (arguments.starts_with('(') && arguments.ends_with(')') && holds_a_value(arguments));
    }
    if (!text.starts_with('<')) return false;
    auto rest = behind_tool(text.substr(1), tools);
    if (!rest || rest->empty() || std::string_view{"> \t\r\n/"}.find(rest->front()) == std::string_view::npos)
        return false;
    const std::string name{text.substr(1, text.size() - 1 - rest->size())};
    return text.ends_with("/>") || text.ends_with("</" + name + ">");
}

// `{"tool": "search", "query": "y"}`, `{"search": "y"}`, and lists of such, also in an object: beside the tool's name
// stand its arguments.
bool names_a_tool_anyhow(const json::value& v, const names& tools, int depth = 0) {
    constexpr int deepest = 2;
    if (depth > deepest) return false;
    if (v.is_array())
        return std::any_of(v.get_array().begin(), v.get_array().end(),
                           [&](const auto& part) { return names_a_tool_anyhow(part, tools, depth + 1); });
    if (!v.is_object()) return false;
    const auto& o = v.get_object();
    if (names_a_tool(o, tools) || (o.size() == 1 && tools.contains(o.begin()->key()))) return true;
    return std::any_of(o.begin(), o.end(), [&](const auto& member) {
        return member.value().is_array() && names_a_tool_anyhow(member.value(), tools, depth + 1);
    });
}

bool is_whole_json_of_a_call(std::string_view text, const names& tools) {
    if (!text.starts_with('{') && !text.starts_with('[')) return false;
    json::value v = repair_json(text);
    if (names_a_tool_anyhow(v, tools)) return true;
    if (v.is_array() && v.get_array().size() == 2 && is_tool_name(v.get_array()[0], tools) &&
        v.get_array()[1].is_object())
        return true;
    const json::value* first = v.is_array() && !v.get_array().empty() ? &v.get_array().front() : &v;
    if (!first->is_object()) return false;
    const auto& o = first->get_object();
    const bool called = o.contains("name") && (o.contains("arguments") || o.contains("parameters"));
    return called || o.contains("function_call") || o.contains("tool_calls") || o.contains("tool_uses") ||
           is_call(*first, tools);
}

}  // namespace

std::string_view call_token(std::string_view text) {
    const std::string whole = lower(text);
    for (auto markup : known_markup)
        if (whole.find(markup) != whole.npos) return markup;
    return {};
}

std::string call_markup(std::string_view text, const std::vector<tool_description>& offered) {
    if (auto token = call_token(text); !token.empty()) return std::string{token};
    names tools;
    for (const auto& t : offered) tools.insert(t.name);
    if (auto token = token_before_a_tool(text, tools); !token.empty()) return token;
    if (is_fence_of_a_tool(trimmed(text), tools)) return std::string{trimmed(text).substr(0, 60)};
    text = without_fence(trimmed(text));
    if (is_whole_json_of_a_call(text, tools) || holds_call_in_json(text, tools)) return "a call in JSON";
    if (is_bare_call(text, tools)) return std::string{text.substr(0, 60)};
    return line_of_a_call(text, tools);
}

bool is_written_as_call(std::string_view text, const std::vector<tool_description>& offered) {
    names tools;
    for (const auto& t : offered) tools.insert(t.name);
    if (auto token = call_token(text); !token.empty())
        return names_one(text, tools) || lower(trimmed(text).substr(0, 60)).starts_with(token);
    auto find = [&](std::string_view name) -> const tool_description* {
        for (const auto& t : offered)
            if (auto rest = behind_tool(name, {t.name}); rest && rest->empty()) return &t;
        return nullptr;
    };
    return !written_calls(text, find).empty();
}

namespace {

// `"name":` in a text in lower case, in either kind of quotes or, behind a brace or a comma, in none.
bool has_member(std::string_view text, std::string_view name) {
    for (auto at = find_word(text, name); at != text.npos; at = find_word(text, name, at + 1)) {
        auto behind = text.substr(at + name.size());
        const bool quoted = !behind.empty() && (behind[0] == '"' || behind[0] == '\'');
        const auto before = at == 0 ? text.npos : text.find_last_not_of(blanks, at - 1);
        if (quoted) behind.remove_prefix(1);
        const bool bare = before != text.npos && (text[before] == '{' || text[before] == ',');
        if ((quoted || bare) && trimmed(behind).starts_with(':')) return true;
    }
    return false;
}

}  // namespace

std::string output_named_in(const signature& s, std::string_view whole) {
    const std::string text = lower(whole);
    if (text.starts_with("thought:"))
        return text.find("\nfinal answer:") == text.npos ? std::string{} : s.outputs.front().name;
    for (const auto& f : s.outputs) {
        const std::string name = lower(f.name);
        if (text.starts_with('{') ? has_member(text, name) : text.starts_with("<" + name + ">")) return f.name;
    }
    return {};
}

}  // namespace reagent::detail
