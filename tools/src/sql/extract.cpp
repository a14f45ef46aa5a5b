// The statement in what a model wrote.
#include "rules.hpp"

namespace reagent::sql {
namespace {

std::string_view trimmed(std::string_view s) {
    constexpr std::string_view space = " \t\r\n";
    auto begin = s.find_first_not_of(space);
    if (begin == s.npos) return {};
    return s.substr(begin, s.find_last_not_of(space) - begin + 1);
}

}  // namespace

std::string extract(std::string_view completion) {
    constexpr std::string_view fence = "```";
    std::string_view text = trimmed(completion);
    auto open = text.find(fence);
    if (open == text.npos) return std::string{text};
    auto close = text.find(fence, open + fence.size());
    if (close == text.npos || text.find(fence, close + fence.size()) != text.npos) return std::string{text};
    std::string_view inside = text.substr(open + fence.size(), close - open - fence.size());
    // The word after the opening fence names the language.
    auto word_end = inside.find_first_of(" \t\r\n");
    std::string language = lower(inside.substr(0, word_end));
    if (word_end != inside.npos &&
        (language == "sql" || language == "sqlite" || language == "postgres" || language == "postgresql"))
        inside.remove_prefix(word_end);
    return std::string{trimmed(inside)};
}

}  // namespace reagent::sql
