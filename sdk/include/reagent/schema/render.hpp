#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace reagent {

namespace json = boost::json;

/// JSON on one line with ", " and ": " as separators, non-ASCII kept as it is: how values stand in a prompt.
/// NaN and infinities are written `NaN`, `Infinity`, `-Infinity`.
std::string dump_json(const json::value& value);

/// As `dump_json`, but non-finite numbers become `{"float": "inf"}`, so that the text is JSON for every reader.
std::string dump_strict_json(const json::value& value);

/// As `dump_strict_json`, over several lines, indented by two spaces: how files are written.
std::string dump_pretty_json(const json::value& value);

/// As Python's `str`: text as it is, `True`, `None`, `1.0`, `['a', 1]`.
std::string python_str(const json::value& value);

/// As Python's `repr`: as `python_str`, but text is quoted.
std::string python_repr(const json::value& value);
std::string python_repr(std::string_view text);

/// A double as Python prints it: the shortest digits that read back, `1.0`, `1e+20`, `nan`, `inf`.
std::string python_float(double value);

}  // namespace reagent
