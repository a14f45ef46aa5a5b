// JSON as it stands. Boost.JSON 1.81 reads some doubles one unit in the last place off; its parser shows the digits, so
// they are read again, exactly, and what would be rounded is seen.
#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../base/text.hpp"
#include "held_number.hpp"
#include "repeated.hpp"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <cmath>

namespace reagent {
namespace {

class exact_handler {
public:
    static constexpr std::size_t max_array_size = json::array::max_size();
    static constexpr std::size_t max_object_size = json::object::max_size();
    static constexpr std::size_t max_string_size = json::string::max_size();
    static constexpr std::size_t max_key_size = json::string::max_size();

    json::value result() { return stack_.release(); }
    std::size_t members = 0;

    bool on_document_begin(error_code&) {
        stack_.reset();
        return true;
    }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return true; }
    bool on_object_end(std::size_t n, error_code&) {
        members += n;
        stack_.push_object(n);
        return true;
    }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t n, error_code&) {
        stack_.push_array(n);
        return true;
    }
    bool on_key_part(json::string_view s, std::size_t, error_code&) { return part(s); }
    bool on_key(json::string_view s, std::size_t, error_code&) {
        stack_.push_key(s);
        return true;
    }
    bool on_string_part(json::string_view s, std::size_t, error_code&) { return part(s); }
    bool on_string(json::string_view s, std::size_t, error_code&) {
        stack_.push_string(s);
        return true;
    }
    bool on_number_part(json::string_view s, error_code&) {
        number_ += s;
        return true;
    }
    bool on_int64(std::int64_t n, json::string_view, error_code&) {
        number_.clear();
        stack_.push_int64(n);
        return true;
    }
    bool on_uint64(std::uint64_t n, json::string_view, error_code&) {
        number_.clear();
        stack_.push_uint64(n);
        return true;
    }
    bool on_double(double near, json::string_view s, error_code&) {
        number_ += s;
        // What no double holds keeps its digits, as a text: a field of text takes it, one of numbers refuses it. So
        // does a fraction whose nearest double is a whole number: an integer must not take it.
        if (auto held = held_number(number_); held && !rounds_to_whole(number_, *held))
            stack_.push_double(*held);
        else if (number_ == "1e99999" || number_ == "-1e99999")  // as Boost.JSON writes an infinity
            stack_.push_double(near);
        else
            stack_.push_string(number_);
        number_.clear();
        return true;
    }
    bool on_bool(bool b, error_code&) {
        stack_.push_bool(b);
        return true;
    }
    bool on_null(error_code&) {
        stack_.push_null();
        return true;
    }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

private:
    bool part(json::string_view s) {
        stack_.push_chars(s);
        return true;
    }

    json::value_stack stack_;
    std::string number_;
};

}  // namespace

std::optional<json::value> parse_json(std::string_view text, int max_depth) {
    bool repeats = false;
    return parse_json(text, max_depth, repeats);
}

std::optional<json::value> parse_json(std::string_view text, int max_depth, bool& repeats) {
    repeats = false;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a mark of byte order, as some editors write
    text = trim(text);
    if (text == "NaN") return json::value(std::nan(""));
    if (text == "Infinity") return json::value(INFINITY);
    if (text == "-Infinity") return json::value(-INFINITY);
    json::parse_options options;
    options.max_depth = static_cast<std::size_t>(max_depth);
    json::basic_parser<exact_handler> parser{options};
    error_code ec;
    auto used = parser.write_some(false, text.data(), text.size(), ec);
    if (ec || used != text.size() || !parser.done()) return {};
    json::value v = parser.handler().result();
    repeats = v.is_structured() && count_members(v) != parser.handler().members;
    return v;
}

}  // namespace reagent
