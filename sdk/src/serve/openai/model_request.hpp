#pragma once

#include "../program_route.hpp"

#include <reagent/schema/schema.hpp>

namespace reagent::detail {

/// Why a request to a model is refused, in OpenAI's shape.
struct model_refusal {
    int status = 400;
    std::string message;
    std::string parameter{};
    std::string code{};
};
http_reply reply_of(const model_refusal& f);
json::object body_of(const model_refusal& f);

/// What was said before, and now.
struct said {
    enum who_t { instructions, user, assistant } who;
    std::string text;
};

/// A request to a model as a program takes it.
struct model_request {
    program_route* program = nullptr;
    std::vector<said> messages{};
    reagent::sampling sampling{};
    bool stream = false, wants_usage = false;
    bool as_json = false;             ///< the outputs as one JSON object, whatever they are
    std::optional<schema> shape{};    ///< that it must fit
    std::vector<std::string> stop{};  ///< texts before which the answer ends
};

/// Source: OpenAI API reference, "Create chat completion". @throws model_refusal
model_request read_chat(const json::value& body, const std::function<program_route*(std::string_view)>& program_named);
/// Source: OpenAI API reference, "Create a model response"; Open Responses specification. @throws model_refusal
model_request read_response(const json::value& body,
                            const std::function<program_route*(std::string_view)>& program_named);

/// The program's inputs. One that is a text takes what was said; any others are a JSON object that the user's message
/// holds.
/// @throws model_refusal
json::object input_of(const model_request& m);

/// The program's answer as a model's text. @throws model_refusal where it does not fit the wanted shape
std::string text_of(const model_request& m, const json::object& outputs);
/// The output that is that text, if it is one and a text; "": there is none.
std::string text_output(const served_program& p);

}  // namespace reagent::detail
