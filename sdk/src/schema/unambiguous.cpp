// What is not JSON as it stands, and can be read in one way only. Everything else is refused, with words for whoever
// wrote it.
#include <reagent/schema/repair.hpp>

#include "../base/quoted.hpp"
#include "../base/text.hpp"
#include "repeated.hpp"
#include "unambiguous.hpp"
#include "unicode.hpp"

#include <boost/json.hpp>

namespace reagent {
namespace {

struct refused {
    unambiguous_json::cause cause;
    std::string why;
};
using cause = unambiguous_json::cause;

// The mark that closes what `s` opens, and the size of the opening one; "": it opens no text.
std::pair<std::size_t, std::string_view> quote_at(std::string_view s) {
    static constexpr std::pair<std::string_view, std::string_view> all[]{
        {"\"\"\"", "\"\"\""}, {"'''", "'''"},       {"\"", "\""},        {"'", "'"},
        {"`", "`"},           {"\u201c", "\u201d"}, {"\u2018", "\u2019"}};
    for (auto [open, close] : all)
        if (s.starts_with(open)) return {open.size(), close};
    return {0, {}};
}

class unambiguous_reader {
public:
    explicit unambiguous_reader(std::string_view text) : s_{text} {}

    json::value run() {
        bool fenced = open_fence();
        json::value v = value("the beginning");
        space();
        if (fenced) {
            if (!next_is("```")) behind_the_end();
            i_ += 3;
            space();
        }
        if (!at_end()) behind_the_end();
        return v;
    }

    bool around() const { return around_; }
    std::vector<std::string> repeated() && { return std::move(repeated_); }

private:
    bool at_end() const { return i_ >= s_.size(); }
    char peek() const { return at_end() ? '\0' : s_[i_]; }
    bool next_is(std::string_view text) const { return s_.substr(std::min(i_, s_.size())).starts_with(text); }

    [[noreturn]] static void refuse(std::string why) { throw refused{cause::unclear, std::move(why)}; }
    [[noreturn]] static void no_end() { throw refused{cause::no_end, "its JSON has no end"}; }
    std::string here() const { return reagent::quoted(s_.substr(i_, 40), 40); }

    [[noreturn]] void behind_the_end() const {
        if (next_is("{") || next_is("[")) throw refused{cause::several, "it holds more than one object"};
        refuse(here() + " stands behind its end; write the object and nothing else");
    }

    // ```json, with nothing but the language on its line
    bool open_fence() {
        space();
        if (!next_is("```")) return false;
        around_ = true;
        i_ += 3;
        while (is_word(peek())) ++i_;
        space();
        return true;
    }

    void space() {
        while (!at_end()) {
            if (is_space(peek()))
                ++i_;
            else if (next_is("\u00a0"))
                i_ += 2;
            else if (peek() == '#' || next_is("//") || next_is("/*"))
                comment();
            else
                return;
        }
    }

    void comment() {
        const auto begin = i_;
        around_ = around_ || depth_ == 0;
        if (next_is("/*")) {
            auto end = s_.find("*/", i_ + 2);
            if (end == s_.npos) no_end();
            i_ = end + 2;
        } else
            i_ = std::min(s_.find_first_of("\r\n", i_), s_.size());
        auto text = s_.substr(begin, i_ - begin);
        if (text.find_first_of("{}[]") != text.npos)
            throw refused{cause::several, "a comment in it holds more than one object, or a part"};
        // No list of words could be complete: only a comment that says nothing says nothing against what it stands
        // beside.
        if (text.find_first_not_of(" \t\r\n/*#-=~_") != text.npos)
            refuse("the comment " + reagent::quoted(text, 60) +
                   " may say that it is not to be taken as it stands; write none");
    }

    struct level {
        explicit level(int& d) : d_{++d} {}
        ~level() { --d_; }
        int& d_;
    };

    json::value value(const std::string& where) {
        space();
        if (at_end()) no_end();
        if (depth_ >= max_json_depth) refuse("it is nested too deeply");
        level inside{depth_};
        const char c = peek();
        if (c == '{') return object();
        if (c == '[') return list(']');
        if (c == '(') return list(')');
        if (quote_at(s_.substr(i_)).first) return json::value(json::string(quoted()));
        if (is_digit(c) || c == '-' || c == '+' || c == '.') return number();
        return word(where);
    }

    json::value object() {
        ++i_;
        json::object members;
        for (space(); peek() != '}'; space()) {
            std::string key = name();
            space();
            if (at_end()) no_end();
            if (peek() != ':') refuse("`:` is missing behind the name " + reagent::quoted(key, 60) + ": " + here());
            ++i_;
            const auto above = path_.size();
            if (above < longest_path) path_ += cut(key, 100) + ".";
            json::value v = value("the value of " + reagent::quoted(key, 60));
            path_.resize(above);
            if (auto* before = members.if_contains(key); before && *before != v) repeated_.push_back(path_ + key);
            members.insert_or_assign(key, std::move(v));
            if (!comma('}', "the value of " + reagent::quoted(key, 60))) break;
        }
        ++i_;
        return members;
    }

    // A tuple of Python is a list. `("a")` is none, and no list either.
    json::value list(char closer) {
        ++i_;
        json::array items;
        bool commas = false;
        for (space(); peek() != closer; space()) {
            items.push_back(value("item " + std::to_string(items.size() + 1)));
            if (!comma(closer, "item " + std::to_string(items.size()))) break;
            commas = true;
        }
        ++i_;
        if (closer == ')' && !commas && !items.empty()) refuse("a value stands in parentheses");
        return items;
    }

    // Whether another item may follow; false at `closer`.
    bool comma(char closer, const std::string& behind) {
        space();
        if (at_end()) no_end();
        if (peek() == closer) return false;
        if (peek() != ',')
            refuse("behind " + behind + " stands " + here() + ", where `,` or `" + closer +
                   "` was expected; a quotation mark in a text is `\\\"`");
        ++i_;
        space();
        if (at_end()) no_end();
        return true;
    }

    std::string name() {
        if (at_end()) no_end();
        if (quote_at(s_.substr(i_)).first) return quoted();
        const auto begin = i_;
        while (is_word(peek()) || peek() == '-' || static_cast<unsigned char>(peek()) >= 0x80) ++i_;
        if (i_ == begin || next_is("\"") || next_is("'")) i_ = begin, refuse("a name was expected, not " + here());
        return to_utf8(s_.substr(begin, i_ - begin));
    }

    json::value word(const std::string& where) {
        const auto begin = i_;
        while (is_word(peek())) ++i_;
        const auto text = s_.substr(begin, i_ - begin);
        const bool prefix = next_is("\"") || next_is("'");
        if (!prefix && (text == "true" || text == "True")) return true;
        if (!prefix && (text == "false" || text == "False")) return false;
        if (!prefix && (text == "null" || text == "None")) return nullptr;
        i_ = begin;
        if (depth_ == 1) refuse(here() + " stands in front of it; write the object and nothing else");
        refuse("for " + where + " stands " + here() + ", which is no value of JSON; texts stand in quotes");
    }

    // As in JSON, or with a sign, or without digits on one side of the point.
    json::value number() {
        const auto begin = i_;
        while (is_word(peek()) || peek() == '.' || peek() == '+' || peek() == '-') ++i_;
        std::string digits{s_.substr(begin, i_ - begin)};
        if (digits.starts_with('+')) digits.erase(0, 1);
        const std::size_t first = digits.starts_with('-');
        if (digits.size() > first && digits[first] == '.') digits.insert(first, "0");
        if (auto point = digits.find('.');
            point != digits.npos && (point + 1 == digits.size() || !is_digit(digits[point + 1])))
            digits.insert(point + 1, "0");
        auto v = is_digit(digits[std::min(first, digits.size() - 1)]) ? parse_json(digits, 1) : std::nullopt;
        if (v) return std::move(*v);
        if (at_end()) no_end();
        i_ = begin;
        refuse(here() + " is no number of JSON; texts stand in quotes");
    }

    std::string quoted() {
        auto [size, close] = quote_at(s_.substr(i_));
        const bool empty = close.size() == 3 && is_ascii_quote(close[0]) && !closes_later(size, close);
        if (empty) size = 1, close = close.substr(0, 1);
        const bool code = close == "`";
        i_ += size;
        std::string out;
        while (!next_is(close)) {
            if (at_end()) no_end();
            if (code && next_is("${")) refuse("`${` stands for a value that is not there");
            if (peek() == '\\')
                escape(out);
            else
                out += s_[i_++];
        }
        i_ += close.size();
        return to_utf8(out);
    }
    static bool is_ascii_quote(char c) { return c == '"' || c == '\''; }
    bool closes_later(std::size_t size, std::string_view close) const { return s_.find(close, i_ + size) != s_.npos; }

    void escape(std::string& out) {
        static constexpr std::string_view from = "ntrbf\"'/\\`", to = "\n\t\r\b\f\"'/\\`";
        if (++i_ >= s_.size()) no_end();
        const char c = s_[i_++];
        if (auto at = from.find(c); at != from.npos) {
            out += to[at];
            return;
        }
        auto point = c == 'u' ? read_escaped_point(s_, i_) : std::nullopt;
        if (!point)
            refuse("`\\" + std::string(1, is_word(c) ? c : '?') + "` is no escape of JSON; a backslash is `\\\\`");
        append_utf8(out, *point);
    }

    static constexpr std::size_t longest_path = 400;
    std::string_view s_;
    std::size_t i_ = 0;
    int depth_ = 0;
    bool around_ = false;
    std::string path_;  // "a.b.", of the member that is read
    std::vector<std::string> repeated_;
};

unambiguous_json said_twice(const std::string& member) {
    return {std::nullopt, cause::repeated, reagent::quoted(member, 100) + " stands twice in it, and says two things"};
}

// Words for what broke a text that has no end, or is more than one object, further on.
unambiguous_json worse(std::string_view text, refused r) {
    if (r.cause == cause::unclear) {
        std::vector<std::string> repeated;
        repairs done;
        repair_json(text, repeated, done);
        if (done.several) return {std::nullopt, cause::several, "it holds more than one object"};
        if (done.cut && !done.unclear) return {std::nullopt, cause::no_end, r.why};
    }
    return {std::nullopt, r.cause, std::move(r.why)};
}

// A text, and what it is where it is JSON.
struct parsed_text {
    explicit parsed_text(std::string_view t) : text{t}, value{parse_json(t, max_json_depth, repeats)} {}
    std::string_view text;
    bool repeats = false;
    std::optional<json::value> value;
};

unambiguous_json read_unambiguous(parsed_text given) {
    auto [text, repeats, v] = std::move(given);
    if (v && !v->is_double()) {  // NaN and Infinity are none
        if (auto repeated = repeats ? repeated_members(text) : std::vector<std::string>{}; !repeated.empty())
            return said_twice(repeated.front());
        return {std::move(*v)};
    }
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    unambiguous_reader reader{text};
    try {
        unambiguous_json read{reader.run()};
        read.around = reader.around();
        if (auto repeated = std::move(reader).repeated(); !repeated.empty()) return said_twice(repeated.front());
        return read;
    } catch (refused& r) {
        return worse(text, std::move(r));
    }
}

}  // namespace

std::optional<json::value> the_only_reading(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    unambiguous_reader reader{text};
    try {
        json::value v = reader.run();
        if (!v.is_structured() || !std::move(reader).repeated().empty()) return {};
        return v;
    } catch (const refused&) {
        return {};
    }
}

unambiguous_json read_unambiguous_json(std::string_view text) { return read_unambiguous(parsed_text{text}); }

unambiguous_json read_tool_arguments(std::string_view text) {
    std::string inner;
    parsed_text parsed{text};
    for (int encoded = 0; encoded < 3 && parsed.value; ++encoded) {
        if (parsed.value->is_null()) return {json::object{}};
        if (!parsed.value->is_string()) break;
        inner = std::string{std::string_view{parsed.value->get_string()}};
        text = inner;
        parsed = parsed_text{text};
    }
    if (trim(text).empty()) return {json::object{}};
    auto read = read_unambiguous(std::move(parsed));
    if (read.value && read.value->is_null()) read.value = json::object{};
    if (!read.value && text.find('{') == text.npos && read.why != cause::no_end)
        return {json::value(json::string(text))};
    return read;
}

}  // namespace reagent
