// Text, Markdown, source code, CSV and JSON, whose chunks are stretches of the document.
#include "../../base/text.hpp"
#include "units.hpp"

#include <algorithm>

namespace reagent::detail {
namespace {

struct line {
    std::size_t begin, end;  // without its line feed
    std::size_t next;
};

line line_at(std::string_view document, std::size_t begin) {
    const auto end = document.find_first_of("\r\n", begin);
    if (end == document.npos) return {begin, document.size(), document.size()};
    return {begin, end, end + line_end_at(document, end)};
}

std::string_view text_of(std::string_view document, const line& l) { return document.substr(l.begin, l.end - l.begin); }

// A stretch whose parts begin at its lines, or, with `by_blank_lines`, at paragraphs of them.
void add_lines(std::string_view document, std::size_t begin, std::size_t end, std::size_t section,
               std::vector<unit>& to) {
    for (std::size_t at = begin; at < end;) {
        const line l = line_at(document.substr(0, end), at);
        if (!trim(text_of(document, l)).empty()) to.push_back({l.begin, l.next, section});
        at = l.next;
    }
}

// Of a list, a table or a quotation: `- one`, `12. two`, `| a | b |`, `> said`.
bool is_item(std::string_view line) {
    line = trim(line);
    if (line.empty()) return false;
    if (line[0] == '|' || line[0] == '>') return true;
    auto blank_at = [&](std::size_t i) { return i < line.size() && (line[i] == ' ' || line[i] == '\t'); };
    if (line[0] == '-' || line[0] == '*' || line[0] == '+') return blank_at(1);
    for (std::string_view bullet : {"\u2022", "\u25E6", "\u2023", "\u2013"})
        if (line.starts_with(bullet)) return blank_at(bullet.size());
    std::size_t digits = 0;
    while (digits < line.size() && digits < 9 && is_digit(line[digits])) ++digits;
    return digits > 0 && digits < line.size() && (line[digits] == '.' || line[digits] == ')') && blank_at(digits + 1);
}

}  // namespace

bool ends_sentence(std::string_view text, std::size_t at) {
    const char c = text[at];
    if (c == '.' || c == '!' || c == '?')
        return at + 1 == text.size() || is_space(text[at + 1]) || text[at + 1] == '"' || text[at + 1] == ')';
    if (static_cast<unsigned char>(c) < 0x80) return false;
    for (std::string_view end :
         {"\u3002", "\uFF01", "\uFF1F", "\uFF61", "\u0964", "\u0965", "\u061F", "\u06D4", "\u1362"})
        if (at + 1 >= end.size() && text.substr(at + 1 - end.size(), end.size()) == end) return true;
    return false;
}

void add_sentences(std::string_view document, std::size_t begin, std::size_t end, std::size_t section,
                   std::vector<unit>& to) {
    std::size_t start = begin;
    const auto inside = document.substr(0, end);
    auto close = [&](std::size_t at) {
        if (!trim(document.substr(start, at - start)).empty()) to.push_back({start, at, section});
        start = at;
    };
    bool item = false;
    for (std::size_t at = begin; at < end;) {
        const line l = line_at(inside, at);
        const auto text = text_of(document, l);
        const bool begins_item = is_item(text);
        if (begins_item || trim(text).empty()) close(l.begin);
        item = begins_item || (item && !trim(text).empty());
        if (!item)
            for (std::size_t i = l.begin; i < l.end; ++i)
                if (ends_sentence(inside, i)) close(i + 1);
        at = l.next;
    }
    close(end);
}

units units_of_text(std::string_view document) {
    units u;
    add_sentences(document, 0, document.size(), 0, u.all);
    return u;
}

units units_of_source(std::string_view document) {
    units u;
    add_lines(document, 0, document.size(), 0, u.all);
    return u;
}

namespace {

// Source: CommonMark 0.31, sections 4.2, 4.3 and 4.5.
class markdown_reader {
public:
    explicit markdown_reader(std::string_view d) : document_{d} {}

    units read() {
        for (std::size_t at = end_of_front_matter(); at < document_.size();) {
            const line l = line_at(document_, at);
            at = l.next;
            const auto text = text_of(document_, l);
            if (begins_comment(text)) {
                at = end_of_comment(l.begin);
                paragraph_ = {};
                continue;
            }
            if (auto fence = fence_of(text); !fence.empty()) {
                close(l.begin);
                at = end_of_code(l.next, fence);
                units_.all.push_back({l.begin, at, section(), true});
                start_ = at;
                paragraph_ = {};
            } else if (const auto level = atx_level(text)) {
                heading(level, title_of(text.substr(text.find('#') + level)), l.begin);
                paragraph_ = {};
            } else if (const auto underlined = underline_level(text); underlined && !paragraph_.text.empty()) {
                heading(underlined, cut(paragraph_.text, longest_heading), paragraph_.begin);
                paragraph_ = {};
            } else
                go_on(l, text, underlined != 0);
        }
        close(document_.size());
        return std::move(units_);
    }

private:
    static std::size_t indent_of(std::string_view text) { return std::min(text.find_first_not_of(' '), text.size()); }

    static std::string fence_of(std::string_view text) {
        const auto at = indent_of(text);
        if (at > 3 || at >= text.size() || (text[at] != '`' && text[at] != '~')) return {};
        const auto end = std::min(text.find_first_not_of(text[at], at), text.size());
        if (end - at < 3 || (text[at] == '`' && text.find('`', end) != text.npos)) return {};
        return std::string(end - at, text[at]);
    }

    std::size_t end_of_code(std::size_t at, const std::string& fence) const {
        while (at < document_.size()) {
            const line l = line_at(document_, at);
            const auto text = trim(text_of(document_, l));
            at = l.next;
            if (text.size() >= fence.size() && text.find_first_not_of(fence[0]) == text.npos) return at;
        }
        return at;
    }

    static std::size_t atx_level(std::string_view text) {
        const auto at = indent_of(text);
        const auto end = std::min(text.find_first_not_of('#', at), text.size());
        if (at > 3 || end - at < 1 || end - at > 6) return 0;
        return end == text.size() || text[end] == ' ' || text[end] == '\t' ? end - at : 0;
    }

    static std::size_t underline_level(std::string_view text) {
        const auto t = trim(text);
        if (t.empty() || indent_of(text) > 3 || (t[0] != '=' && t[0] != '-') || t.find_first_not_of(t[0]) != t.npos)
            return 0;
        return t[0] == '=' ? 1 : 2;
    }

    // The lines that an underline would make a heading of.
    struct paragraph {
        std::size_t begin = 0;
        std::string text{};
        bool other = false;  // of a list or a table
    };

    void go_on(const line& l, std::string_view text, bool rule) {
        const auto bare = trim(text);
        if (bare.empty() || rule)
            paragraph_ = {};
        else if (paragraph_.other || is_item(text)) {
            paragraph_ = {};
            paragraph_.other = true;
        } else if (!paragraph_.text.empty() || indent_of(text) <= 3) {
            if (paragraph_.text.empty()) paragraph_.begin = l.begin;
            if (paragraph_.text.size() <= longest_heading)
                paragraph_.text += (paragraph_.text.empty() ? "" : " ") + std::string{bare};
        }
    }

    // What YAML says of the document, between lines of hyphens.
    std::size_t end_of_front_matter() const {
        const line first = line_at(document_, 0);
        if (document_.empty() || text_of(document_, first) != "---") return 0;
        for (std::size_t at = first.next; at < document_.size();) {
            const line l = line_at(document_, at);
            const auto text = trim(text_of(document_, l));
            if (text == "---" || text == "...") return l.next;
            if (text.empty() && at == first.next) return 0;  // a rule
            at = l.next;
        }
        return 0;
    }

    static bool begins_comment(std::string_view text) {
        return indent_of(text) <= 3 && text.substr(indent_of(text)).starts_with("<!--");
    }
    std::size_t end_of_comment(std::size_t begin) {
        const auto end = comments_end_ ? document_.find("-->", begin) : document_.npos;
        if (end == document_.npos) {  // none is looked for again
            comments_end_ = false;
            return line_at(document_, begin).next;
        }
        return line_at(document_, end).next;
    }

    static std::string title_of(std::string_view text) {
        text = trim(text);
        const auto last = text.find_last_not_of('#');
        if (last == text.npos) return {};
        if (last + 1 < text.size() && is_space(text[last])) text = trim(text.substr(0, last));
        return cut(std::string{text}, longest_heading);
    }

    std::size_t section() const { return units_.headings.size() - 1; }

    void close(std::size_t at) {
        if (at > start_) add_sentences(document_, start_, at, section(), units_.all);
        start_ = std::max(start_, at);
    }

    void heading(std::size_t level, std::string title, std::size_t begin) {
        close(begin);
        path_.open(level, std::move(title));
        open_section(units_, path_.text());
    }

    std::string_view document_;
    units units_;
    heading_path path_;
    std::size_t start_ = 0;
    paragraph paragraph_{};
    bool comments_end_ = true;
};

}  // namespace

units units_of_markdown(std::string_view document) { return markdown_reader{document}.read(); }

namespace {

constexpr std::size_t longest_header = 4096, cut_header = 1024;

// A table's first line, or as many of its fields as fit.
std::string header_of(std::string_view line) {
    if (line.size() <= longest_header) return std::string{line} + "\n";
    const auto last = line.substr(0, cut_header).find_last_of(",;\t");
    auto kept = line.substr(0, last == line.npos ? cut_header : last + 1);
    while (last == line.npos && !kept.empty() && (static_cast<unsigned char>(line[kept.size()]) & 0xC0) == 0x80)
        kept.remove_suffix(1);
    return std::string{kept} + "...\n";
}

}  // namespace

// Rows may hold line feeds within quotes. Source: RFC 4180.
units units_of_csv(std::string_view document) {
    units u;
    u.breaks = ",;\t\r\n";
    std::size_t start = 0;
    bool quoted = false;
    auto close = [&](std::size_t end) {
        if (const auto row = trim(document.substr(start, end - start)); !row.empty()) {
            if (u.before.empty() && u.all.empty())
                u.before = header_of(row);
            else
                u.all.push_back({start, end, 0});
        }
        start = end;
    };
    for (std::size_t at = 0; at < document.size(); ++at) {
        if (document[at] == '"') quoted = !quoted;
        const auto end = quoted ? 0 : line_end_at(document, at);
        if (!end) continue;
        at += end - 1;
        close(at + 1);
    }
    close(document.size());
    if (u.all.empty() && !u.before.empty()) {  // nothing but a header
        u.before.clear();
        u.all.push_back({0, document.size(), 0});
    }
    return u;
}

// Cut behind the commas of the outermost list or object, and of those within it that are too large by line or comma
// anyway; of several values (JSON lines), behind each. Not checked otherwise: what is no JSON is still text.
units units_of_json(std::string_view document) {
    units u;
    u.has_escapes = true;
    std::vector<unit> members, values;
    std::size_t start = 0, value = 0, depth = 0;
    bool quoted = false;
    for (std::size_t at = 0; at < document.size(); ++at) {
        const char c = document[at];
        if (quoted) {
            if (c == '\\') ++at;
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        if (c == '[' || c == '{') ++depth;
        if ((c == ']' || c == '}') && depth > 0) --depth;
        if (c == ',' && depth <= 1) {
            members.push_back({start, at + 1, 0});
            start = at + 1;
        }
        if (depth > 0 || line_end_at(document, at) == 0) continue;
        if (!trim(document.substr(value, at - value)).empty()) values.push_back({value, at + 1, 0});
        value = at + 1;
    }
    if (start < document.size()) members.push_back({start, document.size(), 0});
    if (value < document.size() && !trim(document.substr(value)).empty()) values.push_back({value, document.size(), 0});
    u.all = std::move(values.size() > 1 ? values : members);
    return u;
}

}  // namespace reagent::detail
