#pragma once

#include <reagent/lm/language_model.hpp>

namespace reagent {

/// `offline/demo`: a stand-in for a language model that needs neither key nor network. It follows rules: it reads the
/// messages that it is sent and plans tool calls for arithmetic, for questions about the tables that a tool describes,
/// and for look-ups in documents. A question is answered only when each of its words is accounted for; a thought says
/// in words what is computed; anything else is declined, with the part that was not understood and two questions that
/// it can answer. For demonstrations and tests; it knows nothing. Stateless; thread-safe. In a program that links
/// `reagent::offline` it is known by its name, as any model.
std::shared_ptr<const lm_backend> offline_demo();

}  // namespace reagent
