// Source: ECMA 262, section 22.2 (what classes and escapes mean); pcre2api(3).
#define PCRE2_CODE_UNIT_WIDTH 8
#include "pattern.hpp"

#include "../base/text.hpp"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>

namespace reagent {
namespace {

constexpr std::uint32_t max_comparisons = 10'000'000, max_kilobytes = 64 * 1024;

/// White space and line ends as ECMAScript counts them; PCRE2's `\s` is ASCII.
constexpr std::string_view spaces =
    R"(\x{9}-\x{d}\x{20}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";

constexpr std::pair<std::string_view, std::string_view> categories[]{
    {"letter", "L"},
    {"cased_letter", "L&"},
    {"uppercase_letter", "Lu"},
    {"lowercase_letter", "Ll"},
    {"titlecase_letter", "Lt"},
    {"modifier_letter", "Lm"},
    {"other_letter", "Lo"},
    {"mark", "M"},
    {"nonspacing_mark", "Mn"},
    {"spacing_mark", "Mc"},
    {"enclosing_mark", "Me"},
    {"number", "N"},
    {"decimal_number", "Nd"},
    {"digit", "Nd"},
    {"letter_number", "Nl"},
    {"other_number", "No"},
    {"punctuation", "P"},
    {"punct", "P"},
    {"connector_punctuation", "Pc"},
    {"dash_punctuation", "Pd"},
    {"open_punctuation", "Ps"},
    {"close_punctuation", "Pe"},
    {"initial_punctuation", "Pi"},
    {"final_punctuation", "Pf"},
    {"other_punctuation", "Po"},
    {"symbol", "S"},
    {"math_symbol", "Sm"},
    {"currency_symbol", "Sc"},
    {"modifier_symbol", "Sk"},
    {"other_symbol", "So"},
    {"separator", "Z"},
    {"space_separator", "Zs"},
    {"line_separator", "Zl"},
    {"paragraph_separator", "Zp"},
    {"other", "C"},
    {"control", "Cc"},
    {"format", "Cf"},
    {"surrogate", "Cs"},
    {"private_use", "Co"},
    {"unassigned", "Cn"},
};

std::string property(std::string_view name) {
    if (auto equals = name.find('='); equals != name.npos) name.remove_prefix(equals + 1);  // Script=Greek, gc=Letter
    for (auto [full, brief] : categories)
        if (to_lower(name) == full) return std::string{brief};
    return std::string{name};
}

std::optional<std::uint32_t> hex(std::string_view text) {
    std::uint32_t n = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n, 16);
    return ec == std::errc{} && !text.empty() && end == text.data() + text.size() ? std::optional{n} : std::nullopt;
}

/// Writes an ECMAScript expression as PCRE2 has it.
class translation {
public:
    explicit translation(std::string_view text) : text_{text} {}

    std::string result() {
        bool in_class = false;
        while (at_ < text_.size()) {
            char c = text_[at_];
            if (c == '\\' && at_ + 1 < text_.size()) {
                escape(in_class);
                continue;
            }
            if (!in_class && text_.substr(at_).starts_with("(*")) throw std::runtime_error{"nothing stands before `*`"};
            if (c == '[')
                in_class = true;
            else if (c == ']')
                in_class = false;
            out_ += c;
            ++at_;
        }
        return std::move(out_);
    }

private:
    void escape(bool in_class) {
        char c = text_[at_ + 1];
        std::string_view rest = text_.substr(at_ + 2);
        if (c == 's' || (c == 'S' && !in_class)) {
            out_ += in_class ? std::string{spaces} : (c == 's' ? "[" : "[^") + std::string{spaces} + "]";
        } else if (c == 'u') {
            at_ += code_point(rest);
            return;
        } else if ((c == 'p' || c == 'P') && rest.starts_with('{') && rest.find('}') != rest.npos) {
            auto end = rest.find('}');
            out_ += std::string{'\\', c, '{'} + property(rest.substr(1, end - 1)) + "}";
            at_ += end + 1;
        } else {
            out_ += '\\';
            out_ += c;
        }
        at_ += 2;
    }

    // "\u0041", "\u{1F600}", a pair of surrogates; returns how much was read.
    std::size_t code_point(std::string_view rest) {
        std::size_t used = 2;
        std::optional<std::uint32_t> point;
        if (auto end = rest.find('}'); rest.starts_with('{') && end != rest.npos) {
            point = hex(rest.substr(1, end - 1));
            used += end + 1;
        } else {
            point = hex(rest.substr(0, 4));
            used += 4;
            if (rest.size() < 4) point.reset();
            if (point && *point >= 0xD800 && *point < 0xDC00 && rest.substr(4, 2) == "\\u")
                if (auto low = hex(rest.substr(6, 4)); low && *low >= 0xDC00 && *low < 0xE000) {
                    point = 0x10000 + ((*point - 0xD800) << 10) + (*low - 0xDC00);
                    used += 6;
                }
        }
        if (!point) throw std::runtime_error{"`\\u` needs four hexadecimal digits, or some in braces"};
        char digits[16];
        auto end = std::to_chars(digits, digits + sizeof digits, *point, 16).ptr;
        out_ += "\\x{" + std::string{digits, end} + "}";
        return used;
    }

    std::string_view text_;
    std::string out_;
    std::size_t at_ = 0;
};

template <auto Free>
struct freed {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};

std::unique_ptr<pcre2_match_context, freed<pcre2_match_context_free>> limits() {
    std::unique_ptr<pcre2_match_context, freed<pcre2_match_context_free>> context{pcre2_match_context_create(nullptr)};
    pcre2_set_match_limit(context.get(), max_comparisons);
    pcre2_set_heap_limit(context.get(), max_kilobytes);
    return context;
}

}  // namespace

text_pattern::text_pattern(std::string_view expression) {
    std::string translated = translation{expression}.result();
    std::unique_ptr<pcre2_compile_context, freed<pcre2_compile_context_free>> context{
        pcre2_compile_context_create(nullptr)};
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_ANYCRLF);
    int code = 0;
    PCRE2_SIZE where = 0;
    auto options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF |
                   PCRE2_NEVER_BACKSLASH_C;
    auto* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), options, &code,
                                   &where, context.get());
    if (!compiled) {
        std::array<PCRE2_UCHAR, 256> message{};
        pcre2_get_error_message(code, message.data(), message.size());
        throw std::runtime_error{reinterpret_cast<const char*>(message.data())};
    }
    code_ = std::shared_ptr<pcre2_code>{compiled, pcre2_code_free};
}

text_pattern::result text_pattern::search(std::string_view text) const {
    static const auto context = limits();
    auto* code = static_cast<const pcre2_code*>(code_.get());
    thread_local const std::unique_ptr<pcre2_match_data, freed<pcre2_match_data_free>> data{
        pcre2_match_data_create(1, nullptr)};
    int found =
        pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, data.get(), context.get());
    if (found >= 0) return result::found;
    bool limit = found == PCRE2_ERROR_MATCHLIMIT || found == PCRE2_ERROR_DEPTHLIMIT || found == PCRE2_ERROR_HEAPLIMIT ||
                 found == PCRE2_ERROR_NOMEMORY;
    return limit ? result::too_costly : result::absent;
}

}  // namespace reagent
