#pragma once

#include "providers/protocol.hpp"

#include <reagent/error.hpp>

namespace reagent {

/// A language model behind a provider's protocol.
/// @param options their api_base is without a slash at its end; its parameters are sent with every request
std::shared_ptr<const lm_backend> http_model(std::string name, std::string model, const provider::facts& facts,
                                             language_model_options options);

/// The error without these keys in what it says and quotes.
lm_error redacted(const lm_error& e, const std::vector<secret>& keys);

}  // namespace reagent
