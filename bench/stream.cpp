// CPU time per chunk of a stream: read by Reagent (transport, events, provider, answer put together) beside Beast and
// Boost.JSON alone, which read the same bytes, find the lines and add up the text.
#include <reagent/http/client.hpp>
#include <reagent/lm/language_model.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
namespace rg = reagent;
using tcp = asio::ip::tcp;

namespace {

// One response: as OpenAI's chunks are, a few letters each, several to a packet.
std::string response_of(std::size_t chunks, std::size_t in_a_packet) {
    std::string out = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
                packet;
    auto send = [&] {
        char size[32];
        std::snprintf(size, sizeof size, "%zx\r\n", packet.size());
        out += size + packet + "\r\n";
        packet.clear();
    };
    for (std::size_t i = 0; i < chunks; ++i) {
        packet +=
            R"(data: {"id":"chatcmpl-BzX0Kc2","object":"chat.completion.chunk","created":1740000000,"model":"gpt-4o-mini",)"
            R"("service_tier":"default","system_fingerprint":"fp_34a5","choices":[{"index":0,"delta":{"content":" word"},)"
            R"("logprobs":null,"finish_reason":null}]})"
            "\n\n";
        if ((i + 1) % in_a_packet == 0) send();
    }
    packet += "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    send();
    return out + "0\r\n\r\n";
}

asio::awaitable<void> serve(tcp::socket socket, const std::string& response) {
    boost::beast::flat_buffer buffer;
    socket.set_option(tcp::no_delay{true});
    for (;;) {
        http::request<http::string_body> request;
        boost::system::error_code ec;
        co_await http::async_read(socket, buffer, request, asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
        co_await asio::async_write(socket, asio::buffer(response), asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
    }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, const std::string& response) {
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), response), asio::detached);
    }
}

asio::awaitable<std::size_t> raw(tcp::socket& socket, boost::beast::flat_buffer& buffer) {
    http::request<http::string_body> request{http::verb::post, "/v1/chat/completions", 11};
    request.set(http::field::host, "127.0.0.1");
    request.body() = "{}";
    request.prepare_payload();
    co_await http::async_write(socket, request, asio::use_awaitable);
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    co_await http::async_read_header(socket, buffer, parser, asio::use_awaitable);
    char piece[16384];
    std::string rest, text;
    while (!parser.is_done()) {
        parser.get().body().data = piece;
        parser.get().body().size = sizeof piece;
        boost::system::error_code ec;
        co_await http::async_read_some(socket, buffer, parser, asio::redirect_error(asio::use_awaitable, ec));
        if (ec && ec != http::error::need_buffer) throw boost::system::system_error{ec};
        rest.append(piece, sizeof piece - parser.get().body().size);
        std::size_t at = 0;
        for (std::size_t end; (end = rest.find('\n', at)) != rest.npos; at = end + 1) {
            std::string_view line{rest.data() + at, end - at};
            if (!line.starts_with("data: {")) continue;
            line.remove_prefix(6);
            json::value v = json::parse({line.data(), line.size()});
            auto* content = v.at("choices").at(0).at("delta").as_object().if_contains("content");
            if (content) text += content->as_string();
        }
        rest.erase(0, at);
    }
    co_return text.size();
}

rg::task<std::size_t> ours(rg::http::client& client, const rg::language_model& model, const rg::lm_request& request) {
    rg::lm_context where{client};
    auto stream = co_await model.backend()->stream(where, request);
    std::size_t size = 0, pieces = 0;
    while (auto e = co_await stream->next()) {
        if (e->kind == rg::lm_event::text) pieces += e->text_piece.size();
        if (e->kind == rg::lm_event::end) size = e->response->text.size();
    }
    co_return size == pieces ? size : 0;
}

double thread_cpu() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t chunks = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 2000;
    std::size_t rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 50;
    std::size_t in_a_packet = argc > 3 ? std::max(1ul, std::strtoul(argv[3], nullptr, 10)) : 4;
    if (argc > 4 || chunks == 0 || rounds == 0) {
        std::cerr << "usage: stream [CHUNKS [ROUNDS [CHUNKS_IN_A_PACKET]]]\n"
                     "Streams CHUNKS chunks ROUNDS times over loopback, by turns with Beast and Boost.JSON alone and "
                     "with Reagent.\n";
        return 2;
    }
    std::string response = response_of(chunks, in_a_packet);
    asio::io_context server_context;
    tcp::acceptor acceptor{server_context, {asio::ip::address_v4::loopback(), 0}};
    asio::co_spawn(server_context, accept(acceptor, response), asio::detached);
    std::thread server{[&] { server_context.run(); }};
    auto port = acceptor.local_endpoint().port();

    double raw_seconds = 0, our_seconds = 0;
    bool right = true;
    asio::io_context context;
    {
        tcp::socket socket{context};
        socket.connect({asio::ip::address_v4::loopback(), port});
        boost::beast::flat_buffer buffer;
        rg::http::client client{context.get_executor(), {.max_response_bytes = 1ul << 30}};
        rg::language_model model{"openai/load", {.api_base = "http://127.0.0.1:" + std::to_string(port) + "/v1"}};
        rg::lm_request request;
        request.messages = {{rg::role::user, "hi"}};
        auto measure = [&](auto task, double& seconds) {
            double began = thread_cpu();
            asio::co_spawn(context, std::move(task),
                           [&](std::exception_ptr e, std::size_t size) { right = right && !e && size == chunks * 5; });
            context.run();
            context.restart();
            seconds += thread_cpu() - began;
        };
        for (std::size_t i = 0; i < rounds + 2; ++i) {
            if (i == 2) raw_seconds = our_seconds = 0;  // the first are for warming up
            measure(raw(socket, buffer), raw_seconds);
            measure(ours(client, model, request), our_seconds);
        }
    }
    server_context.stop();
    server.join();
    double n = static_cast<double>(chunks * rounds) / 1e6;
    std::printf("stream chunks=%zu in_a_packet=%zu raw_us_per_chunk=%.3f reagent_us_per_chunk=%.3f ratio=%.2f%s\n",
                chunks, in_a_packet, raw_seconds / n, our_seconds / n, our_seconds / raw_seconds,
                right ? "" : " WRONG ANSWERS");
    return right ? 0 : 1;
}
