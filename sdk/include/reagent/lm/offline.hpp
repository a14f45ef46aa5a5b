#pragma once

#include <reagent/lm/language_model.hpp>

namespace reagent {

/// `offline/demo`: a stand-in for a language model that needs neither key nor network. It follows rules: it reads the
/// messages that it is sent and plans tool calls for arithmetic, for counting, summing, averaging and ranking over the
/// tables that a tool describes, and for look-ups in documents. What it cannot plan, it says. For demonstrations and
/// tests; it knows nothing.
std::shared_ptr<const lm_backend> offline_demo();

}  // namespace reagent
