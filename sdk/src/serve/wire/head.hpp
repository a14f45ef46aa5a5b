#pragma once

#include <reagent/serve/http_exchange.hpp>

namespace reagent::detail {

/// The header of an answer.
std::string response_head(const http_reply& reply, std::string_view id, unsigned version, bool keep);
std::string_view reason_of(int status);
bool same_word(std::string_view a, std::string_view b);  ///< in any case

}  // namespace reagent::detail
