#pragma once

#include <reagent/error.hpp>

#include <string>
#include <string_view>

namespace reagent::detail {

/// A token of Python's expression syntax. `text` is normalized for names (NFKC) and decoded for strings.
struct token {
    enum kind_t { name, number, string, op, end } kind = end;
    std::string text;
    std::size_t position = 0;

    bool is(std::string_view symbol) const { return kind == op && text == symbol; }
};

/// Splits a part of a signature into tokens. Positions count from the start of the whole signature.
/// Source: the Python Language Reference, section 2 (lexical analysis), PEP 3131 (identifiers).
class lexer {
public:
    lexer(std::string_view whole, std::size_t begin, std::size_t end);

    const token& peek() const { return next_; }
    token take();
    bool accept(std::string_view symbol);
    void expect(std::string_view symbol, const std::string& hint);
    [[noreturn]] void fail(const std::string& message, const std::string& hint = {}) const;
    [[noreturn]] static void fail_at(std::size_t position, const std::string& message, const std::string& hint,
                                     signature_errc code = signature_errc::syntax);
    std::string_view whole() const { return whole_; }

private:
    token scan();
    token scan_string(std::size_t begin, bool raw);

    std::string_view whole_;
    std::size_t at_, end_;
    token next_;
};

bool is_python_keyword(std::string_view word);

/// The code point at the head of `s` and its size in bytes; -1 and 1 for invalid UTF-8.
std::pair<int, std::size_t> code_point(std::string_view s);
bool starts_identifier(int code_point);
bool continues_identifier(int code_point);

}  // namespace reagent::detail
