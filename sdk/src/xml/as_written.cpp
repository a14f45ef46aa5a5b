#include "as_written.hpp"

#include "../adapter/formats.hpp"
#include "../adapter/thinking.hpp"
#include "../base/text.hpp"

#include <algorithm>
#include <charconv>

namespace reagent::detail {
namespace {

enum class brackets { of_tags_stay, are_text };

// A reference of XML: `&lt;`, `&#65;`, `&#x41;`. @return its bytes; 0: it is none
std::size_t reference_at(std::string_view text) {
    for (std::string_view known : {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"})
        if (text.starts_with(known)) return known.size();
    if (!text.starts_with("&#")) return 0;
    const bool hex = text.size() > 2 && text[2] == 'x';
    const char *begin = text.data() + (hex ? 3 : 2), *last = text.data() + text.size();
    unsigned code{};
    const auto [end, ec] = begin < last ? std::from_chars(begin, last, code, hex ? 16 : 10)
                                        : std::from_chars_result{begin, std::errc::invalid_argument};
    if (ec != std::errc{} || end == last || *end != ';') return 0;
    const bool is_character = (code >= 0x20 && code < 0xD800) || (code >= 0xE000 && code < 0xFFFE) ||
                              (code >= 0x10000 && code < 0x110000) || code == 9 || code == 10 || code == 13;
    return is_character ? static_cast<std::size_t>(end + 1 - text.data()) : 0;
}

// A comment, raw text or an instruction with its end. @return its bytes; 0: it is none
std::size_t whole_at(std::string_view text, std::string_view open, std::string_view close) {
    if (!text.starts_with(open)) return 0;
    const auto end = text.find(close, open.size());
    return end == text.npos ? 0 : end + close.size();
}

std::size_t comment_at(std::string_view text) {
    const auto size = whole_at(text, "<!--", "-->");
    return size && text.substr(4, size - 7).find("--") == text.npos ? size : 0;
}

bool begins_a_tag(std::string_view text) {
    text.remove_prefix(text.starts_with("</") ? 2 : 1);
    if (text.starts_with("!DOCTYPE")) return true;  // which is refused
    return !text.empty() &&
           (is_alpha(text[0]) || text[0] == '_' || text[0] == ':' || static_cast<unsigned char>(text[0]) >= 0x80);
}

// Once one kind has no end, none behind it has: it is not looked for again.
class sign_writer {
public:
    explicit sign_writer(std::string& out) : out_{out} {}

    void write(std::string_view text, brackets how) {
        bool comments = true, raw = true;
        while (!text.empty()) {
            take(text, std::min(text.find_first_of("<&"), text.size()));
            if (text.empty()) return;
            std::size_t stays = text[0] == '&' ? reference_at(text) : 0;
            if (raw && text.starts_with("<![CDATA[")) raw = (stays = whole_at(text, "<![CDATA[", "]]>")) > 0;
            if (comments && text.starts_with("<!--")) comments = (stays = comment_at(text)) > 0;
            if (!stays && text[0] == '<' && how == brackets::of_tags_stay && begins_a_tag(text)) stays = 1;
            if (stays) {
                take(text, stays);
                continue;
            }
            out_ += text[0] == '<' ? "&lt;" : "&amp;";
            text.remove_prefix(1);
        }
    }

private:
    void take(std::string_view& text, std::size_t n) {
        out_ += text.substr(0, n);
        text.remove_prefix(n);
    }
    std::string& out_;
};

// A tag of an output.
struct output_tag {
    const signature_field* field = nullptr;  // null: it is none
    std::size_t begin = 0, end = 0;
    bool closes = false, whole = false;  // `<name/>`
};

output_tag tag_at(const signature& s, std::string_view text, std::size_t at) {
    constexpr std::size_t longest = 512;
    const auto tag = text.substr(at, longest);
    const bool closes = tag.starts_with("</");
    const auto rest = tag.substr(closes ? 2 : 1);
    const auto name = rest.substr(0, rest.find_first_of(" \t\r\n/>"));
    const auto end = tag.find('>');
    const auto* f = end == tag.npos ? nullptr : s.output(name);
    return {f, at, at + end + 1, closes, end != tag.npos && tag[end - 1] == '/'};
}

std::vector<output_tag> output_tags(const signature& s, std::string_view text) {
    std::vector<output_tag> tags;
    for (auto at = text.find('<'); at != text.npos; at = text.find('<', at + 1))
        if (auto tag = tag_at(s, text, at); tag.field) tags.push_back(tag);
    return tags;
}

bool is_text(const signature_field& f) {
    return f.kind == field_kind::text || f.kind == field_kind::optional_text || f.kind == field_kind::choice ||
           (f.kind != field_kind::arguments && f.shape.is_text());
}

bool thinks_without_an_end(std::string_view inner) {
    const auto begin = trim(inner);
    const auto tag = begin.starts_with('<') ? thinking_tag_at(begin) : thinking_tag{};
    return tag.size && !tag.closes && to_lower(begin).find("</think") == std::string::npos;
}

}  // namespace

std::string with_stray_signs(std::string_view text) {
    std::string out;
    sign_writer{out}.write(text, brackets::of_tags_stay);
    return out;
}

texts_as_written with_texts_as_written(const signature& s, std::string_view text) {
    std::string out;
    sign_writer writer{out};
    std::size_t done = 0;
    const auto tags = output_tags(s, text);
    const signature_field* within = nullptr;  // an output that is no text
    for (std::size_t i = 0; i < tags.size(); ++i) {
        const auto& tag = tags[i];
        if (within || tag.whole) {
            if (tag.closes && tag.field == within) within = nullptr;
            continue;
        }
        if (tag.closes) return {};
        if (!is_text(*tag.field)) {
            within = tag.field;
            continue;
        }
        if (i + 1 == tags.size() || !tags[i + 1].closes || tags[i + 1].field != tag.field) return {};
        const auto& end = tags[++i];
        const auto inner = text.substr(tag.end, end.begin - tag.end);
        if (thinks_without_an_end(inner)) return {.thinks_in = tag.field->name};
        writer.write(text.substr(done, tag.end - done), brackets::of_tags_stay);
        writer.write(inner, brackets::are_text);
        out += text.substr(end.begin, end.end - end.begin);
        done = end.end;
    }
    writer.write(text.substr(done), brackets::of_tags_stay);
    return {std::move(out)};
}

}  // namespace reagent::detail
