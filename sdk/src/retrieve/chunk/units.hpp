#pragma once

#include <reagent/retrieve/chunk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::detail {

/// What is not cut if that can be helped: a sentence, a row, a block of code.
struct unit {
    std::size_t begin = 0, end = 0;
    std::size_t section = 0;  // units of different sections stand in different chunks
    bool whole = false;       // a block of code
};

struct units {
    std::vector<unit> all;
    std::vector<std::string> headings{std::string{}};  // by section
    std::string before{};                              // every chunk, as a table's header
    std::string_view breaks = " \t\r\n";               // what a unit that is too long is cut behind
    bool has_escapes = false;                          // JSON's

    // Where the text is not the document's, as of HTML: units are stretches of it, and of each byte it is known where
    // that stands in the document.
    std::optional<std::string> own{};
    std::vector<std::uint32_t> begins{}, ends{};
};

inline constexpr std::size_t longest_heading = 100, most_sections = 200'000;

/// @throws retrieve_error(too_large) for too many
inline void open_section(units& u, std::string heading) {
    if (u.headings.size() == most_sections)
        throw retrieve_error{retrieve_errc::too_large,
                             "it has more than " + std::to_string(most_sections) + " headings"};
    u.headings.push_back(std::move(heading));
}

/// About as many as a model's tokenizer makes.
std::size_t estimated_tokens(std::string_view text);

/// The length of the line end that stands here: LF, CR LF or CR; 0: none does.
inline std::size_t line_end_at(std::string_view text, std::size_t at) {
    if (text[at] == '\n') return 1;
    if (text[at] != '\r') return 0;
    return at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1;
}

/// Whether a sentence ends with the byte that stands here.
bool ends_sentence(std::string_view text, std::size_t at);

/// The sentences of a stretch of text; what stands in a list, a table or a quotation of Markdown is one unit for each
/// line.
void add_sentences(std::string_view document, std::size_t begin, std::size_t end, std::size_t section,
                   std::vector<unit>& to);

units units_of_text(std::string_view document);
units units_of_markdown(std::string_view document);
units units_of_html(std::string_view document);
units units_of_csv(std::string_view document);
units units_of_json(std::string_view document);
units units_of_source(std::string_view document);

/// Headings by level, as a path.
class heading_path {
public:
    void open(std::size_t level, std::string title) {
        levels_.resize(std::min(levels_.size(), level - 1));
        while (levels_.size() + 1 < level) levels_.emplace_back();
        levels_.push_back(std::move(title));
    }
    std::string text() const {
        std::string all;
        for (const auto& t : levels_)
            if (!t.empty()) all += (all.empty() ? "" : " > ") + t;
        return all;
    }

private:
    std::vector<std::string> levels_;
};

}  // namespace reagent::detail
