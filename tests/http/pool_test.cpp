// How many connections are kept, for how long, and how long one may take to come about.
#include "../../sdk/src/http/connection.hpp"
#include "go.hpp"
#include "support/loopback_server.hpp"

#include <reagent/error.hpp>
#include <reagent/http/client.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace std::chrono_literals;

namespace {

// How many connections two requests take that are `apart` from each other.
int connections_of_two(std::chrono::seconds idle_timeout, std::chrono::milliseconds apart) {
    loopback_server server{[](const server_request&) { return server_response{.body = "hello"}; }};
    go([&](auto& context) -> task<void> {
        http::client client{context.get_executor(), {.idle_timeout = idle_timeout}};
        for (int i = 0; i < 2; ++i) {
            http::request r{"GET", server.url(), {}, {}};
            co_await client.send(std::move(r));
            boost::asio::steady_timer wait{context, apart};
            if (i == 0) co_await wait.async_wait(boost::asio::use_awaitable);
        }
    });
    return server.connections();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_pool)

BOOST_AUTO_TEST_CASE(a_connection_that_was_idle_for_too_long_is_not_used_again) {
    BOOST_TEST(connections_of_two(1s, 1100ms) == 2);
    BOOST_TEST(connections_of_two(3600s, 1100ms) == 1);
}

BOOST_AUTO_TEST_CASE(no_more_connections_are_kept_than_the_limit_says) {
    constexpr int at_once = 5, kept = 2;
    // All are answered together, so that each has a connection of its own.
    loopback_server server{[](const server_request&) { return server_response{.body = "hello", .delay = 200ms}; }};
    boost::asio::io_context context;
    http::client client{context.get_executor(), {.max_idle_connections = kept}};
    auto one = [&]() -> task<void> {
        http::request r{"GET", server.url(), {}, {}};
        co_await client.send(std::move(r));
    };
    for (int i = 0; i < at_once; ++i)
        boost::asio::co_spawn(context, one(), [](std::exception_ptr e) {
            if (e) std::rethrow_exception(e);
        });
    context.run();
    BOOST_TEST(server.connections() == at_once);
    BOOST_TEST(client.idle_connections() == static_cast<std::size_t>(kept));
}

BOOST_AUTO_TEST_CASE(the_time_to_connect_holds_for_the_handshake_of_tls_too) {
    // The kernel accepts; nobody ever says a word.
    boost::asio::io_context context;
    boost::asio::ip::tcp::acceptor silent{context, {boost::asio::ip::address_v4::loopback(), 0}};
    const auto url = "https://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/";
    auto failure = [&](std::chrono::seconds connect_timeout, std::chrono::milliseconds within) {
        std::pair<error_code, std::string> told;
        go([&](auto& here) -> task<void> {
            http::client client{here.get_executor(), {.connect_timeout = connect_timeout, .verify_tls = false}};
            http::request r{"GET", url, {}, {}};
            try {
                co_await client.send(std::move(r), reagent::clock::now() + within);
            } catch (const http_error& e) {
                told = {e.code(), e.what()};
            }
        });
        return told;
    };
    auto [code, words] = failure(1s, 1h);
    BOOST_TEST(code == error_code{http_errc::connect_failed});
    BOOST_TEST(words.find("within 1 s") != words.npos, words);
    BOOST_TEST(failure(3600s, 200ms).first == error_code{http_errc::deadline_exceeded});
}

BOOST_AUTO_TEST_SUITE_END()
