#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace reagent::detail {

namespace json = boost::json;

/// Appends a string as JSON, as `json::serialize` writes it. Prompts are long, so it is quick.
void append_json_text(std::string& out, std::string_view text);

/// Appends a value as `json::serialize` writes it, several times as fast where it holds texts. For values of limited
/// depth: it recurses.
void append_json(std::string& out, const json::value& v);

}  // namespace reagent::detail
