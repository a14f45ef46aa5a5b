// An OpenAI-compatible server for the benchmarks: answers after a delay, as a model that calls add three times (or as
// often as it is told), finishes, and extracts the answer: five calls a run.
#include "measure.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
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

std::string completion(const std::string& content) {
    return json::serialize(json::object{
        {"id", "c"},
        {"model", "load"},
        {"choices", json::array{json::object{{"index", 0},
                                             {"message", json::object{{"role", "assistant"}, {"content", content}}},
                                             {"finish_reason", "stop"}}}},
        {"usage", json::object{{"prompt_tokens", 400}, {"completion_tokens", 40}}}});
}

// How far a run is can be read off its request: by the steps it shows.
const std::string& answer_to(const std::string& body, const std::string& last) {
    static const std::string
        call = completion(
            "[[ ## next_thought ## ]]\nI add the numbers.\n\n[[ ## next_tool_name ## ]]\nadd\n\n[[ ## next_tool_args "
            "## ]]\n{\"a\": 1, \"b\": 1}\n\n[[ ## completed ## ]]"),
        finish = completion(
            "[[ ## next_thought ## ]]\nI am done.\n\n[[ ## next_tool_name ## ]]\nfinish\n\n[[ ## next_tool_args ## "
            "]]\n{}\n\n[[ ## completed ## ]]"),
        extract = completion("[[ ## reasoning ## ]]\nI added them.\n\n[[ ## answer ## ]]\n2\n\n[[ ## completed ## ]]");
    if (body.find("[[ ## next_tool_name ## ]]") == body.npos) return extract;
    return body.find(last) == body.npos ? call : finish;
}

asio::awaitable<void> serve(tcp::socket socket, std::chrono::milliseconds delay, std::string last) {
    boost::beast::flat_buffer buffer;
    socket.set_option(tcp::no_delay{true});
    asio::steady_timer timer{socket.get_executor()};
    for (;;) {
        http::request<http::string_body> request;
        boost::system::error_code ec;
        co_await http::async_read(socket, buffer, request, asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
        if (delay.count() > 0) {
            timer.expires_after(delay);
            co_await timer.async_wait(asio::use_awaitable);
        }
        http::response<http::string_body> response{http::status::ok, 11, answer_to(request.body(), last)};
        response.set(http::field::content_type, "application/json");
        response.prepare_payload();
        co_await http::async_write(socket, response, asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
    }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, std::chrono::milliseconds delay, std::string last) {
    for (;;)
        asio::co_spawn(acceptor.get_executor(), serve(co_await acceptor.async_accept(asio::use_awaitable), delay, last),
                       asio::detached);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: completion_server DELAY_MS [PORT [STEPS]]\nPrints the port it listens on.\n";
        return 2;
    }
    allow_many_files();
    asio::io_context context{1};
    unsigned short port = argc > 2 ? static_cast<unsigned short>(std::atoi(argv[2])) : 0;
    tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), port}};
    acceptor.listen(4096);
    std::cout << acceptor.local_endpoint().port() << std::endl;
    const int steps = argc > 3 ? std::atoi(argv[3]) : 3;
    const std::string last = "observation_" + std::to_string(steps - 1) + " ## ]]";
    asio::co_spawn(context, accept(acceptor, std::chrono::milliseconds{std::atoi(argv[1])}, last), asio::detached);
    context.run();
}
