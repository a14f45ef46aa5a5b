#pragma once

#include "providers/protocol.hpp"

namespace reagent {

/// A language model behind a provider's protocol.
/// @param api_base without a slash at its end
std::shared_ptr<const lm_backend> http_model(std::string name, std::string model, const provider::facts& facts,
                                             language_model_options options);

}  // namespace reagent
