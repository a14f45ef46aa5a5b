#pragma once

#include <string_view>

namespace reagent {

/// A host's name as RFC 1123, section 2.1 has it; labels that begin with "xn--" as RFC 5890 has them.
bool is_hostname(std::string_view text);

/// A host's name that may hold characters beyond ASCII: IDNA 2008 (RFC 5890 to 5893).
bool is_idn_hostname(std::string_view text);

}  // namespace reagent
