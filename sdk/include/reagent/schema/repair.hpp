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
    bool quotes =
        false;  ///< other quotation marks, none, or unescaped ones; also words of Python, and unquoted keys and texts
    bool commas = false;  ///< commas and colons that were missing, doubled or trailing; comments
    bool fence = false;   ///< prose or fences around the containers, or several containers
    bool closed = false;  ///< a text, list, object or value had no end, or is missing: what there is may be a part of
                          ///< what was meant
    /// Of `closed`: more may be missing than brackets behind a whole value. A text, number or word that goes up to the
    /// end, an item or member behind a comma, a value behind its key.
    bool cut = false;
    bool unclear = false;  ///< it could be read in other ways too: `10 to 20`, `"x" (maybe)`, a key without a colon
    bool several = false;  ///< more than one object or list side by side; those in comments count too

    bool any() const { return quotes || commas || fence || closed || cut || unclear || several; }
    std::string text() const;  ///< "quotes, closed"; "" for none
    bool operator==(const repairs&) const = default;
};
/// As above, and which members of an object stand in it more than once with different values; the last of them is in
/// the result. One of an inner object is told with its path ("a.b").
json::value repair_json(std::string_view text, std::vector<std::string>& repeated);
/// As above, and what was repaired. Where nothing was, the text is JSON (or NaN or Infinity).
json::value repair_json(std::string_view text, std::vector<std::string>& repeated, repairs& done);

/// What can be read in one way only; or why it cannot, for whoever wrote it.
struct unambiguous_json {
    enum class cause { none, no_end, several, repeated, unclear };

    std::optional<json::value> value{};
    cause why = cause::none;
    std::string wrong{};  ///< "behind the value of `to` stands `or "eve"`, where ..."; it quotes the text
    bool around = false;  ///< a fence or a comment stands around the value
};

/// JSON, and what differs from it without leaving a choice: other quotation marks, names without any, commas behind the
/// last item, True, False and None, tuples, numbers as `+5` and `.5`, line ends in texts, comments, one fence around it
/// all. Nothing that would have to be guessed or left away is read: words and operators between and behind values,
/// texts without quotes or with unescaped ones, `...`, `f"..."`, unknown escapes, `010`, `1e`, NaN, sentences around
/// the value, comments that leave something out or deny it, a member twice.
unambiguous_json read_unambiguous_json(std::string_view text);

/// The same for arguments of a tool, which act: also encoded twice. Blank and null are no arguments; a text without any
/// object is itself.
unambiguous_json read_tool_arguments(std::string_view text);

/// A Python literal: None, +7, 0x10, 1_000, 'text', `(1, 2)`, `1, 2`, {'a': [1]}. Tuples and sets are arrays.
/// Nothing when the text is no literal. Source: the Python Language Reference, section 2.4 and `ast.literal_eval`.
std::optional<json::value> python_literal(std::string_view text);

}  // namespace reagent
