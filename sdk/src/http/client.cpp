#include <reagent/http/client.hpp>

#include <reagent/deadline.hpp>
#include <reagent/error.hpp>

#include "../text.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

namespace reagent::http {
namespace {

namespace beast_http = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::system_error;

// A connection, plain or TLS, with what was read beyond the last response.
struct connection {
    explicit connection(const asio::any_io_executor& executor) : socket{executor} {}

    tcp::socket socket;
    std::optional<asio::ssl::stream<tcp::socket&>> tls;
    boost::beast::flat_buffer buffer;
    clock::time_point idle_since{};

    // A server that closed an idle connection has sent EOF (or a TLS alert), so there is something to read.
    bool usable() {
        char byte;
        auto n = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
};

// Which errors of the transport mean that the peer simply closed.
bool is_close(const error_code& ec) {
    return ec == beast_http::error::end_of_stream || ec == asio::error::eof || ec == asio::error::connection_reset ||
           ec == asio::error::broken_pipe || ec == asio::ssl::error::stream_truncated;
}

http_errc classify(const error_code& ec) {
    if (ec == beast_http::error::body_limit) return http_errc::body_too_large;
    if (ec == beast_http::error::header_limit || ec == beast_http::error::buffer_overflow) return http_errc::headers_too_large;
    if (is_close(ec) || ec == beast_http::error::partial_message) return http_errc::connection_closed;
    if (ec.category() == asio::error::get_ssl_category()) return http_errc::tls_failed;
    return http_errc::malformed_response;
}

}  // namespace

std::string_view response::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (key == name) return value;
    return {};
}

struct client::impl {
    impl(asio::any_io_executor e, client_options o) : executor{std::move(e)}, options{std::move(o)} {}

    asio::ssl::context& tls_context() {
        if (tls) return *tls;
        tls.emplace(asio::ssl::context::tls_client);
        tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
        error_code ec;
        if (options.ca_file.empty())
            tls->set_default_verify_paths(ec);
        else
            tls->load_verify_file(options.ca_file, ec);
        if (ec) {
            tls.reset();
            throw http_error{http_errc::tls_failed, "the certificates in \"" + options.ca_file + "\" cannot be read: " + ec.message()};
        }
        tls->set_verify_mode(options.verify_tls ? asio::ssl::verify_peer : asio::ssl::verify_none);
        return *tls;
    }

    std::unique_ptr<connection> take_idle(const std::string& key) {
        auto found = idle.find(key);
        if (found == idle.end()) return nullptr;
        auto& list = found->second;
        auto now = clock::now();
        while (!list.empty()) {
            auto c = std::move(list.back());
            list.pop_back();
            --idle_count;
            if (now - c->idle_since < options.idle_timeout && c->usable()) return c;
        }
        return nullptr;
    }

    void give_back(const std::string& key, std::unique_ptr<connection> c) {
        if (idle_count >= options.max_idle_connections) return;
        c->idle_since = clock::now();
        idle[key].push_back(std::move(c));
        ++idle_count;
    }

    task<std::unique_ptr<connection>> connect(const url_parts& url, const std::string& what) {
        auto c = std::make_unique<connection>(executor);
        error_code ec;
        auto address = asio::ip::make_address(url.host, ec);
        auto port = static_cast<unsigned short>(std::stoul(url.port));
        if (url.host == "localhost") {  // this machine, whatever the resolver says (RFC 6761, section 6.3)
            std::vector<tcp::endpoint> both;
            both.emplace_back(asio::ip::address_v4::loopback(), port);
            both.emplace_back(asio::ip::address_v6::loopback(), port);
            co_await asio::async_connect(c->socket, both, asio::redirect_error(asio::use_awaitable, ec));
        } else if (!ec) {
            co_await c->socket.async_connect({address, port}, asio::redirect_error(asio::use_awaitable, ec));
        } else {
            tcp::resolver resolver{executor};
            auto found = co_await resolver.async_resolve(url.host, url.port, asio::redirect_error(asio::use_awaitable, ec));
            if (ec == asio::error::operation_aborted) throw system_error{ec};
            if (ec)
                throw http_error{
                    http_errc::resolve_failed,
                    "the host name \"" + url.host + "\" cannot be resolved: " + ec.message() + "; check the name and the network",
                    {.attempted = what}};
            co_await asio::async_connect(c->socket, found, asio::redirect_error(asio::use_awaitable, ec));
        }
        if (ec == asio::error::operation_aborted) throw system_error{ec};
        if (ec)
            throw http_error{http_errc::connect_failed,
                             "no connection to " + url.host + ":" + url.port + ": " + ec.message() + "; is the server running?",
                             {.attempted = what}};
        c->socket.set_option(tcp::no_delay{true}, ec);
        if (url.tls) co_await handshake(*c, url, what);
        co_return c;
    }

    task<void> handshake(connection& c, const url_parts& url, const std::string& what) {
        c.tls.emplace(c.socket, tls_context());
        error_code ec;
        asio::ip::make_address(url.host, ec);
        if (ec && !SSL_set_tlsext_host_name(c.tls->native_handle(), url.host.c_str()))
            throw http_error{http_errc::tls_failed, "the host name \"" + url.host + "\" cannot be sent to the server", {.attempted = what}};
        if (options.verify_tls) c.tls->set_verify_callback(asio::ssl::host_name_verification{url.host});
        co_await c.tls->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, ec));
        if (ec == asio::error::operation_aborted) throw system_error{ec};
        if (ec) throw http_error{http_errc::tls_failed, "TLS with " + url.host + " failed: " + ec.message(), {.attempted = what}};
    }

    using wire_request = beast_http::request<beast_http::string_body>;

    template <class Stream>
    task<response> exchange_on(Stream& stream, connection& c, const wire_request& wire, bool& answered, bool& keep,
                               const std::string& what) {
        error_code ec;
        co_await beast_http::async_write(stream, wire, asio::redirect_error(asio::use_awaitable, ec));
        if (ec == asio::error::operation_aborted) throw system_error{ec};
        // A server that refuses early answers before it has read everything: read even when writing failed.
        error_code write_error = ec;
        beast_http::response_parser<beast_http::string_body> parser;
        parser.body_limit(options.max_response_bytes);
        parser.header_limit(static_cast<std::uint32_t>(options.max_header_bytes));
        if (wire.method() == beast_http::verb::head) parser.skip(true);
        co_await beast_http::async_read(stream, c.buffer, parser, asio::redirect_error(asio::use_awaitable, ec));
        if (ec == asio::error::operation_aborted) throw system_error{ec};
        answered = parser.got_some() || c.buffer.size() > 0;
        // TLS servers that drop the connection without a goodbye still may have sent a whole response.
        if (ec && !(parser.is_done() && is_close(ec))) {
            if (write_error) ec = write_error;
            throw http_error{classify(ec), "no usable response from " + what + ": " + ec.message(), {.attempted = what}};
        }
        keep = !ec && !write_error && parser.get().keep_alive();
        auto message = parser.release();
        response r;
        r.status = static_cast<int>(message.result_int());
        for (const auto& f : message) r.headers.emplace_back(to_lower(f.name_string()), f.value());
        r.body = std::move(message.body());
        co_return r;
    }

    task<response> send(request r) {
        if (!last_parts || r.url != last_url) {  // most clients ask one address again and again
            last_parts = parse_url(r.url);
            last_url = r.url;
        }
        url_parts url = *last_parts;
        std::string what = r.method + " " + r.url;
        std::string key = (url.tls ? "s" : "p") + url.host + ":" + url.port;
        wire_request wire;
        wire.method_string(r.method);
        wire.target(url.target);
        wire.version(11);
        bool plain_port = url.port == (url.tls ? "443" : "80");
        std::string host = url.host.find(':') == url.host.npos ? url.host : "[" + url.host + "]";
        wire.set(beast_http::field::host, plain_port ? host : host + ":" + url.port);
        wire.set(beast_http::field::user_agent, options.user_agent);
        for (const auto& [name, value] : r.headers) {
            if (value.find_first_of("\r\n") != value.npos || name.find_first_of("\r\n: ") != name.npos)
                throw http_error{http_errc::bad_url,
                                 "header \"" + cut(name, 60) + "\" holds characters that a header may not hold",
                                 {.attempted = what}};
            wire.set(name, value);
        }
        wire.keep_alive(true);
        wire.body() = std::move(r.body);
        wire.prepare_payload();

        for (bool may_retry = true;; may_retry = false) {
            auto c = may_retry ? take_idle(key) : nullptr;
            bool reused = c != nullptr;
            if (!c) {
                auto limit = clock::now() + options.connect_timeout;
                c = co_await with_deadline(connect(url, what), limit, [&] {
                    return http_error{http_errc::connect_failed,
                                      "no connection to " + url.host + ":" + url.port + " within " +
                                          std::to_string(options.connect_timeout.count()) + " s",
                                      {.attempted = what}};
                });
            }
            bool answered = false, keep = false;
            std::optional<response> result;
            try {
                if (c->tls)
                    result = co_await exchange_on(*c->tls, *c, wire, answered, keep, what);
                else
                    result = co_await exchange_on(c->socket, *c, wire, answered, keep, what);
            } catch (const http_error& e) {
                if (!(reused && may_retry && !answered && e.code() == http_errc::connection_closed)) throw;
            }
            if (!result) continue;
            if (keep) give_back(key, std::move(c));
            co_return std::move(*result);
        }
    }

    asio::any_io_executor executor;
    client_options options;
    std::optional<asio::ssl::context> tls;
    std::map<std::string, std::vector<std::unique_ptr<connection>>, std::less<>> idle;
    std::size_t idle_count = 0;
    std::string last_url;
    std::optional<url_parts> last_parts;
};

client::client(asio::any_io_executor executor, client_options options)
    : impl_{std::make_unique<impl>(std::move(executor), std::move(options))} {}
client::~client() = default;

std::size_t client::idle_connections() const { return impl_->idle_count; }

task<response> client::send(request r, clock::time_point deadline) {
    std::string what = r.method + " " + r.url;
    return with_deadline(impl_->send(std::move(r)), deadline, [what] {
        return http_error{http_errc::deadline_exceeded, "no complete response from " + what + " before the deadline", {.attempted = what}};
    });
}

}  // namespace reagent::http
