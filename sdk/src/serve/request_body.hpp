#pragma once

#include <reagent/schema/schema.hpp>
#include <reagent/serve/http_exchange.hpp>

namespace reagent::detail {

bool has_header(const http_request& r, std::string_view name);

/// What a request that writes says, in JSON; nothing of it in the address. @throws refused
json::value json_body_of(const http_request& r, std::size_t most_depth);

/// "": there is none. @throws refused for what is none
std::string idempotency_key(const http_request& r);

}  // namespace reagent::detail
