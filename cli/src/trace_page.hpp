#pragma once

#include <boost/json/value.hpp>

#include <string>

namespace reagent::cli {

/// A self-contained page: `{"runs": [trace, ...]}` of one trace or of two to compare, or `{"live": true}`.
/// Nothing in `data` can become HTML or script.
std::string trace_page(const boost::json::value& data);

}  // namespace reagent::cli
