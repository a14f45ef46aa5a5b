#include <reagent/http/client.hpp>

#include <reagent/deadline.hpp>
#include <reagent/error.hpp>
#include <reagent/http/shown_url.hpp>

#include "../base/text.hpp"
#include "connection.hpp"
#include "unpack.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>
#include <boost/url.hpp>

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace reagent::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::system_error;
// Reads the body into a string, or hands it out in pieces. A parser cannot move: the one that lives on is on the heap.
using whole_parser = std::optional<beast_http::response_parser<beast_http::string_body>>;
struct piece_parser : std::unique_ptr<beast_http::response_parser<beast_http::buffer_body>> {
    void emplace() { reset(new element_type); }
};

// Which errors of the transport mean that the peer simply closed.
bool is_close(const error_code& ec) {
    return ec == beast_http::error::end_of_stream || ec == asio::error::eof || ec == asio::error::connection_reset ||
           ec == asio::error::broken_pipe || ec == asio::ssl::error::stream_truncated;
}

http_errc classify(const error_code& ec) {
    if (ec == beast_http::error::body_limit) return http_errc::body_too_large;
    if (ec == beast_http::error::header_limit || ec == beast_http::error::buffer_overflow)
        return http_errc::headers_too_large;
    if (is_close(ec) || ec == beast_http::error::partial_message) return http_errc::connection_closed;
    if (ec.category() == asio::error::get_ssl_category()) return http_errc::tls_failed;
    return http_errc::malformed_response;
}

// RFC 9110, sections 5.6.2 and 5.5.
bool is_token(std::string_view s) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !s.empty() && std::all_of(s.begin(), s.end(), [&](char c) {
        return is_alpha(c) || is_digit(c) || others.find(c) != others.npos;
    });
}

bool is_field_value(std::string_view s) {
    return std::none_of(s.begin(), s.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; });
}

// An answer whose end we know how to find. 101 would make the connection one of another protocol.
template <class Fields>
bool is_understood(const Fields& message) {
    auto coding = message.find(beast_http::field::transfer_encoding);
    return message.result_int() >= 200 &&
           (coding == message.end() || to_lower(trim(std::string_view{coding->value()})) == "chunked");
}

template <class Fields>
response head_of(const Fields& message) {
    response r;
    r.status = static_cast<int>(message.result_int());
    r.headers.reserve(8);
    for (const auto& f : message) r.headers.emplace_back(to_lower(f.name_string()), f.value());
    return r;
}

enum class packing { none, zlib };

packing packing_of(const response& head, const std::string& what) {
    std::string how = to_lower(trim(head.header("content-encoding")));
    if (how.empty() || how == "identity") return packing::none;
    if (how == "gzip" || how == "x-gzip" || how == "deflate") return packing::zlib;
    throw http_error{http_errc::malformed_response,
                     "the response of " + what + " is packed as \"" + cut(how, 40) +
                         "\", which was not asked for; gzip and deflate are understood",
                     {.attempted = what}};
}

std::string origin_of(const url_parts& u) { return (u.tls ? "https://" : "http://") + u.host + ":" + u.port; }

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
        tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                         asio::ssl::context::no_tlsv1_1 | SSL_OP_NO_RENEGOTIATION);
        error_code ec;
        if (options.ca_file.empty())
            tls->set_default_verify_paths(ec);
        else
            tls->load_verify_file(options.ca_file, ec);
        if (ec) {
            tls.reset();
            throw http_error{http_errc::tls_failed,
                             "the certificates in \"" + options.ca_file + "\" cannot be read: " + ec.message()};
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
        if (idle_count >= options.max_idle_connections || c->expired || !c->usable()) return;
        c->idle_since = clock::now();
        c->rest();
        idle[key].push_back(std::move(c));
        ++idle_count;
    }

    // Where a URL leads, and what does not change between requests to it.
    struct destination {
        route way;
        std::string key, host_header, target, shown;
    };

    std::shared_ptr<const destination> destination_of(const std::string& url) {
        if (last && url == last_url) return last;  // most clients ask one address again and again
        auto d = std::make_shared<destination>();
        url_parts& to = d->way.to = parse_url(url);
        d->way.proxy = proxy_for(to, options.proxy, [](const char* name) -> const char* { return std::getenv(name); });
        d->key = origin_of(to);
        std::string host = to.host.find(':') == to.host.npos ? to.host : "[" + to.host + "]";
        bool plain_port = to.port == (to.tls ? "443" : "80");
        d->host_header = plain_port ? host : host + ":" + to.port;
        d->target = d->way.proxy && !to.tls ? "http://" + d->host_header + to.target : to.target;
        d->shown = shown_url(url);
        last_url = url;
        return last = d;
    }

    // A request as it goes out, up to the length of its body and the end of its head; and what it was made of, for the
    // next that is alike.
    struct request_head {
        std::string method;
        header_list headers, credentials;
        std::shared_ptr<const destination> where;
        bool has_body;
        std::string text{};
        bool tells_length = false;

        bool is_for(const request& r, const std::shared_ptr<const destination>& d) const {
            return where == d && method == r.method && has_body == !r.body.empty() && headers == r.headers &&
                   credentials == r.credentials;
        }
        std::string with_length(std::size_t bytes) const {
            std::string whole;
            whole.reserve(text.size() + 48);
            whole += text;
            if (tells_length) ((whole += "Content-Length: ") += std::to_string(bytes)) += "\r\n";
            return whole += "\r\n";
        }
    };

    std::shared_ptr<const request_head> head_of_request(const request& r, const std::shared_ptr<const destination>& d,
                                                        const std::string& what) {
        if (last_head && last_head->is_for(r, d)) return last_head;  // most requests of a client are alike
        auto made =
            std::make_shared<request_head>(request_head{r.method, r.headers, r.credentials, d, !r.body.empty()});
        const auto wire = wire_of(r, *d, what);
        made->text = r.method + " " + d->target + " HTTP/1.1\r\n";
        for (const auto& f : wire) {
            made->tells_length = made->tells_length || f.name() == beast_http::field::content_length;
            if (f.name() == beast_http::field::content_length) continue;
            (made->text += f.name_string()) += ": ";
            (made->text += f.value()) += "\r\n";
        }
        return last_head = std::move(made);
    }

    beast_http::request<beast_http::string_body> wire_of(const request& r, const destination& d,
                                                         const std::string& what) {
        auto refused = [&](const std::string& why) { return http_error{http_errc::bad_url, why, {.attempted = what}}; };
        if (!is_token(r.method))
            throw refused("\"" + cut(r.method, 60) + "\" is no HTTP method: it is a word such as GET or POST");
        beast_http::request<beast_http::string_body> wire;
        wire.method_string(r.method);
        wire.target(d.target);
        wire.version(11);
        wire.set(beast_http::field::host, d.host_header);
        wire.set(beast_http::field::user_agent, options.user_agent);
        if (d.way.proxy && !d.way.to.tls && !d.way.proxy->authorization.empty())
            wire.set(beast_http::field::proxy_authorization, d.way.proxy->authorization);
        for (const auto* list : {&r.headers, &r.credentials})
            for (const auto& [name, value] : *list) {
                if (!is_token(name) || !is_field_value(value))
                    throw refused("header \"" + cut(name, 60) + "\" holds characters that a header may not hold");
                wire.set(name, value);
            }
        wire.keep_alive(true);
        if (!r.body.empty()) wire.body() = "x";
        wire.prepare_payload();
        return wire;
    }

    std::string words_for(const error_code& ec) const {
        switch (classify(ec)) {
            case http_errc::headers_too_large:
                return "it has more than " + std::to_string(options.max_header_bytes) +
                       " bytes around its body (status lines, headers, interim answers, sizes and extensions of "
                       "chunks, trailers)";
            case http_errc::body_too_large:
                return "its body has more than " + std::to_string(options.max_response_bytes) + " bytes";
            default:
                return ec == beast_http::error::bad_transfer_encoding
                           ? "it comes in a transfer coding other than chunked, or asks for "
                             "another protocol, which nobody asked for"
                           : ec.message();
        }
    }

    // A connection that is in use; watched by the deadlines until it is let go.
    struct lease {
        impl* owner = nullptr;
        std::shared_ptr<const destination> where;
        std::unique_ptr<connection> c;
        std::string what;

        lease() = default;
        lease(lease&&) noexcept = default;
        lease& operator=(lease&&) = delete;
        ~lease() {
            if (c) owner->late->forget(*c);
        }
        void keep() {
            owner->late->forget(*c);
            owner->give_back(where->key, std::move(c));
        }
        // What a failed operation means.
        [[noreturn]] void fail(const error_code& ec) const {
            if (c->expired)
                throw http_error{http_errc::deadline_exceeded,
                                 "no complete response from " + what + " before the deadline",
                                 {.attempted = what}};
            if (ec == asio::error::operation_aborted) throw system_error{ec};
            throw http_error{
                classify(ec), "no usable response from " + what + ": " + owner->words_for(ec), {.attempted = what}};
        }
    };

    task<void> connect_for(lease& l, clock::time_point deadline) {
        auto limit = std::min(deadline, deadline_after(options.connect_timeout));
        auto* context = l.where->way.to.tls ? &tls_context() : nullptr;
        auto work = connect(executor, l.where->way, options, context, dial, l.what);
        l.c = co_await with_deadline(std::move(work), limit, [&] {
            if (limit == deadline)
                return http_error{http_errc::deadline_exceeded,
                                  "no connection for " + l.what + " before the deadline",
                                  {.attempted = l.what}};
            return http_error{http_errc::connect_failed,
                              "no connection to " + l.where->way.to.host + ":" + l.where->way.to.port + " within " +
                                  std::to_string(options.connect_timeout.count()) + " s",
                              {.attempted = l.what}};
        });
    }

    // A server that writes the head and the body apart, without TCP_NODELAY (as Python's http.server), sends the body
    // when the head is acknowledged, which the kernel would do up to 40 ms later.
    static void acknowledge_at_once(tcp::socket& socket) {
        error_code ignored;
        socket.set_option(asio::detail::socket_option::boolean<IPPROTO_TCP, TCP_QUICKACK>{true}, ignored);
    }

    // Two texts as one, from a byte on.
    static std::array<asio::const_buffer, 2> from_byte(std::size_t n, const std::string& head,
                                                       const std::string& body) {
        return {asio::buffer(head) + std::min(n, head.size()), asio::buffer(body) + (n - std::min(n, head.size()))};
    }

    template <class Parser>
    void begin_head(connection& c, Parser& parser, bool without_body) {
        parser.emplace();
        parser->body_limit(options.max_response_bytes);
        parser->header_limit(c.head_allowance());
        if (without_body) parser->skip(true);
    }

    // Writes the request and reads the head of the answer, past the interim ones. One coroutine for all of it: each has
    // its price.
    template <class Parser>
    task<error_code> exchange_on(connection& c, const std::string& head, const std::string& body, bool without_body,
                                 Parser& parser, bool& answered) {
        c.begin_exchange();
        error_code write_error, ec;
        for (std::size_t sent = 0; !write_error && sent < head.size() + body.size();) {
            const auto rest = from_byte(sent, head, body);
            if (c.tls)
                sent += co_await c.tls->async_write_some(rest, asio::redirect_error(asio::use_awaitable, write_error));
            else
                sent +=
                    co_await c.socket.async_write_some(rest, asio::redirect_error(asio::use_awaitable, write_error));
        }
        if (write_error == asio::error::operation_aborted || c.expired) co_return asio::error::operation_aborted;
        // A server that refuses early answers before it has read everything: read even when writing failed.
        do {
            if (c.head_allowance() == 0) co_return beast_http::error::header_limit;
            begin_head(c, parser, without_body);
            do {
                ec = {};
                for (bool stepped = c.consume(*parser, ec); !stepped;) {
                    ec = {};
                    const auto free = c.room(ec);
                    if (ec) break;
                    std::size_t n = 0;
                    if (c.tls)
                        n = co_await c.tls->async_read_some(free, asio::redirect_error(asio::use_awaitable, ec));
                    else
                        n = co_await c.socket.async_read_some(free, asio::redirect_error(asio::use_awaitable, ec));
                    stepped = c.take(*parser, n, ec);
                }
            } while (!ec && !parser->is_header_done());
            answered = answered || c.taken > 0 || c.buffer.size() > 0;
        } while (!ec && parser->get().result_int() / 100 == 1 && parser->get().result_int() != 101);
        if (!ec && !is_understood(parser->get())) ec = beast_http::error::bad_transfer_encoding;
        if (ec && write_error) ec = write_error;
        co_return ec;
    }

    template <class Parser>
    task<lease> exchange(request& r, clock::time_point deadline, Parser& parser, const std::vector<secret>& sent) {
        lease l;
        l.owner = this;
        l.where = destination_of(r.url);
        l.what = r.method + " " + l.where->shown;
        if (!sent.empty()) l.what = redact(l.what, sent);
        const std::string head = head_of_request(r, l.where, l.what)->with_length(r.body.size());
        bool repeatable = r.repeatable || r.method == "GET" || r.method == "HEAD";
        for (bool first = true;; first = false) {
            if (first) l.c = take_idle(l.where->key);
            bool reused = l.c != nullptr;
            if (!reused) co_await connect_for(l, deadline);
            if (!reused && l.c->spoke_first())
                throw http_error{http_errc::malformed_response,
                                 "the server of " + l.what + " spoke before it was asked",
                                 {.attempted = l.what}};
            late->watch(*l.c, deadline);
            bool answered = false;
            error_code ec;
            ec = co_await exchange_on(*l.c, head, r.body, r.method == "HEAD", parser, answered);
            if (!ec) break;
            if (!(reused && repeatable && !answered && !l.c->expired && is_close(ec))) l.fail(ec);
            late->forget(*l.c);
            l.c.reset();
        }
        co_return l;
    }

    // What a server was sent, and may put into the address that it leads to: the values of the URL, and of headers that
    // hold credentials.
    static void note_sent(const request& r, std::vector<secret>& sent) {
        for (auto& s : secrets_of_url(r.url)) sent.push_back(std::move(s));
        for (const auto& [name, value] : r.credentials)
            sent.emplace_back(value.substr(value.rfind(' ') + 1));  // behind "Bearer"
        for (std::size_t i = 0, n = sent.size(); i < n; ++i)
            sent.emplace_back(to_lower(sent[i].reveal()));  // as a host is written
    }

    // There is nothing above the root: RFC 3986, section 5.2.4, where Boost.URL keeps the rest.
    static void drop_leading_parents(boost::urls::url& to) {
        std::string path{to.encoded_path()};
        while (path.starts_with("/../")) path.erase(0, 3);
        to.set_encoded_path(path == "/.." ? "/" : path);
    }

    // The address that a redirect leads to, or "" when the response is to be taken as it is; then `sent` is as it was.
    std::string redirection(const request& r, const response& head, int followed, std::vector<secret>& sent) {
        if (r.follow == redirects::none || head.status / 100 != 3 || head.status == 300 || head.status == 304)
            return {};
        note_sent(r, sent);
        auto refuse = [&](const std::string& why) -> http_error {
            return {http_errc::redirect_refused,
                    redact(r.method + " " + shown_url(r.url) + " was answered by a redirect " + why, sent),
                    {.attempted = redact(r.method + " " + shown_url(r.url), sent), .http_status = head.status}};
        };
        auto location = head.header("location");
        if (location.empty()) throw refuse("that names no address");
        if (followed >= 5) throw refuse("for the sixth time");
        bool keeps_method = head.status == 307 || head.status == 308;
        if (!keeps_method && r.method != "GET" && r.method != "HEAD")
            throw refuse("that would turn it into a GET; use the address \"" + cut(shown_url(location), 200) + "\"");
        auto base = boost::urls::parse_uri(r.url);
        auto reference = boost::urls::parse_uri_reference({location.data(), location.size()});
        boost::urls::url to;
        if (!base || !reference || !boost::urls::resolve(*base, *reference, to))
            throw refuse("to something that is no address");
        drop_leading_parents(to);
        std::string next{to.buffer()};
        std::string origin;
        try {
            origin = origin_of(parse_url(next));
        } catch (const http_error& e) {
            throw refuse(std::string{"to an address that cannot be used: "} + e.what());
        }
        if (r.follow == redirects::same_origin && origin != origin_of(parse_url(r.url)))
            throw refuse("to another server, " + origin + "; it was not followed, and no key was sent there");
        return next;
    }

    void redirect(request& r, std::string next) {
        if (origin_of(parse_url(next)) != origin_of(parse_url(r.url))) r.credentials.clear();
        r.url = std::move(next);
    }

    // The body, to its end, unpacked as it comes: what is packed is not held besides.
    task<std::string> body_of(const lease& l, whole_parser& parser, packing packed) {
        std::optional<unpacker> unpack;
        if (packed == packing::zlib) unpack.emplace(options.max_response_bytes, l.what);
        std::string whole;
        std::uint64_t unpacked_from = 0;
        std::string& piece = parser->get().body();
        parser->eager(true);
        for (bool told = false; !parser->is_done();) {
            if (!told && l.c->buffer.size() == 0) {
                acknowledge_at_once(l.c->socket);
                told = true;
            }
            error_code ec = co_await l.c->advance(*parser);
            if (ec) l.fail(ec);
            if (unpack) {
                unpacked_from += piece.size();
                whole += unpack->feed(piece);
                piece.clear();
            }
            if (l.c->overfull(unpacked_from + piece.size())) l.fail(beast_http::error::header_limit);
        }
        if (!unpack) co_return std::move(piece);
        if (unpacked_from > 0 && !unpack->finished())
            throw http_error{http_errc::connection_closed,
                             "the compressed response of " + l.what + " is cut off",
                             {.attempted = l.what}};
        co_return whole;
    }

    task<response> send(request r, clock::time_point deadline) {
        std::vector<secret> sent;  // before a redirect
        for (int followed = 0;; ++followed) {
            whole_parser parser;
            lease l = co_await exchange(r, deadline, parser, sent);
            response result = head_of(parser->get());  // before the body: a trailer is no header
            std::string next = redirection(r, result, followed, sent);
            auto packed = next.empty() ? packing_of(result, l.what) : packing::none;
            result.body = co_await body_of(l, parser, packed);
            if (parser->keep_alive()) l.keep();
            if (next.empty()) co_return result;
            redirect(r, std::move(next));
        }
    }

    asio::any_io_executor executor;
    client_options options;
    dialer dial;
    std::shared_ptr<deadlines> late = std::make_shared<deadlines>(executor);
    std::optional<asio::ssl::context> tls;
    std::map<std::string, std::vector<std::unique_ptr<connection>>, std::less<>> idle;
    std::size_t idle_count = 0;
    std::string last_url;
    std::shared_ptr<const destination> last;
    std::shared_ptr<const request_head> last_head;
};

struct response_stream::impl {
    impl(client::impl::lease l, response h) : lease{std::move(l)}, head{std::move(h)} {}

    client::impl::lease lease;
    piece_parser parser;
    response head;
    std::optional<unpacker> unpack;
    std::uint64_t body_bytes = 0;

    bool whole = false;  // and nothing is wrong with it

    std::string room_for_piece() const {
        return std::string(std::clamp<std::size_t>(lease.c->buffer.size(), 1024, 16384), '\0');
    }

    // Takes what the parser has put into a piece. @return whether that is something
    bool take(std::string& piece, error_code ec) {
        if (ec == beast_http::error::need_buffer) ec = {};
        if (ec) lease.fail(ec);
        piece.resize(piece.size() - parser->get().body().size);
        body_bytes += piece.size();
        if (lease.c->overfull(body_bytes)) lease.fail(beast_http::error::header_limit);
        if (unpack && !piece.empty()) piece = unpack->feed(piece);
        return !piece.empty();
    }

    // Behind the last piece: the connection is there for the next request.
    void end() {
        whole = true;
        if (parser->keep_alive()) lease.keep();
    }

    task<std::string> read() {
        if (whole || !lease.c) co_return std::string{};
        if (body_bytes == 0 && !parser->is_done() && lease.c->buffer.size() == 0)
            client::impl::acknowledge_at_once(lease.c->socket);
        while (!parser->is_done()) {
            std::string piece = room_for_piece();
            auto& body = parser->get().body();
            body.data = piece.data();
            body.size = piece.size();
            error_code ec;
            if (!lease.c->consume(*parser, ec)) ec = co_await lease.c->advance(*parser);
            if (!take(piece, ec)) continue;
            if (parser->is_done() && (!unpack || unpack->finished())) end();
            co_return piece;
        }
        if (unpack && body_bytes > 0 && !unpack->finished()) lease.fail(beast_http::error::partial_message);
        end();
        co_return std::string{};
    }
};

response_stream::response_stream(std::unique_ptr<impl> i) : impl_{std::move(i)} {}
response_stream::response_stream(response_stream&&) noexcept = default;
response_stream& response_stream::operator=(response_stream&&) noexcept = default;
response_stream::~response_stream() = default;
const response& response_stream::head() const { return impl_->head; }
task<std::string> response_stream::read() { return impl_->read(); }
bool response_stream::at_end() const { return impl_->whole || !impl_->lease.c; }

client::client(asio::any_io_executor executor, client_options options)
    : impl_{std::make_unique<impl>(std::move(executor), std::move(options))} {}
client::~client() = default;

void client_seams::dial_by(client& c, dialer d) { c.impl_->dial = std::move(d); }

std::size_t client::idle_connections() const { return impl_->idle_count; }

task<response> client::send(request r, clock::time_point deadline) { return impl_->send(std::move(r), deadline); }

task<response_stream> client::open(request r, clock::time_point deadline) {
    std::vector<secret> sent;  // before a redirect
    for (int followed = 0;; ++followed) {
        piece_parser parser;
        auto lease = co_await impl_->exchange(r, deadline, parser, sent);
        response head = head_of(parser->get());
        if (std::string next = impl_->redirection(r, head, followed, sent); !next.empty()) {
            impl_->redirect(r, std::move(next));
            continue;
        }
        bool packed = packing_of(head, lease.what) == packing::zlib;
        auto body = std::make_unique<response_stream::impl>(std::move(lease), std::move(head));
        body->parser = std::move(parser);
        if (packed) body->unpack.emplace(impl_->options.max_response_bytes, body->lease.what);
        co_return response_stream{std::move(body)};
    }
}

}  // namespace reagent::http
