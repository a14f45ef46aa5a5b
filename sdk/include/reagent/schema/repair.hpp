#pragma once

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

namespace json = boost::json;

/// Deepest nesting that is read from a model; what lies deeper is cut off as if the text ended there.
inline constexpr int max_json_depth = 128;

/// Strict JSON (plus NaN and Infinity), or nothing. Nested deeper than `max_depth` is nothing.
std::optional<json::value> parse_json(std::string_view text, int max_depth = max_json_depth);

/// What a model meant by `text`: strict JSON where it is that; else the objects and arrays found in it, with prose and
/// fences around them ignored and trailing commas, single quotes, Python literals, unquoted keys, comments, missing
/// commas and quotes and truncation repaired. Several top-level containers become an array, where one replaces a
/// predecessor that has the same keys (a model correcting itself). Text without any container is the empty string.
///
/// Linear time, bounded depth, no exceptions but `std::bad_alloc`. The behaviour follows Python's `json_repair`, which
/// DSPy uses; where it differs is listed in tests/conformance/deviations.json.
json::value repair_json(std::string_view text);

/// As above, and which members of the object stand in it more than once with different values; the last of them is in the result.
json::value repair_json(std::string_view text, std::vector<std::string>& repeated);

/// A Python literal: `None`, `+7`, `0x10`, `1_000`, `'text'`, `(1, 2)`, `1, 2`, `{'a': [1]}`. Tuples and sets are arrays.
/// Nothing when the text is no literal. Source: the Python Language Reference, section 2.4 and `ast.literal_eval`.
std::optional<json::value> python_literal(std::string_view text);

}  // namespace reagent
