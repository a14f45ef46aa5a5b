// Requests per second of a server with a program on a scripted model, beside raw Beast that answers a constant of the
// same size:
//    serve program | serve raw       prints the port it listens on
//    serve load PORT REQUESTS CONNECTIONS
#include "measure.hpp"

#include <reagent/reagent.hpp>
#include <reagent/serve/server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <iostream>

namespace rg = reagent;
namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

namespace {

const std::string constant = R"({"team": "billing"})";
using router = rg::predict<rg::sig<"message -> team: Literal['logistics', 'billing']">>;

int program() {
    rg::scripted lm{[](const rg::lm_request&) { return rg::scripted_answer{{{"team", "billing"}}}; }};
    rg::runtime runtime;
    router classify;
    rg::server server{runtime, {.port = 0}};
    server.add("/classify", classify, {.run = lm});
    std::cout << server.port() << std::endl;
    server.run();
    return 0;
}

asio::awaitable<void> answer(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    socket.set_option(tcp::no_delay{true});
    for (boost::system::error_code ec;;) {
        http::request<http::string_body> request;
        co_await http::async_read(socket, buffer, request, asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
        http::response<http::string_body> response{http::status::ok, 11, constant};
        response.set(http::field::content_type, "application/json");
        response.prepare_payload();
        co_await http::async_write(socket, response, asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
    }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor) {
    for (;;)
        asio::co_spawn(acceptor.get_executor(), answer(co_await acceptor.async_accept(asio::use_awaitable)),
                       asio::detached);
}

int raw() {
    asio::io_context context{1};
    tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
    std::cout << acceptor.local_endpoint().port() << std::endl;
    asio::co_spawn(context, accept(acceptor), asio::detached);
    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](auto, int) { context.stop(); });
    context.run();
    return 0;
}

struct measured {
    unsigned short port = 0;
    std::size_t left = 0, failed = 0;
    std::vector<double> milliseconds{};
};

asio::awaitable<void> client(measured& m) {
    tcp::socket socket{co_await asio::this_coro::executor};
    co_await socket.async_connect({asio::ip::address_v4::loopback(), m.port}, asio::use_awaitable);
    socket.set_option(tcp::no_delay{true});
    boost::beast::flat_buffer buffer;
    const std::string body = R"({"message": "Where is my invoice?"})";
    const std::string request =
        "POST /classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    while (m.left > 0) {
        --m.left;
        auto begin = std::chrono::steady_clock::now();
        co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
        http::response<http::string_body> response;
        co_await http::async_read(socket, buffer, response, asio::use_awaitable);
        m.failed += response.body() != constant;
        m.milliseconds.push_back(
            std::chrono::duration<double, std::milli>{std::chrono::steady_clock::now() - begin}.count());
    }
}

int load(unsigned short port, std::size_t requests, std::size_t connections) {
    measured m{port, requests};
    m.milliseconds.reserve(requests);
    asio::io_context context{1};
    auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < connections; ++i) asio::co_spawn(context, client(m), asio::detached);
    context.run();
    const double seconds = std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
    std::sort(m.milliseconds.begin(), m.milliseconds.end());
    auto at = [&](double share) {
        return m.milliseconds.at(static_cast<std::size_t>(share * static_cast<double>(m.milliseconds.size() - 1)));
    };
    std::cout << "requests=" << m.milliseconds.size() << " failed=" << m.failed
              << " per_second=" << static_cast<double>(m.milliseconds.size()) / seconds << " p50_ms=" << at(0.5)
              << " p99_ms=" << at(0.99) << "\n";
    return m.failed || m.milliseconds.size() != requests;
}

}  // namespace

int main(int argc, char** argv) {
    allow_many_files();
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "program") return program();
    if (what == "raw") return raw();
    if (what == "load" && argc > 4)
        return load(static_cast<unsigned short>(std::atoi(argv[2])), std::strtoul(argv[3], nullptr, 10),
                    std::strtoul(argv[4], nullptr, 10));
    std::cerr << "usage: serve program | raw | load PORT REQUESTS CONNECTIONS\n";
    return 2;
}
