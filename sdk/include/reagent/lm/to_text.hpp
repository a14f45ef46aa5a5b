#pragma once

#include <reagent/lm/language_model.hpp>

namespace reagent {

/// What was asked and answered as a person reads it: messages under their roles, with calls and results of tools.
std::string to_text(const lm_request& request);
std::string to_text(const lm_response& response);

}  // namespace reagent
