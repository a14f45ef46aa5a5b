#include "json_body.hpp"

#include "wire/head.hpp"

#include "../base/text.hpp"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <cmath>
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

std::string_view coded_otherwise(const http_request& r) {
    const auto coding = trim(r.header("Content-Encoding"));
    if (!coding.empty() && !same_word(coding, "identity")) return "the body comes as it is, without a Content-Encoding";
    std::string_view type = r.header("Content-Type");
    for (auto at = type.find(';'); at != type.npos; at = type.find(';')) {
        type.remove_prefix(at + 1);
        const auto one = trim(type.substr(0, type.find(';')));
        const auto equals = one.find('=');
        if (equals == one.npos || !same_word(trim(one.substr(0, equals)), "charset")) continue;
        auto set = trim(one.substr(equals + 1));
        if (set.size() >= 2 && set.front() == '"' && set.back() == '"') set = set.substr(1, set.size() - 2);
        if (!same_word(set, "utf-8") && !same_word(set, "utf8")) return "the body is UTF-8";
    }
    return {};
}

void add_infinite(const json::value& v, const std::string& path, std::vector<violation>& to) {
    if (v.is_double() && !std::isfinite(v.get_double()))
        to.push_back({path, "the number is beyond what a double holds"});
    if (auto* o = v.if_object())
        for (const auto& [name, inner] : *o) add_infinite(inner, path + "." + std::string{name}, to);
    if (auto* a = v.if_array())
        for (std::size_t i = 0; i < a->size(); ++i) add_infinite((*a)[i], path + "[" + std::to_string(i) + "]", to);
}

}  // namespace reagent::detail
