#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reagent::offline {

/// A word of a question: as written, in lower case, and its stem ("cities" -> "city").
struct word {
    std::string text, lower, stem;
    bool capital() const { return !text.empty() && text[0] >= 'A' && text[0] <= 'Z'; }
};

/// Words, numbers ("2,340" is one) and single symbols.
std::vector<word> words_of(std::string_view text);
std::string stem_of(std::string_view lower);
std::string join(const std::vector<word>& words, std::size_t from, std::size_t to);
bool is_number(const word& w);
std::string number_of(const word& w);            // without separators; number words too
std::string only_number(std::string_view text);  // the number of a text that has just one
bool is_stop_word(std::string_view lower);

/// Where the words of `phrase` (compared by stem) stand in `words`, from `from` on; npos when nowhere.
std::size_t find_phrase(const std::vector<word>& words, const std::vector<word>& phrase, std::size_t from = 0);

/// A place among the words of a question.
struct cursor {
    std::vector<word> w_;
    std::size_t i_ = 0, furthest_ = 0;  // here, and where any rule came to

    bool end() const { return i_ == w_.size(); }
    bool accept(std::string_view alternatives);
    bool at(std::string_view alternatives);
};

}  // namespace reagent::offline
