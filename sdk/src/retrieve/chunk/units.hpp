#pragma once

#include <reagent/retrieve/chunk.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::detail {

/// What is not cut if that can be helped: a sentence, a row, a block of code.
struct unit {
    std::size_t begin = 0, end = 0;
    std::size_t section = 0;  // units of different sections stand in different chunks
    bool whole = false;       // a block of code
    bool new_block = false;   // a paragraph begins with it
    std::string text{};       // where that is not the document's, as of HTML
};

struct units {
    std::vector<unit> all;
    std::vector<std::string> headings{std::string{}};  // by section
    std::string before{};                              // every chunk, as a table's header
    bool has_own_text = false;
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

/// The sentences of a stretch of text, blank lines between paragraphs.
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
