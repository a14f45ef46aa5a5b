#pragma once

#include <reagent/run/journal.hpp>

namespace reagent::detail {

/// Requests are compared by what the model would have seen.
bool same_request(const lm_request& a, const lm_request& b);

/// Where two requests differ first, with what stands there.
std::string difference(const lm_request& recorded, const lm_request& now);

std::string place_text(std::string_view branch, std::string_view path, std::uint32_t occurrence);
std::string event_text(const event& e);

/// @throws run_error(replay_mismatch): the program asks for something that the journal does not have there
[[noreturn]] void mismatch(const event& asked, const std::string& how);

}  // namespace reagent::detail
