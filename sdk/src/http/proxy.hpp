#pragma once

#include <reagent/http/client.hpp>

#include <functional>

namespace reagent::http {

struct proxy_address {
    std::string host, port;
    std::string authorization;  // "Basic ..." or ""
};

using environment = std::function<const char*(const char* name)>;

/// The proxy that a request to `to` goes through, by `client_options::proxy` and the environment's variables.
/// Source: curl(1), "ENVIRONMENT"; http_proxy counts in small letters only, because a CGI server's clients can set the
/// other.
/// @throws http_error(bad_url) for an address that is none
std::optional<proxy_address> proxy_for(const url_parts& to, const std::optional<std::string>& given,
                                       const environment& get);

}  // namespace reagent::http
