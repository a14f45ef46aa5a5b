#include <reagent/agents/citations.hpp>

#include "markers.hpp"
#include "words.hpp"

#include <algorithm>

namespace reagent {
namespace {

constexpr std::string_view titles[]{"dr",  "mr",  "mrs", "ms",   "prof", "st",  "mt",
                                    "gen", "col", "sgt", "capt", "rev",  "hon", "vs"};
// Before a number.
constexpr std::string_view numbered[]{"no", "nos", "fig", "figs", "approx", "ca", "vol",
                                      "pp", "p",   "sec", "eq",   "art",    "ch", "nr"};
constexpr std::string_view never_end[]{"e.g", "i.e", "cf", "z.b", "d.h", "u.a"};
constexpr std::string_view may_end[]{"inc", "ltd", "co",  "corp", "jr",  "sr",  "etc",  "al",    "dept",
                                     "a.m", "p.m", "u.s", "u.k",  "b.c", "a.d", "ph.d", "approx"};
// Words that begin sentences rather than names.
constexpr std::string_view openers[]{"it",   "the", "this", "that",  "these", "those",   "he",  "she",  "we",
                                     "they", "you", "i",    "a",     "an",    "in",      "on",  "at",   "but",
                                     "and",  "or",  "so",   "there", "no",    "yes",     "if",  "when", "all",
                                     "its",  "his", "her",  "our",   "then",  "however", "for", "to",   "not"};
// Things that are told apart by a letter.
constexpr std::string_view lettered[]{"plan",    "option", "type",  "class",    "group",    "section", "part",
                                      "grade",   "phase",  "point", "item",     "figure",   "table",   "appendix",
                                      "vitamin", "team",   "model", "schedule", "exhibit",  "annex",   "version",
                                      "variant", "case",   "step",  "category", "hepatitis"};
constexpr std::string_view ends[]{".",      "!",      "?",      "\u2026", "\u203C", "\u203D", "\u2047", "\u2048",
                                  "\u2049", "\u3002", "\uFF01", "\uFF1F", "\uFF0E", "\uFF61", "\u0964", "\u0965",
                                  "\u061F", "\u06D4", "\u1362", "\u1367", "\u104B", "\u17D4", "\u17D5", "\u0589",
                                  "\u037E", "\u1803", "\u1809", "\u0F0D", "\u0F0E", "\uA4FF"};
constexpr std::string_view closers[]{"\"",     "'",      ")",      "]",      "\u201D", "\u2019", "\u00BB",
                                     "\u300D", "\u300F", "\uFF09", "\u203A", "*",      "_"};

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
    bool skip_any(const auto& what) {
        return std::any_of(std::begin(what), std::end(what), [&](std::string_view w) { return skip(w); });
    }
    // Markers, with the blanks before them.
    bool skip_markers() {
        bool any = false;
        for (;;) {
            std::size_t i = at;
            while (i < text.size() && (text[i] == ' ' || text[i] == '\t')) ++i;
            const auto m = i < text.size() ? detail::marker_at(text, i) : std::nullopt;
            if (!m) return any;
            at = m->end;
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

std::string lower(std::string word) {
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
    return word;
}

bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_small(char c) { return c >= 'a' && c <= 'z'; }

std::string word_from(std::string_view text, std::size_t at) {
    std::size_t end = at;
    while (end < text.size() && (is_capital(text[end]) || is_small(text[end]))) ++end;
    return std::string{text.substr(at, end - at)};
}

// Of a name: "J. R. Smith", and not of "plan B. It".
bool is_initial(std::string_view text, std::size_t letter) {
    std::size_t i = letter;
    while (i > 0 && text[i - 1] == ' ') --i;
    if (i == 0 || text[i - 1] == '.' || text[i - 1] == '\n' || text[i - 1] == '(') return true;
    const auto end = i;
    while (i > 0 && text[i - 1] != ' ' && text[i - 1] != '\n') --i;
    return !is_one_of(lower(std::string{text.substr(i, end - i)}), lettered);
}

bool is_abbreviation(std::string_view text, std::size_t dot, std::size_t next) {
    const std::string word = word_before(text, dot), small = lower(word);
    while (next < text.size() && text[next] == ' ') ++next;
    const bool goes_on = next < text.size() && is_small(text[next]);
    const bool number = next < text.size() && detail::is_digit(detail::code_point_at(text, next).first);
    const bool opener = is_one_of(lower(word_from(text, next)), openers) && !goes_on;
    if (word.size() == 1 && is_capital(word[0])) return !opener && is_initial(text, dot - 1);
    if (is_one_of(small, never_end)) return true;
    if (is_one_of(small, titles)) return !opener;
    if (is_one_of(small, numbered)) return number || (goes_on && small != "no");
    return is_one_of(small, may_end) && (goes_on || number);
}

// "ended.Then": a blank was forgotten.
bool goes_on_without_blank(std::string_view text, std::size_t at, std::size_t next) {
    return text[at] != '.' || (at > 1 && is_small(text[at - 1]) && next + 1 < text.size() && is_capital(text[next]) &&
                               (is_small(text[next + 1]) || text[next + 1] == ' '));
}

bool is_wide(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]) >= 0xE0; }

// Behind the end of the sentence that ends here; 0 where none does.
std::size_t end_of_sentence(std::string_view text, std::size_t at) {
    reader r{text, at};
    if (!r.skip_any(ends)) return 0;
    const bool wide = is_wide(text, at) && !text.substr(at).starts_with("\u2026");  // no blank stands behind it
    while (r.skip_any(ends)) {
    }
    while (r.skip_any(closers)) {
    }
    const std::size_t next = r.at;
    if (r.skip_markers()) return r.at;
    if (next >= text.size() || detail::end_of_line_at(text, next) > 0 || wide) return next;
    if (!blank_or_end(text, next)) {
        const bool letter = detail::is_word(detail::code_point_at(text, next).first);
        const bool digits = text[next] >= '0' && text[next] <= '9';
        return letter && !digits && goes_on_without_blank(text, at, next) ? next : 0;
    }
    return text[at] == '.' && is_abbreviation(text, at, next) ? 0 : next;
}

// Behind the number of a list's item: "1. ", "(b) ", "- 2) ".
std::size_t end_of_ordinal(std::string_view text, std::size_t at) {
    auto skip = [&](std::string_view signs) {
        while (at < text.size() && signs.find(text[at]) != signs.npos) ++at;
    };
    skip(" \t-*+>#");
    skip("(*");
    const auto begin = at;
    while (at < text.size() && at - begin < 4 && text[at] >= '0' && text[at] <= '9') ++at;
    if (at == begin && at < text.size() && (is_small(text[at]) || is_capital(text[at]))) ++at;
    if (at == begin || at >= text.size() || (text[at] != '.' && text[at] != ')')) return 0;
    ++at;
    skip("*)");
    return blank_or_end(text, at) ? at : 0;
}

bool says_something(std::string_view sentence) {
    for (std::size_t at = 0; at < sentence.size();) {
        if (const auto m = detail::marker_at(sentence, at)) {
            at = m->end;
            continue;
        }
        const auto [c, length] = detail::code_point_at(sentence, at);
        if (c <= 0x10FFFF && detail::is_word(c)) return true;
        at += length;
    }
    return false;
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
    bool line_begins = true;
    for (std::size_t at = 0; at < text.size();) {
        if (const auto ordinal = line_begins ? end_of_ordinal(text, at) : 0; ordinal > at) at = ordinal;
        line_begins = false;
        if (at >= text.size()) break;
        if (const auto m = detail::marker_at(text, at)) {
            at = m->end;
            continue;
        }
        if (const auto line_end = detail::end_of_line_at(text, at)) {
            close(at);
            begin = at += line_end;
            line_begins = true;
            continue;
        }
        const std::size_t end = end_of_sentence(text, at);
        if (end) close(end);
        at = end ? end : at + 1;
    }
    close(text.size());
    return all;
}

}  // namespace reagent
