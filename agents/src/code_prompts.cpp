#include "code_prompts.hpp"

#include "react_parts.hpp"

#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

std::string submit_call(const signature& s) {
    std::string text;
    for (const auto& f : s.outputs) text += (text.empty() ? "" : ", ") + f.name + "=...";
    return "submit(" + text + ")";
}

std::string output_types(const signature& s) {
    std::string text;
    for (const auto& f : s.outputs) {
        text += "\n- " + f.name + ": " + escape_markers(f.type);
        if (f.is_described()) text += ", " + escape_markers(f.description);
    }
    return text;
}

constexpr const char* cells =
    "\n\nYou work in a Python interpreter. Each step: think, then write one cell of code in next_code. Variables last "
    "from cell to cell. "
    "What a cell prints, and the value of its last expression, is its observation. Earlier steps follow the inputs as "
    "thought_0, code_0, "
    "observation_0 and so on. There is the standard library, no network, and no file but in /tmp; `show(path)` shows a "
    "PNG.";
constexpr const char* program =
    "\n\nWrite one Python program in next_code that computes the outputs from the inputs, which are variables of those "
    "names. There is the "
    "standard library, no network, and no file but in /tmp. Each program begins anew. What came of earlier ones "
    "follows the inputs as "
    "thought_0, code_0, observation_0 and so on: repair what was wrong.";
constexpr const char* recursive =
    "\n\nThe inputs are variables of a Python interpreter and may be far larger than what you can read: `variables` "
    "says what they are "
    "like. Look at parts, search them by code, split them, and keep what you find in variables.\n"
    "- llm(prompt): asks a smaller model, and returns its text; give it a piece that it can read\n"
    "- llm_batch([prompt, ...]): asks about several at once, and returns their texts";

std::string size_of(std::size_t n, const char* what) { return std::to_string(n) + " " + what; }

// The beginning, without a character that is cut in two.
std::string head_of(std::string text, std::size_t most) {
    if (text.size() <= most) return text;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
    text.resize(most);
    return text + "...";
}

std::string described_value(const json::value& v, std::size_t most) {
    if (v.is_string()) {
        const std::string text{v.get_string()};
        if (text.size() <= most) return "str: " + text;
        return "str, " + size_of(text.size(), "bytes; it begins: ") + head_of(text, most);
    }
    std::string text = dump_json(v), kind = v.is_array() ? "list of " + size_of(v.get_array().size(), "items") : "dict";
    if (!v.is_structured()) return text;
    return kind + (text.size() <= most ? ": " : ", " + size_of(text.size(), "bytes as JSON; it begins: ")) +
           head_of(text, most);
}

}  // namespace

signature told_signature(code_kind kind, const signature& s) {
    if (kind != code_kind::recursive) return s;
    signature told = s;
    told.inputs.clear();
    told.inputs.push_back(make_field(variables_field, "str", schema{json::object{{"type", "string"}}},
                                     "the inputs, and what they are like"));
    return told;
}

signature code_step_signature(code_kind kind, const signature& s) {
    signature step = told_signature(kind, s);
    step.outputs.clear();
    const json::value nullable =
        json::object{{"anyOf", json::array{json::object{{"type", "string"}}, json::object{{"type", "null"}}}}};
    step.outputs.push_back(make_field("next_thought", "str", schema{nullable}, "what you know and what to do next"));
    step.outputs.push_back(
        make_field("next_code", "str", schema{json::object{{"type", "string"}}}, "Python code, without a fence"));
    return step;
}

standing_text code_standing(code_kind kind, const signature& s, const code_options& o) {
    std::string text = kind == code_kind::program ? program : cells;
    if (kind == code_kind::recursive) text += recursive;
    if (kind == code_kind::recursive && o.depth > 1)
        text += "\n- rlm(question, context): asks an agent that works on a context of any size as you do";
    if (!o.functions.empty())
        text +=
            "\nFunctions, which raise ToolError where they fail; parallel([f.later(...), g.later(...)]) makes several "
            "calls at once:" +
            python_functions(o.functions);
    text += "\nEnd by calling " + submit_call(s) + " in a cell, with:" + output_types(s);
    return {text, {"next_code", "submit("}};
}

signature llm_signature() {
    signature s = parse_signature("prompt -> response");
    s.instructions = "Do what the prompt asks, from what it holds alone. Answer with nothing else.";
    return s;
}

signature recursive_signature() { return parse_signature("question, context -> answer"); }

std::string described(const json::object& inputs, std::size_t most_of_each) {
    std::string text;
    for (const auto& [name, v] : inputs)
        text += (text.empty() ? "" : "\n") + std::string{name} + ": " + described_value(v, most_of_each);
    return text;
}

std::string bare_code(std::string_view text) {
    auto begin = text.find("```");
    if (begin == text.npos) return std::string{text};
    auto line = text.find('\n', begin);
    auto end = line == text.npos ? line : text.find("\n```", line);
    if (text.find_first_not_of(" \t\r\n") != begin || line == text.npos) return std::string{text};
    return std::string{end == text.npos ? text.substr(line + 1) : text.substr(line + 1, end - line)};
}

}  // namespace reagent::detail
