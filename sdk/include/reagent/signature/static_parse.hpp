#pragma once

// The compiler's reading of `sig<"...">`: names, sides and C++ types of the fields. What a field means at run time
// (schema, prefix, Python name) comes from `parse_signature`, which reads the same text.

#include <reagent/fixed_string.hpp>

#include <array>
#include <string_view>

namespace reagent::detail {

enum class static_fault {
    none,
    no_arrow,
    two_arrows,
    bad_name,
    keyword,
    underscore,
    duplicate,
    unknown_type,
    brackets,
    arguments,
    bad_literal,
    expected_comma,
    too_large,
    no_outputs,
};

enum class type_kind {
    str,
    integer,
    number,
    boolean,
    null,
    any,
    list,
    any_list,
    dict,
    any_dict,
    tuple,
    optional,
    union_,
    text_literal,
    int_literal,
    mixed_literal,
    named,
};

struct static_type {
    type_kind kind = type_kind::str;
    int first = -1, next = -1;                  // children, siblings
    std::size_t name_begin = 0, name_size = 0;  // of a named type
};

struct static_field {
    std::size_t begin = 0, size = 0;
    int type = -1;
    bool output = false;
};

inline constexpr int max_static_fields = 24, max_static_types = 96;

struct static_signature {
    std::array<static_type, max_static_types> types{};
    std::array<static_field, max_static_fields> fields{};
    int type_count = 0, field_count = 0, inputs = 0;
    static_fault error = static_fault::none;

    constexpr int outputs() const { return field_count - inputs; }
};

class static_parser {
public:
    constexpr explicit static_parser(std::string_view text) : s_{text} {}

    constexpr static_signature run() {
        auto arrow = s_.find("->");
        if (arrow == s_.npos) return fail(static_fault::no_arrow), out_;
        if (s_.find("->", arrow + 2) != s_.npos) return fail(static_fault::two_arrows), out_;
        side(0, arrow, false);
        out_.inputs = out_.field_count;
        if (ok()) side(arrow + 2, s_.size(), true);
        if (ok() && out_.outputs() == 0) fail(static_fault::no_outputs);
        return out_;
    }

private:
    static constexpr bool space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
    static constexpr bool letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
    }
    static constexpr bool digit(char c) { return c >= '0' && c <= '9'; }

    constexpr bool ok() const { return out_.error == static_fault::none; }
    constexpr void fail(static_fault e) {
        if (ok()) out_.error = e;
    }
    constexpr void skip() {
        while (i_ < end_ && space(s_[i_])) ++i_;
    }
    constexpr char peek() {
        skip();
        return i_ < end_ ? s_[i_] : '\0';
    }
    constexpr bool accept(char c) {
        if (peek() != c) return false;
        ++i_;
        return true;
    }
    constexpr std::string_view name() {
        skip();
        auto begin = i_;
        while (i_ < end_ && (letter(s_[i_]) || (i_ > begin && (digit(s_[i_]) || s_[i_] == '.')))) ++i_;
        return s_.substr(begin, i_ - begin);
    }
    static constexpr bool keyword(std::string_view w) {
        for (std::string_view k :
             {"False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
              "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
              "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
              "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"})
            if (k == w) return true;
        return false;
    }

    constexpr void side(std::size_t begin, std::size_t end, bool output) {
        i_ = begin;
        end_ = end;
        while (ok() && peek() != '\0') {
            auto n = name();
            if (n.empty() || n.find('.') != n.npos) return fail(static_fault::bad_name);
            if (keyword(n)) return fail(static_fault::keyword);
            if (n[0] == '_') return fail(static_fault::underscore);
            for (int k = 0; k < out_.field_count; ++k)
                if (s_.substr(out_.fields[k].begin, out_.fields[k].size) == n) return fail(static_fault::duplicate);
            if (out_.field_count == max_static_fields) return fail(static_fault::too_large);
            static_field f{static_cast<std::size_t>(n.data() - s_.data()), n.size(), -1, output};
            f.type = accept(':') ? type() : add({});
            out_.fields[out_.field_count++] = f;
            if (peek() == '\0') return;
            if (!accept(',')) return fail(static_fault::expected_comma);
        }
    }

    constexpr int add(static_type t) {
        if (out_.type_count == max_static_types) return fail(static_fault::too_large), 0;
        out_.types[out_.type_count] = t;
        return out_.type_count++;
    }

    constexpr int type() {
        int first = single();
        if (peek() != '|') return first;
        int last = first;
        while (ok() && accept('|')) last = out_.types[last].next = single();
        static_type u{type_kind::union_};
        u.first = first;
        return add(u);
    }

    constexpr int single() {
        auto n = name();
        auto at = static_cast<std::size_t>(n.data() - s_.data());
        if (n.starts_with("typing.")) n.remove_prefix(7);
        struct entry {
            std::string_view name;
            type_kind kind;
        };
        for (auto [plain, kind] :
             {entry{"str", type_kind::str}, entry{"int", type_kind::integer}, entry{"float", type_kind::number},
              entry{"bool", type_kind::boolean}, entry{"None", type_kind::null}, entry{"Any", type_kind::any}})
            if (n == plain) return add({kind});
        if (n == "list" || n == "List")
            return peek() == '[' ? generic(type_kind::list, 1, 1) : add({type_kind::any_list});
        if (n == "dict" || n == "Dict")
            return peek() == '[' ? generic(type_kind::dict, 2, 2) : add({type_kind::any_dict});
        if (n == "tuple" || n == "Tuple")
            return peek() == '[' ? generic(type_kind::tuple, 1, 16) : add({type_kind::any_list});
        if (n == "History" || n == "dspy.History") return add({type_kind::any_dict});
        if (n == "Optional") return generic(type_kind::optional, 1, 1);
        if (n == "Union") return generic(type_kind::union_, 1, 16);
        if (n == "Literal") return literal();
        if (n.empty()) return fail(static_fault::unknown_type), 0;
        return add({type_kind::named, -1, -1, at, n.size()});
    }

    constexpr int generic(type_kind kind, int min, int max) {
        if (!accept('[')) return fail(static_fault::arguments), 0;
        int first = -1, last = -1, count = 0;
        while (ok() && peek() != ']' && peek() != '\0') {
            int t = type();
            (last < 0 ? first : out_.types[last].next) = t;
            last = t;
            ++count;
            if (!accept(',')) break;
        }
        if (!ok()) return 0;
        if (!accept(']')) return fail(static_fault::brackets), 0;
        if (count < min || count > max) return fail(static_fault::arguments), 0;
        static_type g{kind};
        g.first = first;
        return add(g);
    }

    constexpr int literal() {
        if (!accept('[')) return fail(static_fault::arguments), 0;
        bool texts = false, ints = false, others = false;
        while (ok() && peek() != ']' && peek() != '\0') {
            char c = peek();
            if (c == '\'' || c == '"') {
                ++i_;
                while (i_ < end_ && s_[i_] != c) i_ += s_[i_] == '\\' ? 2 : 1;
                if (i_ >= end_) return fail(static_fault::bad_literal), 0;
                ++i_;
                texts = true;
            } else if (digit(c)) {
                while (i_ < end_ && digit(s_[i_])) ++i_;
                ints = true;
            } else if (auto n = name(); n == "True" || n == "False" || n == "None")
                others = true;
            else
                return fail(static_fault::bad_literal), 0;
            if (!accept(',')) break;
        }
        if (!accept(']')) return fail(static_fault::brackets), 0;
        if (!texts && !ints && !others) return fail(static_fault::arguments), 0;
        if (texts && !ints && !others) return add({type_kind::text_literal});
        if (ints && !texts && !others) return add({type_kind::int_literal});
        return add({type_kind::mixed_literal});
    }

    std::string_view s_;
    std::size_t i_ = 0, end_ = 0;
    static_signature out_;
};

// The text is copied first: g++ 12 with -fsanitize=undefined rejects `find` on a template argument's own storage.
template <std::size_t N>
consteval static_signature parse_statically(fixed_string<N> text) {
    return static_parser{text.view()}.run();
}

template <fixed_string Text>
inline constexpr static_signature static_signature_of = parse_statically(Text);

template <fixed_string Text>
consteval bool same_text(std::size_t begin, std::size_t size, std::string_view name) {
    auto copy = Text;
    return copy.view().substr(begin, size) == name;
}

struct no_such_type {};

}  // namespace reagent::detail
