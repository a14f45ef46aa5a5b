#pragma once

#include <reagent/schema/schema.hpp>
#include <reagent/serve/http_exchange.hpp>

#include <exception>

namespace reagent::detail {

/// Thrown by handlers; becomes the answer.
struct refused {
    http_reply reply;
};

/// application/problem+json. @param kind one word: its type is "urn:reagent:problem:KIND". Source: RFC 9457
http_reply problem(int status, std::string_view kind, std::string_view detail);
http_reply problem_of(const std::vector<violation>& violations);
http_reply busy(std::string_view detail, unsigned retry_after_seconds = 1);

/// What a client is told of a run that failed: never what a provider, a model or a tool said.
struct told_failure {
    int status;
    std::string kind, detail;
    unsigned retry_after = 0;  ///< seconds
};
told_failure told(const std::exception_ptr& failure);
http_reply reply_of(const told_failure& f);
/// The error's category and code, as "reagent.lm: rate limited"; no more of it.
std::string code_text(const std::exception_ptr& failure);

std::string to_kind(int status);  ///< of what the connection itself refuses

http_reply json_reply(const json::value& body, int status = 200);

}  // namespace reagent::detail
