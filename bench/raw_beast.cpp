// The same POSTs as react_load, with Beast and Boost.JSON alone: what a model call costs when nothing is done with it.
#include "measure.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include <cstdlib>
#include <iostream>

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using tcp = asio::ip::tcp;

namespace {

struct shared {
    unsigned short port = 0;
    unsigned long next = 0, runs = 0, calls = 0, failed = 0;
    unsigned long calls_per_run = 0;
};

// Requests of about the size that the agent's have: a system message, and a user message that grows with the steps.
std::string body_of(unsigned long call) {
    std::string user = "[[ ## question ## ]]\nWhat is 1 plus 1?";
    for (unsigned long i = 0; i < call; ++i) {
        std::string n = std::to_string(i);
        user += "\n\n[[ ## thought_" + n + " ## ]]\nI add the numbers.\n\n[[ ## tool_name_" + n + " ## ]]\nadd\n\n[[ ## tool_args_" + n +
                " ## ]]\n{\"a\": 1, \"b\": 1}\n\n[[ ## observation_" + n + " ## ]]\n2";
    }
    user +=
        "\n\nWrite the fields `[[ ## next_thought ## ]]`, `[[ ## next_tool_name ## ]]`, `[[ ## next_tool_args ## ]]`, then `[[ ## "
        "completed ## ]]`.";
    static const std::string system(1250, 's');
    return json::serialize(json::object{{"model", "load"},
                                        {"messages", json::array{json::object{{"role", "system"}, {"content", system}},
                                                                 json::object{{"role", "user"}, {"content", user}}}}});
}

asio::awaitable<void> worker(shared& s) {
    tcp::socket socket{co_await asio::this_coro::executor};
    co_await socket.async_connect({asio::ip::address_v4::loopback(), s.port}, asio::use_awaitable);
    socket.set_option(tcp::no_delay{true});
    boost::beast::flat_buffer buffer;
    while (s.next < s.runs) {
        ++s.next;
        for (unsigned long call = 0; call < s.calls_per_run; ++call) {
            http::request<http::string_body> request{http::verb::post, "/v1/chat/completions", 11};
            request.set(http::field::host, "127.0.0.1");
            request.set(http::field::content_type, "application/json");
            request.body() = body_of(call);
            request.prepare_payload();
            co_await http::async_write(socket, request, asio::use_awaitable);
            http::response<http::string_body> response;
            co_await http::async_read(socket, buffer, response, asio::use_awaitable);
            json::value answer = json::parse(response.body());
            if (!answer.at("choices").as_array().at(0).at("message").at("content").is_string()) ++s.failed;
            ++s.calls;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::cerr << "usage: raw_beast PORT RUNS CONCURRENCY [CALLS_PER_RUN]\n";
        return 2;
    }
    allow_many_files();
    use_one_arena();
    shared s;
    s.port = static_cast<unsigned short>(std::strtoul(argv[1], nullptr, 10));
    s.runs = std::strtoul(argv[2], nullptr, 10);
    s.calls_per_run = argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 5;
    unsigned long concurrency = std::min(s.runs, std::max(1ul, std::strtoul(argv[3], nullptr, 10)));
    asio::io_context context{1};
    std::exception_ptr failure;
    stopwatch watch;
    for (unsigned long i = 0; i < concurrency; ++i)
        asio::co_spawn(context, worker(s), [&](std::exception_ptr e) {
            if (e) failure = e;
        });
    context.run();
    try {
        if (failure) std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        std::cerr << "raw_beast: " << e.what() << "\n";
        return 1;
    }
    watch.report("raw_beast", s.runs, s.calls, s.failed);
    return s.failed ? 1 : 0;
}
