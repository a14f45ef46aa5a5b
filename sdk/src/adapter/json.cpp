#include "../base/text.hpp"
#include "../schema/unicode.hpp"
#include "chat_scanner.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
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

void further(std::string& out, std::string_view name, std::string_view text) { append_field(out, name, text); }

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
    repairs done{};
};

bool is_complete(const signature& s, const json::object& o) {
    return std::all_of(s.outputs.begin(), s.outputs.end(),
                       [&](const signature_field& f) { return f.shape.allows_null() || o.contains(f.name); });
}

// Of all `{...}` whose braces balance the last that has every output, else the first that is an object. A few are
// tried, so that the effort stays linear.
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
        one.v = repair_json(text.substr(begin, i + 1 - begin), one.repeated, one.done);
        if (one.v.is_object() && (!best.v.is_object() || is_complete(s, one.v.get_object()))) best = std::move(one);
        ++tried;
    }
    return best;
}

// The text with what `\\u0061` stands for in its place, and without other backslashes: names are looked for in it.
std::string without_escapes(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        unsigned code{};
        const char* digits = text.data() + std::min(i + 2, text.size());
        if (i + 6 <= text.size() && text[i + 1] == 'u' &&
            std::from_chars(digits, digits + 4, code, 16).ptr == digits + 4) {
            append_utf8(out, code);
            i += 5;
        }
    }
    return out;
}

// How often a text says `"name":`, in either kind of quotes or, behind `{` or a comma, in none.
std::size_t times_named(std::string_view raw, std::string_view name) {
    const std::string whole = without_escapes(raw);
    const std::string_view text = whole;
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find(name, at)) != text.npos; at += name.size()) {
        auto end = at + name.size();
        if (end >= text.size()) break;
        bool quoted =
            at > 0 && (text[at - 1] == '"' || text[at - 1] == '\'' || text[at - 1] == '`') && text[end] == text[at - 1];
        auto before = at == 0 ? text.npos : text.find_last_not_of(" \t\r\n", at - 1);
        bool bare = before != text.npos && (text[before] == '{' || text[before] == ',');
        if (!quoted && !bare) continue;
        auto next = text.find_first_not_of(" \t\r\n", end + quoted);
        n += next != text.npos && (text[next] == ':' || text[next] == '=');
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

// Whether the comment of some language, or of a model, begins between two objects and goes on into the second.
bool is_in_a_comment(std::string_view between) {
    for (auto [begin, end] : {std::pair<std::string_view, std::string_view>{"/*", "*/"}, {"<!--", "-->"}})
        if (auto at = between.rfind(begin); at != between.npos && between.find(end, at + begin.size()) == between.npos)
            return true;
    const auto line = between.substr(between.rfind('\n') + 1);
    for (auto at = line.find("//"); at != line.npos; at = line.find("//", at + 2))
        if (at == 0 || line[at - 1] != ':') return true;
    return line.find('#') != line.npos || trim(line).starts_with("--");
}

// Whether a heading before an object says that it is the one that counts: `Final:`, `**Final answer:**`,
// `### Corrected`.
bool is_final(std::string_view between) {
    auto without = [](std::string_view text, std::string_view signs) {
        const auto end = text.find_last_not_of(signs);
        return text.substr(0, end == text.npos ? 0 : end + 1);
    };
    between = without(between, " \t\r\n");
    const auto line = between.substr(between.rfind('\n') + 1);
    if (line.starts_with("```")) between = without(between.substr(0, between.size() - line.size()), " \t\r\n");
    auto heading = between.substr(between.rfind('\n') + 1);
    heading = without(heading, " \t\r*_`:=.>-");
    heading.remove_prefix(std::min(heading.find_first_not_of(" \t#*_`>-.,;"), heading.size()));
    constexpr std::size_t longest = 30;
    const std::string lower = heading.size() > longest ? std::string{} : to_lower(heading);
    const auto word = std::string_view{lower}.substr(0, lower.find(' '));
    return (word == "final" || word == "corrected") &&
           std::all_of(lower.begin(), lower.end(), [](char c) { return is_alpha(c) || c == ' '; }) &&
           std::count(lower.begin(), lower.end(), ' ') < 3;
}

// Whether what stands behind an object says that a text of it went on: `{"a": "the sign "}" ends"}`.
bool goes_on(std::string_view behind) {
    behind = trim(behind);
    return behind.starts_with('"') && behind.find('}') != behind.npos;
}

struct strict_objects {
    std::vector<found_object> from_last_complete;  // and those behind it
    std::string differs;                           // an output that an earlier complete one has otherwise
    std::string around;                            // what stands outside of the objects
    bool goes_on = false;                          // one may be no more than the beginning of one
};

// An output that both objects have, and that differs; "": there is none.
std::string differing_output(const signature& s, const json::object& before, const json::object& later) {
    for (const auto& f : s.outputs) {
        const auto *one = before.if_contains(f.name), *other = later.if_contains(f.name);
        if (one && other && *one != *other) return f.name;
    }
    return {};
}

// The objects of a text that are JSON as they stand, from the last on that has every output. A few beginnings are
// tried, so that the effort stays linear.
strict_objects strict_objects_in(const signature& s, std::string_view text) {
    strict_objects all;
    int tried = 0;
    std::size_t copied = 0;
    bool kept_in_a_comment = false;
    std::size_t outside = 0;  // the end of the last object that stands in no comment
    for (auto at = text.find('{'); at != text.npos && tried < 16; ++tried) {
        auto end = end_of_object(text, at);
        auto v = end == text.npos ? std::nullopt : parse_json(text.substr(at, end - at));
        if (!v || !v->is_object()) {
            at = text.find('{', at + 1);
            continue;
        }
        found_object one;
        one.v = repair_json(text.substr(at, end - at), one.repeated);
        // One with fewer outputs than the one before adds to it, and may not say otherwise.
        auto has_all_of = [&](const json::object& before) {
            return std::all_of(s.outputs.begin(), s.outputs.end(), [&](const signature_field& f) {
                return !before.contains(f.name) || v->get_object().contains(f.name);
            });
        };
        auto& kept = all.from_last_complete;
        const bool counts =
            is_complete(s, v->get_object()) && (kept.empty() || has_all_of(kept.front().v.get_object()));
        const auto between = text.substr(outside, at - outside);
        const bool in_a_comment = is_in_a_comment(between);
        if (counts && !kept.empty() && !kept_in_a_comment) {
            if (!in_a_comment && is_final(between))
                all.differs.clear();
            else if (auto name = differing_output(s, kept.front().v.get_object(), v->get_object()); !name.empty())
                all.differs = std::move(name);
        }
        if (counts) kept.clear(), kept_in_a_comment = in_a_comment;
        if (counts || !kept.empty()) kept.push_back(std::move(one));
        if (copied) all.goes_on = all.goes_on || goes_on(text.substr(copied, at - copied));
        all.around += text.substr(copied, at - copied);
        all.around += '\n';
        copied = end;
        if (!in_a_comment) outside = end;
        at = text.find('{', end);
    }
    if (copied) all.goes_on = all.goes_on || goes_on(text.substr(copied));
    all.around += text.substr(copied);
    return all;
}

// The answer without the thinking that begins outside of every object. @param open whether one has no end
std::string without_thinking(std::string_view text, bool& open) {
    std::string out;
    int depth = 0, tried = 0;
    while (!text.empty()) {
        auto at = std::min(text.find_first_of(depth || tried >= 16 ? "<" : "<{"), text.size());
        if (depth == 0) out += text.substr(0, at);
        text.remove_prefix(at);
        if (text.empty()) break;
        std::size_t n = 1;
        if (text[0] == '{') {
            ++tried;
            auto end = end_of_object(text, 0);
            if (end != text.npos && parse_json(text.substr(0, end))) n = end;
        }
        auto tag = thinking_tag_at(text);
        if (tag.size && (depth || !tag.closes)) {
            depth += tag.closes ? -1 : 1;
            n = tag.size;
        } else if (depth == 0)
            out += text.substr(0, n);
        text.remove_prefix(n);
    }
    open = depth > 0;
    return out;
}

}  // namespace

const prompt_format& json_format() {
    static constexpr prompt_format f{layout, inputs, outputs, request, further};
    return f;
}

namespace {

parse_failure answer_has_no_end() {
    std::string why =
        "its JSON has no end or leaves something out, so that what there is may be a part of what was meant; write all "
        "of it";
    return {adapter_errc::bad_value, {}, why, {{"$", why}}};
}

parse_failure answer_holds_several() {
    std::string why = "it holds more than one object side by side, and nothing is done with either; write one";
    return {adapter_errc::bad_value, {}, why, {{"$", why}}};
}

boost::system::result<found_object, parse_failure> found_in(const signature& s, std::string_view answer) {
    auto strict = strict_objects_in(s, answer);
    if (!strict.from_last_complete.empty()) {
        if (strict.goes_on) return could_be_read_otherwise({}, answer);
        if (!strict.differs.empty()) return stands_twice(strict.differs);  // and no word says which counts
        found_object found = std::move(strict.from_last_complete.front());
        for (std::size_t i = 1; i < strict.from_last_complete.size(); ++i)
            for (auto& [name, v] : strict.from_last_complete[i].v.get_object()) {
                if (auto* before = found.v.get_object().if_contains(name); before && *before != v)
                    found.repeated.emplace_back(name);
            }
        // What is no object as it stands may be the answer, and the object quoted in it.
        for (const auto& f : s.outputs)
            if (times_named(strict.around, f.name)) return stands_twice(f.name);
        return found;
    }
    found_object found;
    found.v = repair_json(answer, found.repeated, found.done);
    if (!found.v.is_object()) found = object_in(s, answer);
    if (!found.v.is_object()) return parse_failure{adapter_errc::not_an_object, {}, "the answer holds no JSON object"};
    // Where quotes had to be guessed, a quoted object may have ended the one around it.
    for (const auto& f : s.outputs)
        if (times_named(answer, f.name) > 1) return stands_twice(f.name);
    return found;
}

}  // namespace

namespace {

// Fields of decimals, as they are written.
void keep_digits(const signature& s, std::string_view answer, json::object& wanted) {
    if (std::none_of(s.outputs.begin(), s.outputs.end(), keeps_digits)) return;
    auto found = found_in(s, with_fractions_as_text(answer));
    if (!found) return;
    for (const auto& f : s.outputs)
        if (auto* v = found->v.get_object().if_contains(f.name); v && keeps_digits(f) && wanted.contains(f.name))
            wanted[f.name] = *v;
}

}  // namespace

parsed_outputs parse_json_object(const signature& s, std::string_view completion) {
    bool thinking = false;
    std::string answer = without_thinking(completion, thinking);
    if (auto v = trim(answer).starts_with('"') ? parse_json(answer) : std::nullopt; v && v->is_string())
        answer = std::string{std::string_view{v->get_string()}};  // encoded twice
    auto found = found_in(s, answer);
    if (!found) return thinking ? ended_thinking(found.error()) : found.error();
    for (const auto& name : found->repeated)  // "a.b" is a member of output `a`
        if (auto output = name.substr(0, name.find('.')); s.output(output)) return stands_twice(output);
    json::object wanted;
    answer_form form{.says_none = found->v.get_object().empty(), .quoted = true};
    for (auto& [name, v] : found->v.get_object()) {
        const auto* f = s.output(name);
        if (!f) {
            form.note(s, name);
            continue;
        }
        if (f->kind == field_kind::arguments && !v.is_null()) {
            if (found->done.closed) return has_no_end(f->name);
            auto read = read_unambiguous_json(answer);
            if (!read.wrong.empty()) return doubtful_arguments(f->name, read.wrong);
            auto* members = read.value ? read.value->if_object() : nullptr;
            auto* only = members ? members->if_contains(name) : nullptr;
            if (!only) return doubtful_arguments(f->name, "it stands outside of the object");
            v = std::move(*only);
        }
        wanted[name] = unescape_markers(std::move(v));
    }
    if (found->done.commas && form.stray.empty())  // comments, too
        for (const auto& f : s.outputs)
            if (!wanted.contains(f.name) && times_named(answer, f.name)) form.stray = f.name + " in a comment";
    keep_digits(s, answer, wanted);
    if (found->done.unclear) return could_be_read_otherwise({}, answer);
    if (found->done.cut) return answer_has_no_end();
    if (found->done.several) return answer_holds_several();
    auto outputs = read_outputs(s, std::move(wanted), form);
    if (!outputs && thinking) return ended_thinking(outputs.error());
    return outputs;
}

}  // namespace reagent::detail
