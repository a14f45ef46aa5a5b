#pragma once

#include <reagent/schema/schema.hpp>
#include <reagent/serve/http_exchange.hpp>

#include <stdexcept>
#include <string_view>

namespace reagent::detail {

/// Why a text is not taken, in words.
struct bad_json : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Strict JSON (RFC 8259): UTF-8, no name twice in one object, no deeper than that. Linear. @throws bad_json
json::value parse_body(std::string_view text, std::size_t most_depth);

/// What of a request's header says that its body is no UTF-8, or packed, in words; "": nothing does.
std::string_view coded_otherwise(const http_request& r);

/// The numbers that no double holds ("1e999"), which are infinite once they are read.
void add_infinite(const json::value& v, const std::string& path, std::vector<violation>& to);

}  // namespace reagent::detail
