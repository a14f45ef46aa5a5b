#include "formats.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <optional>

namespace reagent::detail {
namespace {

std::string layout(const signature& s) {
    std::string text = "The user writes:";
    for (const auto& f : s.inputs) text += "\n\n" + marker(f.name) + "\n{" + f.name + "}";
    text += "\n\nYou answer with one JSON object:\n\n{";
    bool first = true;
    for (const auto& f : s.outputs) {
        auto note = type_note(f);
        text += std::string{std::exchange(first, false) ? "" : ","} + "\n  \"" + f.name + "\": \"{" + f.name + "}" +
                (note.empty() ? "" : "  # " + note) + "\"";
    }
    return text + "\n}";
}

std::string inputs(const signature& s, const json::object& values) { return by_markers(s.inputs, values); }

std::string outputs(const signature& s, const json::object& values) {
    json::object o;
    for (const auto& f : s.outputs)
        if (const auto* v = values.if_contains(f.name)) o[f.name] = *v;
    return dump_strict_json(escape_markers(json::value(std::move(o))));
}

void further(std::string& out, std::string_view name, std::string text) { append_field(out, name, std::move(text)); }

std::string request(const signature& s) {
    std::string text = "Write one JSON object with the fields ";
    bool first = true;
    for (const auto& f : s.outputs) {
        text += (std::exchange(first, false) ? "`" : ", `") + f.name + "`";
        if (f.type == "int" || f.type == "float" || f.type == "bool") text += " (" + type_note(f) + ")";
    }
    return text + ".";
}

struct found_object {
    json::value v;
    std::vector<std::string> repeated;  // members that stand twice in it and say two things
};

bool is_complete(const signature& s, const json::object& o) {
    return std::all_of(s.outputs.begin(), s.outputs.end(),
                       [&](const signature_field& f) { return f.shape.allows_null() || o.contains(f.name); });
}

// Of all `{...}` whose braces balance the last that has every output, else the first that is an object. A few are tried, so that the
// effort stays linear.
found_object object_in(const signature& s, std::string_view text) {
    std::vector<std::size_t> open;
    found_object best;
    int tried = 0;
    for (std::size_t i = 0; i < text.size() && tried < 8; ++i) {
        if (text[i] == '{') open.push_back(i);
        if (text[i] != '}' || open.empty()) continue;
        auto begin = open.back();
        open.pop_back();
        if (!open.empty()) continue;
        found_object one;
        one.v = repair_json(text.substr(begin, i + 1 - begin), one.repeated);
        if (one.v.is_object() && (!best.v.is_object() || is_complete(s, one.v.get_object()))) best = std::move(one);
        ++tried;
    }
    return best;
}

// How often a text says `"name":`, in either kind of quotes.
std::size_t times_named(std::string_view text, std::string_view name) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find(name, at)) != text.npos; at += name.size()) {
        auto end = at + name.size();
        if (at == 0 || end >= text.size() || (text[at - 1] != '"' && text[at - 1] != '\'') || text[end] != text[at - 1]) continue;
        auto next = text.find_first_not_of(" \t\r\n", end + 1);
        n += next != text.npos && text[next] == ':';
    }
    return n;
}

// The end of the object that begins here, by the rules of JSON; npos: it has none.
std::size_t end_of_object(std::string_view text, std::size_t at) {
    int depth = 0;
    for (bool quoted = false; at < text.size(); ++at) {
        char c = text[at];
        if (quoted && c == '\\')
            ++at;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == '{')
            ++depth;
        else if (!quoted && c == '}' && --depth == 0)
            return at + 1;
    }
    return text.npos;
}

struct strict_object {
    found_object found;
    std::size_t end = 0;
};

// The last object that is JSON as it stands and has every output. A few beginnings are tried, so that the effort stays linear.
std::optional<strict_object> last_strict_object(const signature& s, std::string_view text) {
    std::optional<strict_object> last;
    int tried = 0;
    for (auto at = text.find('{'); at != text.npos && tried < 16; ++tried) {
        auto end = end_of_object(text, at);
        bool good = false;
        if (end != text.npos)
            if (auto v = parse_json(text.substr(at, end - at)); v && v->is_object()) {
                good = true;
                if (is_complete(s, v->get_object())) {
                    strict_object one{{}, end};
                    one.found.v = repair_json(text.substr(at, end - at), one.found.repeated);
                    if (one.found.v.is_object()) last = std::move(one);
                }
            }
        at = text.find('{', good ? end : at + 1);
    }
    return last;
}

}  // namespace

const prompt_format& json_format() {
    static constexpr prompt_format f{layout, inputs, outputs, request, further};
    return f;
}

parsed_outputs parse_json_object(const signature& s, std::string_view completion) {
    found_object found;
    if (auto strict = last_strict_object(s, completion)) {
        // What was begun behind it may say otherwise.
        for (const auto& f : s.outputs)
            if (times_named(completion.substr(strict->end), f.name)) return stands_twice(f.name);
        found = std::move(strict->found);
    } else {
        found.v = repair_json(completion, found.repeated);
        if (!found.v.is_object()) found = object_in(s, completion);
        if (!found.v.is_object()) return parse_failure{adapter_errc::not_an_object, {}, "the answer holds no JSON object"};
        // Where quotes had to be guessed, a quoted object may have ended the one around it.
        for (const auto& f : s.outputs)
            if (times_named(completion, f.name) > 1) return stands_twice(f.name);
    }
    for (const auto& name : found.repeated)
        if (s.output(name)) return stands_twice(name);
    json::object wanted;
    for (auto& [name, v] : found.v.get_object())
        if (s.output(name)) wanted[name] = unescape_markers(std::move(v));
    return read_outputs(s, std::move(wanted));
}

}  // namespace reagent::detail
