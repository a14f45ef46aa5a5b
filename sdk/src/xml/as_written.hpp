// Texts with signs of XML that models write as they are: `AT&T`, `1 < 2`, `a <b> c`.
#pragma once

#include <reagent/signature/signature.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace reagent::detail {

/// An ampersand that begins no reference of XML and a bracket that begins no tag can only be text: they are written as
/// references. What stands in comments and raw text stays as it is. Linear.
std::string with_stray_signs(std::string_view text);

struct texts_as_written {
    std::optional<std::string> text{};  ///< nothing: it is not clear where an output ends
    std::string thinks_in{};            ///< an output that begins with thinking that has no end; "": none does
};
/// As above; in the elements of outputs that are texts every bracket is written as a reference, where each of them has
/// one end and holds no tag of an output. Linear in the text, for each output.
texts_as_written with_texts_as_written(const signature& s, std::string_view text);

}  // namespace reagent::detail
