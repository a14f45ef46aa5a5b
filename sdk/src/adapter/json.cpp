#include "formats.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

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

// The first `{...}` whose braces balance and that is an object, wherever it stands. A few are tried, so that the effort
// stays linear.
json::value first_object(std::string_view text) {
    std::vector<std::size_t> open;
    int tried = 0;
    for (std::size_t i = 0; i < text.size() && tried < 8; ++i) {
        if (text[i] == '{') open.push_back(i);
        if (text[i] != '}' || open.empty()) continue;
        auto begin = open.back();
        open.pop_back();
        if (!open.empty()) continue;
        json::value v = repair_json(text.substr(begin, i + 1 - begin));
        if (v.is_object()) return v;
        ++tried;
    }
    return nullptr;
}

}  // namespace

const prompt_format& json_format() {
    static constexpr prompt_format f{layout, inputs, outputs, request, further};
    return f;
}

parsed_outputs parse_json_object(const signature& s, std::string_view completion) {
    json::value found = repair_json(completion);
    if (!found.is_object()) found = first_object(completion);
    if (!found.is_object()) return parse_failure{adapter_errc::not_an_object, {}, "the answer holds no JSON object"};
    json::object wanted;
    for (auto& [name, v] : found.get_object())
        if (s.output(name)) wanted[name] = unescape_markers(std::move(v));
    return read_outputs(s, std::move(wanted));
}

}  // namespace reagent::detail
