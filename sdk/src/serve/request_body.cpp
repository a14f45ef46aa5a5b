#include "request_body.hpp"

#include "json_body.hpp"
#include "problem.hpp"
#include "wire/head.hpp"

#include "../base/text.hpp"

#include <algorithm>

namespace reagent::detail {
namespace {

constexpr const char* key_header = "Idempotency-Key";
constexpr std::size_t longest_key = 255;

bool is_json(std::string_view type) {
    type = trim(type.substr(0, type.find(';')));
    return same_word(type, "application/json");
}

bool is_key(std::string_view key) {
    if (key.empty() || key.size() > longest_key) return false;
    return std::all_of(key.begin(), key.end(), [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

}  // namespace

bool has_header(const http_request& r, std::string_view name) {
    return std::any_of(r.headers.begin(), r.headers.end(), [&](const auto& h) { return same_word(h.first, name); });
}

json::value json_body_of(const http_request& r, std::size_t most_depth) {
    if (!is_json(r.header("Content-Type"))) throw refused{problem(415, "type", "the body is application/json")};
    if (!r.query.empty()) throw refused{problem(400, "query", "inputs stand in the body, not in the address")};
    try {
        return parse_body(r.body, most_depth);
    } catch (const bad_json& e) {
        throw refused{problem(400, "json", e.what())};
    }
}

std::string idempotency_key(const http_request& r) {
    if (!has_header(r, key_header)) return {};
    std::string key{r.header(key_header)};
    if (!is_key(key))
        throw refused{problem(400, "idempotency", "an Idempotency-Key has 1 to 255 letters, digits, dots, - and _")};
    return key;
}

}  // namespace reagent::detail
