#pragma once

#include <boost/json/value.hpp>

#include <optional>
#include <string_view>

namespace reagent {

/// The object or list that `text` is, where it can be read in one way only and says nothing twice; else nothing.
std::optional<boost::json::value> the_only_reading(std::string_view text);

}  // namespace reagent
