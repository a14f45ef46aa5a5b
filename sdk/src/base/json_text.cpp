#include "json_text.hpp"

#include <boost/json.hpp>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>

namespace reagent::detail {
namespace {

// What JSON escapes: below 0x20, a quote or a backslash.
// @return the index of the first such byte among `block_size`, or `block_size`
#ifdef __SSE2__
constexpr std::size_t block_size = 16;
std::size_t first_escape(const char* block) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    const __m128i sign =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return static_cast<std::size_t>(
        std::countr_zero(static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, sign))) | 1u << 16));
}
#else
// Little-endian. Source: Sean Eron Anderson, "Bit Twiddling Hacks" (determine if a word has a byte less than n, or
// equal to n).
constexpr std::size_t block_size = 8;
std::size_t first_escape(const char* block) {
    std::uint64_t word;
    std::memcpy(&word, block, 8);
    constexpr std::uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    auto has_zero = [](std::uint64_t w) { return (w - ones) & ~w & high; };
    std::uint64_t low = (word - ones * 0x20) & ~word & high;
    std::uint64_t found = low | has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\'));
    return found ? static_cast<std::size_t>(std::countr_zero(found)) / 8 : 8;
}
#endif

bool is_plain(std::string_view text) {
    bool plain = true;
    for (char c : text) plain = plain & (static_cast<unsigned char>(c) >= 0x20) & (c != '"') & (c != '\\');
    return plain;
}

// Writes the escape of a character that has one, at most six bytes. @return its end
char* escaped(char* end, char c) {
    static constexpr char hex[] = "0123456789abcdef";
    *end++ = '\\';
    switch (c) {
        case '"':
        case '\\': *end++ = c; break;
        case '\n': *end++ = 'n'; break;
        case '\r': *end++ = 'r'; break;
        case '\b': *end++ = 'b'; break;
        case '\f': *end++ = 'f'; break;
        case '\t': *end++ = 't'; break;
        default:
            for (char digit : {'u', '0', '0', hex[c >> 4], hex[c & 15]}) *end++ = digit;
    }
    return end;
}

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
    char ready[1024];  // appended when it is full: texts have a line end or a quote every few words
    char* end = ready;
    auto flush = [&] { out.append(ready, static_cast<std::size_t>(std::exchange(end, ready) - ready)); };
    *end++ = '"';
    std::size_t i = 0;
    while (i + block_size <= text.size()) {
        if (end > ready + sizeof ready - 2 * block_size) flush();
        std::memcpy(end, text.data() + i, block_size);
        const std::size_t plain = first_escape(text.data() + i);
        end += plain;
        i += plain;
        if (plain < block_size) end = escaped(end, text[i++]);
    }
    if (end > ready + sizeof ready - 8 * block_size) flush();
    if (const auto rest = text.substr(i); is_plain(rest)) {  // as nearly every name of a member is
        end = std::copy(rest.begin(), rest.end(), end);
        i = text.size();
    }
    for (; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c == '"' || c == '\\')
            end = escaped(end, text[i]);
        else
            *end++ = text[i];
    }
    *end++ = '"';
    flush();
}

namespace {

template <class Number>
void append_number(std::string& out, Number n) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
}

}  // namespace

void append_json(std::string& out, const json::value& v) {
    switch (v.kind()) {
        case json::kind::null: out += "null"; break;
        case json::kind::bool_: out += v.get_bool() ? "true" : "false"; break;
        case json::kind::int64: append_number(out, v.get_int64()); break;
        case json::kind::uint64: append_number(out, v.get_uint64()); break;
        case json::kind::double_: out += json::serialize(v); break;
        case json::kind::string: append_json_text(out, v.get_string()); break;
        case json::kind::array: {
            char before = '[';
            for (const auto& item : v.get_array()) {
                out += std::exchange(before, ',');
                append_json(out, item);
            }
            out += v.get_array().empty() ? "[]" : "]";
            break;
        }
        case json::kind::object: {
            char before = '{';
            for (const auto& [name, member] : v.get_object()) {
                out += std::exchange(before, ',');
                append_json_text(out, name);
                out += ':';
                append_json(out, member);
            }
            out += v.get_object().empty() ? "{}" : "}";
            break;
        }
    }
}

}  // namespace reagent::detail
