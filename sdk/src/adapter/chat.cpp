#include "../base/text.hpp"
#include "chat_scanner.hpp"

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

    bool has(const signature_field* f) const {
        return std::any_of(fields.begin(), fields.end(), [&](const auto& held) { return held.first == f; });
    }
    bool has_all_of(const block& other) const {
        return std::all_of(other.fields.begin(), other.fields.end(), [&](const auto& held) { return has(held.first); });
    }
    bool is_complete(const signature& s) const {
        return closed &&
               std::all_of(s.outputs.begin(), s.outputs.end(), [&](const signature_field& f) { return f.shape.allows_null() || has(&f); });
    }
};

struct block_reader final : chat_scanner::sink {
    explicit block_reader(const signature& sig) : s{sig} {}

    bool begin(std::string_view name) override {
        close();
        current = s.output(name);
        if (!current && name == "completed") end_block();
        return current != nullptr;
    }
    void text(std::string_view piece) override { section += piece; }
    void completed() override {
        close();
        end_block();
    }
    void close() {
        if (current) blocks.back().fields.emplace_back(current, trim(section));
        current = nullptr;
        section.clear();
    }
    void end_block() {
        blocks.back().closed = true;
        blocks.emplace_back();
    }

    const signature& s;
    std::vector<block> blocks{1};
    const signature_field* current = nullptr;
    std::string section{};
};

}  // namespace

// The last complete block counts, and nothing behind it may say otherwise: what a model quotes must not choose its tool.
parsed_outputs parse_chat(const signature& s, std::string_view completion) {
    block_reader reader{s};
    chat_scanner scanner{reader};
    scanner.read(completion);
    reader.close();
    const auto& blocks = reader.blocks;
    std::size_t first = blocks.size();
    for (std::size_t i = 0; i < blocks.size(); ++i)  // one with fewer fields than the one before adds to it, and may not say otherwise
        if (blocks[i].is_complete(s) && (first == blocks.size() || blocks[i].has_all_of(blocks[first]))) first = i;
    if (first == blocks.size()) first = 0;
    json::object found;
    for (std::size_t i = first; i < blocks.size(); ++i)
        for (const auto& [field, text] : blocks[i].fields) {
            auto [at, fresh] = found.emplace(field->name, text);
            if (!fresh && at->value().get_string() != text) return stands_twice(field->name);
        }
    for (auto& [name, v] : found) v = unescape_markers(std::move(v));
    auto outputs = read_outputs(s, std::move(found));
    if (!outputs && scanner.is_thinking()) return ended_thinking(outputs.error());
    return outputs;
}

}  // namespace reagent::detail
