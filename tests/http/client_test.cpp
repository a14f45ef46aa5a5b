#include "go.hpp"
#include "support/loopback_server.hpp"

#include <reagent/deadline.hpp>
#include <reagent/error.hpp>
#include <reagent/http/client.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace std::chrono_literals;

namespace {

http::request get(const std::string& url) { return {"GET", url, {}, {}}; }

// The code of the error that a request fails with.
error_code failure_of(const http::request& r, http::client_options options = {},
                      std::chrono::milliseconds within = 5s) {
    error_code code;
    go([&](auto& context) -> task<void> {
        http::client client{context.get_executor(), options};
        try {
            http::request copy = r;
            co_await client.send(std::move(copy), reagent::clock::now() + within);
        } catch (const http_error& e) {
            code = e.code();
            BOOST_TEST_MESSAGE(e.what());
        }
    });
    return code;
}

server_response hello(const server_request&) { return {.body = "hello"}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(http_client)

BOOST_AUTO_TEST_CASE(what_a_request_line_or_a_header_may_not_hold_is_refused) {
    loopback_server server{hello};
    for (std::string method : {"", "GET /x", "GET /x HTTP/1.1\r\nX-Evil: 1\r\nA:", "G\xC3\x89T", "GET:"})
        BOOST_TEST(failure_of({method, server.url("/")}) == error_code{http_errc::bad_url}, method);
    const http::header_list headers{
        {"", "x"},     {"a b", "x"},  {"a:", "x"}, {"a", "x\r\nEvil: 1"}, {"a", "x\n"}, {"a", std::string(1, '\0')},
        {"a", "\x01"}, {"a", "\x7F"}, {"a\t", "x"}};
    for (const auto& header : headers)
        BOOST_TEST(failure_of({"GET", server.url("/"), {header}}) == error_code{http_errc::bad_url}, header.first);
    BOOST_TEST(server.requests() == 0);
    BOOST_TEST(failure_of({"M-SEARCH", server.url("/"), {{"x~y", "a\tb \xC3\xA9"}}}) == error_code{});
}

BOOST_AUTO_TEST_CASE(a_redirect_above_the_root_leads_to_the_root) {
    // RFC 3986, section 5.4.2
    for (std::string location : {"../../ok", "/../ok", "../../../ok", "./../../ok"}) {
        std::string target;
        loopback_server server{[&](const server_request& r) {
            target = r.target;
            return r.target == "/dir/from" ? server_response{.status = 307, .headers = {{"Location", location}}}
                                           : server_response{};
        }};
        http::request r = get(server.url("/dir/from"));
        r.follow = http::redirects::same_origin;
        BOOST_TEST(failure_of(r) == error_code{});
        BOOST_TEST(target == "/ok", location);
    }
}

BOOST_AUTO_TEST_CASE(a_connection_is_kept_and_used_again) {
    loopback_server server{
        [](const server_request& r) { return server_response{.body = r.method + " " + r.target + " " + r.body}; }};
    go([&](auto& context) -> task<void> {
        http::client client{context.get_executor(), {}};
        for (int i = 0; i < 3; ++i) {
            http::request r{"POST", server.url("/a?b=c"), {{"x-y", "z"}}, "body"};
            auto response = co_await client.send(std::move(r));
            BOOST_TEST(response.status == 200);
            BOOST_TEST(response.body == "POST /a?b=c body");
            BOOST_TEST(response.header("content-type") == "application/json");
        }
        BOOST_TEST(client.idle_connections() == 1u);
    });
    BOOST_TEST(server.connections() == 1);
}

BOOST_AUTO_TEST_CASE(a_connection_that_the_server_closed_is_replaced) {
    loopback_server server{hello};
    go([&](auto& context) -> task<void> {
        http::client client{context.get_executor(), {}};
        auto first = get(server.url());
        co_await client.send(std::move(first));
        server.close_idle();
        auto second = get(server.url());
        auto response = co_await client.send(std::move(second));
        BOOST_TEST(response.body == "hello");
    });
    BOOST_TEST(server.connections() == 2);
}

BOOST_AUTO_TEST_CASE(a_response_that_says_close_is_not_pooled) {
    loopback_server server{[](const server_request&) { return server_response{.body = "x", .close = true}; }};
    go([&](auto& context) -> task<void> {
        http::client client{context.get_executor(), {}};
        auto r = get(server.url());
        co_await client.send(std::move(r));
        BOOST_TEST(client.idle_connections() == 0u);
    });
}

BOOST_AUTO_TEST_CASE(failures_have_codes) {
    loopback_server slow{[](const server_request&) { return server_response{.body = "late", .delay = 10s}; }};
    BOOST_TEST((failure_of(get(slow.url()), {}, 50ms) == http_errc::deadline_exceeded));
    loopback_server big{[](const server_request&) { return server_response{.body = std::string(100'000, 'x')}; }};
    BOOST_TEST((failure_of(get(big.url()), {.max_response_bytes = 1000}) == http_errc::body_too_large));
    loopback_server headers{[](const server_request&) {
        return server_response{.raw = "HTTP/1.1 200 OK\r\nx: " + std::string(100'000, 'y') + "\r\n\r\n"};
    }};
    BOOST_TEST((failure_of(get(headers.url())) == http_errc::headers_too_large));
    loopback_server nonsense{[](const server_request&) { return server_response{.raw = "SSH-2.0-OpenSSH\r\n\r\n"}; }};
    BOOST_TEST((failure_of(get(nonsense.url())) == http_errc::malformed_response));
    loopback_server zero{
        [](const server_request&) { return server_response{.raw = "HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n"}; }};
    BOOST_TEST((failure_of(get(zero.url())) == http_errc::malformed_response));
    loopback_server half{[](const server_request&) {
        return server_response{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"};
    }};
    BOOST_TEST((failure_of(get(half.url())) == http_errc::connection_closed));
    loopback_server dropping{[](const server_request&) { return server_response{.drop = true}; }};
    BOOST_TEST((failure_of(get(dropping.url())) == http_errc::connection_closed));
    unsigned short free_port;
    {
        loopback_server gone{hello};
        free_port = gone.port();
    }
    BOOST_TEST((failure_of(get("http://127.0.0.1:" + std::to_string(free_port) + "/")) == http_errc::connect_failed));
    for (const char* url :
         {"", "example.org", "ftp://x/", "http://", "http://user:pw@127.0.0.1/", "http://127.0.0.1:99999/"})
        BOOST_TEST((failure_of(get(url)) == http_errc::bad_url), url);
    http::request injected{"GET", slow.url(), {{"x", "a\r\nb: c"}}, {}};
    BOOST_TEST((failure_of(injected) == http_errc::bad_url));
}

BOOST_AUTO_TEST_CASE(an_answer_arrives_whole_in_any_pieces) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", body = "0123456789",
                      chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                      interim = "HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n",
                      chunks = "4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n";
    struct {
        std::string first;
        std::vector<std::string> others;
    } const answers[]{{head, {body}},
                      {head + "01", {"234", "56789"}},
                      {head.substr(0, 20), {head.substr(20) + body}},
                      {head.substr(0, 20), {head.substr(20) + "0", "123456789"}},
                      {chunked, {chunks}},
                      {chunked + chunks.substr(0, 2), {chunks.substr(2, 6), chunks.substr(8, 9), chunks.substr(17)}},
                      {interim, {head, body}},
                      {interim + head + "012", {"3456789"}}};
    certificate good;
    loopback_server::tls keys{good.certificate_pem, good.key_pem};
    for (bool tls : {false, true}) {
        std::size_t next = 0;
        loopback_server server{[&](const server_request&) {
                                   const auto& [first, others] = answers[next++ % std::size(answers)];
                                   return server_response{.raw = first, .pieces = others, .piece_delay = 2ms};
                               },
                               tls ? &keys : nullptr};
        go([&](auto& context) -> task<void> {
            http::client client{context.get_executor(), {.ca_file = good.file}};
            for (std::size_t i = 0; i < 2 * std::size(answers); ++i) {
                auto response = co_await client.send(get(server.url()), reagent::clock::now() + 5s);
                BOOST_TEST(response.body == body, "answer " << i % std::size(answers) << ": " << response.body);
            }
        });
    }
}

BOOST_AUTO_TEST_CASE(what_comes_unasked_answers_no_other_request) {
    certificate good;
    loopback_server::tls keys{good.certificate_pem, good.key_pem};
    auto answer = [](const std::string& body) {
        return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    };
    for (bool tls : {false, true})
        for (bool late : {false, true})
            for (bool streamed : {false, true}) {
                loopback_server server{[&](const server_request& r) {
                                           auto own = answer(r.target), more = answer("/poison");
                                           if (!late) return server_response{.raw = own + more};
                                           return server_response{.raw = own, .pieces = {more}, .piece_delay = 2ms};
                                       },
                                       tls ? &keys : nullptr};
                go([&](auto& context) -> task<void> {
                    http::client client{context.get_executor(), {.ca_file = good.file}};
                    for (int i = 0; i < 4; ++i) {
                        std::string target = "/" + std::to_string(i), body;
                        auto r = get(server.url(target));
                        r.repeatable = true;
                        if (streamed) {
                            auto stream = co_await client.open(std::move(r), reagent::clock::now() + 5s);
                            for (;;) {
                                auto piece = co_await stream.read();
                                if (piece.empty()) break;
                                body += piece;
                            }
                        } else {
                            auto response = co_await client.send(std::move(r), reagent::clock::now() + 5s);
                            body = response.body;
                        }
                        BOOST_TEST(body == target, (tls ? "TLS " : "")
                                                       << (late ? "late " : "") << (streamed ? "streamed" : ""));
                        for (int waits = 0; late && server.pieces() <= i && waits < 10'000; ++waits) {
                            boost::asio::steady_timer pause{context, 1ms};
                            co_await pause.async_wait(boost::asio::use_awaitable);
                        }
                    }
                });
            }
}

BOOST_AUTO_TEST_CASE(a_stream_says_whether_more_can_come) {
    loopback_server server{[&](const server_request& r) {
        if (r.target == "/known") return server_response{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"};
        return server_response{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
                               .pieces = {"0\r\n\r\n"},
                               .piece_delay = 20ms};
    }};
    go([&](auto& context) -> task<void> {
        http::client client{context.get_executor(), {}};
        for (bool known : {true, false}) {
            auto r = get(server.url(known ? "/known" : "/chunked"));
            auto stream = co_await client.open(std::move(r), reagent::clock::now() + 5s);
            BOOST_TEST(!stream.at_end());
            auto piece = co_await stream.read();
            BOOST_TEST(piece == "hi");
            BOOST_TEST(stream.at_end() == known);
            piece = co_await stream.read();
            BOOST_TEST(piece == "");
            BOOST_TEST(stream.at_end());
        }
    });
}

BOOST_AUTO_TEST_CASE(tls_is_verified) {
    certificate good, other{"DNS:example.org"};
    loopback_server::tls keys{good.certificate_pem, good.key_pem}, wrong{other.certificate_pem, other.key_pem};
    loopback_server server{hello, &keys}, impostor{hello, &wrong};
    go([&](auto& context) -> task<void> {
        http::client client{context.get_executor(), {.ca_file = good.file}};
        for (int i = 0; i < 2; ++i) {
            auto r = get(server.url());
            auto response = co_await client.send(std::move(r));
            BOOST_TEST(response.body == "hello");
        }
        auto by_name = get("https://localhost:" + std::to_string(server.port()) + "/");
        auto response = co_await client.send(std::move(by_name));
        BOOST_TEST(response.body == "hello");
    });
    BOOST_TEST((failure_of(get(server.url())) == http_errc::tls_failed));  // nobody vouches for it
    BOOST_TEST((failure_of(get(impostor.url()), {.ca_file = other.file}) == http_errc::tls_failed));  // another name
    BOOST_TEST((failure_of(get(server.url()), {.ca_file = "/nowhere.pem"}) == http_errc::tls_failed));
    loopback_server plain{hello};
    BOOST_TEST((failure_of(get("https://127.0.0.1:" + std::to_string(plain.port()) + "/"), {.ca_file = good.file}) ==
                http_errc::tls_failed));
}

BOOST_AUTO_TEST_CASE(a_certificate_for_another_name_is_told_as_that) {
    struct {
        const char *names, *host, *shown;
    } const cases[]{
        {"DNS:example.org", "127.0.0.1", "the certificate is for example.org, not for 127.0.0.1"},
        {"DNS:example.org,DNS:*.example.net", "localhost",
         "the certificate is for example.org, *.example.net, not for localhost"},
        {"IP:10.0.0.1,IP:::1", "127.0.0.1", "the certificate is for 10.0.0.1, ::1, not for 127.0.0.1"},
        {"DNS:127.0.0.1", "127.0.0.1",
         "the certificate is for DNS:127.0.0.1, not for 127.0.0.1; an IP address needs an entry of its own, "
         "subjectAltName = IP:127.0.0.1"},
        {"email:a@example.org", "localhost", "the certificate is for no name, not for localhost"},
        {"DNS:a,DNS:b,DNS:c,DNS:d,DNS:e,DNS:f,DNS:g,DNS:h,DNS:i", "localhost",
         "the certificate is for a, b, c, d, e, f, g, h and 1 more, not for"},
    };
    for (const auto& c : cases) {
        certificate other{c.names};
        loopback_server::tls keys{other.certificate_pem, other.key_pem};
        loopback_server impostor{hello, &keys};
        std::string message;
        go([&](auto& context) -> task<void> {
            http::client client{context.get_executor(), {.ca_file = other.file}};
            try {
                auto r = get("https://" + std::string{c.host} + ":" + std::to_string(impostor.port()) + "/");
                co_await client.send(std::move(r), reagent::clock::now() + 20s);
            } catch (const http_error& e) {
                BOOST_TEST((e.code() == http_errc::tls_failed));
                message = e.what();
            }
        });
        BOOST_TEST(message.find(c.shown) != std::string::npos, message);
        BOOST_TEST(message.find("unspecified") == std::string::npos, message);
    }
    // What a certificate calls itself besides is no name (RFC 9525).
    certificate common{"email:a@example.org", false, "localhost"};
    loopback_server::tls keys{common.certificate_pem, common.key_pem};
    loopback_server called{hello, &keys};
    BOOST_TEST((failure_of(get("https://localhost:" + std::to_string(called.port()) + "/"), {.ca_file = common.file}) ==
                http_errc::tls_failed));
    // A name in a certificate is anybody's text.
    certificate hostile{"DNS:a\x1b[31mb"};
}

BOOST_AUTO_TEST_CASE(with_deadline_tells_four_outcomes_apart) {
    struct missed : std::runtime_error {
        using runtime_error::runtime_error;
    };
    auto waits = [](std::chrono::milliseconds t, bool fails) -> task<int> {
        boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, t};
        co_await timer.async_wait(boost::asio::use_awaitable);
        if (fails) throw std::logic_error{"own"};
        co_return 7;
    };
    auto late = [] { return missed{"late"}; };
    go([&](auto&) -> task<void> {
        BOOST_TEST(co_await with_deadline(waits(1ms, false), reagent::clock::now() + 10s, late) == 7);
    });
    BOOST_CHECK_THROW(
        go([&](auto&) -> task<void> { co_await with_deadline(waits(1ms, true), reagent::clock::now() + 10s, late); }),
        std::logic_error);
    BOOST_CHECK_THROW(
        go([&](auto&) -> task<void> { co_await with_deadline(waits(10s, false), reagent::clock::now() + 5ms, late); }),
        missed);
    boost::asio::io_context context;
    boost::asio::cancellation_signal signal;
    error_code code;
    auto outer = [&]() -> task<void> {
        try {
            co_await with_deadline(waits(10s, false), reagent::clock::now() + 9s, late);
        } catch (const boost::system::system_error& e) {
            code = e.code();
        }
    };
    boost::asio::co_spawn(context, outer(),
                          boost::asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
    boost::asio::post(context, [&] { signal.emit(boost::asio::cancellation_type::terminal); });
    context.run();
    BOOST_TEST((code == boost::asio::error::operation_aborted));
}

BOOST_AUTO_TEST_SUITE_END()
