#pragma once

#include <reagent/journal/journal.hpp>

namespace reagent::detail {

class secret_search;

/// Where two requests differ first, with what stands there, without secrets.
std::string difference(const lm_request& recorded, const lm_request& now, const secret_search& secrets);

std::string place_text(std::string_view branch, std::string_view path, std::uint32_t occurrence);
std::string event_text(const event& e);

/// @throws run_error(replay_mismatch): the program asks for something that the journal does not have there
[[noreturn]] void mismatch(const event& asked, const std::string& how);

}  // namespace reagent::detail
