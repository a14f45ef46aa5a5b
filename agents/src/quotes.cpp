// Where a text has a quote: both as canonically decomposed characters, each of which knows the bytes that it came from.
#include <reagent/agents/citations.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace reagent {
namespace {

struct letter {
    char32_t code = 0;
    std::size_t begin = 0, end = 0;  // bytes of the text
};

bool is_mark(char32_t c) { return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class != 0; }

bool is_word(char32_t c) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;  // letters, marks, numbers
}

// Of scripts that put no blanks between words: Thai and those behind it.
bool stands_alone(char32_t c) {
    return c >= 0x0E00 && utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_LO;
}

bool is_blank(char32_t c) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return (c < 0x20) || c == 0x7F || c == 0x85 ||
           (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP);
}

bool is_unseen(char32_t c) { return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->ignorable || c == 0xFEFF; }

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
        utf8proc_int32_t code = 0;
        const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                             static_cast<utf8proc_ssize_t>(text.size() - at), &code);
        if (length <= 0) {  // a byte that is no UTF-8 equals itself only
            all_.push_back({0x110000u + static_cast<unsigned char>(text[at]), at, at + 1});
            return 1;
        }
        const std::size_t end = at + static_cast<std::size_t>(length);
        const auto c = static_cast<char32_t>(code);
        if (is_blank(c)) {
            if (!all_.empty() && all_.back().code != U' ') all_.push_back({U' ', at, end});
        } else if (!is_unseen(c))
            add(c, at, end);
        return end - at;
    }

    void add(char32_t c, std::size_t begin, std::size_t end) {
        if (const auto parts = ligature(c); !parts.empty()) {
            for (char32_t part : parts) all_.push_back({part, begin, end});
            return;
        }
        std::array<utf8proc_int32_t, 32> out{};
        int last = 0;
        const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), out.data(), out.size(),
                                               UTF8PROC_DECOMPOSE, &last);
        for (utf8proc_ssize_t i = 0; i < n && i < static_cast<utf8proc_ssize_t>(out.size()); ++i)
            all_.push_back({plain(static_cast<char32_t>(out[static_cast<std::size_t>(i)])), begin, end});
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

bool begins_and_ends_words(std::u32string_view text, std::size_t at, std::size_t size) {
    auto within_word = [](char32_t a, char32_t b) {
        return is_word(a) && is_word(b) && !stands_alone(a) && !stands_alone(b);
    };
    if (at > 0 && (within_word(text[at - 1], text[at]) || is_mark(text[at]))) return false;
    const std::size_t end = at + size;
    return end == text.size() || !(within_word(text[end - 1], text[end]) || is_mark(text[end]));
}

std::optional<std::pair<std::size_t, std::size_t>> find(const letters& text, std::u32string_view quote) {
    if (std::none_of(quote.begin(), quote.end(), is_word)) return std::nullopt;
    const auto all = text.codes();
    for (auto at = all.find(quote); at != all.npos; at = all.find(quote, at + 1)) {
        if (!begins_and_ends_words(all, at, quote.size())) continue;
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
