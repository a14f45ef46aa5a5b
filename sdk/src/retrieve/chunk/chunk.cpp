#include <reagent/retrieve/chunk.hpp>

#include "../../base/text.hpp"
#include "../../base/utf8.hpp"
#include "../../schema/unicode.hpp"
#include "units.hpp"

#include <algorithm>
#include <map>

namespace reagent {

using namespace detail;

std::optional<document_kind> document_kind_of(const std::filesystem::path& file) {
    static const std::map<std::string, document_kind, std::less<>> kinds = [] {
        std::map<std::string, document_kind, std::less<>> m{
            {".txt", document_kind::text},   {".text", document_kind::text},   {".rst", document_kind::text},
            {".log", document_kind::text},   {".md", document_kind::markdown}, {".markdown", document_kind::markdown},
            {".html", document_kind::html},  {".htm", document_kind::html},    {".xhtml", document_kind::html},
            {".csv", document_kind::csv},    {".tsv", document_kind::csv},     {".json", document_kind::json},
            {".jsonl", document_kind::json}, {".ndjson", document_kind::json}};
        for (const char* code :
             {".c",   ".h",  ".cc", ".cpp",  ".cxx", ".hh",   ".hpp",  ".py",  ".js",    ".mjs",   ".ts",    ".tsx",
              ".jsx", ".go", ".rs", ".java", ".kt",  ".cs",   ".rb",   ".php", ".swift", ".sh",    ".sql",   ".scala",
              ".lua", ".pl", ".r",  ".m",    ".css", ".toml", ".yaml", ".yml", ".ini",   ".cmake", ".proto", ".xml"})
            m[code] = document_kind::source;
        return m;
    }();
    const auto found = kinds.find(to_lower(file.extension().string()));
    return found == kinds.end() ? std::nullopt : std::optional{found->second};
}

std::size_t detail::estimated_tokens(std::string_view text) {
    std::size_t latin = 0, others = 0;
    for (unsigned char c : text) {
        latin += c < 0x80;
        others += c >= 0xC0;
    }
    return (latin + 3) / 4 + others;
}

namespace {

// The end of a piece of at most so many tokens: behind a blank, or what stands for one, where there is one in its
// second half.
std::size_t end_of_piece(std::string_view text, std::size_t begin, std::size_t tokens, std::string_view breaks) {
    std::size_t at = begin, latin = 0, others = 0, last = 0;
    while (at < text.size() && (latin + 3) / 4 + others <= tokens) {
        const auto c = static_cast<unsigned char>(text[at]);
        latin += c < 0x80;
        others += c >= 0xC0;
        ++at;
        if (breaks.find(text[at - 1]) != breaks.npos) last = at;
    }
    if (at >= text.size()) return text.size();
    if (last > begin + (at - begin) / 2) return last;
    std::size_t start = at - 1;  // the last one was too many
    while (start > begin && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    return std::max(start, begin + 1);
}

// Where an escape of JSON that the end would cut begins: `\n`, `\u00e9`, or both halves of a pair.
std::size_t before_escape(std::string_view text, std::size_t begin, std::size_t end) {
    constexpr std::size_t longest = 6;
    for (std::size_t at = end; at > begin && end - at < 2 * longest;) {
        if (text[--at] != '\\') continue;
        std::size_t slashes = 1;
        while (slashes < 64 && at - slashes + 1 > begin && text[at - slashes] == '\\') ++slashes;
        if (slashes % 2 == 0) return end;
        const bool point = text.substr(at + 1).starts_with('u');
        const bool pair = point && to_lower(text.substr(at + 2, 1)) == "d" && text.substr(at + 6).starts_with("\\u");
        const std::size_t size = pair ? 2 * longest : point ? longest : 2;
        if (at + size > end && at > begin) end = at;
        if (end - at >= 2 * longest) break;
    }
    return end;
}

// JSON's escapes as what they stand for. Source: RFC 8259, section 7.
std::string unescaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    for (std::size_t at = 0; at < text.size();) {
        const char next = text[at] == '\\' && at + 1 < text.size() ? text[at + 1] : '\0';
        if (const auto known = letters.find(next); next != '\0' && known != letters.npos) {
            out += meanings[known];
            at += 2;
        } else if (next == 'u') {
            at += 2;
            if (const auto point = read_escaped_point(text, at))
                append_utf8(out, *point == 0 ? char32_t{0xFFFD} : *point);
            else
                out += "\\u";
        } else
            out += text[at++];
    }
    return out;
}

// Units that are too long become several: their lines; of a line that is too long its sentences; of such a sentence
// pieces, so short that neighbouring chunks share one.
class cutter {
public:
    cutter(const units& u, std::string_view text, const chunk_options& o)
        : of_{u}, text_{text}, options_{o}, piece_{o.overlap >= 8 ? o.overlap : o.tokens} {}

    std::vector<unit> cut() {
        for (const auto& u : of_.all) {
            const std::size_t most = u.whole ? std::max(options_.code_tokens, options_.tokens) : options_.tokens;
            if (length_of(u) <= most)
                cut_.push_back(u);
            else
                by_lines(u);
        }
        return std::move(cut_);
    }

private:
    std::size_t length_of(const unit& u) const { return estimated_tokens(text_.substr(u.begin, u.end - u.begin)); }

    void by_lines(const unit& u) {
        std::size_t start = u.begin;
        for (std::size_t at = u.begin; at < u.end;) {
            const auto end = line_end_at(text_, at);
            at += std::max<std::size_t>(end, 1);
            if (!end && at < u.end) continue;
            at = std::min(at, u.end);
            const unit line{start, at, u.section};
            if (length_of(line) <= options_.tokens)
                add(line);
            else
                by_sentences(line, u.whole);
            start = at;
        }
    }

    void by_sentences(const unit& u, bool code) {
        std::size_t start = u.begin;
        for (std::size_t at = u.begin; at < u.end; ++at) {
            if (at + 1 < u.end && (code || !ends_sentence(text_, at))) continue;
            const unit sentence{start, at + 1, u.section};
            if (length_of(sentence) <= options_.tokens)
                add(sentence);
            else
                by_pieces(sentence);
            start = at + 1;
        }
    }

    void by_pieces(const unit& u) {
        const auto text = text_.substr(0, u.end);
        for (std::size_t at = u.begin; at < u.end;) {
            std::size_t end = end_of_piece(text, at, piece_, of_.breaks);
            if (of_.has_escapes) end = before_escape(text, at, end);
            add({at, end, u.section});
            at = end;
        }
    }

    void add(const unit& u) {
        if (!trim(text_.substr(u.begin, u.end - u.begin)).empty()) cut_.push_back(u);
    }

    const units& of_;
    std::string_view text_;
    const chunk_options& options_;
    std::size_t piece_;
    std::vector<unit> cut_;
};

class packer {
public:
    packer(const units& u, std::vector<unit> cut, std::string_view text, const chunk_options& o)
        : of_{u}, units_{std::move(cut)}, text_{text}, options_{o} {
        for (const auto& one : units_)
            lengths_.push_back(estimated_tokens(text_.substr(one.begin, one.end - one.begin)));
    }

    std::vector<chunk> pack() {
        for (std::size_t first = 0; first < units_.size();) {
            const std::size_t last = end_from(first);
            add(first, last);
            first = next_first(first, last);
        }
        return std::move(chunks_);
    }

private:
    std::size_t end_from(std::size_t first) const {
        std::size_t tokens = 0, i = first;
        for (; i < units_.size() && units_[i].section == units_[first].section; ++i) {
            if (i > first && tokens + lengths_[i] > options_.tokens) break;
            tokens += lengths_[i];
        }
        return i;
    }

    // As many of the last units again as fit the overlap; never all of them, and no more than leave room for a new one.
    std::size_t next_first(std::size_t first, std::size_t last) const {
        if (last >= units_.size() || units_[last].section != units_[first].section) return last;
        std::size_t tokens = 0, i = last;
        while (i - 1 > first && tokens + lengths_[i - 1] <= options_.overlap &&
               tokens + lengths_[i - 1] + lengths_[last] <= options_.tokens)
            tokens += lengths_[--i];
        return i;
    }

    void add(std::size_t first, std::size_t last) {
        std::size_t begin = units_[first].begin, end = units_[last - 1].end;
        while (begin < end && is_space(text_[begin])) ++begin;
        while (end > begin && is_space(text_[end - 1])) --end;
        if (begin == end) return;
        const std::size_t section = units_[first].section;
        if (!chunks_.empty() && section == last_section_ && end <= last_end_) return;  // nothing but blanks is new
        last_section_ = section;
        last_end_ = end;
        const auto text = text_.substr(begin, end - begin);
        chunk c{.text = valid_utf8(of_.before + (of_.has_escapes ? unescaped(text) : std::string{text})),
                .heading = of_.headings.at(section),
                .begin = begin,
                .end = end};
        if (of_.own) {
            c.begin = of_.begins[begin];
            c.end = of_.ends[end - 1];
        }
        if (chunks_.size() == options_.max_chunks)
            throw retrieve_error{retrieve_errc::too_large, "it makes more than " + std::to_string(options_.max_chunks) +
                                                               " chunks (chunk_options::max_chunks)"};
        chunks_.push_back(std::move(c));
    }

    const units& of_;
    std::vector<unit> units_;
    std::string_view text_;
    const chunk_options& options_;
    std::vector<std::size_t> lengths_;
    std::vector<chunk> chunks_;
    std::size_t last_section_ = 0, last_end_ = 0;
};

units units_of(std::string_view document, document_kind kind) {
    switch (kind) {
        case document_kind::text: return units_of_text(document);
        case document_kind::markdown: return units_of_markdown(document);
        case document_kind::html: return units_of_html(document);
        case document_kind::csv: return units_of_csv(document);
        case document_kind::json: return units_of_json(document);
        case document_kind::source: return units_of_source(document);
    }
    return {};
}

}  // namespace

std::vector<chunk> chunks_of(std::string_view document, document_kind kind, const chunk_options& options) {
    if (options.tokens < 8 || options.tokens > 100'000 || options.overlap > options.tokens / 2 ||
        options.code_tokens > 100'000)
        throw retrieve_error{retrieve_errc::bad_options,
                             "chunks have 8 to 100000 tokens, and an overlap of at most half of that"};
    const auto made = units_of(document, kind);
    const std::string_view text = made.own ? std::string_view{*made.own} : document;
    return packer{made, cutter{made, text, options}.cut(), text, options}.pack();
}

}  // namespace reagent
