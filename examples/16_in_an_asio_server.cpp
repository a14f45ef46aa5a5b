// 16. A program in a Boost.Asio server: each connection's coroutine awaits runs with `async_run`, on the server's own
// executor, beside everything else that the server does. Without an argument a client of its own asks two questions;
// with a port it serves until Ctrl-C:
//    16_in_an_asio_server 4242     then: nc 127.0.0.1 4242
#include <reagent/reagent.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <cstdlib>
#include <iostream>

namespace rg = reagent;
namespace asio = boost::asio;
using asio::ip::tcp;

using qa = rg::predict<rg::sig<"question -> answer">>;

asio::awaitable<std::string> read_line(tcp::socket& socket) {
    std::string line;
    line.resize(co_await asio::async_read_until(socket, asio::dynamic_buffer(line, 4096), '\n', asio::use_awaitable));
    line.pop_back();
    co_return line;
}

asio::awaitable<void> converse(tcp::socket socket, rg::runtime& runtime, const qa& program,
                               rg::run_options options) try {
    for (;;) {
        std::string question = co_await read_line(socket), reply;
        try {
            auto p = co_await runtime.async_run(options, program, question, asio::use_awaitable);
            reply = p.get<"answer">() + "\n";
        } catch (const rg::error& e) {
            reply = std::string{"error: "} + e.what() + "\n";
        }
        co_await asio::async_write(socket, asio::buffer(reply), asio::use_awaitable);
    }
} catch (const boost::system::system_error&) {  // the client has gone
}

asio::awaitable<void> serve(tcp::acceptor& acceptor, rg::runtime& runtime, const qa& program, rg::run_options options) {
    for (;;) {
        auto socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), converse(std::move(socket), runtime, program, options), asio::detached);
    }
}

asio::awaitable<void> ask_twice(tcp::endpoint server, asio::io_context& context) {
    tcp::socket socket{context};
    co_await socket.async_connect(server, asio::use_awaitable);
    for (std::string question : {"Which lighthouse is the oldest?\n", "And the tallest?\n"}) {
        co_await asio::async_write(socket, asio::buffer(question), asio::use_awaitable);
        std::cout << co_await read_line(socket) << std::endl;
    }
    context.stop();
}

int main(int argc, char** argv) {
    rg::scripted stand_in{{{"answer", "Vardholm, of 1896."}}, {{"answer", "Skerry Point, with 48 metres."}}};
    const char* name = std::getenv("REAGENT_LM");

    asio::io_context context;  // before the runtime: its end ends the runs, whose handlers the context calls
    rg::runtime runtime;
    qa program;
    rg::run_options options{name ? rg::language_model{name} : stand_in};
    options.deadline = std::chrono::seconds{30};

    auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 0);
    tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), port}};
    asio::co_spawn(context, serve(acceptor, runtime, program, options), asio::detached);
    if (argc < 2) asio::co_spawn(context, ask_twice(acceptor.local_endpoint(), context), asio::detached);
    asio::signal_set ended{context, SIGINT, SIGTERM};
    ended.async_wait([&](auto, int) { context.stop(); });
    context.run();
}
