#include <reagent/signature/signature.hpp>

#include "../base/text.hpp"
#include "../schema/unicode.hpp"
#include "lexer.hpp"

#include <utf8proc.h>
#include <boost/json.hpp>

namespace reagent {

namespace detail {
std::string take_description(json::value& document);
}

namespace {

const signature_field* find(const std::vector<signature_field>& fields, std::string_view name) {
    for (const auto& f : fields)
        if (f.name == name) return &f;
    return nullptr;
}

std::string list_of(const std::vector<signature_field>& fields) {
    std::string text;
    for (const auto& f : fields) text += (text.empty() ? "`" : ", `") + f.name + "`";
    return text;
}

// "HTTPServer2" -> "HTTP", "Server", "2"; "search_query" -> "search", "query"; "a__b" -> "a", "", "b".
std::vector<std::u32string> words_of(std::string_view name) {
    std::u32string points;
    for (std::size_t i = 0; i < name.size();) {
        auto [p, n] = detail::code_point(name.substr(i));
        points += static_cast<char32_t>(p < 0 ? 0xFFFD : p);
        i += n;
    }
    auto upper = [](char32_t c) { return c >= 'A' && c <= 'Z'; };
    auto lower = [](char32_t c) { return c >= 'a' && c <= 'z'; };
    auto digit = [](char32_t c) { return c >= '0' && c <= '9'; };
    std::vector<std::u32string> words(1);
    for (std::size_t i = 0; i < points.size(); ++i) {
        char32_t c = points[i], before = i ? points[i - 1] : 0, after = i + 1 < points.size() ? points[i + 1] : 0;
        if (c == '_') {
            words.emplace_back();
            continue;
        }
        bool camel = upper(c) && (lower(before) || digit(before) || (i > 0 && before != '_' && lower(after)));
        bool number = (digit(c) && (lower(before) || upper(before))) || (digit(before) && (lower(c) || upper(c)));
        if (!words.back().empty() && (camel || number)) words.emplace_back();
        words.back() += c;
    }
    return words;
}

std::string capitalized(const std::u32string& word) {
    bool all_upper = !word.empty(), cased = false;
    for (char32_t c : word) {
        auto p = static_cast<utf8proc_int32_t>(c);
        if (utf8proc_tolower(p) != p || utf8proc_toupper(p) != p) cased = true;
        if (utf8proc_toupper(p) != p) all_upper = false;
    }
    std::string out;
    for (std::size_t i = 0; i < word.size(); ++i) {
        auto p = static_cast<utf8proc_int32_t>(word[i]);
        if (!(all_upper && cased)) p = i == 0 ? utf8proc_totitle(p) : utf8proc_tolower(p);
        append_utf8(out, static_cast<char32_t>(p));
    }
    return out;
}

}  // namespace

const signature_field* signature::input(std::string_view name) const { return find(inputs, name); }
const signature_field* signature::output(std::string_view name) const { return find(outputs, name); }

std::string signature::text() const {
    auto side = [](const std::vector<signature_field>& fields) {
        std::string s;
        for (const auto& f : fields) s += (s.empty() ? "" : ", ") + f.name + (f.type == "str" ? "" : ": " + f.type);
        return s;
    };
    return side(inputs) + " -> " + side(outputs);
}

std::string default_instructions(const signature& s) {
    if (s.inputs.empty()) return "Produce " + list_of(s.outputs) + ".";
    if (s.outputs.empty()) return "Consider " + list_of(s.inputs) + ".";
    return "From " + list_of(s.inputs) + ", produce " + list_of(s.outputs) + ".";
}

std::string prefix_of(std::string_view name) {
    std::string text;
    bool first = true;
    for (const auto& word : words_of(name)) {
        if (!std::exchange(first, false)) text += ' ';
        text += capitalized(word);
    }
    return text + ":";
}

signature_field make_field(std::string name, std::string type, schema shape, std::string description) {
    signature_field f{std::move(name), std::move(type), std::move(shape), std::move(description), {}, field_kind::data};
    f.prefix = prefix_of(f.name);
    if (f.description.empty()) f.description = "${" + f.name + "}";
    const auto& d = f.shape.document();
    if (f.shape.is_text() && !(d.is_object() && d.get_object().contains("format")))  // a date may stand in quotes
        f.kind = field_kind::text;
    else if (d.is_object() && d.get_object().contains("enum"))
        f.kind = field_kind::choice;
    else if (d.is_object() && f.shape.allows_null())
        if (auto* any = d.get_object().if_contains("anyOf"); any && any->is_array())
            for (const auto& a : any->get_array())
                if (a.is_object() && a.get_object().size() && a.get_object().contains("type") &&
                    a.get_object().at("type") == "string" && !a.get_object().contains("enum"))
                    f.kind = field_kind::optional_text;
    return f;
}

std::string detail::take_description(json::value& document) {
    if (!document.is_object()) return {};
    auto* text = document.get_object().if_contains("description");
    if (!text || !text->is_string()) return {};
    std::string result{text->get_string()};
    document.get_object().stable_erase("description");
    return result;
}

}  // namespace reagent
