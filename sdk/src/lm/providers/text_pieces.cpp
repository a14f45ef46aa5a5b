#include "text_pieces.hpp"

#include "../../base/text.hpp"
#include "../../base/utf8.hpp"

#include <optional>

namespace reagent::provider {
namespace {

// The number of `\uXXXX` at a place; nothing when there is none.
std::optional<unsigned> escape_at(std::string_view s, std::size_t at) {
    if (at + 6 > s.size() || s[at] != '\\' || s[at + 1] != 'u') return {};
    unsigned n = 0;
    for (std::size_t i = at + 2; i < at + 6; ++i) {
        char c = s[i];
        if (!is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) return {};
        n = n * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return n;
}

bool is_high(unsigned n) { return n >= 0xD800 && n < 0xDC00; }
bool is_low(unsigned n) { return n >= 0xDC00 && n < 0xE000; }

void append_surrogate(std::string& out, unsigned n) {
    out += static_cast<char>(0xE0 | n >> 12);
    out += static_cast<char>(0x80 | (n >> 6 & 63));
    out += static_cast<char>(0x80 | (n & 63));
}

// The surrogate whose three bytes stand at a place; 0 when there is none.
unsigned surrogate_at(std::string_view s, std::size_t at) {
    if (at + 3 > s.size()) return 0;
    auto b = [&](std::size_t i) { return static_cast<unsigned char>(s[at + i]); };
    if (b(0) != 0xED || b(1) < 0xA0 || b(1) > 0xBF || (b(2) & 0xC0) != 0x80) return 0;
    return 0xD000u | (b(1) & 63u) << 6 | (b(2) & 63u);
}

// Whether the text ends in the middle of a sequence that further bytes may complete.
bool may_go_on(std::string_view tail) {
    auto c = static_cast<unsigned char>(tail[0]);
    std::size_t wanted = c >= 0xC2 && c <= 0xDF ? 2 : c >= 0xE0 && c <= 0xEF ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
    if (tail.size() >= wanted) return false;
    for (std::size_t i = 1; i < tail.size(); ++i)
        if ((static_cast<unsigned char>(tail[i]) & 0xC0) != 0x80) return false;
    if (tail.size() < 2) return true;
    auto second = static_cast<unsigned char>(tail[1]);
    return !(c == 0xE0 && second < 0xA0) && !(c == 0xF0 && second < 0x90) && !(c == 0xF4 && second > 0x8F);
}

constexpr const char* replacement = "\xEF\xBF\xBD";

}  // namespace

std::string with_surrogates_as_bytes(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::size_t plain = 0;
    for (std::size_t i = text.find('\\'); i != text.npos; i = text.find('\\', i)) {
        auto n = escape_at(text, i);
        if (!n || (!is_high(*n) && !is_low(*n))) {
            i += 2;
            if (i > text.size()) break;
            continue;
        }
        auto next = is_high(*n) ? escape_at(text, i + 6) : std::nullopt;
        if (next && is_low(*next)) {
            i += 12;
            continue;
        }
        out.append(text, plain, i - plain);
        append_surrogate(out, *n);
        plain = i += 6;
    }
    out.append(text, std::min(plain, text.size()));
    return out;
}

std::string text_pieces::feed(std::string_view piece) {
    if (held_.empty() && detail::is_valid_utf8(piece)) return std::string{piece};
    std::string all = std::exchange(held_, {});
    all += piece;
    std::string out;
    for (std::size_t i = 0; i < all.size();) {
        if (auto n = detail::utf8_sequence(all, i)) {
            out.append(all, i, n);
            i += n;
        } else if (unsigned high = surrogate_at(all, i); is_high(high)) {
            unsigned low = surrogate_at(all, i + 3);
            std::string_view rest = std::string_view{all}.substr(i + 3);
            if (is_low(low)) {
                char32_t point = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                for (int shift : {18, 12, 6, 0})
                    out += static_cast<char>((shift == 18 ? 0xF0 : 0x80) | (point >> shift & (shift == 18 ? 7 : 63)));
                i += 6;
            } else if (rest.empty() || (rest.size() < 3 && rest[0] == '\xED')) {
                held_ = all.substr(i);
                break;
            } else {
                out += replacement;
                i += 3;
            }
        } else if (surrogate_at(all, i)) {
            out += replacement;
            i += 3;
        } else if (may_go_on(std::string_view{all}.substr(i))) {
            held_ = all.substr(i);
            break;
        } else {
            out += replacement;
            ++i;
        }
    }
    return out;
}

std::string text_pieces::finish() {
    return std::exchange(held_, {}).empty() ? std::string{} : std::string{replacement};
}

std::string clean_text(std::string_view text) {
    if (detail::is_valid_utf8(text)) return std::string{text};
    text_pieces all;
    std::string out = all.feed(text);
    return out + all.finish();
}

void clean_texts(json::value& v) {
    if (v.is_string()) {
        if (!detail::is_valid_utf8(v.get_string())) v = json::string(clean_text(v.get_string()));
    } else if (v.is_array()) {
        for (auto& item : v.get_array()) clean_texts(item);
    } else if (v.is_object()) {
        bool names = true;
        for (auto& [name, part] : v.get_object()) {
            names = names && detail::is_valid_utf8(name);
            clean_texts(part);
        }
        if (names) return;
        json::object renamed;
        for (auto& [name, part] : v.get_object()) renamed[clean_text(name)] = std::move(part);
        v = std::move(renamed);
    }
}

void json_extent::feed(std::string_view piece) {
    for (std::size_t i = 0; i < piece.size() && !closed_ && !other_; ++i) {
        if (in_string_ && !escaped_)
            while (i < piece.size() && piece[i] != '"' && piece[i] != '\\') ++i;  // most of an answer
        if (i < piece.size()) take(piece[i]);
    }
}

void json_extent::take(char c) {
    if (in_string_) {
        if (escaped_)
            escaped_ = false;
        else if (c == '\\')
            escaped_ = true;
        else if (c == '"')
            in_string_ = false;
    } else if (!begun_ && !is_space(c) && c != '{' && c != '[')
        other_ = true;
    else if (c == '"')
        in_string_ = true;
    else if (c == '{' || c == '[') {
        begun_ = true;
        ++depth_;
    } else if ((c == '}' || c == ']') && --depth_ == 0)
        closed_ = true;
}

}  // namespace reagent::provider
