#pragma once

#include <reagent/schema/schema.hpp>

#include <stdexcept>
#include <string_view>

namespace reagent::detail {

/// Why a text is not taken, in words.
struct bad_json : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Strict JSON (RFC 8259): UTF-8, no name twice in one object, no deeper than that. Linear. @throws bad_json
json::value parse_body(std::string_view text, std::size_t most_depth);

}  // namespace reagent::detail
