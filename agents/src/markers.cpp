#include "markers.hpp"

#include "words.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <set>
#include <string>

namespace reagent::detail {
namespace {

constexpr std::size_t longest_marker = 120, longest_range = 10'000, longest_number = 9;

constexpr std::string_view opening[]{"[",      "\\[",    "{",      "\uFF3B", "\u3010", "\u3014",
                                     "\u3016", "\u27E6", "\u301A", "\u2772", "\u2045", "\u3018"};
constexpr std::string_view closing[]{"]",      "\\]",    "}",      "\uFF3D", "\u3011", "\u3015",
                                     "\u3017", "\u27E7", "\u301B", "\u2773", "\u2046", "\u3019"};

// Words beside a passage's number.
constexpr std::u32string_view naming[]{U"passage",
                                       U"passages",
                                       U"source",
                                       U"sources",
                                       U"ref",
                                       U"refs",
                                       U"reference",
                                       U"references",
                                       U"citation",
                                       U"citations",
                                       U"cite",
                                       U"cit",
                                       U"doc",
                                       U"docs",
                                       U"document",
                                       U"documents",
                                       U"no",
                                       U"nos",
                                       U"nr",
                                       U"num",
                                       U"number",
                                       U"numbers",
                                       U"chunk",
                                       U"chunks",
                                       U"context",
                                       U"snippet",
                                       U"excerpt",
                                       U"result",
                                       U"results",
                                       U"id",
                                       U"see",
                                       U"cf",
                                       U"psg",
                                       U"quelle",
                                       U"quellen",
                                       U"absatz",
                                       U"beleg",
                                       U"siehe",
                                       U"dokument",
                                       U"nummer",
                                       U"voir",
                                       U"fuente",
                                       U"fuentes",
                                       U"pasaje",
                                       U"pasajes",
                                       U"fonte",
                                       U"fonti",
                                       U"passaggio",
                                       U"fragment",
                                       U"n",
                                       U"\u6765\u6E90",
                                       U"\u4F86\u6E90",
                                       U"\u6BB5\u843D",
                                       U"\u7B2C",
                                       U"\u6587\u732E",
                                       U"\u6587\u6863",
                                       U"\u5F15\u7528",
                                       U"\u51FA\u5178",
                                       U"\u0438\u0441\u0442\u043E\u0447\u043D\u0438\u043A",
                                       U"\u0444\u0440\u0430\u0433\u043C\u0435\u043D\u0442"};
constexpr std::u32string_view joining[]{U"and", U"or",     U"und",    U"oder",   U"et",     U"ou",    U"y",
                                        U"e",   U"\u548C", U"\u4E0E", U"\u53CA", U"\u3068", U"\u0438"};
constexpr std::u32string_view ranging[]{U"to", U"through", U"thru", U"bis", U"\u81F3", U"\u5230", U"a", U"\u00E0"};
// Behind these stand numbers of pages and lines.
constexpr std::u32string_view placing[]{U"p",       U"pp",   U"page",  U"pages",     U"pg",      U"seite",
                                        U"s",       U"line", U"lines", U"l",         U"section", U"sec",
                                        U"chapter", U"ch",   U"para",  U"paragraph", U"at"};

bool is_one_of(std::u32string_view word, const auto& list) {
    return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

// One sign for what is written in several.
char32_t plain(char32_t c) {
    constexpr std::u32string_view dashes = U"-\u2010\u2011\u2012\u2013\u2014\u2015\u2212~\u301C\uFF5E\uFF0D\u2026",
                                  commas = U",/&+\u3001\uFF0C\u060C\u00B7\u2022\uFF0F",
                                  ends = U":|\u2020\u2021\uFF1A\u2016@",
                                  passed_over = U"#^\u00A7.()\"'*\u2116\u00B0\u201C\u201D\u2018\u2019\uFF03_`\\=";
    if (is_digit(c)) return U'0' + static_cast<char32_t>(digit_value(c));
    if (c == 0xB9 || c == 0xB2 || c == 0xB3) return c == 0xB9 ? U'1' : c == 0xB2 ? U'2' : U'3';
    if (is_blank(c)) return U' ';
    if (dashes.find(c) != dashes.npos) return U'-';
    if (commas.find(c) != commas.npos) return U',';
    if (c == U';' || c == 0xFF1B) return U';';
    if (ends.find(c) != ends.npos) return U':';
    if (c == U'.') return U'.';
    if (passed_over.find(c) != passed_over.npos) return U'#';
    if (is_word(c)) return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
    return U'?';
}

std::u32string plain(std::string_view text) {
    std::u32string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto [c, length] = code_point_at(text, at);
        at += length;
        if (!is_not_shown(c)) out += c > 0x10FFFF ? U'?' : plain(c);
    }
    return out;
}

bool is_number(char32_t c) { return c >= U'0' && c <= U'9'; }

// Reads what stands in brackets.
class inside_reader {
public:
    explicit inside_reader(std::u32string_view inside) : text_{inside} {}

    // @return none: it is no marker
    std::optional<std::vector<std::size_t>> read() {
        while (at_ < text_.size() && !ended_) {
            const char32_t c = text_[at_];
            if (is_number(c) ? !number() : is_word(c) ? !word() : !sign(c)) return std::nullopt;
        }
        if (!any_) return std::nullopt;
        return std::move(numbers_);
    }
    bool has_words() const { return has_words_; }

private:
    bool number() {
        const auto begin = at_;
        while (at_ < text_.size() && is_number(text_[at_])) ++at_;
        const bool fraction = at_ + 1 < text_.size() && text_[at_] == U'.' && is_number(text_[at_ + 1]);
        if (fraction && !of_place_) return false;
        std::size_t value = 0;
        if (at_ - begin <= longest_number)
            for (auto i = begin; i < at_; ++i) value = value * 10 + (text_[i] - U'0');
        const bool year = at_ - begin == 4 && value >= 1000 && value < 3000;
        if (of_place_ || year) return true;
        any_ = true;
        if (range_ && !numbers_.empty() && value > numbers_.back())
            for (auto n = numbers_.back() + 1, steps = std::size_t{0}; n < value && steps < longest_range; ++n, ++steps)
                numbers_.push_back(n);
        range_ = false;
        numbers_.push_back(value);
        return true;
    }

    bool word() {
        const auto begin = at_;
        while (at_ < text_.size() && is_word(text_[at_]) && !is_number(text_[at_])) ++at_;
        const auto w = text_.substr(begin, at_ - begin);
        has_words_ = true;
        if (is_one_of(w, placing) && any_)
            of_place_ = true;
        else if (is_one_of(w, ranging) && any_)
            range_ = true;
        else
            return is_one_of(w, naming) || is_one_of(w, joining);
        return true;
    }

    bool sign(char32_t c) {
        ++at_;
        if (c == U'-') range_ = true;
        if (c == U';') of_place_ = false;
        if (c == U':' && any_) ended_ = true;
        return c != U'?';
    }

    std::u32string_view text_;
    std::size_t at_ = 0;
    std::vector<std::size_t> numbers_;
    bool any_ = false, range_ = false, of_place_ = false, ended_ = false, has_words_ = false;
};

std::size_t length_of_one(std::string_view text, std::size_t at, const auto& list) {
    for (std::string_view one : list)
        if (text.substr(at).starts_with(one)) return one.size();
    return 0;
}

}  // namespace

std::optional<marker> marker_at(std::string_view text, std::size_t at) {
    const auto opened = length_of_one(text, at, opening);
    if (!opened) return std::nullopt;
    const auto begin = at + opened;
    std::size_t end = begin, closed = 0;
    for (; end < text.size() && end - begin < longest_marker; ++end) {
        closed = length_of_one(text, end, closing);
        if (closed) break;
        if (text[end] == '\n' || length_of_one(text, end, opening)) return std::nullopt;
    }
    if (!closed) return std::nullopt;
    const auto inside = plain(text.substr(begin, end - begin));
    inside_reader reader{inside};
    auto numbers = reader.read();
    if (!numbers || (text[at] == '{' && reader.has_words())) return std::nullopt;
    const bool subscript = at > 0 && inside == U"0" && is_word(code_point_at(text, at - 1).first);
    if (subscript) return std::nullopt;
    return marker{end + closed, std::move(*numbers)};
}

namespace {

// What the backticks that begin at a place enclose; none: nothing ends them.
std::optional<std::pair<std::string_view, std::size_t>> code_at(std::string_view text, std::size_t at,
                                                                std::set<std::size_t>& endless) {
    const auto run = std::min(text.find_first_not_of('`', at), text.size()) - at;
    if (endless.contains(run)) return std::nullopt;
    for (std::size_t i = at + run; i < text.size();) {
        const auto next = text.find('`', i);
        if (next == text.npos) break;
        const auto other = std::min(text.find_first_not_of('`', next), text.size()) - next;
        if (other == run) return std::pair{text.substr(at + run, next - at - run), next + run};
        i = next + other;
    }
    endless.insert(run);
    return std::nullopt;
}

std::string_view trimmed(std::string_view s) {
    const auto begin = std::min(s.find_first_not_of(" \t\r\n"), s.size());
    return s.substr(begin, s.find_last_not_of(" \t\r\n") + 1 - begin);
}

}  // namespace

std::vector<std::size_t> markers(std::string_view text) {
    std::vector<std::size_t> all;
    std::set<std::size_t> endless;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '`') {
            const auto run = std::min(text.find_first_not_of('`', at), text.size()) - at;
            if (const auto code = code_at(text, at, endless)) {
                const auto inside = trimmed(code->first);
                if (auto m = inside.empty() ? std::nullopt : marker_at(inside, 0); m && m->end == inside.size())
                    all.insert(all.end(), m->numbers.begin(), m->numbers.end());
                at = code->second;
            } else
                at += run;
        } else if (auto m = marker_at(text, at)) {
            all.insert(all.end(), m->numbers.begin(), m->numbers.end());
            at = m->end;
        } else
            ++at;
    }
    return all;
}

}  // namespace reagent::detail
