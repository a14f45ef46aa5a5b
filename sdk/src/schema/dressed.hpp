// Words as models dress them: `**Yes.**`, `"High"`.
#pragma once

#include <boost/json/array.hpp>

#include <string_view>
#include <vector>

namespace reagent {

namespace json = boost::json;

/// A text, and what it is without blanks, a full stop and pairs of marks around it, one taken off after another:
/// `**Yes.**`, `*Yes.*`, `Yes.`, `Yes`. Of a long text only itself.
std::vector<std::string_view> undressed(std::string_view text);

/// The one text among values that another is in such a form, or else in other capitals (of ASCII). Null: there is none,
/// or more than one.
const json::value* meant_text(const json::array& values, std::string_view text);

}  // namespace reagent
