#include "tree.hpp"

#include "../schema/unicode.hpp"

#include <expat.h>
#include <boost/json.hpp>

#include <algorithm>
#include <climits>

namespace reagent::detail {

std::string kept_controls::hide(std::string_view text) {
    auto is_one = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r'; };
    if (std::none_of(text.begin(), text.end(), is_one)) return std::string{text};
    for (char32_t row = 0x10FF00; row_.empty() && row >= 0x10F000; row -= 0x100) {
        append_utf8(row_, row);
        row_.pop_back();
        if (text.find(row_) != text.npos) row_.clear();
    }
    std::string out;
    for (char c : text)
        if (is_one(c))
            (out += row_) += static_cast<char>(0x80 | c);
        else
            out += c;
    return out;
}

json::value kept_controls::show(json::value v) const {
    if (row_.empty()) return v;
    if (v.is_string()) return json::value(json::string(shown(v.get_string())));
    if (v.is_array())
        for (auto& item : v.get_array()) item = show(std::move(item));
    if (v.is_object())
        for (auto& [key, item] : v.get_object()) item = show(std::move(item));
    return v;
}

std::string kept_controls::shown(std::string_view text) const {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        bool one = text.substr(at).starts_with(row_) && at + row_.size() < text.size() &&
                   static_cast<unsigned char>(text[at + row_.size()]) < 0xA0;
        out += one ? static_cast<char>(text[at + row_.size()] & 0x1F) : text[at];
        at += one ? row_.size() + 1 : 1;
    }
    return out;
}

namespace {

constexpr int max_xml_depth = 128;

// `]]>` may only end a CDATA section; models write it as text too, as in `x[y[0]]>3`.
std::string with_bare_ends(std::string_view text) {
    std::string out;
    auto take = [&](std::size_t n) {
        out.append(text.substr(0, n));
        text.remove_prefix(std::min(n, text.size()));
    };
    auto take_to = [&](std::string_view end) {
        const auto at = text.find(end);
        take(at == text.npos ? text.size() : at + end.size());
    };
    while (!text.empty()) {
        take(std::min(text.find_first_of("<]"), text.size()));
        if (text.starts_with("<![CDATA["))
            take_to("]]>");
        else if (text.starts_with("<!--"))
            take_to("-->");
        else if (text.starts_with("]]>")) {
            out += "]]&gt;";
            text.remove_prefix(3);
        } else
            take(1);
    }
    return out;
}

// What the attribute `type` of an element may say without saying anything.
bool is_type_name(std::string_view text) {
    static constexpr std::string_view names[]{"string",  "str",  "text",  "integer", "int",    "number", "float",
                                              "boolean", "bool", "array", "list",    "object", "dict",   "json"};
    return std::find(std::begin(names), std::end(names), text) != std::end(names);
}

// Builds the tree.
class tree_builder {
public:
    tree_builder() : parser_{XML_ParserCreate("UTF-8"), XML_ParserFree} {
        XML_SetUserData(parser_.get(), this);
        XML_SetElementHandler(parser_.get(), &start, &finish);
        XML_SetCharacterDataHandler(parser_.get(), &text);
        XML_SetCommentHandler(parser_.get(), &comment);
        XML_SetProcessingInstructionHandler(parser_.get(),
                                            [](void* self, const XML_Char* target, const XML_Char* data) {
                                                comment(self, target);
                                                comment(self, data);
                                            });
        // A document type could define entities that grow without bound; completions have none.
        XML_SetStartDoctypeDeclHandler(
            parser_.get(), [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) { stop(self); });
    }

    xml_tree parse(std::string_view completion) {
        kept_controls controls;
        source_ = "<root>" + with_bare_ends(controls.hide(completion)) + "</root>";
        if (source_.size() > static_cast<std::size_t>(INT_MAX)) return {.problem = "too long"};
        auto status = XML_Parse(parser_.get(), source_.data(), static_cast<int>(source_.size()), 1);
        if (status != XML_STATUS_OK || !root_) return {.problem = XML_ErrorString(XML_GetErrorCode(parser_.get()))};
        return {std::move(root_), std::move(controls)};
    }

private:
    struct open_element {
        element* e;
        std::size_t inner_begin;
    };

    static tree_builder& self(void* p) { return *static_cast<tree_builder*>(p); }
    static void stop(void* p) { XML_StopParser(self(p).parser_.get(), XML_FALSE); }

    static void start(void* p, const XML_Char* name, const XML_Char** attributes) {
        auto& t = self(p);
        if (t.open_.size() >= max_xml_depth) return stop(p);
        auto e = std::make_unique<element>();
        e->name = name;
        for (; *attributes; attributes += 2)
            if (const std::string_view attribute = attributes[0]; attribute == "key")
                e->key = attributes[1];
            else if (attribute != "type" || !is_type_name(attributes[1]))
                e->attribute = attribute;
        auto position = static_cast<std::size_t>(XML_GetCurrentByteIndex(t.parser_.get()));
        auto size = static_cast<std::size_t>(XML_GetCurrentByteCount(t.parser_.get()));
        t.open_.push_back({e.get(), position + size});
        if (t.open_.size() == 1)
            t.root_ = std::move(e);
        else
            t.open_[t.open_.size() - 2].e->children.push_back(std::move(e));
    }

    static void finish(void* p, const XML_Char*) {
        auto& t = self(p);
        auto [e, begin] = t.open_.back();
        auto position = static_cast<std::size_t>(XML_GetCurrentByteIndex(t.parser_.get()));
        if (position > begin) e->inner = t.source_.substr(begin, position - begin);
        t.open_.pop_back();
    }

    static void text(void* p, const XML_Char* s, int n) {
        auto& t = self(p);
        if (t.open_.empty()) return;
        auto& e = *t.open_.back().e;
        (e.children.empty() ? e.text : e.beside).append(s, static_cast<std::size_t>(n));
    }

    static void comment(void* p, const XML_Char* s) {
        auto& t = self(p);
        if (!t.open_.empty()) (t.open_.back().e->comments += s) += ' ';
    }

    std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser_;
    std::string source_;
    std::unique_ptr<element> root_;
    std::vector<open_element> open_;
};

}  // namespace

xml_tree read_xml(std::string_view text) { return tree_builder{}.parse(text); }

}  // namespace reagent::detail
