#include "loopback_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <mutex>
#include <set>
#include <thread>

namespace reagent::test {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

struct loopback_server::impl {
    impl(handler h, const tls* t, unsigned short port)
        : handle{std::move(h)}, acceptor{context, {asio::ip::address_v4::loopback(), port}} {
        if (t) {
            ssl.emplace(asio::ssl::context::tls_server);
            ssl->use_certificate_chain(asio::buffer(t->certificate_pem));
            ssl->use_private_key(asio::buffer(t->key_pem), asio::ssl::context::pem);
        }
        asio::co_spawn(context, accept(), asio::detached);
        thread = std::thread{[this] { context.run(); }};
    }
    ~impl() {
        asio::post(context, [this] {
            boost::system::error_code ec;
            acceptor.close(ec);
            close_all();
        });
        asio::post(context, [this] { context.stop(); });
        thread.join();
    }

    void close_all() {
        boost::system::error_code ec;
        for (auto* s : open) s->shutdown(tcp::socket::shutdown_both, ec), s->close(ec);
    }

    asio::awaitable<void> accept() {
        for (;;) {
            tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
            asio::co_spawn(context, serve(std::move(socket), connections++), asio::detached);
        }
    }

    asio::awaitable<void> serve(tcp::socket socket, int number) {
        open.insert(&socket);
        ++open_count;
        struct leave {
            impl& i;
            tcp::socket* s;
            ~leave() {
                i.open.erase(s);
                --i.open_count;
            }
        } left{*this, &socket};
        if (ssl) {
            asio::ssl::stream<tcp::socket&> stream{socket, *ssl};
            boost::system::error_code ec;
            co_await stream.async_handshake(asio::ssl::stream_base::server,
                                            asio::redirect_error(asio::use_awaitable, ec));
            if (!ec) co_await exchange(stream, number);
        } else
            co_await exchange(socket, number);
    }

    // Closing with unsent data forgotten sends RST.
    template <class Stream>
    void reset(Stream& stream) {
        boost::system::error_code ec;
        stream.lowest_layer().set_option(asio::socket_base::linger{true, 0}, ec);
        stream.lowest_layer().close(ec);
    }

    // False when the connection is not to be used again.
    template <class Stream>
    asio::awaitable<bool> send_pieces(Stream& stream, const server_response& answer) {
        boost::system::error_code ec;
        bool chunked = answer.raw.empty();
        std::string head = answer.raw;
        if (chunked) {
            head = "HTTP/1.1 " + std::to_string(answer.status) + " x\r\nContent-Type: " + answer.content_type +
                   "\r\nTransfer-Encoding: chunked\r\n";
            for (const auto& [name, value] : answer.headers) head += name + ": " + value + "\r\n";
            head += "\r\n";
        }
        co_await asio::async_write(stream, asio::buffer(head), asio::redirect_error(asio::use_awaitable, ec));
        asio::steady_timer timer{context};
        for (const auto& piece : answer.pieces) {
            if (answer.piece_delay.count() > 0) {
                timer.expires_after(answer.piece_delay);
                co_await timer.async_wait(asio::use_awaitable);
            }
            char size[32];
            std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
            std::string out = chunked ? size + piece + "\r\n" : piece;
            co_await asio::async_write(stream, asio::buffer(out), asio::redirect_error(asio::use_awaitable, ec));
            if (ec) co_return false;
            ++pieces;
        }
        if (answer.reset) {
            reset(stream);
            co_return false;
        }
        if (answer.hold) {
            char byte;
            co_await stream.async_read_some(asio::buffer(&byte, 1), asio::redirect_error(asio::use_awaitable, ec));
            co_return false;
        }
        if (!chunked || answer.drop || answer.close) co_return false;
        std::string end = "0\r\n\r\n";
        co_await asio::async_write(stream, asio::buffer(end), asio::redirect_error(asio::use_awaitable, ec));
        co_return !ec;
    }

    template <class Stream>
    asio::awaitable<void> exchange(Stream& stream, int number) {
        boost::beast::flat_buffer buffer;
        for (;;) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(64 * 1024 * 1024);
            boost::system::error_code ec;
            co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, ec));
            if (ec) co_return;
            ++requests;
            auto& r = parser.get();
            server_request request{std::string{r.method_string()},
                                   std::string{r.target()},
                                   r.body(),
                                   std::string{r[http::field::authorization]},
                                   {},
                                   number};
            for (const auto& f : r) request.headers.emplace_back(f.name_string(), f.value());
            server_response answer = handle(request);
            if (answer.delay.count() > 0) {
                asio::steady_timer timer{context, answer.delay};
                co_await timer.async_wait(asio::use_awaitable);
            }
            if (answer.drop && answer.pieces.empty()) co_return;
            if (answer.reset && answer.pieces.empty()) co_return reset(stream);
            if (!answer.pieces.empty()) {
                if (!co_await send_pieces(stream, answer)) co_return;
                continue;
            }
            if (!answer.raw.empty()) {
                co_await asio::async_write(stream, asio::buffer(answer.raw),
                                           asio::redirect_error(asio::use_awaitable, ec));
                co_return;
            }
            http::response<http::string_body> response{static_cast<http::status>(answer.status), 11, answer.body};
            response.set(http::field::content_type, answer.content_type);
            for (const auto& [name, value] : answer.headers) response.set(name, value);
            response.keep_alive(!answer.close);
            response.prepare_payload();
            co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, ec));
            if (ec || answer.close) co_return;
        }
    }

    std::atomic<int> open_count = 0;
    std::set<tcp::socket*> open;  // outlives the coroutines, which the context destroys
    asio::io_context context;
    handler handle;
    std::optional<asio::ssl::context> ssl;
    tcp::acceptor acceptor;
    std::atomic<int> connections = 0, requests = 0, pieces = 0;
    std::thread thread;
};

loopback_server::loopback_server(handler h, const tls* t, unsigned short port)
    : impl_{std::make_unique<impl>(std::move(h), t, port)} {}
loopback_server::~loopback_server() = default;
unsigned short loopback_server::port() const { return impl_->acceptor.local_endpoint().port(); }
int loopback_server::connections() const { return impl_->connections; }
int loopback_server::requests() const { return impl_->requests; }
int loopback_server::pieces() const { return impl_->pieces; }
int loopback_server::open() const { return impl_->open_count; }
std::string loopback_server::url(const std::string& target) const {
    return std::string{impl_->ssl ? "https" : "http"} + "://127.0.0.1:" + std::to_string(port()) + target;
}
void loopback_server::close_idle() {
    std::atomic<bool> done = false;
    asio::post(impl_->context, [&] {
        impl_->close_all();
        done = true;
    });
    while (!done) std::this_thread::yield();
}

}  // namespace reagent::test
