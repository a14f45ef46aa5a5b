#include "lexer.hpp"

#include <reagent/schema/repair.hpp>

#include "../base/text.hpp"

#include <utf8proc.h>
#include <boost/json.hpp>

#include <cstdlib>
#include <memory>

namespace reagent::detail {

bool is_python_keyword(std::string_view word) {
    for (std::string_view k : {"False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
                               "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
                               "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
                               "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"})
        if (k == word) return true;
    return false;
}

std::pair<int, std::size_t> code_point(std::string_view s) {
    utf8proc_int32_t point = -1;
    auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(s.data()),
                              static_cast<utf8proc_ssize_t>(s.size()), &point);
    return n > 0 ? std::pair{static_cast<int>(point), static_cast<std::size_t>(n)} : std::pair{-1, std::size_t{1}};
}

bool starts_identifier(int p) {
    if (p < 0) return false;
    if (p < 0x80) return p == '_' || is_alpha(static_cast<char>(p));
    switch (utf8proc_category(p)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_NL: return true;
        default: return false;
    }
}

bool continues_identifier(int p) {
    if (starts_identifier(p)) return true;
    if (p < 0) return false;
    if (p < 0x80) return is_digit(static_cast<char>(p));
    switch (utf8proc_category(p)) {
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_PC: return true;
        default: return p == 0xB7;
    }
}

namespace {

std::string normalized(std::string_view name) {
    utf8proc_uint8_t* out = nullptr;
    auto n =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(name.data()), static_cast<utf8proc_ssize_t>(name.size()),
                     &out, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT));
    std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner{out, &std::free};
    return n < 0 ? std::string{name} : std::string{reinterpret_cast<char*>(out), static_cast<std::size_t>(n)};
}

}  // namespace

lexer::lexer(std::string_view whole, std::size_t begin, std::size_t end) : whole_{whole}, at_{begin}, end_{end} {
    next_ = scan();
}

token lexer::take() {
    token t = std::move(next_);
    next_ = scan();
    return t;
}

bool lexer::accept(std::string_view symbol) {
    if (!next_.is(symbol)) return false;
    next_ = scan();
    return true;
}

void lexer::expect(std::string_view symbol, const std::string& hint) {
    if (!accept(symbol))
        fail("expected `" + std::string{symbol} + "`" +
                 (next_.kind == token::end ? ", but the text ends" : " before `" + next_.text + "`"),
             hint);
}

void lexer::fail(const std::string& message, const std::string& hint) const { fail_at(next_.position, message, hint); }

void lexer::fail_at(std::size_t position, const std::string& message, const std::string& hint, signature_errc code) {
    throw signature_error{code, message, position, hint};
}

token lexer::scan() {
    while (at_ < end_ && is_space(whole_[at_])) ++at_;
    token t{token::end, "", at_};
    if (at_ >= end_) return t;
    std::string_view rest = whole_.substr(at_, end_ - at_);
    auto [point, size] = code_point(rest);
    if (starts_identifier(point)) {
        std::size_t n = 0;
        while (n < rest.size()) {
            auto [p, s] = code_point(rest.substr(n));
            if (!continues_identifier(p)) break;
            n += s;
        }
        std::string prefix = to_lower(rest.substr(0, n));
        if (n < rest.size() && n <= 2 && (rest[n] == '\'' || rest[n] == '"') &&
            (prefix == "r" || prefix == "u" || prefix == "b" || prefix == "f" || prefix == "rb" || prefix == "br" ||
             prefix == "fr" || prefix == "rf")) {
            if (prefix != "r" && prefix != "u")
                fail_at(at_, "a `" + prefix + "` string cannot stand here", "write a plain quoted text");
            at_ += n;
            return scan_string(t.position, prefix == "r");
        }
        at_ += n;
        t.kind = token::name;
        t.text = normalized(rest.substr(0, n));
        return t;
    }
    char c = rest[0];
    if (c == '\'' || c == '"') return scan_string(at_, false);
    if (is_digit(c) || (c == '.' && rest.size() > 1 && is_digit(rest[1]))) {
        std::size_t n = 0;
        while (n < rest.size() && (is_word(rest[n]) || rest[n] == '.' ||
                                   ((rest[n] == '+' || rest[n] == '-') && n > 0 &&
                                    to_lower(rest.substr(n - 1, 1)) == "e" && !rest.starts_with("0x"))))
            ++n;
        at_ += n;
        t.kind = token::number;
        t.text = rest.substr(0, n);
        if (!python_literal(t.text))
            fail_at(t.position, "`" + t.text + "` is neither a name nor a number",
                    "a field's name starts with a letter");
        return t;
    }
    static constexpr std::string_view symbols = "[](){},:|.*=/+-%@&^~<>";
    if (symbols.find(c) == symbols.npos) {
        std::string what{rest.substr(0, size)};
        std::string hint = what == "#" ? "a signature has no comments" : what == ";" ? "separate fields with `,`" : "";
        if (what == "\u2192") hint = "write the arrow as `->`";
        fail_at(at_,
                "`" + (point < 0 ? std::string{"a byte that is not UTF-8"} : what) + "` cannot stand in a signature",
                hint);
    }
    std::size_t n = rest.starts_with("**") ? 2 : 1;
    at_ += n;
    t.kind = token::op;
    t.text = rest.substr(0, n);
    return t;
}

token lexer::scan_string(std::size_t begin, bool raw) {
    char quote = whole_[at_];
    std::size_t close = at_ + 1;
    while (close < end_ && whole_[close] != quote && whole_[close] != '\n') close += whole_[close] == '\\' ? 2 : 1;
    if (close >= end_ || whole_[close] != quote)
        fail_at(begin, "this text has no closing quote", std::string{"add a "} + quote);
    std::string literal = (raw ? "r" : "") + std::string{whole_.substr(at_, close + 1 - at_)};
    auto value = python_literal(literal);
    if (!value || !value->is_string()) fail_at(begin, "this quoted text cannot be read", "check its escapes");
    at_ = close + 1;
    return {token::string, std::string{value->get_string()}, begin};
}

}  // namespace reagent::detail
