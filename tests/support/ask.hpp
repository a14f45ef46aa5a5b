#pragma once

#include <reagent/http/client.hpp>
#include <reagent/lm/language_model.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace reagent::test {

/// Runs a task on an event loop of its own, with an HTTP client; throws what it throws.
template <class F>
void with_client(F work, http::client_options options = {}) {
    boost::asio::io_context context;
    http::client client{context.get_executor(), std::move(options)};
    std::exception_ptr failure;
    boost::asio::co_spawn(context, work(client), [&](std::exception_ptr e) { failure = e; });
    context.run();
    if (failure) std::rethrow_exception(failure);
}

struct streamed_answer {
    lm_response response;
    std::vector<lm_event> events;
};

/// One call, whole or streamed. @param timeout of the call, as a run would have it
lm_response ask(const language_model& model, const lm_request& request, http::client_options options = {},
                std::chrono::milliseconds timeout = std::chrono::seconds{20});
streamed_answer ask_streaming(const language_model& model, const lm_request& request, http::client_options options = {},
                              std::chrono::milliseconds timeout = std::chrono::seconds{20});

/// A request of one user message.
lm_request question(std::string text);

}  // namespace reagent::test
