// Words beside a list or an object in a text.
#include "../base/text.hpp"
#include "../schema/comment.hpp"
#include "formats.hpp"

#include <algorithm>

namespace reagent::detail {
namespace {

bool is_an_item(std::string_view line) {
    line = trim(line);
    const auto digits = std::min(line.find_first_not_of("0123456789"), line.size());
    if (digits > 0) return line.substr(digits).starts_with(". ") || line.substr(digits).starts_with(") ");
    return line == "-" || line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ") ||
           line.starts_with("\u2022");
}

bool denies(std::string_view sentence) {
    for (std::string_view short_form : {"n't", "n\u2019t"})
        if (sentence.find(short_form) != sentence.npos) return true;
    return holds_a_word(sentence, {"not",    "never", "nor",   "neither", "without", "except", "excluding", "instead",
                                   "rather", "avoid", "wrong", "cannot",  "unlike",  "nicht",  "kein",      "keine",
                                   "ohne",   "statt", "pas",   "sans",    "sauf",    "nunca",  "excepto",   "non"});
}

// `The items are:`, `**Names:**`, `v =`, "It is": what may stand in front of a value on its line.
bool introduces(std::string_view line) {
    constexpr std::string_view marks = " \t*_`(\"'";
    const auto end = line.find_last_not_of(marks);
    if (end == line.npos) return true;
    line = line.substr(0, end + 1);
    if (line.ends_with(':') || line.ends_with('=')) return true;
    const std::string last = to_lower(line.substr(line.find_last_of(" \t") + 1));
    return last == "is" || last == "are" || last == "use";
}

// Whether what follows a value on lines of its own goes on with its sentence, or takes it back.
bool sentence_goes_on(std::string_view behind) {
    behind = trim(behind);
    if (behind.starts_with("```")) behind = trim(behind.substr(3));
    if (behind.empty()) return false;
    const auto line = behind.substr(0, behind.find('\n'));
    const char first = line.front();
    return (first >= 'a' && first <= 'z') || is_digit(first) || std::string_view{"+-*,;&|"}.find(first) != line.npos ||
           denies(line) || comment_leaves_out(line);
}

}  // namespace

std::string_view doubt_beside(std::string_view text) {
    const auto begin = text.find_first_of("[{"), end = text.find_last_of("]}");
    if (begin == text.npos) return {};
    auto before = text.substr(0, begin);
    const auto line = before.substr(before.rfind('\n') + 1);
    const auto stop = line.rfind(". ");
    const auto sentence = stop == line.npos ? line : line.substr(stop + 2);
    if (!introduces(line) || denies(sentence)) return trim(sentence);
    for (std::size_t at = 0; at < before.size(); at = std::min(before.find('\n', at), before.size() - 1) + 1)
        if (const auto one = before.substr(at, before.find('\n', at) - at); is_an_item(one)) return trim(one);
    if (end == text.npos || end < begin) return {};
    const auto behind = text.substr(end + 1);
    const auto rest = trim(behind.substr(0, behind.find('\n')));
    if (rest.find_first_not_of("*_`.!,;)\"' \t") != rest.npos) return rest;
    const auto next_lines = behind.substr(std::min(behind.find('\n'), behind.size()));
    return sentence_goes_on(next_lines) ? trim(behind) : std::string_view{};
}

}  // namespace reagent::detail
