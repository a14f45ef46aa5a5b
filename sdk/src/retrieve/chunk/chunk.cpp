#include <reagent/retrieve/chunk.hpp>

#include "../../base/text.hpp"
#include "../../base/utf8.hpp"
#include "units.hpp"

#include <algorithm>
#include <map>

namespace reagent {

using namespace detail;

std::optional<document_kind> document_kind_of(const std::filesystem::path& file) {
    static const std::map<std::string, document_kind, std::less<>> kinds = [] {
        std::map<std::string, document_kind, std::less<>> m{
            {".txt", document_kind::text},     {".text", document_kind::text},
            {".rst", document_kind::text},     {".log", document_kind::text},
            {".md", document_kind::markdown},  {".markdown", document_kind::markdown},
            {".html", document_kind::html},    {".htm", document_kind::html},
            {".xhtml", document_kind::html},   {".csv", document_kind::csv},
            {".tsv", document_kind::csv},      {".json", document_kind::json},
            {".jsonl", document_kind::source}, {".ndjson", document_kind::source}};
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

std::size_t length_of(const unit& u, std::string_view document, bool own_text) {
    return estimated_tokens(own_text ? std::string_view{u.text} : document.substr(u.begin, u.end - u.begin));
}

// The end of a piece of at most so many tokens: after a space where there is one in its second half.
std::size_t end_of_piece(std::string_view text, std::size_t begin, std::size_t tokens) {
    std::size_t at = begin, latin = 0, others = 0, space = 0;
    while (at < text.size() && (latin + 3) / 4 + others <= tokens) {
        const auto c = static_cast<unsigned char>(text[at]);
        latin += c < 0x80;
        others += c >= 0xC0;
        ++at;
        if (is_space(text[at - 1])) space = at;
    }
    if (at >= text.size()) return text.size();
    if (space > begin + (at - begin) / 2) return space;
    std::size_t start = at - 1;  // the last one was too many
    while (start > begin && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    return std::max(start, begin + 1);
}

// Units that are too long become several.
std::vector<unit> cut_to_size(std::vector<unit> given, std::string_view document, bool own_text,
                              const chunk_options& o) {
    std::vector<unit> cut;
    cut.reserve(given.size());
    for (auto& u : given) {
        const std::size_t most = u.whole ? std::max(o.code_tokens, o.tokens) : o.tokens;
        if (length_of(u, document, own_text) <= most) {
            cut.push_back(std::move(u));
            continue;
        }
        const std::string_view text = own_text ? std::string_view{u.text} : document.substr(u.begin, u.end - u.begin);
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = end_of_piece(text, at, o.tokens);
            unit piece{u.begin, u.end, u.section, false, u.new_block && at == 0, {}};
            if (own_text)
                piece.text = text.substr(at, end - at);
            else {
                piece.begin = u.begin + at;
                piece.end = u.begin + end;
            }
            cut.push_back(std::move(piece));
            at = end;
        }
    }
    return cut;
}

class packer {
public:
    packer(const units& u, std::vector<unit> cut, std::string_view document, const chunk_options& o)
        : of_{u}, units_{std::move(cut)}, document_{document}, options_{o} {
        for (const auto& one : units_) lengths_.push_back(length_of(one, document_, of_.has_own_text));
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

    // As many of the last units again as fit the overlap; never all of them.
    std::size_t next_first(std::size_t first, std::size_t last) const {
        if (last >= units_.size() || units_[last].section != units_[first].section) return last;
        std::size_t tokens = 0, i = last;
        while (i - 1 > first && tokens + lengths_[i - 1] <= options_.overlap) tokens += lengths_[--i];
        return i;
    }

    void add(std::size_t first, std::size_t last) {
        chunk c{.heading = of_.headings.at(units_[first].section),
                .begin = units_[first].begin,
                .end = units_[last - 1].end};
        if (of_.has_own_text)
            for (std::size_t i = first; i < last; ++i) {
                if (!c.text.empty()) c.text += units_[i].new_block ? "\n\n" : " ";
                c.text += units_[i].text;
                c.end = std::max(c.end, units_[i].end);
                c.begin = std::min(c.begin, units_[i].begin);
            }
        else {
            while (c.begin < c.end && is_space(document_[c.begin])) ++c.begin;
            while (c.end > c.begin && is_space(document_[c.end - 1])) --c.end;
            c.text = document_.substr(c.begin, c.end - c.begin);
        }
        if (trim(c.text).empty()) return;
        c.text = valid_utf8(of_.before + c.text);
        if (chunks_.size() == options_.max_chunks)
            throw retrieve_error{retrieve_errc::too_large, "it makes more than " + std::to_string(options_.max_chunks) +
                                                               " chunks (chunk_options::max_chunks)"};
        chunks_.push_back(std::move(c));
    }

    const units& of_;
    std::vector<unit> units_;
    std::string_view document_;
    const chunk_options& options_;
    std::vector<std::size_t> lengths_;
    std::vector<chunk> chunks_;
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
    auto made = units_of(document, kind);
    auto cut = cut_to_size(std::move(made.all), document, made.has_own_text, options);
    return packer{made, std::move(cut), document, options}.pack();
}

}  // namespace reagent
