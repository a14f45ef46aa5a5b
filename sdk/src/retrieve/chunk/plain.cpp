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
    const auto feed = document.find('\n', begin);
    if (feed == document.npos) return {begin, document.size(), document.size()};
    const bool returned = feed > begin && document[feed - 1] == '\r';
    return {begin, feed - (returned ? 1 : 0), feed + 1};
}

std::string_view text_of(std::string_view document, const line& l) { return document.substr(l.begin, l.end - l.begin); }

bool ends_sentence(std::string_view document, std::size_t at) {
    const char c = document[at];
    if (c == '.' || c == '!' || c == '?')
        return at + 1 == document.size() || is_space(document[at + 1]) || document[at + 1] == '"' ||
               document[at + 1] == ')';
    const auto three = document.substr(at >= 2 ? at - 2 : 0, 3);
    return three == "。" || three == "！" || three == "？";
}

// A stretch whose parts begin at its lines, or, with `by_blank_lines`, at paragraphs of them.
void add_lines(std::string_view document, std::size_t begin, std::size_t end, std::size_t section,
               std::vector<unit>& to) {
    bool after_blank = true;
    for (std::size_t at = begin; at < end;) {
        const line l = line_at(document.substr(0, end), at);
        const bool blank = trim(text_of(document, l)).empty();
        if (!blank) to.push_back({l.begin, l.next, section, false, after_blank, {}});
        after_blank = blank;
        at = l.next;
    }
}

}  // namespace

void add_sentences(std::string_view document, std::size_t begin, std::size_t end, std::size_t section,
                   std::vector<unit>& to) {
    std::size_t start = begin;
    bool new_block = true;
    auto close = [&](std::size_t at, bool block) {
        if (!trim(document.substr(start, at - start)).empty()) {
            to.push_back({start, at, section, false, new_block, {}});
            new_block = false;
        }
        new_block = new_block || block;
        start = at;
    };
    for (std::size_t at = begin; at < end; ++at) {
        if (document[at] == '\n') {
            std::size_t next = at + 1;
            while (next < end && (document[next] == ' ' || document[next] == '\t' || document[next] == '\r')) ++next;
            if (next < end && document[next] == '\n') close(at + 1, true);
        } else if (ends_sentence(document, at))
            close(at + 1, false);
    }
    close(end, true);
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
        for (std::size_t at = 0; at < document_.size();) {
            const line l = line_at(document_, at);
            at = l.next;
            const auto text = text_of(document_, l);
            if (auto fence = fence_of(text); !fence.empty()) {
                close(l.begin);
                at = end_of_code(l.next, fence);
                units_.all.push_back({l.begin, at, section(), true, true, {}});
                start_ = at;
            } else if (const auto level = atx_level(text))
                heading(level, title_of(text.substr(text.find('#') + level)), l.begin);
            else if (const auto underlined = underline_level(text); underlined && is_paragraph(previous_))
                heading(underlined, std::string{trim(text_of(document_, previous_))}, previous_.begin);
            previous_ = l;
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

    bool is_paragraph(const line& l) const {
        const auto text = text_of(document_, l);
        return l.next > 0 && l.begin >= start_ && !trim(text).empty() && underline_level(text) == 0 &&
               atx_level(text) == 0;
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
    line previous_{0, 0, 0};
};

}  // namespace

units units_of_markdown(std::string_view document) { return markdown_reader{document}.read(); }

// Rows may hold line feeds within quotes. Source: RFC 4180.
units units_of_csv(std::string_view document) {
    units u;
    std::size_t start = 0;
    bool quoted = false;
    auto close = [&](std::size_t end) {
        if (!trim(document.substr(start, end - start)).empty()) {
            if (u.before.empty() && u.all.empty() && end - start <= 4096)
                u.before = std::string{trim(document.substr(start, end - start))} + "\n";
            else
                u.all.push_back({start, end, 0, false, false, {}});
        }
        start = end;
    };
    for (std::size_t at = 0; at < document.size(); ++at) {
        if (document[at] == '"') quoted = !quoted;
        if (document[at] == '\n' && !quoted) close(at + 1);
    }
    close(document.size());
    if (u.all.empty() && !u.before.empty()) {  // nothing but a header
        u.before.clear();
        u.all.push_back({0, document.size(), 0, false, false, {}});
    }
    return u;
}

// Cut behind the commas of the outermost list or object, and of those within it that are too large by line or comma
// anyway. Not checked otherwise: what is no JSON is still text.
units units_of_json(std::string_view document) {
    units u;
    std::size_t start = 0, depth = 0;
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
            u.all.push_back({start, at + 1, 0, false, false, {}});
            start = at + 1;
        }
    }
    if (start < document.size()) u.all.push_back({start, document.size(), 0, false, false, {}});
    return u;
}

}  // namespace reagent::detail
