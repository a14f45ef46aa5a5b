#pragma once

#include <string>
#include <string_view>

namespace reagent::sql {

/// A name of a database as a prompt shows it: as it is where it is plain, else quoted, without anything that could be
/// taken for a part of the prompt. Whoever may make a table must not be able to write the prompt.
std::string shown(std::string_view name);
std::string shown_type(std::string_view type);  ///< "VARCHAR(20)"

/// A value of a database as a prompt shows it: 'open'.
std::string shown_value(std::string_view value);

}  // namespace reagent::sql
