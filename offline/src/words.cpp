#include "words.hpp"

#include "../../sdk/src/base/text.hpp"

#include <algorithm>
#include <map>

namespace reagent::offline {

std::string stem_of(std::string_view w) {
    auto ends = [&](std::string_view s) { return w.size() > s.size() + 1 && w.ends_with(s); };
    std::string s{w};
    if (s == "knives" || s == "knife") return "knife";
    if (ends("ies") && w.size() > 4) return s.substr(0, s.size() - 3) + "y";
    if (ends("sses") || ends("xes") || ends("ches") || ends("shes")) return s.substr(0, s.size() - 2);
    if (ends("s") && !ends("ss") && !ends("us") && !ends("is")) return s.substr(0, s.size() - 1);
    return s;
}

std::vector<word> words_of(std::string_view text) {
    std::vector<word> words;
    auto letter = [](char c) { return is_word(c) || static_cast<unsigned char>(c) >= 0x80; };
    for (std::size_t i = 0; i < text.size();) {
        if (is_space(text[i])) {
            ++i;
            continue;
        }
        std::size_t n = i;
        for (auto [symbol, plain] : {std::pair{"\u00d7", "*"}, {"\u00f7", "/"}, {"\u2212", "-"}, {"\u00b2", "^2"}})
            if (text.substr(i).starts_with(symbol)) {
                for (char c : std::string_view{plain})
                    words.push_back({std::string(1, c), std::string(1, c), std::string(1, c)});
                n = i + std::string_view{symbol}.size();
                break;
            }
        if (n > i) {
            i = n;
            continue;
        }
        bool digits = is_digit(text[i]) || (text[i] == '.' && i + 1 < text.size() && is_digit(text[i + 1]));
        if (digits) {
            while (n < text.size()) {
                bool separator = (text[n] == ',' || text[n] == '.') && n + 1 < text.size() && is_digit(text[n + 1]);
                if (text[n] == ',' && separator) {  // only before three digits, as in 2,340
                    std::size_t d = n + 1;
                    while (d < text.size() && is_digit(text[d])) ++d;
                    separator = d - n == 4;
                }
                bool date = text[n] == '-' && n - i >= 4 && n + 2 < text.size() && is_digit(text[n + 1]) &&
                            is_digit(text[n + 2]) && n - i <= 7 && text.substr(i, n - i).find('.') == text.npos &&
                            (n - i == 4 || n - i == 7) && text[i] == '2';
                if (!is_digit(text[n]) && !separator && !date) break;
                ++n;
            }
            if (n < text.size() && is_alpha(text[n]) && text[n] != 'x')
                while (n < text.size() && letter(text[n])) ++n;  // 3rd, 10am, SKU codes
        } else if (letter(text[i])) {
            while (n < text.size() && (letter(text[n]) || ((text[n] == '-' || text[n] == '\'' || text[n] == '&') &&
                                                           n > i && n + 1 < text.size() && letter(text[n + 1]))))
                ++n;
        } else
            n = i + 1;
        std::string t{text.substr(i, n - i)};
        if (t.ends_with("'s")) t.resize(t.size() - 2);
        std::string lower = to_lower(t);
        words.push_back({t, lower, stem_of(lower)});
        i = n;
    }
    return words;
}

std::string join(const std::vector<word>& words, std::size_t from, std::size_t to) {
    std::string s;
    for (std::size_t i = from; i < to && i < words.size(); ++i) s += (s.empty() ? "" : " ") + words[i].text;
    return s;
}

namespace {
const std::map<std::string, std::string, std::less<>>& number_words() {
    static const std::map<std::string, std::string, std::less<>> words{
        {"zero", "0"},          {"one", "1"},      {"two", "2"},        {"three", "3"},     {"four", "4"},
        {"five", "5"},          {"six", "6"},      {"seven", "7"},      {"eight", "8"},     {"nine", "9"},
        {"ten", "10"},          {"eleven", "11"},  {"twelve", "12"},    {"thirteen", "13"}, {"fourteen", "14"},
        {"fifteen", "15"},      {"sixteen", "16"}, {"seventeen", "17"}, {"eighteen", "18"}, {"nineteen", "19"},
        {"twenty", "20"},       {"thirty", "30"},  {"forty", "40"},     {"fifty", "50"},    {"sixty", "60"},
        {"seventy", "70"},      {"eighty", "80"},  {"ninety", "90"},    {"hundred", "100"}, {"thousand", "1000"},
        {"million", "1000000"}, {"dozen", "12"}};
    return words;
}
}  // namespace

bool is_number(const word& w) { return !number_of(w).empty(); }

std::string number_of(const word& w) {
    if (auto found = number_words().find(w.lower); found != number_words().end()) return found->second;
    std::string s;
    for (char c : w.text) {
        if (c == ',') continue;
        if (!is_digit(c) && c != '.') return {};
        s += c;
    }
    return s.find_first_of("0123456789") == s.npos ? std::string{} : s;
}

std::string only_number(std::string_view text) {
    std::string number;
    auto words = words_of(text);
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string n = number_of(words[i]);
        if (n.empty()) continue;
        if (!number.empty()) return {};
        number = (i > 0 && words[i - 1].text == "-" ? "-" : "") + n;
    }
    return number;
}

bool is_stop_word(std::string_view w) {
    for (std::string_view s :
         {"a",      "an",   "and",   "are",  "as",    "at",    "be",    "been",  "by",   "can",   "could",
          "did",    "do",   "does",  "for",  "from",  "had",   "has",   "have",  "how",  "i",     "in",
          "is",     "it",   "its",   "many", "me",    "much",  "of",    "on",    "or",   "our",   "please",
          "should", "than", "that",  "the",  "their", "them",  "there", "these", "they", "this",  "to",
          "was",    "we",   "were",  "what", "when",  "where", "which", "who",   "whom", "whose", "why",
          "will",   "with", "would", "you",  "your",  "about", "any",   "also",  "some", "say",   "says",
          "write",  "tell", "give",  "show", "find",  "long",  "get"})
        if (s == w) return true;
    return w.size() == 1 && !is_digit(w[0]);
}

std::size_t find_phrase(const std::vector<word>& words, const std::vector<word>& phrase, std::size_t from) {
    if (phrase.empty()) return std::string::npos;
    for (std::size_t i = from; i + phrase.size() <= words.size(); ++i) {
        bool same = true;
        for (std::size_t k = 0; k < phrase.size() && same; ++k) same = words[i + k].stem == phrase[k].stem;
        if (same) return i;
    }
    return std::string::npos;
}

// The longest of the alternatives, "more than|over".
bool cursor::accept(std::string_view alternatives) {
    std::size_t longest = 0;
    for (const auto& phrase : split(alternatives, '|')) {
        std::size_t n = 0;
        bool same = true;
        for (const auto& part : split(phrase, ' ')) {
            same = same && i_ + n < w_.size() && w_[i_ + n].lower == part;
            ++n;
        }
        if (same) longest = std::max(longest, n);
    }
    i_ += longest;
    furthest_ = std::max(furthest_, i_);
    return longest > 0;
}

bool cursor::at(std::string_view alternatives) {
    std::size_t i = i_, f = furthest_;
    bool found = accept(alternatives);
    i_ = i, furthest_ = f;
    return found;
}

}  // namespace reagent::offline
