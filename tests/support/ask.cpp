#include "ask.hpp"

namespace reagent::test {

lm_request question(std::string text) {
    lm_request r;
    r.messages = {{role::user, std::move(text)}};
    return r;
}

lm_response ask(const language_model& model, const lm_request& request, http::client_options options,
                std::chrono::milliseconds timeout) {
    lm_response answer;
    with_client(
        [&](http::client& client) -> task<void> {
            lm_context where{client, clock::now() + timeout};
            answer = co_await model.backend()->complete(where, request);
        },
        std::move(options));
    return answer;
}

streamed_answer ask_streaming(const language_model& model, const lm_request& request, http::client_options options,
                              std::chrono::milliseconds timeout) {
    streamed_answer answer;
    with_client(
        [&](http::client& client) -> task<void> {
            lm_context where{client, clock::now() + timeout};
            auto stream = co_await model.backend()->stream(where, request);
            while (auto e = co_await stream->next()) {
                answer.events.push_back(*e);
                if (e->kind == lm_event::end) answer.response = *e->response;
            }
        },
        std::move(options));
    return answer;
}

}  // namespace reagent::test
