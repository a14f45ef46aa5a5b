#pragma once

#include <reagent/lm/language_model.hpp>

namespace reagent {

/// An answer that is there, as a stream of few pieces.
std::unique_ptr<lm_stream> stream_of(lm_response r);

}  // namespace reagent
