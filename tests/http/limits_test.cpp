// What a peer can make a connection hold, and for how long it is listened to.
#include "../../sdk/src/http/connection.hpp"
#include "support/loopback_server.hpp"

#include <reagent/error.hpp>
#include <reagent/http/client.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cerrno>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t flood = 64 << 20;

// Answers every request with a beginning and then one text again and again, until the client leaves or `flood` bytes
// are out.
class flooding_server {
public:
    flooding_server(std::string beginning, std::string unit)
        : beginning_{std::move(beginning)}, unit_{std::move(unit)} {
        while (unit_.size() < 16384 && !unit_.empty()) unit_ += unit_;
        listening_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::bind(listening_, reinterpret_cast<sockaddr*>(&here), sizeof here);
        ::listen(listening_, 8);
        socklen_t size = sizeof here;
        ::getsockname(listening_, reinterpret_cast<sockaddr*>(&here), &size);
        port_ = ntohs(here.sin_port);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~flooding_server() {
        ::shutdown(listening_, SHUT_RDWR);
        thread_.join();
        ::close(listening_);
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
    std::size_t sent() const { return sent_; }

private:
    void serve() {
        for (;;) {
            int s = ::accept(listening_, nullptr, nullptr);
            if (s < 0) return;
            std::string request;
            char piece[4096];
            while (request.find("\r\n\r\n") == request.npos) {
                auto n = ::recv(s, piece, sizeof piece, 0);
                if (n <= 0) break;
                request.append(piece, static_cast<std::size_t>(n));
            }
            bool there = send_all(s, beginning_);
            while (there && !unit_.empty() && sent_ < flood) there = send_all(s, unit_);
            ::close(s);
        }
    }
    bool send_all(int s, std::string_view text) {
        while (!text.empty()) {
            auto n = ::send(s, text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            sent_ += static_cast<std::size_t>(n);
            text.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    std::string beginning_, unit_;
    int listening_ = -1;
    unsigned short port_ = 0;
    std::atomic<std::size_t> sent_ = 0;
    std::thread thread_;
};

long peak_kb() {
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

std::string packed(const std::string& text, int window) {
    z_stream z{};
    BOOST_REQUIRE(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(text.size() + 100, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    BOOST_REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out.resize(out.size() - z.avail_out);
    deflateEnd(&z);
    return out;
}
std::string gzip(const std::string& text) { return packed(text, 15 + 16); }
std::string zlib(const std::string& text) { return packed(text, 15); }

struct fetched {
    error_code code;
    std::string message;
    int status = 0;
    std::size_t body = 0, kept = 0;  // bytes, and connections that wait for the next request
    std::string text{};
};

fetched fetch(const std::string& url, bool streamed, const http::client_options& options, const char* method = "GET") {
    fetched f;
    boost::asio::io_context context;
    auto work = [&]() -> task<void> {
        http::client client{context.get_executor(), options};
        auto deadline = reagent::clock::now() + 60s;
        try {
            http::request r{method, url, {}, {}};
            if (streamed) {
                auto stream = co_await client.open(std::move(r), deadline);
                f.status = stream.head().status;
                for (;;) {
                    auto piece = co_await stream.read();
                    if (piece.empty()) break;
                    f.body += piece.size();
                    if (f.body < 1000) f.text += piece;
                }
            } else {
                auto response = co_await client.send(std::move(r), deadline);
                f.status = response.status;
                f.body = response.body.size();
                if (f.body < 1000) f.text = response.body;
            }
        } catch (const http_error& e) {
            f.code = e.code();
            f.message = e.what();
        }
        f.kept = client.idle_connections();
    };
    boost::asio::co_spawn(context, work(), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    context.run();
    return f;
}

struct lie {
    const char* name;
    std::string beginning, unit;
    http_errc expected;
};
std::ostream& operator<<(std::ostream& out, const lie& l) { return out << l.name; }

std::vector<lie> lies() {
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", many(1000, 'a');
    return {
        {"a chunk extension without end", chunked + "5;x=", "a", http_errc::headers_too_large},
        {"chunk extensions without end", chunked, "1;x=" + many + "\r\ny\r\n", http_errc::headers_too_large},
        {"a chunk size without end", chunked, "0", http_errc::headers_too_large},
        {"chunk sizes with many zeros", chunked, std::string(1000, '0') + "1\r\ny\r\n", http_errc::headers_too_large},
        {"trailers without end", chunked + "1\r\ny\r\n0\r\n", "a: b\r\n", http_errc::headers_too_large},
        {"a trailer without end", chunked + "1\r\ny\r\n0\r\na: ", "b", http_errc::headers_too_large},
        {"an extension of the last chunk without end", chunked + "1\r\ny\r\n0;", "a", http_errc::headers_too_large},
        {"headers without end", "HTTP/1.1 200 OK\r\n", "a: b\r\n", http_errc::headers_too_large},
        {"a header without end", "HTTP/1.1 200 OK\r\na: ", "b", http_errc::headers_too_large},
        {"a reason without end", "HTTP/1.1 200 ", "x", http_errc::headers_too_large},
        {"interim answers without end", "", "HTTP/1.1 103 Early Hints\r\n\r\n", http_errc::headers_too_large},
        {"large interim answers without end", "", "HTTP/1.1 103 Early Hints\r\na: " + many + "\r\n\r\n",
         http_errc::headers_too_large},
        {"a body without end", "HTTP/1.1 200 OK\r\n\r\n", "x", http_errc::body_too_large},
        {"chunks without end", chunked, "3e8\r\n" + many + "\r\n", http_errc::body_too_large},
        {"small chunks without end", chunked, "1\r\nx\r\n", http_errc::body_too_large},
        {"a body of 2^64-1 bytes", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", "x",
         http_errc::body_too_large},
        {"a chunk of 2^64-1 bytes", chunked + "ffffffffffffffff\r\n", "x", http_errc::body_too_large},
    };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_limits)

BOOST_DATA_TEST_CASE(a_server_without_end_is_left, boost::unit_test::data::make(lies())) {
    for (bool streamed : {false, true}) {
        flooding_server server{sample.beginning, sample.unit};
        [[maybe_unused]] long before = peak_kb();
        auto f = fetch(server.url(), streamed, {.max_response_bytes = 1 << 20});
        BOOST_TEST(f.code == error_code{sample.expected}, (streamed ? "streamed: " : "")
                                                              << f.code.message() << ", status " << f.status);
        BOOST_TEST(f.message.find("bytes") != std::string::npos, f.message);
        // What the kernel's buffers take is the server's to send, but not ours to hold.
        BOOST_TEST(server.sent() < flood / 2);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        BOOST_TEST(peak_kb() - before < 16 * 1024);
#endif
    }
}

BOOST_AUTO_TEST_CASE(all_heads_of_an_answer_share_one_limit) {
    const std::string interim = "HTTP/1.1 103 Early Hints\r\na: " + std::string(1000, 'b') + "\r\n\r\n",
                      answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    std::string five, six;
    for (int i = 0; i < 3; ++i) five += interim;
    for (int i = 0; i < 5; ++i) six += interim;
    for (bool streamed : {false, true}) {
        flooding_server few{five + answer, ""}, many{six + answer, ""};
        http::client_options options{.max_header_bytes = 4096};
        BOOST_TEST(fetch(few.url(), streamed, options).status == 200);
        BOOST_TEST(fetch(many.url(), streamed, options).code == error_code{http_errc::headers_too_large});
    }
}

BOOST_AUTO_TEST_CASE(an_answer_within_its_limits_is_read_whole_in_any_chunks) {
    std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 100'000; ++i) bytes += "1\r\nx\r\n";
    bytes += "0\r\nchecksum: 1\r\n\r\n";
    for (bool streamed : {false, true}) {
        flooding_server server{bytes, ""};
        auto f = fetch(server.url(), streamed, {.max_response_bytes = 100'000, .max_header_bytes = 1024});
        BOOST_TEST(f.status == 200, f.message);
        BOOST_TEST(f.body == 100'000u);
    }
}

BOOST_AUTO_TEST_CASE(an_interim_answer_is_no_answer) {
    for (const char* status : {"100 Continue", "101 Switching Protocols", "199 x"}) {
        flooding_server server{std::string{"HTTP/1.1 "} + status + "\r\n\r\n", ""};
        for (bool streamed : {false, true}) {
            auto f = fetch(server.url(), streamed, {});
            BOOST_TEST(f.status == 0, status);
            BOOST_TEST((f.code == http_errc::connection_closed || f.code == http_errc::malformed_response), status);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_trailer_is_no_header) {
    flooding_server server{
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nContent-Encoding: gzip\r\nLocation: "
        "/x\r\n\r\n",
        ""};
    auto f = fetch(server.url(), false, {});
    BOOST_TEST(f.status == 200, f.message);
    BOOST_TEST(f.body == 1u);
}

BOOST_AUTO_TEST_CASE(a_transfer_coding_that_is_not_understood_is_no_body) {
    for (const char* coding : {"gzip", "gzip, chunked", "chunked, gzip", "identity"}) {
        flooding_server server{
            std::string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: "} + coding + "\r\n\r\n1\r\nx\r\n0\r\n\r\n", ""};
        BOOST_TEST(fetch(server.url(), false, {}).code == error_code{http_errc::malformed_response}, coding);
    }
}

BOOST_AUTO_TEST_CASE(what_a_server_says_before_it_is_asked_is_no_answer) {
    const std::string banner = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    boost::asio::io_context context;
    int other = -1;
    error_code code;
    auto work = [&]() -> task<void> {
        http::client client{context.get_executor(), {.proxy = ""}};
        http::client_seams::dial_by(client, [&](http::tcp::socket& socket, const std::string&, const std::string&) {
            int ends[2];
            BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
            socket.assign(http::tcp::v4(), ends[0]);
            other = ends[1];
            BOOST_REQUIRE(::send(other, banner.data(), banner.size(), 0) == static_cast<long>(banner.size()));
        });
        try {
            http::request r{"GET", "http://models.example/", {}, {}};
            co_await client.send(std::move(r), reagent::clock::now() + 20s);
        } catch (const http_error& e) {
            code = e.code();
        }
    };
    boost::asio::co_spawn(context, work(), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    context.run();
    BOOST_TEST(code == error_code{http_errc::malformed_response});
    char byte;
    auto n = ::recv(other, &byte, 1, 0);  // nothing was asked, and it is closed, with the banner unread
    BOOST_TEST((n == 0 || (n < 0 && errno == ECONNRESET)));
    ::close(other);
}

BOOST_AUTO_TEST_CASE(an_empty_body_in_chunks_arrives_in_any_pieces) {
    loopback_server server{[](const server_request&) {
        return server_response{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                               .pieces = {"0", "\r", "\n", "\r", "\n"},
                               .piece_delay = 2ms};
    }};
    for (bool streamed : {false, true}) {
        auto f = fetch(server.url(), streamed, {});
        BOOST_TEST(f.status == 200, f.message);
    }
}

BOOST_AUTO_TEST_CASE(a_packed_answer_without_a_body_is_no_cut_one) {
    for (bool head : {true, false}) {
        std::string size = head ? "61" : "0";
        flooding_server server{"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + size + "\r\n\r\n", ""};
        for (bool streamed : {false, true}) {
            auto f = fetch(server.url(), streamed, {}, head ? "HEAD" : "GET");
            BOOST_TEST(f.status == 200);
            BOOST_TEST(!f.code, f.message);
        }
    }
}

// RFC 1952, section 2.2: a gzip body is members, one behind the other.
BOOST_AUTO_TEST_CASE(every_member_of_a_packed_answer_is_read_and_nothing_else_may_follow) {
    struct {
        std::string packed, text;
        std::size_t limit = 1000;
        std::optional<http_errc> code{};
    } const cases[]{
        {gzip("part1"), "part1"},
        {gzip("part1") + gzip("") + gzip("part2"), "part1part2"},
        {gzip("") + gzip(""), ""},
        {zlib("part1"), "part1"},
        {gzip("part1") + "JUNK", "", 1000, http_errc::malformed_response},
        {gzip("part1") + std::string(512, '\0'), "", 1000, http_errc::malformed_response},
        {gzip("part1") + zlib("part2"), "", 1000, http_errc::malformed_response},
        {zlib("part1") + zlib("part2"), "", 1000, http_errc::malformed_response},
        {zlib("part1") + "x", "", 1000, http_errc::malformed_response},
        {gzip("part1") + gzip("part2").substr(0, 12), "", 1000, http_errc::connection_closed},
        {gzip(std::string(60, 'a')) + gzip(std::string(60, 'b')), "", 100, http_errc::body_too_large},
    };
    for (const auto& c : cases)
        for (std::size_t in_pieces_of : {1u, 7u, 1000u}) {
            std::vector<std::string> pieces;
            for (std::size_t at = 0; at < c.packed.size(); at += in_pieces_of)
                pieces.push_back(c.packed.substr(at, in_pieces_of));
            loopback_server server{[&](const server_request&) {
                return server_response{.headers = {{"Content-Encoding", "gzip"}}, .pieces = pieces};
            }};
            for (bool streamed : {false, true}) {
                auto f = fetch(server.url(), streamed, {.max_response_bytes = c.limit});
                BOOST_TEST_CONTEXT("case " << &c - cases << ", pieces of " << in_pieces_of
                                           << (streamed ? ", streamed: " : ": ") << f.message) {
                    BOOST_TEST(f.code == (c.code ? error_code{*c.code} : error_code{}));
                    BOOST_TEST(f.kept == (c.code ? 0u : 1u));
                    if (c.code)
                        BOOST_TEST(f.message.find("/") != std::string::npos);
                    else
                        BOOST_TEST(f.text == c.text);
                }
            }
        }
}

BOOST_AUTO_TEST_CASE(a_proxy_is_bounded_and_cannot_answer_for_the_server_behind_its_tunnel) {
    const std::string tunnel = "HTTP/1.1 200 Connection established\r\n",
                      poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    certificate good;
    flooding_server endless{tunnel, "a: b\r\n"}, liar{tunnel + "\r\n" + poison, ""};
    auto through = [&](flooding_server& proxy) {
        return fetch("https://models.example/", false, {.ca_file = good.file, .proxy = proxy.url()});
    };
    BOOST_TEST(through(endless).code == error_code{http_errc::connect_failed});
    BOOST_TEST(endless.sent() < flood / 2);
    auto f = through(liar);
    BOOST_TEST(f.code == error_code{http_errc::connect_failed});
    BOOST_TEST(f.message.find("before") != std::string::npos, f.message);
}

BOOST_AUTO_TEST_SUITE_END()
