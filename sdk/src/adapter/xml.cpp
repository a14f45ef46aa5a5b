// How prompts of the XML adapter look. What reads the answers is a library of its own: ../xml.
#include "../base/text.hpp"
#include "../schema/unicode.hpp"
#include "formats.hpp"

#include <boost/json.hpp>

#include <cstdlib>
#include <utility>

namespace reagent::detail {
namespace {

// What a model may take for the angle bracket of a tag is written as a character reference: XML has a way back from
// that.
constexpr std::pair<std::string_view, std::string_view> written_by_number[]{
    {"\uFF1C", "&#xFF1C;"}, {"\uFE64", "&#xFE64;"}, {"\u0085", "&#x85;"}};

std::string escape_xml(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '<')
            out += "&lt;";
        else if (c == '&')
            out += "&amp;";
        else if (c == '>' && out.ends_with("]]"))  // which ends a CDATA section
            out += "&gt;";
        else if (c == '\r')  // a reader makes it a line's end
            out += "&#xD;";
        else
            out += c;
    }
    for (auto [bracket, reference] : written_by_number)
        if (out.find(bracket) != out.npos) out = replace_all(out, bracket, reference);
    return out;
}

std::string by_elements(const std::vector<signature_field>& fields, const json::object& values) {
    std::string text;
    for (const auto& f : fields) {
        const json::value* v = values.if_contains(f.name);
        if (!v) continue;
        text += (text.empty() ? "<" : "\n<") + f.name + ">\n" + escape_xml(escape_markers(format_value(f, *v))) +
                "\n</" + f.name + ">";
    }
    return text;
}

std::string element_shape(const signature_field& f, bool output) {
    auto note = output ? type_note(f) : std::string{};
    return "\n<" + f.name + ">{" + f.name + "}" + (note.empty() ? "" : "  # " + note) + "</" + f.name + ">";
}

std::string layout(const signature& s) {
    std::string text = "Every message is laid out like this:\n";
    for (const auto& f : s.inputs) text += element_shape(f, false);
    for (const auto& f : s.outputs) text += element_shape(f, true);
    return text + "\n\nInside an element, `<` is written `&lt;` and `&` is written `&amp;`.";
}

std::string inputs(const signature& s, const json::object& values) { return by_elements(s.inputs, values); }
std::string outputs(const signature& s, const json::object& values) { return by_elements(s.outputs, values); }

void further(std::string& out, std::string_view name, std::string_view text) {
    out.append("<")
        .append(name)
        .append(">\n")
        .append(escape_xml(escape_markers(std::string{text})))
        .append("\n</")
        .append(name)
        .append(">");
}

std::string request(const signature& s) {
    std::string text = "Write the elements ";
    bool first = true;
    for (const auto& f : s.outputs) text += (std::exchange(first, false) ? "`<" : ", `<") + f.name + ">`";
    return text + ".";
}

}  // namespace

const prompt_format& xml_format() {
    static constexpr prompt_format f{layout, inputs, outputs, request, further};
    return f;
}

std::string xml_meaning(const std::string& entity) {
    if (entity == "&lt;") return "<";
    if (entity == "&gt;") return ">";
    if (entity == "&amp;") return "&";
    if (entity == "&quot;") return "\"";
    if (entity == "&apos;") return "'";
    if (entity.starts_with("&#") && entity.size() > 3) {
        bool hex = entity[2] == 'x';
        char* end = nullptr;
        auto code = std::strtoul(entity.c_str() + (hex ? 3 : 2), &end, hex ? 16 : 10);
        if (*end == ';' && code > 0 && code < 0x110000) {
            std::string out;
            append_utf8(out, static_cast<char32_t>(code));
            return out;
        }
    }
    return entity;
}

std::string escape_xml_text(std::string text) { return escape_xml(text); }

}  // namespace reagent::detail
