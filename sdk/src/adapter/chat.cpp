#include "../text.hpp"
#include "formats.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent::detail {
namespace {

std::string placeholder(const signature_field& f) {
    auto note = type_note(f);
    return "\n\n" + marker(f.name) + "\n{" + f.name + "}" + (note.empty() ? "" : "  # " + note);
}

std::string layout(const signature& s) {
    std::string text = "Every message is laid out like this:";
    for (const auto& f : s.inputs) text += "\n\n" + marker(f.name) + "\n{" + f.name + "}";
    for (const auto& f : s.outputs) text += placeholder(f);
    return text + "\n\n" + marker("completed");
}

std::string inputs(const signature& s, const json::object& values) { return by_markers(s.inputs, values); }

std::string outputs(const signature& s, const json::object& values) {
    std::string text = by_markers(s.outputs, values);
    return text + (text.empty() ? "" : "\n\n") + marker("completed");
}

void further(std::string& out, std::string_view name, std::string text) { append_field(out, name, std::move(text)); }

std::string request(const signature& s) {
    std::string text = "Write the fields ";
    bool first = true;
    for (const auto& f : s.outputs) {
        text += (std::exchange(first, false) ? "`" : ", `") + marker(f.name) + "`";
        if (f.type == "int" || f.type == "float" || f.type == "bool") text += " (" + type_note(f) + ")";
    }
    return text + ", then `" + marker("completed") + "`.";
}

// The name in a line that starts, after spaces, with `[[ ## name ## ]]`; `end` is the marker's size without them.
struct header {
    std::string_view name;
    std::size_t end;
};
std::optional<header> header_of(std::string_view line) {
    constexpr std::string_view open = "[[ ## ", close = " ## ]]";
    if (!line.starts_with(open)) return {};
    std::size_t at = open.size();
    while (at < line.size() && (is_word(line[at]) || static_cast<unsigned char>(line[at]) >= 0x80)) ++at;
    if (at == open.size() || !line.substr(at).starts_with(close)) return {};
    return header{line.substr(open.size(), at - open.size()), at + close.size()};
}

// As Python's `splitlines` for the line ends that occur in completions.
std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c != '\n' && c != '\r' && c != '\v' && c != '\f') continue;
        lines.push_back(text.substr(begin, i - begin));
        if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
        begin = i + 1;
    }
    if (begin < text.size()) lines.push_back(text.substr(begin));
    return lines;
}

}  // namespace

const prompt_format& chat_format() {
    static constexpr prompt_format f{layout, inputs, outputs, request, further};
    return f;
}

namespace {

// The fields until a `completed` marker, or until the end.
struct block {
    std::vector<std::pair<const signature_field*, std::string>> fields{};
    bool closed = false;

    bool is_complete(const signature& s) const {
        return closed && std::all_of(s.outputs.begin(), s.outputs.end(), [&](const signature_field& f) {
                   return f.shape.allows_null() ||
                          std::any_of(fields.begin(), fields.end(), [&](const auto& held) { return held.first == &f; });
               });
    }
};

std::vector<block> blocks_of(const signature& s, std::string_view completion) {
    std::vector<block> blocks(1);
    const signature_field* current = nullptr;
    std::string section;
    auto close = [&] {
        if (current) blocks.back().fields.emplace_back(current, trim(section));
        section.clear();
    };
    for (std::string_view line : lines_of(completion)) {
        auto h = header_of(trim(line));
        if (!h) {
            if (current) section.append(section.empty() ? "" : "\n").append(line);
            continue;
        }
        close();
        current = s.output(h->name);
        // Text on the marker's own line belongs to the field.
        if (current) section = trim(trim(line).substr(h->end));
        if (!current && h->name == "completed") {
            blocks.back().closed = true;
            blocks.emplace_back();
        }
    }
    close();
    return blocks;
}

}  // namespace

// The last complete block counts, and nothing behind it may say otherwise: what a model quotes must not choose its tool.
parsed_outputs parse_chat(const signature& s, std::string_view completion) {
    const auto blocks = blocks_of(s, completion);
    std::size_t first = 0;
    for (std::size_t i = 0; i < blocks.size(); ++i)
        if (blocks[i].is_complete(s)) first = i;
    json::object found;
    for (std::size_t i = first; i < blocks.size(); ++i)
        for (const auto& [field, text] : blocks[i].fields) {
            auto [at, fresh] = found.emplace(field->name, text);
            if (!fresh && at->value().get_string() != text) return stands_twice(field->name);
        }
    for (auto& [name, v] : found) v = unescape_markers(std::move(v));
    return read_outputs(s, std::move(found));
}

}  // namespace reagent::detail
