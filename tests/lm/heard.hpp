#pragma once

#include "support/ask.hpp"
#include "support/loopback_server.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/language_model.hpp>

namespace reagent::test {

/// What a model hears of an answer: its parts, or the error.
struct got {
    lm_response answer{};
    std::string pieces{}, reasoning{}, error{};
    error_code code{};
};

inline language_model model_at(const std::string& provider, const loopback_server& server,
                               language_model_options options = {}) {
    options.api_base = server.url(provider == "openai" || provider == "openai-responses" ? "/v1" : "");
    options.api_key = secret{"key-0123456789"};
    return language_model{provider + "/m", options};
}

inline got heard(const language_model& model, bool streamed) {
    got g;
    try {
        if (streamed) {
            auto all = ask_streaming(model, question("x"));
            g.answer = all.response;
            for (const auto& e : all.events) {
                if (e.kind == lm_event::text) g.pieces += e.text_piece;
                if (e.kind == lm_event::reasoning) g.reasoning += e.text_piece;
            }
        } else {
            g.answer = ask(model, question("x"));
            g.reasoning = g.answer.reasoning;
        }
    } catch (const error& e) {
        g.error = e.what();
        g.code = e.code();
    }
    return g;
}

/// A body that is no stream is read the same way where a stream was asked for.
inline got heard(const std::string& provider, const std::string& body, bool streamed = false,
                 language_model_options options = {}) {
    loopback_server server{[&](const server_request&) { return server_response{.body = body}; }};
    return heard(model_at(provider, server, options), streamed);
}

}  // namespace reagent::test
