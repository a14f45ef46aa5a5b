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

namespace {

std::string chunked_head(const char* start) {
    return std::string{start} +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
}

// Sends a unit until so much is out or nobody takes more. @return what was taken
std::size_t flood(test::raw_client& c, std::string unit, std::size_t most) {
    while (unit.size() < 65'536) unit += unit;
    std::size_t sent = 0;
    while (sent < most && c.try_send(unit)) sent += unit.size();
    return sent;
}

}  // namespace

// Beast's own limit of a field throws, where it would end the whole server.
BOOST_AUTO_TEST_CASE(a_field_of_64_kib_behind_a_body_ends_its_connection_and_nothing_else) {
    server_options wide;
    wide.limits.header_bytes = 256 * 1024;
    for (const auto& o : {server_options{}, wide}) {
        gated s{o};
        for (const char* start : {"GET /healthz", "POST /classify"})
            for (std::string field : {"X-T: " + std::string(70'000, 'a'), std::string(70'000, 'n') + ": 1"}) {
                auto behind = s.client();
                behind.try_send(chunked_head(start) + "10\r\n{\"message\": \"m\"}\r\n0\r\n" + field + "\r\n\r\n");
                BOOST_TEST(behind.read().status == 431);
                BOOST_TEST(behind.is_closed());
                auto before = s.client();
                before.try_send(std::string{start} + " HTTP/1.1\r\nHost: localhost\r\n" + field + "\r\n\r\n");
                BOOST_TEST(before.read().status == 431);
            }
        BOOST_TEST(s.client().get("/healthz").status == 200);
    }
}

BOOST_AUTO_TEST_CASE(all_that_stands_around_a_body_has_one_limit) {
    gated s;
    const std::string body = "10\r\n{\"message\": \"m\"}\r\n";
    const std::pair<std::string, std::string> endless[] = {
        {body + "0\r\n", "X-T: 1\r\n"},
        {body + "0\r\nX-T: ", std::string(1000, 'a')},
        {"", "1;" + std::string(2000, 'a') + "\r\n \r\n"},
        {"1;", std::string(1000, 'a')},
        {"", std::string(1000, '0')},
        {"", "0000000000000001\r\n \r\n"},
    };
    for (const char* start : {"GET /healthz", "POST /classify"})
        for (const auto& [before, unit] : endless) {
            auto c = s.client();
            c.send(chunked_head(start) + before);
            BOOST_TEST(flood(c, unit, 64 << 20) < (32u << 20), start << " with " << unit.substr(0, 20));
            BOOST_TEST(c.read().status == 431, start << " with " << unit.substr(0, 20));
            BOOST_TEST(c.is_closed());
        }
    auto few = s.client();
    few.send(chunked_head("POST /classify") + "10;a=b\r\n{\"message\": \"m\"}\r\n0\r\nX-T: 1\r\n\r\n");
    BOOST_TEST(few.read().status == 200);
    auto bytes = s.client();  // a body in chunks of one byte
    std::string pieces = chunked_head("POST /classify"), text = R"({"message": ")" + std::string(20'000, 'm') + "\"}";
    for (char c : text) pieces += std::string{"1\r\n"} + c + "\r\n";
    bytes.send(pieces + "0\r\n\r\n");
    BOOST_TEST(bytes.read().status == 200);
}

// A client that always has a byte at hand leaves nothing to cancel when its time is over.
BOOST_AUTO_TEST_CASE(a_body_that_never_stops_coming_ends_with_408) {
    server_options o;
    o.limits.body_time = 300ms;
    gated s{o};
    auto c = s.client();
    c.send(
        "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "900000\r\n\r\n");
    std::atomic<bool> over = false;
    std::thread sends{[&] {
        for (std::string one = "x"; !over && c.try_send(one);) std::this_thread::sleep_for(1ms);
    }};
    BOOST_TEST(c.read().status == 408);
    over = true;
    sends.join();
}

// What the owner of a server gave it may throw too.
BOOST_AUTO_TEST_CASE(what_a_callback_throws_ends_no_server) {
    runtime rt;
    std::atomic<int> told = 0;
    server_options o;
    o.port = 0;
    o.on_access = [](const access_record&) { throw 1; };
    o.on_notice = [&](const std::string&) {
        ++told;
        throw 2;
    };
    server s{rt, o};
    s.handle("GET", "/throws", [](std::shared_ptr<http_request> r) -> task<http_reply> {
        r->client->on_leave([] { throw 3; });
        http_reply reply{.body = "{}"};
        co_return reply;
    });
    s.handle("GET", "/events", [](std::shared_ptr<http_request>) -> task<http_reply> {
        http_reply reply;
        reply.events = [](event_sink&) -> task<void> {
            throw 4;
            co_return;
        };
        co_return reply;
    });
    s.start();
    for (int i = 0; i < 3; ++i)
        for (const char* path : {"/throws", "/events", "/healthz"})
            BOOST_TEST(test::raw_client{s.port()}.get(path).status == 200, path);
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
