#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace reagent {

/// An absolute URI and what stood behind its `#`, percent-decoded.
struct split_uri {
    std::string base;
    std::string fragment;
};

/// `reference` as seen from `base` (RFC 3986, section 5.2); nothing for what is no URI reference.
std::optional<split_uri> resolve_uri(std::string_view base, std::string_view reference);

}  // namespace reagent
