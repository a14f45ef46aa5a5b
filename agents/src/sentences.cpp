#include <reagent/agents/citations.hpp>

#include <boost/regex.hpp>

#include <algorithm>

namespace reagent {
namespace {

constexpr std::string_view never_end[]{"dr",   "mr",  "mrs", "ms",  "prof", "st",     "mt",  "no",  "nos", "vs",
                                       "e.g",  "i.e", "cf",  "fig", "figs", "approx", "ca",  "gen", "col", "sgt",
                                       "capt", "rev", "hon", "vol", "pp",   "p",      "sec", "eq",  "al"};
constexpr std::string_view may_end[]{"inc", "ltd", "co",  "corp", "jr",  "sr",  "etc",
                                     "a.m", "p.m", "u.s", "u.k",  "b.c", "a.d", "ph.d"};

bool is_one_of(std::string_view word, const auto& list) {
    return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

// A text and how far it has been read.
struct reader {
    std::string_view text;
    std::size_t at = 0;

    bool skip(std::string_view what) {
        if (!text.substr(at).starts_with(what)) return false;
        at += what.size();
        return true;
    }
    bool skip_any(std::initializer_list<std::string_view> what) {
        return std::any_of(what.begin(), what.end(), [&](std::string_view w) { return skip(w); });
    }
    // Markers, with the blanks before them.
    bool skip_markers() {
        bool any = false;
        for (;;) {
            std::size_t i = at;
            while (i < text.size() && (text[i] == ' ' || text[i] == '\t')) ++i;
            if (i >= text.size() || text[i] != '[') return any;
            const auto end = text.find(']', i);
            const auto inside = text.substr(i + 1, end == text.npos ? 0 : end - i - 1);
            if (inside.empty() || inside.find_first_not_of("0123456789, ") != inside.npos) return any;
            at = end + 1;
            any = true;
        }
    }
};

bool blank_or_end(std::string_view text, std::size_t at) {
    return at >= text.size() || text[at] == ' ' || text[at] == '\t';
}

std::string word_before(std::string_view text, std::size_t dot) {
    std::size_t begin = dot;
    while (begin > 0 && text[begin - 1] != ' ' && text[begin - 1] != '\n' && text[begin - 1] != '(') --begin;
    std::string word{text.substr(begin, dot - begin)};
    return word;
}

bool is_abbreviation(std::string_view text, std::size_t dot, std::size_t next) {
    std::string word = word_before(text, dot);
    if (word.size() == 1 && word[0] >= 'A' && word[0] <= 'Z') return true;  // an initial
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
    if (is_one_of(word, never_end)) return true;
    while (next < text.size() && text[next] == ' ') ++next;
    const bool goes_on = next < text.size() && text[next] >= 'a' && text[next] <= 'z';
    return is_one_of(word, may_end) && goes_on;
}

// Behind the end of the sentence that ends here; 0 where none does.
std::size_t end_of_sentence(std::string_view text, std::size_t at) {
    reader r{text, at};
    if (r.skip_any({"\u3002", "\uFF01", "\uFF1F"})) {
        r.skip_any({"\u300D", "\u201D", "\""});
        r.skip_markers();
        return r.at;
    }
    if (!r.skip_any({".", "!", "?", "\u2026"})) return 0;
    while (r.skip_any({".", "!", "?", "\u2026"})) {
    }
    while (r.skip_any({"\"", "'", ")", "]", "\u201D", "\u2019", "\u00BB", "*", "_"})) {
    }
    const std::size_t next = r.at;
    if (r.skip_markers()) return r.at;
    if (next < text.size() && text[next] == '\n') return next;
    if (!blank_or_end(text, next)) return 0;
    return text[at] == '.' && is_abbreviation(text, at, next) ? 0 : next;
}

bool says_something(std::string_view sentence) {
    static const boost::regex markers{R"(\[[\d, ]*\])"};
    const std::string rest = boost::regex_replace(std::string{sentence}, markers, "");
    return std::any_of(rest.begin(), rest.end(), [](unsigned char c) { return c >= 0x80 || std::isalnum(c); });
}

}  // namespace

std::vector<std::string> sentences(std::string_view text) {
    std::vector<std::string> all;
    std::size_t begin = 0;
    auto close = [&](std::size_t end) {
        auto sentence = text.substr(begin, end - begin);
        begin = end;
        while (!sentence.empty() && std::isspace(static_cast<unsigned char>(sentence.front())))
            sentence.remove_prefix(1);
        while (!sentence.empty() && std::isspace(static_cast<unsigned char>(sentence.back())))
            sentence.remove_suffix(1);
        if (says_something(sentence)) all.emplace_back(sentence);
    };
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = text[at] == '\n' ? at + 1 : end_of_sentence(text, at);
        if (end) close(end);
        at = end ? end : at + 1;
    }
    close(text.size());
    return all;
}

}  // namespace reagent
