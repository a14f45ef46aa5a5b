// What the three formats share: the order of messages, and the description of fields.
#include "../base/text.hpp"
#include "chat_scanner.hpp"

#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

namespace reagent {
namespace detail {

// The library reagent::xml has it; null in a program that does not link it.
[[gnu::weak]] parsed_outputs parse_xml(const signature& s, std::string_view completion);

}  // namespace detail
namespace {

const detail::prompt_format& xml_where_it_is_linked() {
    if (!detail::parse_xml)
        throw error{adapter_errc::no_fields,
                    "adapter::xml is not in this program: link reagent::xml, or use adapter::chat or adapter::json"};
    return detail::xml_format();
}

const detail::prompt_format& format_of(adapter a) {
    switch (a) {
        case adapter::json: return detail::json_format();
        case adapter::xml: return xml_where_it_is_linked();
        case adapter::chat: break;
    }
    return detail::chat_format();
}

// A conversation given as an input is shown as turns, not as a field.
signature without_history(const signature& s) {
    signature result = s;
    std::erase_if(result.inputs, is_history);
    return result;
}

std::string listed(const std::vector<signature_field>& fields) {
    std::string text;
    int i = 0;
    for (const auto& f : fields) {
        text += "\n" + std::to_string(++i) + ". `" + f.name + "` (" + cut(f.type, 200) + ")";
        if (f.is_described()) text += ": " + f.description;
    }
    return text;
}

std::string system_text(const detail::prompt_format& format, const signature& s) {
    std::string text;
    if (!s.inputs.empty()) text += "Inputs:" + listed(s.inputs) + "\n";
    text += "Outputs:" + listed(s.outputs) + "\n" + format.layout(s);
    text += "\n\nTask: " + std::string{trim(s.instructions)};
    return text;
}

void add_turn(std::vector<message>& out, const detail::prompt_format& format, const signature& s,
              const json::object& values, bool demo) {
    bool whole = true;
    for (const auto& f : s.inputs) whole = whole && values.contains(f.name);
    for (const auto& f : s.outputs) whole = whole && values.contains(f.name);
    std::string question = demo && !whole ? "An example with some fields left out.\n\n" : "";
    question += format.inputs(s, values);
    // An agent's steps as they were shown when the demonstration was recorded, or as DSPy saved them.
    if (const auto* steps = demo && !s.input("trajectory") ? values.if_contains("trajectory") : nullptr;
        steps && steps->is_string())
        question += (question.empty() ? "" : "\n\n") + std::string{std::string_view{steps->get_string()}};
    out.push_back({role::user, std::move(question)});
    out.push_back({role::assistant, format.outputs(s, values)});
}

void append_further(std::string& out, adapter a, const further_fields& fields) {
    const auto& how = format_of(a);
    std::size_t bytes = out.size();
    for (const auto& [name, v] : fields) bytes += name.size() + 64 + (v.is_string() ? v.get_string().size() : 0);
    out.reserve(bytes);
    for (const auto& [name, v] : fields) {
        if (!out.empty()) out += "\n\n";
        if (v.is_string())
            how.further(out, detail::marker_name(name), v.get_string());
        else
            how.further(out, detail::marker_name(name), v.is_structured() ? dump_json(v) : python_str(v));
    }
}

// A turn may hold more than this signature knows: what an agent answered is no output of the predictor that decides on
// its steps.
signature of_turn(const signature& s, const json::object& turn) {
    signature all = s;
    for (const auto& [name, v] : turn) {
        // No signature has a field whose name would end its own marker.
        if (name == "trajectory" || s.input(name) || s.output(name) || detail::marker_name(name) != name) continue;
        bool text = v.is_string();
        all.outputs.push_back(make_field(name, text ? "str" : "Any", schema{json::object{}}));
        if (text) all.outputs.back().kind = field_kind::text;
    }
    return all;
}

// A conversation: the summary of what is not shown any more, then turns, each with the tools that it called.
void add_history(std::vector<message>& out, adapter a, const signature& s, const json::value& history) {
    const auto& how = format_of(a);
    const json::object* whole = history.if_object();
    if (const auto* summary = whole ? whole->if_contains("summary") : nullptr; summary && summary->is_string()) {
        std::string text;
        append_further(text, a, {{"conversation_so_far", *summary}});
        out.push_back({role::user, std::move(text)});
        out.push_back({role::assistant, "Noted."});
    }
    const json::value* turns = whole ? whole->if_contains("messages") : &history;
    if (!turns || !turns->is_array()) return;
    for (const auto& turn : turns->get_array()) {
        if (!turn.is_object()) continue;
        const auto& values = turn.get_object();
        add_turn(out, how, of_turn(s, values), values, false);
        const auto* steps =
            s.input("trajectory") || s.output("trajectory") ? nullptr : values.if_contains("trajectory");
        if (!steps || !steps->is_object()) continue;
        further_fields fields;
        for (const auto& [name, v] : steps->get_object()) fields.emplace_back(name, v);
        append_further(out[out.size() - 2].content, a, fields);
    }
}

}  // namespace

std::string_view to_string(adapter a) { return a == adapter::chat ? "chat" : a == adapter::json ? "json" : "xml"; }

adapter adapter_named(std::string_view name) {
    for (auto a : {adapter::chat, adapter::json, adapter::xml})
        if (to_string(a) == name) return a;
    throw error{adapter_errc::no_fields, "unknown adapter \"" + std::string{name} + "\"; known are chat, json and xml"};
}

prompt_template::prompt_template(reagent::adapter a, reagent::signature s, const std::vector<json::object>& demos)
    : adapter_{a}, signature_{std::move(s)}, shown_{without_history(signature_)} {
    const auto& how = format_of(adapter_);
    prefix_.push_back({role::system, system_text(how, shown_)});
    auto complete = [&](const json::object& d) {
        for (const auto& f : shown_.inputs)
            if (!d.contains(f.name)) return false;
        for (const auto& f : shown_.outputs)
            if (!d.contains(f.name)) return false;
        return true;
    };
    for (bool whole : {false, true})  // whole demonstrations stand nearest to the question
        for (const auto& d : demos)
            if (complete(d) == whole) add_turn(prefix_, how, shown_, d, true);
    request_ = how.request(shown_);
}

std::vector<message> prompt_template::messages(const json::object& inputs, const std::vector<json::object>& history,
                                               const further_fields& past, std::string_view steps) const {
    const auto& how = format_of(adapter_);
    std::vector<message> messages;
    messages.reserve(prefix_.size() + 2 * history.size() + 3);
    messages = prefix_;
    for (const auto& turn : history) add_turn(messages, how, shown_, turn, false);
    if (shown_.inputs.size() != signature_.inputs.size())
        for (const auto& f : signature_.inputs) {
            if (!is_history(f)) continue;
            if (const json::value* v = inputs.if_contains(f.name)) add_history(messages, adapter_, shown_, *v);
        }
    std::string question = how.inputs(shown_, inputs);
    question.reserve(question.size() + steps.size() + request_.size() + 256 * past.size() / 4 + 64);
    if (!steps.empty()) {
        if (!question.empty()) question += "\n\n";
        question += steps;
    }
    append_further(question, adapter_, past);
    question += (question.empty() ? "" : "\n\n") + request_;
    messages.push_back({role::user, std::move(question)});
    return messages;
}

std::vector<message> history_messages(adapter a, const signature& s, const json::object& inputs) {
    std::vector<message> messages;
    for (const auto& f : s.inputs)
        if (const auto* v = is_history(f) ? inputs.if_contains(f.name) : nullptr)
            add_history(messages, a, without_history(s), *v);
    return messages;
}

bool is_history(const signature_field& f) { return f.type == "History"; }

std::vector<message> format(adapter a, const signature& s, const prompt_parts& parts) {
    return prompt_template{a, s, parts.demos}.messages(parts.inputs, parts.history, parts.past);
}

std::string format_further(adapter a, const further_fields& fields) {
    std::string text;
    append_further(text, a, fields);
    return text;
}

std::string escape_for(adapter a, std::string text) {
    text = escape_markers(std::move(text));
    return a == adapter::xml ? detail::escape_xml_text(std::move(text)) : text;
}

namespace {

parsed_outputs parse_answer(adapter a, const signature& s, std::string_view answer) {
    switch (a) {
        case adapter::json: return detail::parse_json_object(s, answer);
        case adapter::xml: return detail::parse_xml(s, answer);
        case adapter::chat: break;
    }
    return detail::parse_chat(s, answer);
}

// Without the thinking before it.
parsed_outputs parse_behind_thinking(adapter a, const signature& s, std::string_view completion) {
    detail::leading_thinking leading{a == adapter::xml ? detail::output_elements(s) : std::vector<std::string>{}};
    std::string answer = leading.feed(completion);
    answer += leading.finish();
    if (leading.is_open())
        return detail::ended_thinking({adapter_errc::no_fields, {}, "the answer holds no field at all", {}});
    return parse_answer(a, s, answer);
}

}  // namespace

parsed_outputs parse(adapter a, const signature& s, std::string_view completion) {
    if (completion.starts_with("\uFEFF")) completion.remove_prefix(3);
    completion = detail::without_trailers(completion);
    if (!detail::may_hold_thinking(completion)) return parse_answer(a, s, detail::without_leading_blanks(completion));
    if (auto at = detail::behind_thinking_of_the_prompt(completion, detail::output_elements(s)); at != completion.npos)
        if (auto outputs = parse_behind_thinking(a, s, completion.substr(at))) return outputs;
    return parse_behind_thinking(a, s, completion);
}

std::vector<std::string> detail::output_elements(const signature& s) {
    std::vector<std::string> names;
    for (const auto& f : s.outputs) names.push_back(f.name);
    return names;
}

namespace detail {

namespace {

// ", from 0 to 1", ", of at most 200 characters": what a schema asks of a scalar or a text besides its type.
std::string constraints_note(const json::value& document) {
    if (!document.is_object()) return {};
    const auto& d = document.get_object();
    std::string note;
    auto number = [&](const char* key, const char* words) {
        if (auto* v = d.if_contains(key); v && v->is_number()) note += std::string{", "} + words + " " + python_str(*v);
    };
    auto count = [&](const char* least, const char* most, const char* what) {
        auto *a = d.if_contains(least), *b = d.if_contains(most);
        if (a && b)
            note += ", of " + python_str(*a) + " to " + python_str(*b) + " " + what;
        else if (a || b)
            note += std::string{", of at "} + (a ? "least " : "most ") + python_str(a ? *a : *b) + " " + what;
    };
    if (d.contains("minimum") && d.contains("maximum"))
        note += ", from " + python_str(d.at("minimum")) + " to " + python_str(d.at("maximum"));
    else {
        number("minimum", "at least");
        number("maximum", "at most");
    }
    number("exclusiveMinimum", "greater than");
    number("exclusiveMaximum", "less than");
    number("multipleOf", "a multiple of");
    count("minLength", "maxLength", "characters");
    if (auto* p = d.if_contains("pattern"); p && p->is_string())
        note += ", matching the regular expression " + std::string{std::string_view{p->get_string()}};
    return note;
}

}  // namespace

std::string type_note(const signature_field& f) {
    const auto& d = f.shape.document();
    if (f.kind == field_kind::text || f.kind == field_kind::optional_text) {
        auto note = constraints_note(d);
        return note.empty() ? note : "text" + note;
    }
    if (f.kind == field_kind::arguments) return "one JSON object";
    if (f.type == "int") return "one integer" + constraints_note(d);
    if (f.type == "float") return "one number" + constraints_note(d);
    if (f.type == "bool") return "True or False";
    if (f.kind == field_kind::choice && d.is_object() && d.get_object().contains("enum")) {
        std::string list;
        for (const auto& a : d.get_object().at("enum").as_array()) list += (list.empty() ? "" : "; ") + python_str(a);
        return "exactly one of: " + list;
    }
    if (d.is_object() && d.get_object().empty()) return {};
    return "JSON of schema " + dump_json(d);
}

std::string by_markers(const std::vector<signature_field>& fields, const json::object& values) {
    std::string text;
    for (const auto& f : fields) {
        const json::value* v = values.if_contains(f.name);
        if (!v) continue;
        if (!text.empty()) text += "\n\n";
        append_field(text, f.name, format_value(f, *v));
    }
    return text;
}

}  // namespace detail
}  // namespace reagent
