// Words as models dress them: `**Yes.**`, `42.`.
#pragma once

#include <string_view>
#include <vector>

namespace reagent {

/// A text, and what it is without blanks, a full stop and pairs of marks around it, one taken off after another:
/// `**Yes.**`, `*Yes.*`, `Yes.`, `Yes`. Of a long text only itself.
std::vector<std::string_view> undressed(std::string_view text);

}  // namespace reagent
