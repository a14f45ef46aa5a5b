#pragma once

#include "choices.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace reagent::fuzz {

/// A request's mark: a number with a check that no mutation forges.
std::string mark_of(std::uint64_t nonce);

/// The first whole mark in the text.
std::optional<std::uint64_t> mark_in(std::string_view text);

/// A mark in the text that is another request's.
bool holds_mark_of_another(std::string_view text, std::uint64_t nonce);

/// What a peer sends for one request.
struct answer {
    std::string bytes;
    std::optional<std::string> body;  ///< where it is valid: what the client must get
    bool keeps = true;                ///< the connection may be used again
    bool needs_eof = false;
    bool redirects = false;
    std::string flood;  ///< then this, until `flood_bytes` are out
    std::size_t flood_bytes = 0;
};

/// A valid answer, in one of many forms. @param head_only to a HEAD request @param may_redirect to the same mark
answer valid_answer(choices& c, std::uint64_t nonce, bool head_only, bool may_redirect);

/// Damages it. Its body is not known afterwards.
void damage(choices& c, answer& a);

}  // namespace reagent::fuzz
