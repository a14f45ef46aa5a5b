#pragma once

#include <reagent/retrieve/chunk.hpp>

#include <string>
#include <string_view>

namespace reagent::detail {

struct decoded_document {
    std::string text{};
    std::size_t offset = 0;  ///< of the text in the bytes, where they are UTF-8: behind a byte order mark
};

/// A document's bytes as UTF-8, from the charset that a byte order mark names, or that it declares: `<meta charset>`
/// within the first 4 KiB of HTML, the declaration of XML, Python's coding line. Else it is UTF-8.
/// Source: WHATWG Encoding ("iso-8859-1" and "ascii" mean windows-1252 in HTML) and HTML, section 13.2.3.
/// @throws retrieve_error(bad_passage) when it is not in that charset, or holds zero bytes
decoded_document decoded(std::string_view bytes, document_kind kind);

}  // namespace reagent::detail
