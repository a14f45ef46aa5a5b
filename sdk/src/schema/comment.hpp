#pragma once

#include "../base/text.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace reagent {

/// Whether a text holds one of these words, whatever their case.
inline bool holds_a_word(std::string_view text, std::initializer_list<std::string_view> words) {
    for (std::size_t at = 0; at < text.size();) {
        auto end = at;
        while (end < text.size() && is_alpha(text[end])) ++end;
        if (std::find(words.begin(), words.end(), to_lower(text.substr(at, end - at))) != words.end()) return true;
        at = std::max(end, at + 1);
    }
    return false;
}

/// Whether a comment stands for values that were left out: `// ... 5 more`, `# and so on`.
inline bool comment_leaves_out(std::string_view comment) {
    return comment.find("...") != comment.npos || comment.find("\u2026") != comment.npos ||
           holds_a_word(comment,
                        {"more",      "etc",         "rest",      "remaining", "omit",      "omitted", "truncated",
                         "shortened", "abbreviated", "elided",    "skipped",   "others",    "further", "forth",
                         "continue",  "continues",   "continued", "repeat",    "repeated",  "snip",    "cut",
                         "dropped",   "removed",     "left",      "excluded",  "additional"}) ||
           (holds_a_word(comment, {"so"}) && holds_a_word(comment, {"on"}));
}

}  // namespace reagent
