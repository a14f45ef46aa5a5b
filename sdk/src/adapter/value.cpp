// Values in prompts and completions: how they are written, and how they are read back.
#include "../base/quoted.hpp"
#include "../base/text.hpp"
#include "../schema/dressed.hpp"
#include "formats.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {
namespace {

using value_result = boost::system::result<json::value, parse_failure>;

parse_failure bad_value(const signature_field& f, const std::string& why) {
    return {adapter_errc::bad_value, f.name, "field `" + f.name + "`: " + why, {{f.name, why}}};
}

// The length of a line end of any kind that a model may read as one: a text that holds it closes no block. 0: none.
std::size_t any_line_end_at(std::string_view text, std::size_t at) {
    const char c = text[at];
    if (c == '\r' && text.substr(at).starts_with("\r\n")) return 2;
    if ((c >= '\n' && c <= '\r') || (c >= '\x1c' && c <= '\x1e')) return 1;
    for (std::string_view end : {"\u0085", "\u2028", "\u2029"})
        if (text.substr(at).starts_with(end)) return end.size();
    return 0;
}

std::string blob(std::string_view text) {
    std::string indented;
    bool lines = false;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = any_line_end_at(text, at);
        indented += text.substr(at, std::max<std::size_t>(end, 1));
        if (end) indented += "    ";
        lines = lines || end;
        at += std::max<std::size_t>(end, 1);
    }
    if (!lines && text.find("«") == text.npos && text.find("»") == text.npos) return "«" + std::string{text} + "»";
    return "«««\n    " + indented + "\n»»»";
}

const json::array* allowed_values(const signature_field& f) {
    const auto& d = f.shape.document();
    auto* e = d.is_object() ? d.get_object().if_contains("enum") : nullptr;
    return e && e->is_array() ? &e->get_array() : nullptr;
}

std::string_view strip_quotes(std::string_view s) {
    if (s.size() > 1 && s.front() == s.back() && (s.front() == '"' || s.front() == '\''))
        return s.substr(1, s.size() - 2);
    return s;
}

// The value that a text is as it stands; null: none. True and None are no numbers and no texts; a text of the same
// letters comes first.
const json::value* choice_as_written(const json::array& allowed, std::string_view text) {
    const std::string_view bare = strip_quotes(text);
    for (const auto& a : allowed) {
        if (a.is_string() && a.get_string() == bare) return &a;
        if (a.is_number() && text == python_repr(a)) return &a;
    }
    const std::string lower = bare.size() <= 5 ? to_lower(bare) : std::string{};
    for (const auto& a : allowed) {
        if (a.is_bool() && lower == (a.get_bool() ? "true" : "false")) return &a;
        if (a.is_null() && (lower == "none" || lower == "null")) return &a;
    }
    return nullptr;
}

value_result read_choice(const signature_field& f, const json::value& v) {
    const json::array& allowed = *allowed_values(f);
    for (const auto& a : allowed)
        if (equal_json(a, v)) return a;
    if (v.is_string()) {
        std::string_view text = trim(v.get_string());
        for (std::string_view wrapper : {"Literal[", "str["})
            if (text.starts_with(wrapper) && text.ends_with("]"))
                text = text.substr(wrapper.size(), text.size() - wrapper.size() - 1);
        if (const auto* meant = choice_as_written(allowed, text)) return *meant;
    }
    std::string list;
    for (const auto& a : allowed) list += (list.empty() ? "" : ", ") + python_str(a);
    return bad_value(f, "expected one of " + cut(list, 400) + ", got " + describe(v));
}

// Arguments of what acts: as a model wrote them, or repaired where nothing has to be guessed.
value_result read_arguments_text(const signature_field& f, const std::string& text) {
    const auto bare = trim(text);
    if (bare.empty() || bare == "\"\"" || bare == "''") return json::value("");  // not written
    auto read = read_tool_arguments(text);
    if (read.value) return std::move(*read.value);
    return detail::doubtful_arguments(f.name, read.wrong);
}

// "{123e4567-e89b-12d3-a456-426614174000}", with hyphens or without: no object
bool is_braced_uuid(std::string_view t) {
    const bool hyphens = t.size() == 38;
    return (hyphens || t.size() == 34) && t.front() == '{' && t.back() == '}' &&
           t.find_first_not_of("0123456789abcdefABCDEF-", 1) == t.size() - 1 && (t[9] == '-') == hyphens;
}

value_result convert(const signature_field& f, json::value v) {
    if (f.shape.takes_as_it_is(v)) return v;
    auto read = f.shape.read(v, reading::lenient);
    if (read.ok()) return std::move(read.value);
    parse_failure failure{adapter_errc::bad_value, f.name, {}, {}};
    for (auto& one : read.violations) {
        std::string path = f.name + one.path.substr(1);
        failure.message += (failure.message.empty() ? "field `" : "; field `") + path + "`: " + one.message;
        failure.violations.push_back({std::move(path), std::move(one.message)});
    }
    return failure;
}

// A text with a format, as it is written; where it does not fit it may stand in quotes. A regular expression is no
// list.
value_result read_formatted(const signature_field& f, const std::string& text) {
    auto as_written = convert(f, json::value(json::string(text)));
    if (as_written) return as_written;
    for (const auto& inner : {parse_json(text), python_literal(text)})
        if (inner && inner->is_string())
            if (auto read = convert(f, *inner)) return read;
    if (auto read = convert(f, json::value(json::string(trim(text))))) return read;
    return as_written;
}

}  // namespace

namespace {

// Whether a schema takes texts of any form.
bool takes_any_text(const json::value& shape) {
    if (!shape.is_object()) return false;
    const auto& o = shape.get_object();
    for (const char* key : {"anyOf", "oneOf"})
        if (auto* some = o.if_contains(key); some && some->is_array())
            return std::any_of(some->get_array().begin(), some->get_array().end(), takes_any_text);
    for (const char* key : {"format", "pattern", "enum", "const", "$ref", "allOf", "not"})
        if (o.contains(key)) return false;
    auto* type = o.if_contains("type");
    if (type && type->is_array())
        return std::find(type->get_array().begin(), type->get_array().end(), "string") != type->get_array().end();
    return !type || *type == "string";
}

}  // namespace

bool detail::takes_any_text(const signature_field& f) {
    return f.kind == field_kind::text || f.kind == field_kind::optional_text ||
           reagent::takes_any_text(f.shape.document());
}

bool detail::stays_text(const signature_field& f, const json::value& v) {
    if (!v.is_string() || f.kind == field_kind::text || f.kind == field_kind::arguments || f.kind == field_kind::choice)
        return false;
    return takes_any_text(f) && (f.shape.takes_as_it_is(v) || f.shape.read(v, reading::strict).ok());
}

bool detail::keeps_digits(const signature_field& f) { return f.type.find("Decimal") != f.type.npos; }

std::string detail::with_fractions_as_text(std::string_view text) {
    std::string out;
    char quote = 0, before = ' ';
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (quote || c == '"' || c == '\'') {
            const bool escaped = quote && c == '\\' && i + 1 < text.size();
            if (!quote)
                quote = c;
            else if (c == quote)
                quote = 0;
            out += text.substr(i, escaped ? 2 : 1);
            i += escaped ? 2 : 1;
            before = c;
            continue;
        }
        auto end = i;
        while (end < text.size() &&
               (is_word(text[end]) || std::string_view{"+-."}.find(text[end]) != std::string_view::npos))
            ++end;
        const auto token = text.substr(i, end - i);
        const bool apart = is_space(before) || std::string_view{"[(,:"}.find(before) != std::string_view::npos;
        if (apart && token.find_first_of(".eE") != token.npos && is_digit(token.back()) && parse_json(token))
            out += '"' + std::string{token} + '"';
        else if (!token.empty())
            out += token;
        else
            out += c, ++end;
        before = text[end - 1];
        i = end;
    }
    return out;
}

std::string format_value(const signature_field& f, const json::value& v) {
    if (v.is_array() && f.kind == field_kind::text) {
        const auto& items = v.get_array();
        if (items.empty()) return "N/A";
        if (items.size() == 1) return blob(python_str(items[0]));
        std::string text;
        for (std::size_t i = 0; i < items.size(); ++i)
            text += (i ? "\n" : "") + ("[" + std::to_string(i + 1) + "] ") + blob(python_str(items[i]));
        return text;
    }
    return v.is_structured() ? dump_json(v) : python_str(v);
}

namespace {

// `**None**`, `null.`
bool says_none(std::string_view text) {
    const auto forms = undressed(text);
    return std::any_of(forms.begin(), forms.end(), [](std::string_view t) { return t == "None" || t == "null"; });
}

// `**[1, 2]**`: behind a list an asterisk would be an operator.
void take_bold_marks(std::string& text) {
    if (text.find('*') == text.npos) return;
    const auto bare = trim(text);
    if (!bare.starts_with('*') || !bare.ends_with('*')) return;
    const auto marks = bare.find_first_not_of('*');
    if (marks > 3 || bare.size() < 2 * marks + 2 || (bare[marks] != '[' && bare[marks] != '{')) return;
    const auto inner = bare.substr(marks, bare.size() - 2 * marks);
    if (!inner.ends_with('*')) text = std::string{inner};
}

}  // namespace

value_result read_field(const signature_field& f, json::value v) {
    if (f.kind == field_kind::text) {
        if (v.is_null() && !f.shape.allows_null()) return bad_value(f, "expected text, got null");
        if (v.is_string() && f.shape.is_any_text()) return v;
        json::value text(json::string(python_str(v)));
        return f.shape.is_text() ? convert(f, text) : value_result{std::move(text)};
    }
    if (f.kind == field_kind::choice && allowed_values(f)) return read_choice(f, v);
    if (f.kind == field_kind::arguments && v.is_null()) return json::value(json::object{});  // written: `null`
    if (!v.is_string()) return convert(f, v);
    if (f.kind == field_kind::optional_text) {
        const auto word = trim(v.get_string());
        const bool none = f.shape.allows_null() && (word == "null" || word == "None");
        return none ? json::value(nullptr) : convert(f, std::move(v));
    }
    std::string text{v.get_string()};
    if (f.kind == field_kind::arguments) {
        auto read = read_arguments_text(f, text);
        return read ? convert(f, std::move(*read)) : read;
    }
    if (f.shape.is_text()) return read_formatted(f, text);
    if (is_braced_uuid(trim(text))) return convert(f, json::value(json::string(trim(text))));
    if (detail::keeps_digits(f)) text = detail::with_fractions_as_text(text);
    take_bold_marks(text);
    std::vector<std::string> repeated;
    repairs done;
    json::value candidate = repair_json(text, repeated, done);
    if (done.unclear) return detail::could_be_read_otherwise(f.name, text);
    if (done.cut) return detail::has_no_end(f.name);
    if (done.several) return bad_value(f, "it holds more than one JSON value; write one");
    if (done.fence && candidate.is_structured())
        if (auto beside = detail::doubt_beside(text); !beside.empty()) {
            if (detail::takes_any_text(f)) return convert(f, json::value(json::string(text)));
            return bad_value(f,
                             quoted(beside, 60) + " stands beside its JSON, and may say otherwise; write nothing else");
        }
    if (!repeated.empty())
        return bad_value(f, quoted(repeated.front(), 100) + " stands twice in it, and says two things");
    if (candidate.is_string() && candidate.get_string().empty() && !text.empty()) {
        auto literal = python_literal(text);
        const json::value as_written = json::string(text);
        auto read = convert(f, literal ? *literal : as_written);
        if (!read && !literal && f.shape.allows_null() && says_none(text)) return json::value(nullptr);
        // `1,234` is a tuple to Python, and a wrong number to whoever wrote it.
        return read || !literal || !literal->is_array() || text.find_first_of("([{") != text.npos
                   ? read
                   : convert(f, as_written);
    }
    return convert(f, candidate);
}

bool detail::has_arguments(const signature& s) {
    return std::any_of(s.outputs.begin(), s.outputs.end(),
                       [](const signature_field& f) { return f.kind == field_kind::arguments; });
}

namespace {

bool speaks_of_arguments(std::string_view name) {
    const std::string lower = to_lower(name.substr(0, 100));
    for (const char* word : {"arg", "param", "input"})
        if (lower.find(word) != lower.npos) return true;
    return false;
}

// Whether a text holds a name as a heading of some kind, at the beginning of a line or behind a tag: `**zip**: `,
// `[[zip]]`, `<!-- <zip>`.
// @param lower in lower case
bool is_a_heading(std::string_view lower, const std::string& name) {
    constexpr std::size_t most = 24;
    auto plain = [](char c) { return is_word(c) || static_cast<unsigned char>(c) >= 0x80 || c == '\n'; };
    auto bracket = [](char c) {
        return static_cast<unsigned char>(c) >= 0x80 || (!is_word(c) && c != '\n' && c != '>');
    };
    for (auto at = lower.find(name); at != lower.npos; at = lower.find(name, at + 1)) {
        auto begin = at;
        while (begin > 0 && at - begin < most && bracket(lower[begin - 1])) --begin;
        const bool first = begin == 0 || lower[begin - 1] == '\n' || lower[begin - 1] == '>';
        auto behind = lower.substr(std::min(at + name.size(), lower.size()), most);
        const auto end = std::find_if(behind.begin(), behind.end(), plain);
        const auto signs = behind.substr(0, static_cast<std::size_t>(end - behind.begin()));
        if (first && signs.find_first_of(":=]#>") != signs.npos) return true;
    }
    return false;
}

}  // namespace

void detail::answer_form::note(const signature& s, std::string_view name) {
    if (names_a_field(s, name)) return;
    constexpr std::size_t most = 8;
    if (unknown.size() < most && std::find(unknown.begin(), unknown.end(), name) == unknown.end())
        unknown.emplace_back(name);
    if (stray.empty() || speaks_of_arguments(name)) stray = name;
}

bool detail::names_a_field(const signature& s, std::string_view name) {
    return s.output(name) ||
           std::any_of(s.inputs.begin(), s.inputs.end(), [&](const signature_field& f) { return f.name == name; });
}

std::optional<parse_failure> detail::misses_an_output(const signature& s, const json::object& found,
                                                      const json::object& read, const answer_form& form) {
    if (found.empty() && form.stray.empty() && !form.says_none)
        return parse_failure{
            adapter_errc::no_fields, {}, "the answer holds no field at all", {{"$", "holds no field at all"}}};
    const bool one_is_missing = found.size() < s.outputs.size();
    const std::string lower = form.stray.empty() && one_is_missing ? to_lower(form.text) : std::string{};
    for (const auto& f : s.outputs) {
        if (form.stray.empty()) {
            if (found.contains(f.name) || lower.empty() || !is_a_heading(lower, to_lower(f.name))) continue;
            const std::string why =
                "is missing, though its name stands in the answer; write it as a field of its own, as null where there "
                "is none";
            return parse_failure{adapter_errc::bad_value, f.name, "field `" + f.name + "` " + why, {{f.name, why}}};
        }
        const auto* acts = f.kind == field_kind::arguments ? read.if_contains(f.name) : nullptr;
        if (acts && (speaks_of_arguments(form.stray) || (acts->is_object() && acts->get_object().empty())))
            return doubtful_arguments(f.name, quoted(form.stray, 100) + " stands beside it, and may be what is meant");
        if (found.contains(f.name) || !f.shape.allows_null()) continue;
        const std::string why = "is missing, and " + quoted(form.stray, 100) +
                                ", which the answer holds, is no output; write `" + f.name +
                                "` under its own name, as null where there is none";
        return parse_failure{found.empty() ? adapter_errc::no_fields : adapter_errc::bad_value,
                             f.name,
                             "field `" + f.name + "` " + why,
                             {{f.name, why}}};
    }
    return {};
}

namespace {

// What an answer holds besides outputs, where one is missing: "; `pirce`, which it holds, is no output: did you mean
// `price`?"
std::string told_of_unknown(const std::vector<std::string>& unknown, const std::vector<std::string>& missing) {
    std::string text;
    for (const auto& name : unknown) {
        auto near = did_you_mean(name, missing);
        if (near.empty()) near = did_you_mean(to_lower(name), missing);
        text += "; " + quoted(name, 100) + ", which it holds, is no output" +
                (near.empty() ? "" : ": did you mean `" + near + "`?");
    }
    return text;
}

}  // namespace

parsed_outputs detail::read_outputs(const signature& s, json::object found, const answer_form& form) {
    json::object result(s.outputs.size());
    std::vector<parse_failure> wrong;
    std::string missing;
    std::vector<std::string> missing_names;
    for (const auto& f : s.outputs) {
        json::value* v = found.if_contains(f.name);
        if (!v) {
            if (!f.shape.allows_null()) {
                missing += (missing.empty() ? "`" : ", `") + f.name + "`";
                missing_names.push_back(f.name);
                wrong.push_back({adapter_errc::missing_field, f.name, {}, {{f.name, "is missing"}}});
            }
            result[f.name] = nullptr;
            continue;
        }
        const bool stays = form.quoted && stays_text(f, *v);
        auto value = stays ? value_result{std::move(*v)} : read_field(f, std::move(*v));
        if (value)
            result[f.name] = std::move(*value);
        else
            wrong.push_back(value.error());
    }
    if (wrong.empty()) {
        if (auto failure = misses_an_output(s, found, result, form)) return *failure;
        return result;
    }
    std::string have;
    for (const auto& [name, v] : found) have += (have.empty() ? "" : ", ") + quoted(name, 100);
    // What is there and wrong comes before what is not there.
    auto first = std::find_if(wrong.begin(), wrong.end(),
                              [](const parse_failure& f) { return f.code != adapter_errc::missing_field; });
    parse_failure all = first == wrong.end() ? wrong.front() : *first;
    if (have.empty()) all.code = adapter_errc::no_fields;
    all.message.clear();
    all.violations.clear();
    for (auto& f : wrong) {
        if (!f.message.empty()) all.message += (all.message.empty() ? "" : "; ") + f.message;
        for (auto& one : f.violations) all.violations.push_back(std::move(one));
        if (f.code == adapter_errc::missing_field)
            all.violations.back().message += told_of_unknown(form.unknown, {f.field});
    }
    if (!missing.empty())
        all.message += (all.message.empty() ? "" : "; ") + ("missing " + missing) +
                       (have.empty() ? "; the answer holds no field at all" : "; the answer holds " + cut(have, 300)) +
                       told_of_unknown(form.unknown, missing_names);
    return all;
}

json::object outputs_schema(const signature& s) {
    json::object properties, definitions;
    json::array required;
    for (const auto& f : s.outputs) {
        json::value shape =
            f.kind == field_kind::arguments ? json::value(json::object{{"type", "object"}}) : f.shape.document();
        if (!shape.is_object()) shape.emplace_object();
        auto& o = shape.get_object();
        if (auto* defs = o.if_contains("$defs"); defs && defs->is_object()) {
            for (const auto& [name, d] : defs->get_object()) definitions[name] = d;
            o.stable_erase("$defs");
        }
        if (f.is_described() && !o.contains("$ref")) o["description"] = f.description;
        properties[f.name] = std::move(shape);
        required.emplace_back(f.name);
    }
    json::object schema{{"type", "object"},
                        {"properties", std::move(properties)},
                        {"required", std::move(required)},
                        {"additionalProperties", false}};
    if (!definitions.empty()) schema["$defs"] = std::move(definitions);
    return schema;
}

void throw_exception_from_error(const parse_failure& f, const boost::source_location&) {
    throw parse_error{f.code, f.message, f.field, {}};
}

}  // namespace reagent
