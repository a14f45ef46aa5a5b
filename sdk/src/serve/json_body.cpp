#include "json_body.hpp"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <unordered_set>

namespace reagent::detail {
namespace {

/// Looks for names that stand twice in one object: the parser would keep the last of them, and nobody would be told.
class repeated_names {
public:
    static constexpr std::size_t max_object_size = -1, max_array_size = -1, max_key_size = -1, max_string_size = -1;
    using error_code = json::error_code;

    std::string found{};

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return names_.emplace_back(), true; }
    bool on_object_end(std::size_t, error_code&) { return names_.pop_back(), true; }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t, error_code&) { return true; }
    bool on_key_part(json::string_view s, std::size_t, error_code&) { return key_ += s, true; }
    bool on_key(json::string_view s, std::size_t, error_code& ec) {
        key_ += s;
        auto key = std::exchange(key_, {});
        if (names_.back().insert(key).second) return true;
        found = std::move(key);
        ec = json::error::syntax;
        return false;
    }
    bool on_string_part(json::string_view, std::size_t, error_code&) { return true; }
    bool on_string(json::string_view, std::size_t, error_code&) { return true; }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, error_code&) { return true; }
    bool on_uint64(std::uint64_t, json::string_view, error_code&) { return true; }
    bool on_double(double, json::string_view, error_code&) { return true; }
    bool on_bool(bool, error_code&) { return true; }
    bool on_null(error_code&) { return true; }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

private:
    std::vector<std::unordered_set<std::string>> names_;
    std::string key_;
};

}  // namespace

json::value parse_body(std::string_view text, std::size_t most_depth) {
    json::parse_options options;
    options.max_depth = most_depth;
    if (text.find_first_not_of(" \t\r\n") == text.npos) throw bad_json{"the body is empty; it is a JSON object"};
    json::parser parser{{}, options};
    json::error_code ec;
    parser.write(text.data(), text.size(), ec);
    if (ec == json::error::too_deep)
        throw bad_json{"the body is nested deeper than " + std::to_string(most_depth) + " levels"};
    if (ec) throw bad_json{"the body is no JSON: " + ec.message()};
    auto value = parser.release();
    json::basic_parser<repeated_names> names{options};
    names.write_some(false, text.data(), text.size(), ec);
    if (!names.handler().found.empty() || ec == json::error::syntax)
        throw bad_json{"the name " + json::serialize(json::value(json::string(names.handler().found))) +
                       " stands twice in one object"};
    return value;
}

}  // namespace reagent::detail
