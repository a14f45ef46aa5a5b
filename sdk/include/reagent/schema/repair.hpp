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

/// What was done to make JSON of a text. Several may have been.
struct repairs {
    bool quotes = false;  ///< other quotation marks, none, or unescaped ones; also words of Python, and unquoted keys and texts
    bool commas = false;  ///< commas and colons that were missing, doubled or trailing; comments
    bool fence = false;   ///< prose or fences around the containers, or several containers
    bool closed = false;  ///< a text, list, object or value had no end, or is missing: what there is may be a part of what was meant
    /// Of `closed`: more may be missing than brackets behind a whole value. A text, number or word that goes up to the end, an
    /// item or member behind a comma, a value behind its key.
    bool cut = false;
    bool several = false;  ///< more than one object or list side by side; those in comments count too

    bool any() const { return quotes || commas || fence || closed || cut || several; }
    std::string text() const;  ///< "quotes, closed"; "" for none
    bool operator==(const repairs&) const = default;
};
/// As above, and which members of an object stand in it more than once with different values; the last of them is in the result. One of
/// an inner object is told with its path ("a.b").
json::value repair_json(std::string_view text, std::vector<std::string>& repeated);
/// As above, and what was repaired. Where nothing was, the text is JSON (or NaN or Infinity).
json::value repair_json(std::string_view text, std::vector<std::string>& repeated, repairs& done);

/// A Python literal: `None`, `+7`, `0x10`, `1_000`, `'text'`, `(1, 2)`, `1, 2`, `{'a': [1]}`. Tuples and sets are arrays.
/// Nothing when the text is no literal. Source: the Python Language Reference, section 2.4 and `ast.literal_eval`.
std::optional<json::value> python_literal(std::string_view text);

}  // namespace reagent
