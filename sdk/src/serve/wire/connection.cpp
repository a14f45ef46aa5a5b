#include "connection.hpp"

#include "head.hpp"
#include "sink.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

#include <sys/socket.h>

namespace reagent::detail {
namespace {

namespace bhttp = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t most_drained = 256 * 1024;
constexpr std::chrono::milliseconds drain_time{2'000};

// Of a refused request: it is read, so that the connection may go on.
bool is_small(const boost::optional<std::uint64_t>& length) { return length && *length <= 64 * 1024; }

// What two readers of one connection may take for another end of a request, or for another host (RFC 9112, sections 6.3
// and 3.2; smuggling): such a request is refused, and its connection ends. "": there is none.
template <class Head>
std::string_view unclear_end(const Head& head, unsigned version) {
    const auto codings = head.count("Transfer-Encoding"), lengths = head.count("Content-Length");
    if (codings > 0 && version < 11) return "Transfer-Encoding needs HTTP/1.1";
    if (codings > 0 && lengths > 0) return "Transfer-Encoding and Content-Length stand together";
    if (codings > 1 || (codings == 1 && !same_word(head["Transfer-Encoding"], "chunked")))
        return "Transfer-Encoding may be chunked and nothing else";
    const std::string_view length = head["Content-Length"];
    if (lengths > 1 || (lengths == 1 && length.find_first_not_of("0123456789") != length.npos))
        return "Content-Length may be one number and nothing else";
    return head.count("Host") > 1 ? "Host stands twice" : "";
}

constexpr std::string_view around_body =
    "the header is too large, or what else stands around the body: sizes and extensions of chunks, trailers";

// Up to the query, in characters that end no word of a log.
std::string shown_target(std::string_view target) {
    std::string shown;
    for (unsigned char c : target.substr(0, target.find_first_of("?#")))
        if (c > ' ' && c < 0x7f)
            shown += static_cast<char>(c);
        else
            shown += std::string{'%'} + "0123456789ABCDEF"[c >> 4] + "0123456789ABCDEF"[c & 15];
    return shown;
}

auto with(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

}  // namespace

connection::connection(tcp::socket socket, std::shared_ptr<connections> of)
    : socket_{std::move(socket)}, of_{std::move(of)}, in_{of_->limits.header_bytes} {
    place_ = of_->all.insert(of_->all.end(), this);
    error_code ec;
    socket_.set_option(tcp::no_delay{true}, ec);
}

connection::~connection() { of_->all.erase(place_); }

void connection::enter(phase p, std::chrono::milliseconds limit) {
    phase_ = p;
    due_ = deadline_after(limit);
    overdue_ = false;
}

void connection::close() {
    error_code ec;
    socket_.close(ec);
}

void connection::stop() {
    if (auto client = client_) client->leave();
    if (phase_ != phase::answering) close();
}

void connection::sweep(clock::time_point now) {
    if (phase_ == phase::waiting && in_.buffer.size() > 0) enter(phase::reading, of_->limits.header_time);
    if (now >= leaves_) {
        leaves_ = no_deadline;
        if (auto client = client_) client->leave();
    }
    if (now < due_) return;
    overdue_ = true;  // and again at the next sweep: between two operations there is nothing to cancel
    error_code ec;
    socket_.cancel(ec);
}

task<void> connection::serve() {
    auto self = shared_from_this();
    try {
        for (bool more = true; more;) more = co_await serve_one();
    } catch (...) {  // the client has gone, mostly; whatever it is ends this connection only
    }
    if (auto client = client_) try {
            client->leave();
        } catch (...) {
        }
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_both, ec);
    close();
}

// One step of the parser, with what is there or with what comes.
task<error_code> connection::advance(parser& p) {
    error_code ec;
    for (bool stepped = in_.consume(p, ec); !stepped;) {
        ec = {};
        const auto free = in_.room(ec);
        if (ec) break;
        const auto n = co_await socket_.async_read_some(free, with(ec));
        if (!ec && overdue_) ec = asio::error::operation_aborted;
        stepped = in_.take(p, n, ec);
    }
    co_return ec == bhttp::error::buffer_overflow ? make_error_code(bhttp::error::header_limit) : ec;
}

task<error_code> connection::read_head(parser& p) {
    p.header_limit(in_.head_allowance());
    p.body_limit(of_->limits.body_bytes);
    error_code ec;
    while (!ec && !p.is_header_done()) ec = co_await advance(p);
    co_return ec;
}

task<bool> connection::serve_one() {
    of_->all.splice(of_->all.end(), of_->all, place_);
    enter(phase::waiting, of_->limits.idle_time);
    if (of_->stopping && in_.buffer.size() == 0) co_return false;
    parser p;
    in_.begin_exchange();
    bytes_out_ = 0;
    const error_code ec = co_await read_head(p);
    begun_ = clock::now();
    if (ec) {
        if (ec == asio::error::operation_aborted && (!overdue_ || phase_ == phase::waiting)) co_return false;
        auto why = refusal_of(ec);
        if (!why) co_return false;
        http_request nobody{.id = of_->handler.new_id()};
        co_return co_await refuse(nobody, std::move(*why));
    }
    version_ = p.get().version();
    auto request = request_of(p);
    if (auto why = unclear_end(p.get(), version_); !why.empty())
        co_return co_await refuse(*request, of_->handler.refusal(400, why));
    if (p.get().target().size() > of_->limits.target_bytes)
        co_return co_await refuse(*request, of_->handler.refusal(414, "the path and query are too long"));
    if (auto why = of_->handler.refuse(*request)) {
        if (!is_small(p.content_length()) || !request->header("Expect").empty()) {
            if (!p.is_done()) co_return co_await refuse(*request, std::move(*why));
        } else if (!p.is_done()) {
            const bool read = co_await read_body(p, *request);
            if (!read) co_return false;
        }
        co_return co_await write(*request, std::move(*why), keeps(p));
    }
    if (!p.is_done()) {
        const bool read = co_await read_body(p, *request);
        if (!read) co_return false;
    }
    request->body = std::move(p.get().body());
    enter(phase::answering, std::chrono::milliseconds{0});
    watch(request->client);
    auto reply = co_await of_->handler.answer(request);
    if (reply.events) co_return co_await stream(*request, std::move(reply), keeps(p));
    unwatch();
    co_return co_await write(*request, std::move(reply), keeps(p));
}

task<bool> connection::read_body(parser& p, http_request& request) {
    enter(phase::reading, of_->limits.body_time);
    std::string_view expect = request.header("Expect");
    error_code ec;
    if (!expect.empty() && version_ >= 11) {
        if (!same_word(expect, "100-continue"))
            co_return co_await refuse(request, of_->handler.refusal(417, "only 100-continue is expected"));
        if (p.content_length().value_or(0) <= of_->limits.body_bytes)
            co_await asio::async_write(socket_, asio::buffer(std::string_view{"HTTP/1.1 100 Continue\r\n\r\n"}),
                                       with(ec));
    }
    p.eager(true);
    while (!ec && !p.is_done()) {
        ec = co_await advance(p);
        if (!ec && in_.overfull(p.get().body().size())) ec = bhttp::error::header_limit;
    }
    if (!ec) co_return true;
    if (auto why = refusal_of(ec)) co_await refuse(request, std::move(*why));
    co_return false;
}

// What cannot be read is answered where somebody may still listen.
std::optional<http_reply> connection::refusal_of(const error_code& ec) const {
    auto refusal = [this](int status, std::string_view why) { return of_->handler.refusal(status, why); };
    if (ec == asio::error::operation_aborted) {
        if (!overdue_) return {};
        return refusal(408, "the request took too long to come");
    }
    if (ec == bhttp::error::header_limit) return refusal(431, around_body);
    if (ec == bhttp::error::body_limit) return refusal(413, "the body is too large");
    if (ec == bhttp::error::bad_version) return refusal(505, "only HTTP/1.1 is spoken here");
    if (ec == bhttp::error::end_of_stream) return {};
    if (ec == bhttp::error::partial_message) return refusal(400, "the request ended in the middle");
    if (ec.category() == bhttp::make_error_code(bhttp::error::end_of_stream).category())
        return refusal(400, "this is no HTTP request");
    return {};
}

std::shared_ptr<http_request> connection::request_of(const parser& p) const {
    auto request = std::make_shared<http_request>();
    const auto& head = p.get();
    request->method = std::string{head.method_string()};
    request->path = std::string{head.target()};
    request->target = shown_target(request->path);
    request->id = of_->handler.new_id();  // of one that is refused before it is looked at
    for (const auto& f : head) request->headers.emplace_back(std::string{f.name_string()}, std::string{f.value()});
    return request;
}

// Its body is not read: the connection ends, and what still comes is thrown away for a while, so that the client sees
// the answer instead of a reset.
task<bool> connection::refuse(const http_request& request, http_reply reply) {
    co_await write(request, std::move(reply), false);
    co_await drain();
    co_return false;
}

task<void> connection::drain() {
    enter(phase::draining, drain_time);
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    std::array<char, 4096> thrown{};
    for (std::size_t n = 0; !ec && n < most_drained;)
        n += co_await socket_.async_read_some(asio::buffer(thrown), with(ec));
}

task<void> connection::write_all(std::string head, std::string body) {
    enter(phase::writing, of_->limits.write_time);
    std::array<asio::const_buffer, 2> both{asio::buffer(head), asio::buffer(body)};
    bytes_out_ += co_await asio::async_write(socket_, both, asio::use_awaitable);
    enter(phase::answering, std::chrono::milliseconds{0});
}

task<bool> connection::write(const http_request& request, http_reply reply, bool keep) {
    const bool left = request.client->has_left();
    const int status = left ? 499 : reply.status;
    std::exception_ptr gone;
    if (!left) try {
            std::string head = head_of(reply, request, keep);
            if (request.method == "HEAD" || reply.status == 204) reply.body.clear();
            co_await write_all(std::move(head), std::move(reply.body));
        } catch (const boost::system::system_error&) {
            gone = std::current_exception();
        }
    auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begun_);
    of_->handler.answered(request, gone ? 499 : status, in_.taken, bytes_out_, took);
    co_return keep && !left && !gone;
}

task<bool> connection::stream(const http_request& request, http_reply reply, bool keep) {
    const bool chunked = version_ >= 11;
    keep = keep && chunked;
    bool whole = false;
    try {
        std::string head = head_of(reply, request, keep);
        auto write_piece = [this](std::string piece) { return write_all(std::move(piece), std::string{}); };
        sink to{write_piece, chunked};
        co_await write_all(std::move(head), std::string{});
        auto events = std::move(reply.events);
        co_await events(to);
        co_await to.end();
        whole = true;
    } catch (...) {
        if (auto client = client_) client->leave();
    }
    unwatch();
    auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begun_);
    of_->handler.answered(request, whole ? reply.status : 499, in_.taken, bytes_out_, took);
    co_return whole&& keep;
}

std::string connection::head_of(const http_reply& reply, const http_request& request, bool keep) const {
    return response_head(reply, request.id, version_, keep);
}

// Looks for the client's end of the connection while it is being answered. Bytes that come are the next request: then
// it is there.
void connection::watch(std::shared_ptr<departure> client) {
    client_ = std::move(client);
    const auto number = ++watch_;
    socket_.async_wait(tcp::socket::wait_read, [this, number, self = shared_from_this()](const error_code& ec) {
        if (number != watch_ || ec) return;
        char byte;
        auto n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n > 0) return;
        if (n == 0)
            leaves_ = later(clock::now(), of_->limits.half_closed);
        else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            watch(client_);
        else
            client_->leave();
    });
}

void connection::unwatch() {
    ++watch_;
    leaves_ = no_deadline;
    client_.reset();
    error_code ec;
    socket_.cancel(ec);
}

}  // namespace reagent::detail
