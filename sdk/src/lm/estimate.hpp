#pragma once

#include <reagent/lm/language_model.hpp>

namespace reagent {

/// The bytes of what a request says, without its images.
std::uint64_t bytes_of(const lm_request& r);
std::size_t images_of(const lm_request& r);

/// What a call used that its server did not count: one token for three bytes, which is rather too many, so that a
/// budget is kept; marked in `usage::estimated_tokens`.
/// @param u what the server told: of a prompt and a completion the one that it told nothing of is estimated
void estimate_missing(usage& u, std::uint64_t prompt_bytes, std::size_t images, const lm_response& r);
/// The same of texts that were embedded.
void estimate_missing(usage& u, const std::vector<std::string>& embedded);

}  // namespace reagent
