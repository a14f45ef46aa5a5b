// What clients may not do to a server: slow, large, deep, many, half-closed, from elsewhere.
#include "service.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;
using reagent::test::service;
using namespace std::chrono_literals;

namespace {

struct gated : service {
    explicit gated(server_options o = {}, route_options r = {}) : service{std::move(o)} {
        server.add("/ask", test::served_gate(slow), std::move(r));
        server.add("/classify", program, {.run = lm});
        server.start();
    }
    ~gated() { slow.open(); }
};

const std::string question = R"({"question": "q"})";

}  // namespace

BOOST_AUTO_TEST_SUITE(limits)

BOOST_AUTO_TEST_CASE(bodies_that_are_too_large_are_refused_before_they_come) {
    gated s;
    auto c = s.client();
    c.send(
        "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "1073741824\r\n\r\n{");
    BOOST_TEST(c.read().status == 413);
    BOOST_TEST(c.is_closed());
    auto chunks = s.client();
    chunks.send(
        "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
        "chunked\r\n\r\n");
    std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
    for (int i = 0; i < 40 && chunks.try_send(chunk); ++i) {
    }
    BOOST_TEST(chunks.read().status == 413);
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_levels_are_refused) {
    gated s;
    std::string deep = R"({"message": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
    auto r = s.client().post("/classify", deep);
    BOOST_TEST(r.status == 400);
    BOOST_TEST(r.body.find("deeper") != r.body.npos);
}

BOOST_AUTO_TEST_CASE(headers_that_are_too_large_are_refused) {
    gated s;
    auto c = s.client();
    c.try_send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + std::string(100'000, 'x'));
    BOOST_TEST(c.read().status == 431);
    auto many = s.client();
    std::string headers;
    for (int i = 0; i < 20'000; ++i) headers += "X-" + std::to_string(i) + ": y\r\n";
    many.try_send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + headers);
    BOOST_TEST(many.read().status == 431);
    BOOST_TEST(s.client().get("/" + std::string(5'000, 'p')).status == 414);
}

BOOST_AUTO_TEST_CASE(what_is_no_http_is_answered_and_closed) {
    gated s;
    for (const char* text :
         {"\x16\x03\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
          "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n"}) {
        auto c = s.client();
        c.send(text);
        auto status = c.read().status;
        BOOST_TEST((status == 400 || status == 505), status << " for " << text);
        BOOST_TEST(c.is_closed());
    }
    BOOST_TEST(s.client().get("/healthz").status == 200);
}

// A body that one reader sees and another does not would be answered as the next request.
BOOST_AUTO_TEST_CASE(a_request_whose_end_is_unclear_is_refused_and_ends_its_connection) {
    gated s;
    const std::string inner = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n", length = "Content-Length: 49\r\n",
                      chunked = "Transfer-Encoding: chunked\r\n";
    for (std::string headers :
         {std::string{"Transfer-Encoding: gzip\r\n"}, std::string{"Transfer-Encoding: identity\r\n"},
          std::string{"Transfer-Encoding: \"chunked\"\r\n"}, std::string{"Transfer-Encoding:\r\n"},
          std::string{"Transfer-Encoding: chunked, identity\r\n"}, std::string{"Transfer-Encoding: gzip, chunked\r\n"},
          std::string{"Transfer-Encoding: chunked, chunked\r\n"}, chunked + chunked, chunked + length, length + chunked,
          length + length, length + "Content-Length: 0\r\n", std::string{"Content-Length: 49, 49\r\n"},
          std::string{"Content-Length: +49\r\n"}, std::string{"Host: other\r\n"}})
        for (const char* method : {"GET /healthz", "POST /classify"}) {
            auto c = s.client();
            c.try_send(std::string{method} + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + inner);
            BOOST_TEST(c.read().status == 400, method << " with " << headers);
            BOOST_TEST(c.is_closed(), method << " with " << headers);
        }
    auto c = s.client();
    c.try_send("POST /classify HTTP/1.0\r\nHost: localhost\r\n" + chunked + "\r\n" + inner);
    BOOST_TEST(c.read().status == 400);
    BOOST_TEST(c.is_closed());
    auto good = s.client();
    good.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n");
    BOOST_TEST(good.read().status == 200);
}

BOOST_AUTO_TEST_CASE(slow_requests_end_with_408_and_silent_ones_are_closed) {
    server_options o;
    o.limits.header_time = 300ms;
    o.limits.body_time = 300ms;
    o.limits.idle_time = 500ms;
    gated s{o};
    auto header = s.client(), body = s.client(), silent = s.client();
    header.send("GET /healthz HTTP/1.1\r\nHos");
    body.send(
        "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
    BOOST_TEST(header.read().status == 408);
    BOOST_TEST(body.read().status == 408);
    BOOST_TEST(silent.read().status == 0);
    BOOST_TEST(silent.is_closed());
}

BOOST_AUTO_TEST_CASE(half_a_request_is_answered_and_a_whole_one_of_a_half_closed_client_too) {
    gated s;
    auto half = s.client();
    half.send(
        "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
    half.half_close();
    BOOST_TEST(half.read().status == 400);
    auto whole = s.client();
    whole.send(
        "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "16\r\n\r\n{\"message\": \"m\"}");
    whole.half_close();
    BOOST_TEST(whole.read().status == 200);
}

BOOST_AUTO_TEST_CASE(a_full_queue_answers_503_and_recovers) {
    gated s{{}, {.concurrency = 2, .queue = 1}};
    std::vector<std::unique_ptr<test::raw_client>> waiting;
    auto ask = "POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n" +
               question;
    for (int i = 0; i < 2; ++i) {
        waiting.push_back(std::make_unique<test::raw_client>(s.server.port()));
        waiting.back()->send(ask);
    }
    BOOST_TEST_REQUIRE(s.slow.wait_entered(2));
    waiting.push_back(std::make_unique<test::raw_client>(s.server.port()));
    waiting.back()->send(ask);
    test::raw_reply refused;
    for (int i = 0; i < 500 && refused.status != 503; ++i) {  // the third may be read behind this one
        auto c = std::make_unique<test::raw_client>(s.server.port());
        if (s.client().get("/metrics").body.find("reagent_requests_waiting{program=\"ask\"} 1") == std::string::npos)
            continue;
        refused = c->post("/ask", question);
    }
    BOOST_TEST(refused.status == 503);
    BOOST_TEST(refused.headers["retry-after"] == "1");
    s.slow.open();
    for (auto& c : waiting) BOOST_TEST(c->read().status == 200);
    BOOST_TEST(s.client().post("/ask", question).status == 200);
}

BOOST_AUTO_TEST_CASE(a_deadline_is_504_at_work_and_in_the_queue) {
    gated s{{}, {.concurrency = 1, .deadline = 400ms}};
    auto working = s.client(), queued = s.client();
    working.send(
        "POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n" +
        question);
    BOOST_TEST_REQUIRE(s.slow.wait_entered(1));
    BOOST_TEST(queued.post("/ask", question).status == 504);
    BOOST_TEST(working.read().status == 504);
    BOOST_TEST(s.slow.wait_cancelled(1));
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_cancels_its_run) {
    server_options o;
    o.limits.half_closed = 50ms;
    gated s{o};
    const auto ask =
        "POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n" +
        question;
    auto closed = s.client(), killed = s.client();
    closed.send(ask);
    killed.send(ask);
    BOOST_TEST_REQUIRE(s.slow.wait_entered(2));
    closed.close();
    killed.reset();
    BOOST_TEST(s.slow.wait_cancelled(2));
    auto log = s.log_of(2);
    for (const auto& line : log) BOOST_TEST(line.find(" 499 ") != line.npos, line);
}

BOOST_AUTO_TEST_CASE(connections_are_bounded_and_silent_ones_make_room) {
    server_options o;
    o.limits.connections = 4;
    gated s{o};
    std::vector<std::unique_ptr<test::raw_client>> silent;
    for (int i = 0; i < 4; ++i) silent.push_back(std::make_unique<test::raw_client>(s.server.port()));
    BOOST_TEST(s.client().get("/healthz").status == 200);
    BOOST_TEST(silent.front()->is_closed());
}

BOOST_AUTO_TEST_CASE(stopping_lets_requests_under_way_end) {
    service s;
    s.server.add("/ask", test::served_gate(s.slow), {});
    auto running = std::async(std::launch::async, [&] { s.server.run(); });
    auto working = s.client(), idle = s.client();
    BOOST_TEST(idle.get("/healthz").status == 200);
    working.send(
        "POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n" +
        question);
    BOOST_TEST_REQUIRE(s.slow.wait_entered(1));
    s.server.stop();
    BOOST_TEST(idle.is_closed());
    s.slow.open();
    auto r = working.read();
    BOOST_TEST(r.status == 200);
    BOOST_TEST(r.headers["connection"] == "close");
    running.get();
}

BOOST_AUTO_TEST_SUITE_END()
