// Python literals, as `ast.literal_eval` reads them.
#include <reagent/schema/repair.hpp>

#include "../base/text.hpp"
#include "held_number.hpp"
#include "unicode.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <cmath>

namespace reagent {
namespace {

struct no_literal {};

class literal_parser {
public:
    explicit literal_parser(std::string_view text) : s_{text} {}

    json::value run() {
        json::value v = tuple_or_value('\0');
        space();
        if (i_ != s_.size()) throw no_literal{};
        return v;
    }

private:
    char peek() const { return i_ < s_.size() ? s_[i_] : '\0'; }
    void space() {
        while (i_ < s_.size() && is_space(s_[i_])) ++i_;
    }
    bool take(char c) {
        space();
        if (peek() != c || i_ >= s_.size()) return false;
        ++i_;
        return true;
    }

    json::value tuple_or_value(char closer) {
        json::value first = value();
        if (!take(',')) return first;
        json::array items{std::move(first)};
        for (;;) {
            space();
            if (i_ == s_.size() || peek() == closer) return items;
            items.push_back(value());
            if (!take(',')) return items;
        }
    }

    json::value value() {
        if (++depth_ > max_json_depth) throw no_literal{};
        space();
        char c = peek();
        json::value v;
        if (c == '(') {
            ++i_;
            if (take(')'))
                v = json::array{};
            else {
                v = tuple_or_value(')');
                if (!take(')')) throw no_literal{};
            }
        } else if (c == '[')
            v = sequence(']');
        else if (c == '{')
            v = braces();
        else if (c == '\'' || c == '"' ||
                 ((c == 'r' || c == 'u' || c == 'R' || c == 'U') && i_ + 1 < s_.size() &&
                  (s_[i_ + 1] == '\'' || s_[i_ + 1] == '"'))) {
            std::string text;
            do text += string();
            while (space(), peek() == '\'' || peek() == '"');
            v = json::value(json::string(text));
        } else if (is_digit(c) || c == '.' || c == '+' || c == '-')
            v = number();
        else
            v = name();
        --depth_;
        return v;
    }

    json::array sequence(char closer) {
        ++i_;
        json::array items;
        while (!take(closer)) {
            items.push_back(value());
            if (!take(',')) {
                if (!take(closer)) throw no_literal{};
                break;
            }
        }
        return items;
    }

    json::value braces() {
        std::size_t begin = i_++;
        if (take('}')) return json::object{};
        json::value first = value();
        space();
        if (peek() != ':') {
            i_ = begin;
            return sequence('}');
        }
        json::object o;
        for (;;) {
            if (!take(':') || !first.is_string()) throw no_literal{};
            o[first.get_string()] = value();
            if (!take(',')) break;
            space();
            if (peek() == '}') break;
            first = value();
        }
        if (!take('}')) throw no_literal{};
        return o;
    }

    json::value name() {
        std::size_t begin = i_;
        while (is_word(peek())) ++i_;
        auto word = s_.substr(begin, i_ - begin);
        if (word == "None") return nullptr;
        if (word == "True") return true;
        if (word == "False") return false;
        throw no_literal{};
    }

    json::value number() {
        const bool negative = peek() == '-';
        if (negative || peek() == '+')  // one; what two make is no literal
            for (++i_; peek() == ' ' || peek() == '\t';) ++i_;
        std::size_t begin = i_;
        while (is_word(peek()) || peek() == '.' ||
               ((peek() == '+' || peek() == '-') && (s_[i_ - 1] == 'e' || s_[i_ - 1] == 'E') && i_ > begin))
            ++i_;
        auto token = s_.substr(begin, i_ - begin);
        std::string digits;
        for (std::size_t k = 0; k < token.size(); ++k) {
            if (token[k] == '_') {
                if (k == 0 || k + 1 == token.size() || token[k - 1] == '_' || token[k + 1] == '_') throw no_literal{};
            } else
                digits += token[k];
        }
        int base = 10;
        std::string prefix = to_lower(digits.substr(0, 2));
        if (prefix == "0x") base = 16;
        if (prefix == "0o") base = 8;
        if (prefix == "0b") base = 2;
        const char* from = digits.data() + (base == 10 ? 0 : 2);
        const char* to = digits.data() + digits.size();
        std::uint64_t u{};
        auto [end, ec] = std::from_chars(from, to, u, base);
        if (end == to && from != to && ec == std::errc{}) {
            if (base == 10 && digits.size() > 1 && digits[0] == '0' && u != 0) throw no_literal{};
            if (u <= static_cast<std::uint64_t>(INT64_MAX))
                return negative ? -static_cast<std::int64_t>(u) : static_cast<std::int64_t>(u);
            if (negative) return -static_cast<double>(u);
            return u;
        }
        if (base != 10 || digits.empty() || !(is_digit(digits[0]) || digits[0] == '.')) throw no_literal{};
        double d{};
        auto [dend, dec] = std::from_chars(from, to, d);
        if (dend != to || dec == std::errc::invalid_argument) throw no_literal{};
        if (auto held = held_number(digits); !held || rounds_to_whole(digits, *held))
            return json::value(json::string((negative ? "-" : "") + digits));
        return negative ? -d : d;
    }

    std::string string() {
        bool raw = false;
        if (peek() != '\'' && peek() != '"') raw = to_lower(s_.substr(i_++, 1)) == "r";
        char quote = s_[i_];
        std::string close(s_.substr(i_).starts_with(std::string(3, quote)) ? 3 : 1, quote);
        i_ += close.size();
        std::string out;
        while (!s_.substr(i_).starts_with(close)) {
            if (i_ >= s_.size() || (close.size() == 1 && s_[i_] == '\n')) throw no_literal{};
            if (s_[i_] != '\\' || raw) {
                if (raw && s_[i_] == '\\' && i_ + 1 < s_.size()) out += s_[i_++];
                out += s_[i_++];
                continue;
            }
            if (++i_ >= s_.size()) throw no_literal{};
            escape(out);
        }
        i_ += close.size();
        return to_utf8(out);
    }

    void escape(std::string& out) {
        static constexpr std::string_view from = "nrtbfav0\\'\"", to{"\n\r\t\b\f\a\v\0\\'\"", 11};
        char c = s_[i_++];
        if (c == '\n') return;
        if (auto at = from.find(c); at != from.npos) {
            out += to[at];
            return;
        }
        std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (digits == 0) {
            (out += '\\') += c;
            return;
        }
        auto hex = s_.substr(i_, digits);
        unsigned point{};
        auto [end, ec] = std::from_chars(hex.data(), hex.data() + hex.size(), point, 16);
        if (hex.size() != digits || ec != std::errc{} || end != hex.data() + hex.size()) throw no_literal{};
        i_ += digits;
        append_utf8(out, point);
    }

    std::string_view s_;
    std::size_t i_ = 0;
    int depth_ = 0;
};

}  // namespace

std::optional<json::value> python_literal(std::string_view text) {
    try {
        return literal_parser{trim(text)}.run();
    } catch (const no_literal&) {
        return {};
    }
}

}  // namespace reagent
