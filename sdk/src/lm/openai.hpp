#pragma once

#include <reagent/http/client.hpp>
#include <reagent/lm/language_model.hpp>

namespace reagent::openai {

/// The body of `POST /chat/completions`.
/// Source: OpenAI API reference, "Create chat completion".
std::string request_body(std::string_view model, const lm_request& r, const sampling& defaults, bool structured_output);

/// Reads the body of a response with status 200. @throws lm_error(malformed_response), naming what is missing
lm_response read_response(std::string_view body);

/// The error that a response with another status stands for. The provider's message is redacted.
[[noreturn]] void throw_status(const http::response& r, const std::string& attempted, const secret& key);

}  // namespace reagent::openai
