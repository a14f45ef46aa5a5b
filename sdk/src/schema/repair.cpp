#include <reagent/schema/repair.hpp>

#include "../base/text.hpp"
#include "comment.hpp"
#include "held_number.hpp"
#include "quotation_marks.hpp"
#include "repeated.hpp"
#include "unambiguous.hpp"
#include "unicode.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace reagent {
namespace {

// How far the parser looks ahead to tell whether a quote ends a text. A constant, so that repair stays linear.
constexpr std::size_t max_lookahead = 256;

bool same_shape(const json::value& a, const json::value& b) {
    if (a.is_array() && b.is_array()) return a.get_array().size() == b.get_array().size();
    if (!a.is_object() || !b.is_object() || a.get_object().size() != b.get_object().size()) return false;
    for (const auto& [key, value] : a.get_object()) {
        auto* other = b.get_object().if_contains(key);
        if (!other || (other->kind() != value.kind() && !(other->is_number() && value.is_number()))) return false;
    }
    return true;
}

class repairer {
public:
    explicit repairer(std::string_view text) : s_{text} {}

    /// Members of the last container that stand in it twice and say two things.
    const std::vector<std::string>& repeated() const { return repeated_; }
    const repairs& done() const { return done_; }

    json::value run() {
        json::array found;
        std::vector<std::string> of_last;
        std::size_t containers = 0;
        while (find_container()) {
            if (containers++) done_.fence = done_.several = true;
            repeated_.clear();
            path_.clear();
            json::value v = s_[i_] == '{' ? object() : array(']');
            if (operator_at(i_) || begins_with_mark(s_.substr(i_))) unclear();
            quote_outside_ = false;
            if (v.is_object() ? v.get_object().empty() && !found.empty() : v.get_array().empty() && !found.empty())
                continue;
            of_last = repeated_;
            if (!found.empty() && same_shape(found.back(), v)) found.pop_back();
            found.push_back(std::move(v));
        }
        repeated_ = std::move(of_last);
        if (!done_.any()) done_.commas = true;
        if (found.empty()) return "";
        if (found.size() == 1) return std::move(found.front());
        return found;
    }

private:
    enum class place { key, value, item };
    enum class last { nothing, value, comma };  // in a container

    // What stands where another item or the end is expected, after `before`.
    void expect_item(last before) { done_.commas = done_.commas || before == last::value; }
    void expect_end(last before) { done_.commas = done_.commas || before == last::comma; }
    void expect_comma(last& before, char c) {
        done_.commas = done_.commas || before != last::value || c != ',';
        before = last::comma;
    }
    // `1 000`, `-2 -3`: one number, a sum, or two items. An item is missing in `1,,2`, and what `1: 2` says is no list.
    void expect_item_of_list(last before) {
        const bool number = is_digit(peek()) || peek() == '-' || peek() == '+' || peek() == '.';
        if (before == last::value && number && after_number_) unclear();
        // `10 to 20`; a line may stand for a comma
        const bool line = s_.substr(item_end_, i_ - item_end_).find('\n') != s_.npos;
        if (before == last::value && !number && !line && !quote_at(s_.substr(i_)) && peek() != '{' && peek() != '[')
            unclear();
    }
    void expect_comma_of_list(last before, char c) {
        if (c == ':' || (c == ',' && before != last::value)) unclear();
    }
    // `1 - 2`: behind a value stands neither a comma nor a key.
    void expect_key(last before) {
        if (before == last::value && !quote_at(s_.substr(i_)) &&
            std::string_view{"-/%^<>=~(!?&"}.find(peek()) != std::string_view::npos)
            unclear();
    }

    bool at_end() const { return i_ >= s_.size(); }
    char peek() const { return at_end() ? '\0' : s_[i_]; }
    bool next_is(std::string_view text) const { return s_.substr(std::min(i_, s_.size())).starts_with(text); }

    bool find_container() {
        for (; !at_end(); ++i_) {
            if (peek() == '{' || peek() == '[') return true;
            // `{"a": "the sign "}" ends"}`: what ended the container was a part of a text.
            if (quote_outside_ && (peek() == '}' || peek() == ']')) unclear();
            quote_outside_ = quote_outside_ || begins_with_mark(s_.substr(i_));
            done_.fence = done_.fence || !is_space(peek());
            if (next_is("/*")) skip_comment(place::value);
            if (at_end()) break;
        }
        return false;
    }

    bool comment_starts() const { return peek() == '#' || next_is("//") || next_is("/*"); }

    // A line comment ends with its line, or where the container that it stands in closes on the same line.
    void skip_comment(place where) {
        done_.commas = true;
        if (next_is("/*")) {
            auto end = s_.find("*/", i_ + 2);
            auto next = end == s_.npos ? s_.size() : end + 2;
            if (comment_leaves_out(s_.substr(i_, next - i_))) lost();
            done_.several = done_.several || s_.substr(i_, next - i_).find('{') != s_.npos;
            i_ = next;
            return;
        }
        const auto begin = i_;
        for (; !at_end() && peek() != '\n' && peek() != '\r'; ++i_) {
            if ((where == place::item && peek() == ']') || (where != place::item && peek() == '}')) break;
            done_.several = done_.several || peek() == '{';
        }
        const auto said = s_.substr(begin, i_ - begin);
        if (comment_leaves_out(said)) lost();
        const bool line_goes_on = at_end() || (peek() != '\n' && peek() != '\r');
        if (line_goes_on && holds_mark(said)) unclear();  // `"a" // c, "b"]`: is `"b"` an item?
    }

    void skip_space(place where) {
        while (!at_end()) {
            if (is_space(peek()))
                ++i_;
            else if (next_is("\u00a0"))
                i_ += 2;
            else if (comment_starts())
                skip_comment(where);
            else
                return;
        }
    }

    bool too_deep() {
        if (depth_ < max_json_depth) return false;
        lost();
        i_ = s_.size();
        return true;
    }
    struct level {
        explicit level(int& d) : d_{++d} {}
        ~level() { --d_; }
        int& d_;
    };

    // An operator of a program behind a value: what it makes of the value is not there.
    bool operator_at(std::size_t at) const {
        at = after_space(at);
        auto rest = s_.substr(std::min(at, s_.size()), max_lookahead);
        for (std::string_view sign : {"+", "*", "||", "??", "&&", "| "})
            if (rest.starts_with(sign)) return true;
        if (rest.size() > 1 && rest[0] == '.' && is_alpha(rest[1])) {  // `.upper()`
            std::size_t n = 1;
            while (n < rest.size() && is_word(rest[n])) ++n;
            return n < rest.size() && rest[n] == '(';
        }
        for (std::string_view word : {"or ", "and ", "if ", "else "}) {
            if (!rest.starts_with(word)) continue;
            auto next = trim(rest.substr(word.size()));
            if (quote_at(next) || next.starts_with('[') || next.starts_with('{')) return true;
            std::size_t n = 0;
            while (n < next.size() && (is_word(next[n]) || next[n] == '.')) ++n;
            next = trim(next.substr(n));
            return n > 0 &&
                   (next.empty() || next[0] == '}' || next[0] == ']' || next[0] == '(' || next.starts_with("else "));
        }
        return false;
    }

    // Something of a value is missing, or may be: more than the brackets behind it.
    void lost() { done_.closed = done_.cut = true; }
    // What is meant cannot be told.
    void unclear() {
        lost();
        done_.unclear = true;
    }
    // The text ended within a container.
    void ran_out(last before) {
        done_.closed = true;
        done_.cut = done_.cut || before != last::value;
    }

    void keep(json::object& members, const std::string& key, json::value v) {
        auto* before = members.if_contains(key);
        if (before && *before != v) repeated_.push_back(path_ + key);
        members.insert_or_assign(key, std::move(v));
    }

    enum class after_key { a_value, nothing, a_set, end };

    // What stands between a key and its value is read away. @param first no member stands before it @param empty the
    // key is none
    // @param separated a comma stands before it
    after_key behind_key(bool first, bool empty, bool separated) {
        if (peek() == ':') {
            for (++i_; peek() == ':'; ++i_) done_.commas = true;
            return after_key::a_value;
        }
        if (at_end()) {  // cut off before its value
            lost();
            return after_key::end;
        }
        if (first && (peek() == ',' || peek() == '}')) return after_key::a_set;  // `{"a", "b"}`
        if (!separated) unclear();                                               // `10 to 20`, `5 "feet" 3`
        if (auto q = quote_at(s_.substr(i_)); q || peek() == '[') {              // `"a" "x"`: the colon is missing
            if (q && s_.substr(std::min(i_ + q->open.size(), s_.size())).starts_with(':')) unclear();  // `"a"": 1`
            if (q && s_.substr(std::min(i_ + q->open.size(), s_.size())).starts_with("\uff1a")) unclear();
            done_.commas = true;
            return after_key::a_value;
        }
        if (peek() == '=') {
            ++i_, i_ += next_is(">") ? 1 : 0;
            done_.commas = true;
            return after_key::a_value;
        }
        if (peek() == ',' || peek() == '}') {
            lost();
            return after_key::nothing;
        }
        done_.quotes = true;
        if (empty) {
            ++i_;
            return after_key::nothing;
        }
        unclear();                                       // `"a"： 1`
        done_.several = done_.several || peek() == '{';  // `{"a": 1} or {"a": 2}`
        return after_key::a_value;
    }

    json::value object() {
        if (too_deep()) return nullptr;  // an empty one would be a level too many
        level here{depth_};
        std::size_t begin = ++i_;
        json::object members;
        last before = last::nothing;
        for (;;) {
            skip_space(place::key);
            if (at_end() || (peek() == ']' && arrays_ > 0)) {
                ran_out(before);
                break;
            }
            char c = peek();
            if (c == '}') {
                expect_end(before);
                ++i_;
                break;
            }
            if (c == '{') {  // `{{"a": 1}}`, a template's doubled braces
                done_.fence = true;
                done_.several = done_.several || before != last::nothing;
                json::value inner = object();
                before = last::value;
                if (inner.is_object())
                    for (auto& [key, value] : inner.get_object()) keep(members, std::string{key}, std::move(value));
                continue;
            }
            if (c == ',' || c == ';' || c == ':' || c == ']' || c == '[') {
                if (c == '[' && members.empty()) {
                    i_ = begin;
                    return array('}');
                }
                done_.several = done_.several || (c == '[' && before != last::nothing);
                if (c == ']') unclear();
                expect_comma(before, c);
                ++i_;
                continue;
            }
            expect_item(before);
            expect_key(before);
            const bool separated = before != last::value;
            before = last::value;
            std::size_t key_at = i_;
            std::string key = quote_at(s_.substr(i_)) ? quoted(place::key) : bare_key();
            skip_space(place::key);
            const auto follows = behind_key(members.empty(), i_ == key_at, separated);
            if (follows == after_key::end) break;
            if (follows == after_key::nothing) continue;
            if (follows == after_key::a_set) {
                i_ = begin;
                return array('}');
            }
            skip_space(place::value);
            keep(members, key, value_of(key));
        }
        return members;
    }

    json::value array(char closer) {
        if (too_deep()) return nullptr;
        level here{depth_};
        done_.quotes = done_.quotes || closer != ']';
        if (closer == ']' || closer == ')') ++i_;
        level enclosing{arrays_};
        tuples_ += closer == ')';
        struct leave {
            int& n;
            int by;
            ~leave() { n -= by; }
        } left{tuples_, closer == ')'};
        json::array items;
        last before = last::nothing;
        for (;;) {
            skip_space(place::item);
            if (at_end()) {
                ran_out(before);
                break;
            }
            char c = peek();
            if (c == closer || c == ']' || c == '}') {
                done_.closed = done_.closed || c != closer;
                if (c != closer && items.empty()) lost();
                expect_end(before);
                ++i_;
                break;
            }
            if (c == ',' || c == ';' || c == ':' || c == ')') {
                expect_comma_of_list(before, c);
                expect_comma(before, c);
                ++i_;
                continue;
            }
            expect_item(before);
            expect_item_of_list(before);
            before = last::value;
            if (next_is("...") && (i_ + 3 >= s_.size() || !is_word(s_[i_ + 3]))) {
                lost();
                i_ += 3;
                continue;
            }
            if (next_is("\u2026")) {
                lost();
                i_ += 3;
                continue;
            }
            std::size_t at = i_;
            items.push_back(value(place::item));
            after_number_ = items.back().is_number();
            if (i_ == at) ++i_;
            item_end_ = i_;
        }
        return items;
    }

    json::value value_of(const std::string& key) {
        const std::size_t above = path_.size();
        if (above < max_path) path_ += cut(key, 100) + ".";
        json::value v = value(place::value);
        path_.resize(above);
        return v;
    }

    // A number or a word at the text's end may be the beginning of a longer one.
    json::value value(place where) {
        const std::size_t begin = i_;
        if (next_is("...") || next_is("\u2026") || next_is("*")) lost();  // left out; `*rest`
        json::value v = value_at(where);
        if (begin < i_ && operator_at(i_)) unclear();
        auto behind = std::find_if_not(s_.begin() + static_cast<std::ptrdiff_t>(i_), s_.end(), is_space);
        const bool open_ended = begin < i_ && behind == s_.end() && !v.is_structured() && !quote_at(s_.substr(begin));
        if (open_ended && !is_json_word(trim(s_.substr(begin)))) lost();
        return v;
    }
    static bool is_json_word(std::string_view text) { return text == "true" || text == "false" || text == "null"; }

    json::value value_at(place where) {
        if (at_end() || std::string_view{",}];"}.find(peek()) != std::string_view::npos) {
            lost();  // no value at all
            return "";
        }
        char c = peek();
        if (c == '{') return object();
        if (c == '[') return array(']');
        if (c == '(') {
            json::value items = array(')');
            if (!items.is_array()) return items;  // nested too deep
            return items.get_array().size() == 1 ? json::value(items.get_array().front()) : items;
        }
        if (quote_at(s_.substr(i_))) return json::value(json::string(quoted(where)));
        if (is_digit(c) || c == '-' || c == '.' || c == '+' || (c == '$' && i_ + 1 < s_.size() && is_digit(s_[i_ + 1])))
            if (auto n = number(where)) return *n;
        done_.quotes = true;
        if (is_prefixed_text()) unclear();
        return word(where);
    }

    // Python's `f"..."` and `b'...'`.
    bool is_prefixed_text() const {
        std::size_t n = 0;
        while (n < 2 && std::string_view{"bfru"}.find(lower(peek_at(n))) != std::string_view::npos) ++n;
        return n > 0 && (peek_at(n) == '"' || peek_at(n) == '\'');
    }
    char peek_at(std::size_t n) const { return i_ + n < s_.size() ? s_[i_ + n] : '\0'; }
    static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

    // `42`, `-1.5e3`, `.5`, `1_000`; what only begins like a number (a date, `10-20`, `0x10`, `1,000`) is text.
    std::optional<json::value> number(place where) {
        std::size_t begin = i_, at = i_;
        if (s_[at] == '$') ++at, ++begin, done_.quotes = true;
        while (at < s_.size() &&
               (is_digit(s_[at]) || std::string_view{"-+.eE/_,"}.find(s_[at]) != std::string_view::npos)) {
            if (s_[at] == ',' && (where == place::item || at + 1 >= s_.size() || !is_digit(s_[at + 1]))) break;
            if (s_[at] == '/' && at + 1 < s_.size() && (s_[at + 1] == '/' || s_[at + 1] == '*')) break;
            ++at;
        }
        std::string_view all = s_.substr(begin, at - begin);
        if (at < s_.size() && (is_alpha(s_[at]) || static_cast<unsigned char>(s_[at]) >= 0x80)) return {};
        const auto whole = all.size();
        while (!all.empty() && std::string_view{"-+eE/,_"}.find(all.back()) != std::string_view::npos)
            all.remove_suffix(1);
        if (all.size() != whole) lost();  // `1e`, `5-`
        if (all.empty()) {
            if (s_[begin] == '.') return {};
            i_ = at;
            return json::value("");
        }
        if (!parse_json(s_.substr(begin, at - begin), 1)) done_.quotes = true;
        std::string digits;
        for (char ch : all)
            if (ch != '_') digits += ch;
        if (digits.starts_with('+')) digits.erase(0, 1);
        const std::size_t first = digits.starts_with('-');
        const bool padded = digits.size() > first + 1 && digits[first] == '0' &&
                            is_digit(digits[first + 1]);  // `007`: a number, or a text
        if (digits.find_first_not_of("0123456789-.eE+") == digits.npos) {
            std::int64_t i{};
            auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), i);
            const bool whole_number = ec == std::errc{} && end == digits.data() + digits.size();
            const auto d = whole_number ? std::nullopt : held_number(digits);
            if (padded && (whole_number || d)) unclear();
            if (whole_number) return i_ = at, json::value(i);
            if (d && !rounds_to_whole(digits, *d)) return i_ = at, json::value(*d);
        }
        i_ = at;
        return json::value(json::string(all));
    }

    std::string bare_key() {
        done_.quotes = true;
        std::size_t begin = i_;
        while (!at_end() && peek() != ':' && peek() != '=' && !is_space(peek()) &&
               std::string_view{",{}[]\"';"}.find(peek()) == std::string_view::npos)
            ++i_;
        std::size_t stop = i_;
        if (i_ == begin) stop = ++i_;
        if (auto q = quote_at(s_.substr(i_))) {  // `name": 1` lost its first quote
            auto next = after_space(i_ + q->open.size());
            if (next < s_.size() && s_[next] == ':') i_ = next;
        }
        if (holds_mark(s_.substr(begin, stop - begin))) unclear();
        return to_utf8(s_.substr(begin, stop - begin));
    }

    // A text without quotes, or one of the words that JSON and Python have.
    json::value word(place where) {
        std::size_t begin = i_, stop = s_.size();
        for (std::size_t at = i_; at < s_.size(); ++at) {
            char c = s_[at];
            bool ends = c == '}' || c == ']';
            if (auto q = quote_at(s_.substr(at)); q && at > begin && (ends_text(at + q->open.size(), where))) {
                if (const auto part = s_.substr(begin, at - begin); holds_mark(part) || part.find('\\') != part.npos)
                    unclear();
                if (where == place::item && bare_item_) unclear();  // `[a, b"]`: was it one item?
                i_ = at + q->open.size();                           // `text", ...` lost its first quote
                return json::value(json::string(to_utf8(s_.substr(begin, at - begin))));
            }
            if (where == place::item)
                ends = ends || c == ',' || (c == ')' && !inside_parentheses(begin, at)) || c == '\n';
            else if (c == ',' || c == ';')
                ends = ends || key_follows(at + 1) || closer_follows(at + 1) ||
                       is_word_of_json(trim(s_.substr(begin, at - begin)));
            else if (c == '\n')
                ends = ends || key_follows(at + 1) || closer_follows(at + 1);
            else if (c == '/' && at + 1 < s_.size() && (s_[at + 1] == '/' || s_[at + 1] == '*') && at > begin &&
                     is_space(s_[at - 1]))
                ends = true;
            else if (c == '#' && at > begin && is_space(s_[at - 1]))
                ends = true;
            if (ends) {
                stop = at;
                break;
            }
        }
        i_ = stop;
        bare_item_ = where == place::item;
        std::string_view text = trim(s_.substr(begin, stop - begin));
        if (holds_mark(text) || text.find('\\') != text.npos) unclear();
        if (quote_at(text.empty() ? text : text.substr(text.size() - 1))) text = trim(text.substr(0, text.size() - 1));
        std::string lower = text.size() <= 9 ? to_lower(text) : std::string{};
        if (lower == "true") return true;
        if (lower == "false") return false;
        if (lower == "null" || lower == "none") return nullptr;
        if (text == "NaN") return std::nan("");
        if (text == "Infinity") return INFINITY;
        return json::value(json::string(to_utf8(text)));
    }

    static bool is_word_of_json(std::string_view text) {
        std::string lower = text.size() <= 5 ? to_lower(text) : std::string{};
        return lower == "true" || lower == "false" || lower == "null" || lower == "none";
    }

    bool inside_parentheses(std::size_t begin, std::size_t at) const {
        auto part = s_.substr(begin, std::min(at - begin, max_lookahead));
        return part.find('(') != part.npos;
    }

    std::size_t after_space(std::size_t at) const {
        for (const std::size_t end = at + max_lookahead; at < s_.size() && at < end;) {
            if (is_space(s_[at]))
                ++at;
            else if (s_.substr(at).starts_with("\u00a0"))
                at += 2;
            else
                break;
        }
        return at;
    }
    bool closer_follows(std::size_t at) const {
        at = after_space(at);
        return at >= s_.size() || s_[at] == '}' || s_[at] == ']';
    }

    // `"name":` or `name:` within the lookahead. A quoted name may also be the last thing before the end.
    bool key_follows(std::size_t at) const {
        at = after_space(at);
        auto window = s_.substr(std::min(at, s_.size()), max_lookahead);
        if (auto q = quote_at(window)) {
            auto close = window.find(q->close, q->open.size());
            if (close == window.npos)
                return at + window.size() >= s_.size() && window.find_first_of(",{}[]") == window.npos;
            auto next = close + q->close.size();
            while (next < window.size() && is_space(window[next])) ++next;
            return next >= window.size() || window[next] == ':' || window[next] == '}';
        }
        std::size_t n = 0;
        while (n < window.size() && (is_word(window[n]) || window[n] == '-')) ++n;
        if (n == 0) return false;
        while (n < window.size() && is_space(window[n])) ++n;
        return n < window.size() && window[n] == ':';
    }

    // Whether the closing mark that ends at `at` ends the text, by what stands behind it.
    bool ends_text(std::size_t at, place where) const {
        at = after_space(at);
        if (at >= s_.size() || where == place::key) return true;
        char c = s_[at];
        if (c == '}' || c == ']') {
            const bool fits =
                c == ']' ? where == place::item || arrays_ > 0 : where == place::value || depth_ > arrays_;
            return fits || s_.find_first_not_of("]} `\t\r\n", at) == s_.npos;
        }
        if (c == '#' || s_.substr(at).starts_with("//") || s_.substr(at).starts_with("/*")) return true;
        if (where == place::item) {
            if ((c == ')' && tuples_ > 0) || quote_at(s_.substr(at))) return true;
            if (c != ',' && c != ';') return false;
            at = after_space(at + 1);
            if (at >= s_.size()) return true;
            auto rest = s_.substr(at);
            for (std::string_view w : {"true", "false", "null", "True", "False", "None", "//", "/*", "#", "..."})
                if (rest.starts_with(w)) return true;
            return is_digit(rest[0]) || std::string_view{"[{(]}-,"}.find(rest[0]) != std::string_view::npos ||
                   quote_at(rest).has_value();
        }
        if (c == ',' || c == ';') {
            auto next = after_space(at + 1);
            if (next < s_.size() && (s_[next] == ',' || s_[next] == '{' || s_[next] == '#' ||
                                     s_.substr(next).starts_with("//") || s_.substr(next).starts_with("/*")))
                return true;
            return closer_follows(at + 1) || key_follows(at + 1);
        }
        return key_follows(at);
    }

    // Python's """text""" and '''text'''.
    std::optional<std::string> triple_quoted(const quote& q) {
        const std::string_view three = q.open == "\"" ? "\"\"\"" : q.open == "'" ? "'''" : "";
        if (three.empty() || no_more_triples_ || !next_is(three.substr(1))) return {};
        if (auto end = s_.find(three, i_ + 2); end == s_.npos) {
            no_more_triples_ = true;
            return {};
        }
        done_.quotes = true;
        std::string out;
        meant backslashes;
        for (i_ += 2; !next_is(three);) {
            if (at_end()) {
                lost();  // the last one was escaped
                return to_utf8(out);
            }
            if (peek() == '\\')
                escape(out, backslashes);
            else
                out += s_[i_++];
        }
        i_ += 3;
        if (backslashes.as_escapes && backslashes.as_themselves) unclear();
        return to_utf8(out);
    }

    // What a mark is that ends at `next`, outside of any quotation within the text so far.
    enum class mark { ends, opens, closes, part, unclear };
    mark role_of_mark(const quote& q, const std::string& out, std::size_t next, place where) const {
        static constexpr std::string_view behind = " \t\r\n,;:.!?)]}\"'";
        const char before = out.empty() ? ' ' : out.back(), after = next < s_.size() ? s_[next] : ' ';
        const bool blank = is_space(before);
        const bool comment = after == '#' || s_.substr(std::min(next, s_.size())).starts_with("/");
        const bool inches = q.open == "\"" && is_digit(before) && (is_space(after) || after == ')' || after == '-');
        if (q.open == "\"" && is_digit(before) && after == '"') return mark::unclear;  // inches, or a mark too many
        if (!(blank && !out.empty() && comment) && ends_text(next, where)) return mark::ends;
        if (out.empty()) return mark::unclear;  // one too many, or a quotation
        if (where == place::key) return mark::part;
        const bool letters = static_cast<unsigned char>(before) >= 0x80 || static_cast<unsigned char>(after) >= 0x80;
        const bool within = is_part_of_word(before) && is_part_of_word(after) && (letters || q.open == "'") &&
                            !is_sign(s_.substr(std::min(next, s_.size()))) &&
                            !(out.size() > 2 && is_sign(std::string_view{out}.substr(out.size() - 3)));
        if (within || inches) return mark::part;
        const bool stands_before = behind.find(after) == behind.npos && !is_sign(s_.substr(std::min(next, s_.size())));
        if (!is_part_of_word(before) && before != ',' && before != ':' && stands_before) return mark::opens;
        return q.open == "'" && before == 's' ? mark::part : mark::unclear;  // `the dogs' bowl`
    }
    // Whether the end of a text is doubtful for what follows it without a comma.
    bool lacks_its_comma(std::string_view text, std::size_t end, place where) const {
        const auto rest = s_.substr(after_space(end));
        if (rest.empty() || where == place::key || rest[0] == ',' || rest[0] == ';') return false;
        if (text.ends_with(',') && rest[0] != '}' && rest[0] != ']') return true;
        return where == place::item && quote_at(rest) && !text.empty() &&
               (is_digit(text.back()) || is_space(text.back()));
    }
    static bool ends_with_mark(std::string_view text) {
        for (std::string_view sign : {"\"", "`", "\u201c", "\u201d"})
            if (text.ends_with(sign)) return true;
        return false;
    }
    std::string quoted(place where) {
        quote q = *quote_at(s_.substr(i_));
        i_ += q.open.size();
        done_.quotes = done_.quotes || q.open != "\"";
        bool doubled = false;
        if (auto text = triple_quoted(q)) return *text;
        if (q.open == "\"" && next_is("\"\"")) {
            i_ += 2;  // """text"""
            unclear();
        } else if (next_is(q.close) && i_ + q.close.size() < s_.size() && is_word(s_[i_ + q.close.size()]))
            i_ += q.close.size(), doubled = true;  // ""text""
        std::string out;
        bool inner = false;  // within a quotation whose marks are not escaped
        bool bare = false;   // marks that are not escaped are a part of the text
        bool escaped = false;
        meant backslashes;
        while (!at_end()) {
            char c = peek();
            if (c == '\\') {
                escaped = escaped || s_.substr(i_ + 1).starts_with(q.close);
                escape(out, backslashes);
                continue;
            }
            const bool other_close =
                q.open == "\u201c" ? c == '"' : q.open == "\"" && next_is("\u201d") && !quotes_within(out);
            if (next_is(q.close) || other_close) {
                std::size_t size = next_is(q.close) ? q.close.size() : c == '"' ? 1 : 3;
                if (missing_close(out, where)) {
                    done_.closed = true;
                    const auto whole = out.find_last_not_of(", \t\r\n") + 1;
                    if (std::count(out.begin() + static_cast<std::ptrdiff_t>(whole), out.end(), ',') > 1) unclear();
                    out.resize(whole);
                    if (bare || ends_with_mark(out) || out.ends_with('\'')) unclear();
                    return to_utf8(out);
                }
                const auto role = inner ? mark::closes : role_of_mark(q, out, i_ + size, where);
                if (role == mark::ends) {
                    if (backslashes.as_escapes && backslashes.as_themselves) unclear();
                    // `['O''Brien']`: one item, by the rules of other languages
                    if (where == place::item && !out.empty() && s_.substr(i_ + size).starts_with(q.close)) unclear();
                    if (lacks_its_comma(out, i_ + size, where)) unclear();
                    if (doubled && s_.substr(i_ + size, q.close.size()) != q.close) unclear();
                    if (where == place::key && holds_mark(out)) unclear();
                    if (!next_is(q.close) && holds_mark(out)) unclear();  // the text is not closed as it was opened
                    i_ += size;
                    while (q.open == "\"" && where != place::key && next_is("\"") && s_[i_ - 1] == '"') {
                        if (holds_mark(out) || out.empty() || is_space(out.back())) unclear();
                        ++i_;
                    }
                    return to_utf8(out);
                }
                done_.quotes = true;
                inner = role == mark::opens;
                bare = bare || q.open != "'";
                if (role == mark::unclear || (bare && escaped)) unclear();
                // `"a" or "b"`; or, in a list, `"x", y, "z"`: one text, or several values
                const auto behind = after_space(i_ + size);
                if ((role != mark::closes && operator_at(i_ + size)) ||
                    (where == place::item && behind < s_.size() && s_[behind] == ','))
                    unclear();
                out += s_.substr(i_, size);
                i_ += size;
                continue;
            }
            done_.quotes = done_.quotes || static_cast<unsigned char>(c) < 0x20;
            if (where == place::key && c == ':' && key_lost_its_quote()) {
                done_.quotes = true;
                if (holds_mark(out) || out.ends_with('\'')) unclear();
                return to_utf8(trim(out));
            }
            out += c;
            ++i_;
        }
        lost();
        if (!s_.substr(0, s_.find_last_not_of(" \t\r\n`") + 1).ends_with(depth_ > arrays_ ? '}' : ']'))
            done_.unclear = false;  // it is plainly cut off
        // Never closed: the closers at its very end belong to the containers around it.
        auto strip = [&](std::string_view set) { out.resize(out.find_last_not_of(set) + 1); };
        strip(" \t\r\n");
        if (out.ends_with("```")) strip("` \t\r\n");
        for (int open = depth_; open > 0 && (out.ends_with('}') || out.ends_with(']')); --open)
            out.pop_back(), strip(" \t\r\n");
        return to_utf8(out);
    }

    // `{"a": "x, "b": 2}`: this mark opens the next key, so the text before it ended unclosed.
    bool missing_close(const std::string& out, place where) const {
        if (where != place::value) return false;
        auto last = out.find_last_not_of(" \t\r\n");
        bool separated = last != out.npos && (out[last] == ',' || out.find('\n', last) != out.npos);
        if (!separated) return false;
        auto window = s_.substr(i_, max_lookahead);
        auto q = quote_at(window);
        if (!q) return false;
        auto close = window.find(q->close, q->open.size());
        if (close == window.npos || close == q->open.size()) return false;
        for (char c : window.substr(q->open.size(), close - q->open.size()))
            if (!is_word(c) && c != ' ' && c != '-') return false;
        auto next = close + q->close.size();
        while (next < window.size() && is_space(window[next])) ++next;
        return next < window.size() && window[next] == ':';
    }

    // `{"a: 1, ...`: no mark before the colon's line ends the key.
    bool key_lost_its_quote() const {
        auto window = s_.substr(i_, max_lookahead);
        auto stop = window.find_first_of("\"'}\n");
        if (stop == window.npos) return true;
        if (window[stop] == '}' || window[stop] == '\n') return true;
        auto between = trim(window.substr(1, stop - 1));
        if (between.empty() || between == "[" || between == "{") return true;  // `"a: "x"`
        auto next = after_space(i_ + stop + 1);
        return between.ends_with(',') && !(next < s_.size() && s_[next] == ':');
    }

    // What the backslashes of a text stand for: `\(x\) and \frac` means no form feed.
    struct meant {
        bool as_escapes = false, as_themselves = false;
    };
    void escape(std::string& out, meant& all) {
        ++i_;
        if (at_end()) return;
        char c = s_[i_++];
        all.as_escapes = all.as_escapes || std::string_view{"ntrbf"}.find(c) != std::string_view::npos;
        switch (c) {
            case 'n': out += '\n'; return;
            case 't': out += '\t'; return;
            case 'r': out += '\r'; return;
            case 'b': out += '\b'; return;
            case 'f': out += '\f'; return;
            case '"':
            case '\'':
            case '/':
            case '\\': out += c; return;
            case 'u':
                if (auto point = read_escaped_point(s_, i_)) {
                    append_utf8(out, *point);
                    return;
                }
                [[fallthrough]];
            default: (out += '\\') += c; done_.quotes = all.as_themselves = true;
        }
    }

    std::string_view s_;
    std::size_t i_ = 0;
    int depth_ = 0;
    int arrays_ = 0;
    int tuples_ = 0;                // of the arrays
    bool after_number_ = false;     // the last item of the list that is read
    bool bare_item_ = false;        // an item stands without quotes
    std::size_t item_end_ = 0;      // where it ended
    bool quote_outside_ = false;    // a quotation mark stands behind the last container
    bool no_more_triples_ = false;  // no `"""` or `'''` stands further on
    static constexpr std::size_t max_path = 400;
    std::string path_;  // "a.b.", of the member that is read
    std::vector<std::string> repeated_;
    repairs done_;
};

}  // namespace

json::value repair_json(std::string_view text) {
    std::vector<std::string> repeated;
    return repair_json(text, repeated);
}

json::value repair_json(std::string_view text, std::vector<std::string>& repeated) {
    repairs done;
    return repair_json(text, repeated, done);
}

json::value repair_json(std::string_view text, std::vector<std::string>& repeated, repairs& done) {
    repeated.clear();
    done = {};
    bool repeats = false;
    if (auto v = parse_json(text, max_json_depth, repeats)) {
        if (repeats) repeated = repeated_members(text);
        return std::move(*v);
    }
    repairer r{text};
    json::value v = r.run();
    repeated = r.repeated();
    done = r.done();
    if (auto only = the_only_reading(text)) {
        v = std::move(*only);
        done.closed = done.cut = done.several = false;
    }
    return v;
}

std::string repairs::text() const {
    std::string text;
    for (auto [name, was] : {std::pair{"quotes", quotes},
                             {"commas", commas},
                             {"fence", fence},
                             {"closed", closed},
                             {"cut", cut},
                             {"unclear", unclear},
                             {"several", several}})
        if (was) text += (text.empty() ? "" : ", ") + std::string{name};
    return text;
}

}  // namespace reagent
