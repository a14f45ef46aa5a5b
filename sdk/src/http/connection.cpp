#include "connection.hpp"
#include "certificate.hpp"

#include <reagent/error.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>

#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>

namespace reagent::http {

namespace beast_http = boost::beast::http;
using boost::system::system_error;

namespace {

// Whether a TLS session holds nothing: no data, no beginning of a record, no goodbye. A session ticket is looked at and
// forgotten.
bool is_silent(SSL* session) {
    char byte;
    ERR_clear_error();
    int n = SSL_peek(session, &byte, 1);
    return n <= 0 && SSL_get_error(session, n) == SSL_ERROR_WANT_READ && !SSL_has_pending(session) &&
           BIO_ctrl_pending(SSL_get_rbio(session)) == 0;
}

}  // namespace

bool connection::usable() {
    if (buffer.size() > 0 || (tls && !is_silent(tls->native_handle()))) return false;
    char byte;
    auto n = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool connection::spoke_first() {
    char byte;
    if (buffer.size() > 0) return true;
    if (tls) return SSL_peek(tls->native_handle(), &byte, 1) > 0;
    return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void connection::rest() {
    constexpr std::size_t small = 4096;
    if (buffer.capacity() <= small) return;
    buffer.clear();
    buffer.shrink_to_fit();
}

task<error_code> connection::advance(beast_http::basic_parser<false>& parser) {
    error_code ec;
    bool stepped = consume(parser, ec);
    while (!stepped) {
        ec = {};
        const auto free = room(ec);
        if (ec) break;
        std::size_t n = 0;
        if (tls)
            n = co_await tls->async_read_some(free, asio::redirect_error(asio::use_awaitable, ec));
        else
            n = co_await socket.async_read_some(free, asio::redirect_error(asio::use_awaitable, ec));
        stepped = take(parser, n, ec);
    }
    co_return ec;
}

void deadlines::watch(connection& c, clock::time_point deadline) {
    if (deadline == no_deadline) return;
    c.watched = waiting_.emplace(deadline, &c);
    if (*c.watched == waiting_.begin()) arm();
}

void deadlines::forget(connection& c) {
    if (!c.watched) return;
    waiting_.erase(*c.watched);
    c.watched.reset();
    if (waiting_.empty()) timer_.cancel();  // an event loop that is to end must not wait for it
}

void deadlines::arm() {
    timer_.expires_at(waiting_.begin()->first);
    timer_.async_wait([weak = weak_from_this()](const error_code& ec) {
        if (auto self = weak.lock(); self && !ec) self->expire();
    });
}

void deadlines::expire() {
    auto now = clock::now();
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
        connection& c = *waiting_.begin()->second;
        waiting_.erase(waiting_.begin());
        c.watched.reset();
        c.expired = true;
        error_code ignored;
        c.socket.close(ignored);
    }
    if (!waiting_.empty()) arm();
}

namespace {

[[noreturn]] void fail(http_errc code, const std::string& message, const std::string& what) {
    throw http_error{code, message, {.attempted = what}};
}

void stop_if_aborted(const error_code& ec) {
    if (ec == asio::error::operation_aborted) throw system_error{ec};
}

task<void> reach(tcp::socket& socket, const std::string& host, const std::string& port_text, const std::string& what) {
    error_code ec;
    auto address = asio::ip::make_address(host, ec);
    auto port = static_cast<unsigned short>(std::stoul(port_text));
    if (host == "localhost") {  // this machine, whatever the resolver says (RFC 6761, section 6.3)
        std::vector<tcp::endpoint> both;
        both.emplace_back(asio::ip::address_v4::loopback(), port);
        both.emplace_back(asio::ip::address_v6::loopback(), port);
        co_await asio::async_connect(socket, both, asio::redirect_error(asio::use_awaitable, ec));
    } else if (!ec) {
        tcp::endpoint there{address, port};
        co_await socket.async_connect(there, asio::redirect_error(asio::use_awaitable, ec));
    } else {
        tcp::resolver resolver{socket.get_executor()};
        auto found = co_await resolver.async_resolve(host, port_text, asio::redirect_error(asio::use_awaitable, ec));
        stop_if_aborted(ec);
        if (ec)
            fail(http_errc::resolve_failed,
                 "the host name \"" + host + "\" cannot be resolved: " + ec.message() +
                     "; check the name and the network",
                 what);
        co_await asio::async_connect(socket, found, asio::redirect_error(asio::use_awaitable, ec));
    }
    stop_if_aborted(ec);
    if (ec)
        fail(http_errc::connect_failed,
             "no connection to " + host + ":" + port_text + ": " + ec.message() + "; is the server running?", what);
}

// A tunnel through the proxy. Source: RFC 9110, section 9.3.6.
task<void> tunnel(connection& c, const route& r, const std::string& what) {
    std::string authority =
        (r.to.host.find(':') == r.to.host.npos ? r.to.host : "[" + r.to.host + "]") + ":" + r.to.port;
    beast_http::request<beast_http::empty_body> wanted{beast_http::verb::connect, authority, 11};
    wanted.set(beast_http::field::host, authority);
    if (!r.proxy->authorization.empty()) wanted.set(beast_http::field::proxy_authorization, r.proxy->authorization);
    error_code ec;
    co_await beast_http::async_write(c.socket, wanted, asio::redirect_error(asio::use_awaitable, ec));
    stop_if_aborted(ec);
    beast_http::response_parser<beast_http::empty_body> parser;
    parser.skip(true);
    parser.header_limit(c.head_allowance());
    while (!ec && !parser.is_header_done()) ec = co_await c.advance(parser);
    stop_if_aborted(ec);
    std::string proxy = r.proxy->host + ":" + r.proxy->port;
    if (ec) fail(http_errc::connect_failed, "the proxy " + proxy + " gave no usable answer: " + ec.message(), what);
    int status = static_cast<int>(parser.get().result_int());
    if (status / 100 != 2)
        fail(http_errc::connect_failed,
             "the proxy " + proxy + " refused a tunnel to " + authority + " (HTTP " + std::to_string(status) + ")",
             what);
    // They would be taken for an answer of the server, which proves who it is only after this.
    if (c.buffer.size() > 0)
        fail(http_errc::connect_failed, "the proxy " + proxy + " sent bytes of its own before the server behind it did",
             what);
}

task<void> handshake(connection& c, const url_parts& to, const client_options& options, asio::ssl::context& tls,
                     const std::string& what) {
    c.tls.emplace(c.socket, tls);
    error_code ec;
    asio::ip::make_address(to.host, ec);
    const bool is_address = !ec;
    SSL* session = c.tls->native_handle();
    if (!is_address && !SSL_set_tlsext_host_name(session, to.host.c_str()))
        fail(http_errc::tls_failed, "the host name \"" + to.host + "\" cannot be sent to the server", what);
    auto names = std::make_shared<std::string>();  // of a certificate that is for others
    if (options.verify_tls) verify_name(session, to.host, is_address);
    if (options.verify_tls)
        c.tls->set_verify_callback([names](bool good, asio::ssl::verify_context& v) {
            int verdict = X509_STORE_CTX_get_error(v.native_handle());
            if (!good && (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH))
                *names = names_of(X509_STORE_CTX_get0_cert(v.native_handle()));
            return good;
        });
    co_await c.tls->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, ec));
    stop_if_aborted(ec);
    if (!ec) co_return;
    std::string why = ec.message();
    if (!names->empty())
        why = "the certificate is for " + *names + ", not for " + to.host +
              (is_address ? "; an IP address needs an entry of its own, subjectAltName = IP:" + to.host : "");
    else if (long verdict = SSL_get_verify_result(session); verdict != X509_V_OK)
        why += std::string{" ("} + X509_verify_cert_error_string(verdict) + ")";
    fail(http_errc::tls_failed, "TLS with " + to.host + " failed: " + why, what);
}

}  // namespace

task<std::unique_ptr<connection>> connect(asio::any_io_executor executor, const route& r, const client_options& options,
                                          asio::ssl::context* tls, const dialer& dial, const std::string& what) {
    auto c = std::make_unique<connection>(executor, options);
    const std::string &host = r.proxy ? r.proxy->host : r.to.host, &port = r.proxy ? r.proxy->port : r.to.port;
    if (dial)
        dial(c->socket, host, port);
    else
        co_await reach(c->socket, host, port, what);
    error_code ignored;
    c->socket.set_option(tcp::no_delay{true}, ignored);
    if (r.proxy && r.to.tls) co_await tunnel(*c, r, what);
    if (r.to.tls) co_await handshake(*c, r.to, options, *tls, what);
    co_return c;
}

}  // namespace reagent::http
