// Where a text has a quote: both as canonically decomposed characters, each of which knows the bytes that it came from.
#include <reagent/agents/citations.hpp>

#include "words.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace reagent {
namespace {

using namespace detail;

struct letter {
    char32_t code = 0;
    std::size_t begin = 0, end = 0;  // bytes of the text
    char32_t written = 0;            // there, before it was decomposed; of blanks the first
    bool line_end = false;           // among the blanks that it stands for
};

auto category_of(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

// One form of what is written in several.
char32_t plain(char32_t c) {
    constexpr std::u32string_view single = U"\u2018\u2019\u201A\u201B\u2032\u02BC\u2039\u203A`\u00B4",
                                  twice = U"\u201C\u201D\u201E\u201F\u2033\u00AB\u00BB",
                                  dash = U"\u2010\u2011\u2012\u2013\u2014\u2015\u2212";
    if (single.find(c) != single.npos) return U'\'';
    if (twice.find(c) != twice.npos) return U'"';
    return dash.find(c) != dash.npos ? U'-' : c;
}

std::u32string_view ligature(char32_t c) {
    constexpr std::array<std::u32string_view, 7> parts{U"ff", U"fi", U"fl", U"ffi", U"ffl", U"st", U"st"};
    if (c == 0x2026) return U"...";
    return c >= 0xFB00 && c <= 0xFB06 ? parts[c - 0xFB00] : std::u32string_view{};
}

class letters {
public:
    explicit letters(std::string_view text) {
        for (std::size_t at = 0; at < text.size();) at += take(text, at);
        order_marks();
        while (!all_.empty() && all_.back().code == U' ') all_.pop_back();
        for (const auto& l : all_) codes_ += l.code;
    }

    std::u32string_view codes() const { return codes_; }
    const letter& operator[](std::size_t i) const { return all_[i]; }

private:
    std::size_t take(std::string_view text, std::size_t at) {
        const auto [c, length] = code_point_at(text, at);
        if (c > 0x10FFFF) {  // a byte that is no UTF-8 equals itself only
            all_.push_back({c, at, at + 1, c});
            return 1;
        }
        if (is_blank(c)) {
            if (!all_.empty() && all_.back().code != U' ') all_.push_back({U' ', at, at + length, c});
            if (!all_.empty() && end_of_line_at(text, at) > 0) all_.back().line_end = true;
        } else if (!is_not_shown(c))
            add(c, at, at + length);
        return length;
    }

    void add(char32_t c, std::size_t begin, std::size_t end) {
        if (const auto parts = ligature(c); !parts.empty()) {
            for (char32_t part : parts) all_.push_back({part, begin, end, c});
            return;
        }
        std::array<utf8proc_int32_t, 32> out{};
        int last = 0;
        const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), out.data(), out.size(),
                                               UTF8PROC_DECOMPOSE, &last);
        for (utf8proc_ssize_t i = 0; i < n && i < static_cast<utf8proc_ssize_t>(out.size()); ++i)
            all_.push_back({plain(static_cast<char32_t>(out[static_cast<std::size_t>(i)])), begin, end, c});
    }

    // Unicode's canonical order of combining marks.
    void order_marks() {
        auto of = [](const letter& l) {
            return l.code > 0x10FFFF ? 0
                                     : utf8proc_get_property(static_cast<utf8proc_int32_t>(l.code))->combining_class;
        };
        for (auto begin = all_.begin(); begin != all_.end();) {
            begin = std::find_if(begin, all_.end(), [&](const letter& l) { return of(l) != 0; });
            const auto end = std::find_if(begin, all_.end(), [&](const letter& l) { return of(l) == 0; });
            std::stable_sort(begin, end, [&](const letter& a, const letter& b) { return of(a) < of(b); });
            begin = end;
        }
    }

    std::vector<letter> all_;
    std::u32string codes_;
};

// Quotation marks and dots that a writer puts around what is quoted.
std::u32string_view without_wrapping(std::u32string_view q) {
    auto wraps = [](std::u32string_view at) {
        return at.starts_with(U'"') || at.starts_with(U'\'') || at.starts_with(U' ');
    };
    auto strip = [&] {
        const auto before = q.size();
        if (wraps(q)) q.remove_prefix(1);
        if (!q.empty() && wraps(q.substr(q.size() - 1))) q.remove_suffix(1);
        if (q.starts_with(U"...")) q.remove_prefix(3);
        if (q.ends_with(U"...")) q.remove_suffix(3);
        return q.size() != before;
    };
    while (strip()) {
    }
    return q;
}

bool is_one_of(char32_t c, std::u32string_view list) { return list.find(c) != list.npos; }
bool is_letter(char32_t c) { return is_word(c) && !is_digit(c); }

bool is_currency(char32_t c) { return category_of(c) == UTF8PROC_CATEGORY_SC; }
bool is_unit(char32_t c) { return is_currency(c) || is_one_of(c, U"%\u2030\u066A\uFF05\u00B0"); }
bool is_comparison(char32_t c) { return is_one_of(c, U"<>\u2264\u2265\u2248\u00B1~\u2243\u2260"); }

// Whether a cut before a place of a text would change what stands on either side of it.
class cuts {
public:
    explicit cuts(const letters& text) : text_{text}, size_{text.codes().size()} {}

    bool may_begin(std::size_t at) const { return !tears(at) && !has_negation_before(at); }
    bool may_end(std::size_t at) const { return !tears(at) && !has_negation_behind(at); }

private:
    bool tears(std::size_t at) const {
        if (at == 0 || at >= size_) return false;
        return halves_a_character(at) || halves_a_word(at) || leaves_a_sign(at) || leaves_a_unit(at) ||
               leaves_a_part(at) || leaves_a_group_of_digits(at);
    }

    char32_t code(std::size_t i) const { return i < size_ ? text_.codes()[i] : U'\0'; }
    char32_t before(std::size_t at, std::size_t by) const { return at >= by ? text_.codes()[at - by] : U'\0'; }

    bool halves_a_character(std::size_t at) const {
        return text_[at - 1].begin == text_[at].begin || is_mark(code(at));
    }

    bool halves_a_word(std::size_t at) const {
        const char32_t a = before(at, 1), b = code(at);
        if (!is_word(a) || !is_word(b)) return false;
        if (!stands_alone(a) && !stands_alone(b)) return true;
        constexpr std::u32string_view numerals =
            U"\u3007\u4E00\u4E8C\u4E09\u56DB\u4E94\u516D\u4E03\u516B\u4E5D\u5341"
            U"\u767E\u5343\u4E07\u842C\u4EBF\u5104\u5146\u96F6\u4E24\u5169";
        auto counts = [&](char32_t c) { return is_digit(c) || is_one_of(c, numerals); };
        return (is_katakana(a) && is_katakana(b)) || (counts(a) && counts(b));
    }

    // "-50", "<5", "> 5", "C++"
    bool leaves_a_sign(std::size_t at) const {
        const char32_t a = before(at, 1), b = code(at), c = before(at, 2);
        if (is_digit(b) && (a == U'-' || a == U'+' || a == U'.') && !is_word(c)) return true;
        if (is_digit(b) && (is_comparison(a) || (a == U' ' && is_comparison(c)))) return true;
        return is_word(a) && (b == U'+' || b == U'#') && !is_digit(a);
    }

    // "$50", "50%", "50 euro" with a sign for it
    bool leaves_a_unit(std::size_t at) const {
        const char32_t a = before(at, 1), b = code(at);
        if (is_digit(b)) return is_currency(a) || (a == U' ' && is_currency(before(at, 2)));
        if (!is_digit(a)) return false;
        return is_unit(b) || (b == U' ' && is_unit(code(at + 1)) && !is_digit(code(at + 2)));
    }

    // Of what is joined without a blank: "non-refundable", "3.50", "can't"
    bool leaves_a_part(std::size_t at) const {
        if (at >= 2 && is_word(code(at)) && joins(at - 1)) return true;
        if (is_word(before(at, 1)) && joins(at)) return true;
        const bool hyphenated = before(at, 1) == U' ' && text_[at - 1].line_end && before(at, 2) == U'-';
        return hyphenated && is_letter(before(at, 3)) && is_letter(code(at));
    }

    bool joins(std::size_t sign) const {
        if (sign == 0 || sign + 1 >= size_) return false;
        const char32_t a = code(sign - 1), c = code(sign), b = code(sign + 1), written = text_[sign].written;
        if (!is_word(a) || !is_word(b) || is_word(c) || c == U' ') return false;
        if (is_digit(a) && is_digit(b))
            return !is_one_of(c, U";\"!?=|\u2026()[]{}") && written != 0x2014 && written != 0x2015;
        if (c == U'-') return written != 0x2013 && written != 0x2014 && written != 0x2015;
        if (c == U'\'') return is_short_ending(sign + 1);
        if (c == U'.') return is_digit(a) || is_digit(b) || !begins_a_sentence(sign);
        return is_one_of(c, U"_@&\u00B7") || (c == U'/' && (is_digit(a) || is_digit(b)));
    }

    // "t" of "can't", "s", "re", "ll"
    bool is_short_ending(std::size_t at) const {
        std::size_t n = 0;
        while (n < 3 && is_word(code(at + n))) ++n;
        return n <= 2;
    }

    // A blank was forgotten: "ended.Then"
    bool begins_a_sentence(std::size_t dot) const {
        auto is_small = [&](std::size_t i) { return category_of(code(i)) == UTF8PROC_CATEGORY_LL; };
        return is_small(dot - 1) && category_of(code(dot + 1)) == UTF8PROC_CATEGORY_LU;
    }

    std::size_t digits_from(std::size_t at) const {
        std::size_t n = 0;
        while (n < 4 && is_digit(code(at + n))) ++n;
        return n;
    }
    std::size_t digits_before(std::size_t at) const {
        std::size_t n = 0;
        while (n < 4 && n < at && is_digit(code(at - n - 1))) ++n;
        return n;
    }

    // "1 000 000", with blanks of any kind between the groups
    bool leaves_a_group_of_digits(std::size_t at) const {
        const std::size_t blank = code(at) == U' ' ? at : at - 1;
        if (code(blank) != U' ') return false;
        const auto left = digits_before(blank), right = digits_from(blank + 1);
        if (left == 0 || left > 3 || right != 3) return false;
        const bool narrow = is_one_of(text_[blank].written, U"\u00A0\u202F\u2009\u2007\u2006\u2008");
        auto is_zero = [&](std::size_t i) { return is_digit(code(i)) && digit_value(code(i)) == 0; };
        const bool zeros = is_zero(blank + 1) && is_zero(blank + 2) && is_zero(blank + 3);
        const bool more = code(blank + 4) == U' ' && digits_from(blank + 5) == 3;
        return narrow || zeros || more;
    }

    // Of scripts without blanks between words: what negates stands before, or behind the verb.
    static bool is_negation(char32_t c) {
        return is_one_of(c, U"\u4E0D\u6CA1\u6C92\u672A\u975E\u65E0\u7121\u52FF\u83AB\u522B\u5225\u6BCB\u5426");
    }
    bool has_negation_before(std::size_t at) const {
        return at > 0 && at < size_ && is_negation(before(at, 1)) && stands_alone(code(at));
    }
    bool has_negation_behind(std::size_t at) const {
        if (at == 0 || at >= size_ || !stands_alone(before(at, 1))) return false;
        if (is_negation(code(at))) return true;
        std::u32string verb;
        for (std::size_t i = at; i < size_ && verb.size() < 16 && is_hiragana(code(i)); ++i) verb += code(i);
        for (std::u32string_view ending : {U"\u306A\u3044", U"\u306A\u304B", U"\u306A\u304F", U"\u307E\u305B\u3093",
                                           U"\u3059\u3099", U"\u306C", U"\u307E\u3044", U"\u3055\u3099\u308B"})
            if (verb.find(ending) != verb.npos) return true;
        return false;
    }

    const letters& text_;
    std::size_t size_;
};

// Every place of a quote, in linear time. Source: Knuth, Morris and Pratt, 1977.
class places_of {
public:
    places_of(std::u32string_view text, std::u32string_view quote) : text_{text}, quote_{quote}, back_(quote.size()) {
        for (std::size_t i = 1, matched = 0; i < quote.size(); ++i) {
            while (matched > 0 && quote[i] != quote[matched]) matched = back_[matched - 1];
            matched += quote[i] == quote[matched];
            back_[i] = matched;
        }
    }

    std::size_t next() {
        while (at_ < text_.size()) {
            while (matched_ > 0 && text_[at_] != quote_[matched_]) matched_ = back_[matched_ - 1];
            matched_ += text_[at_] == quote_[matched_];
            ++at_;
            if (matched_ < quote_.size()) continue;
            matched_ = back_[matched_ - 1];
            return at_ - quote_.size();
        }
        return text_.npos;
    }

private:
    std::u32string_view text_, quote_;
    std::vector<std::size_t> back_;
    std::size_t at_ = 0, matched_ = 0;
};

std::optional<std::pair<std::size_t, std::size_t>> find(const letters& text, std::u32string_view quote) {
    if (std::none_of(quote.begin(), quote.end(), is_word)) return std::nullopt;
    const auto all = text.codes();
    const cuts cut{text};
    places_of places{all, quote};
    for (auto at = places.next(); at != all.npos; at = places.next()) {
        if (!cut.may_begin(at) || !cut.may_end(at + quote.size())) continue;
        std::size_t begin = text[at].begin, end = text[at].end;
        for (std::size_t i = at; i < at + quote.size(); ++i)
            begin = std::min(begin, text[i].begin), end = std::max(end, text[i].end);
        return std::pair{begin, end};
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::pair<std::size_t, std::size_t>> find_quote(std::string_view text, std::string_view quote) {
    const letters in{text}, wanted{quote};
    if (auto found = find(in, wanted.codes())) return found;
    return find(in, without_wrapping(wanted.codes()));
}

}  // namespace reagent
