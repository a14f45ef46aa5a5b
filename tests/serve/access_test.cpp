// Who may ask, from where.
#include "service.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;
using reagent::test::service;

namespace {

struct guarded : service {
    explicit guarded(server_options o = {}) : service{std::move(o)} {
        server.add("/classify", program, {.run = lm});
        server.start();
    }
};

const std::string ticket = R"({"message": "m"})";
server_options with_keys() {
    server_options o;
    o.keys.push_back({.name = "shop", .key = secret{"shop-key-0123456789"}});
    o.keys.push_back({.name = "slow", .key = secret{"slow-key-0123456789"}, .per_minute = 1, .burst = 2});
    return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(who_may_ask)

BOOST_AUTO_TEST_CASE(a_name_that_was_made_to_point_here_is_refused) {
    guarded s{{.hosts = {"router.example"}}};
    auto status = [&](const std::string& host) {
        auto c = s.client();
        c.send("GET /healthz HTTP/1.1\r\n" + host + "\r\n");
        return c.read().status;
    };
    BOOST_TEST(status("Host: attacker.example\r\n") == 421);
    BOOST_TEST(status("Host: localhost.attacker.example\r\n") == 421);
    BOOST_TEST(status("") == 400);
    BOOST_TEST(status("Host: localhost\r\nHost: attacker.example\r\n") == 400);
    for (const char* bad : {"localhost:80.attacker.example", "[::1].attacker.example", "[::1]attacker.example",
                            "[::1]:80.attacker.example", "localhost:x", "localhost:", "localhost:0", "localhost:65536",
                            "localhost:+80", "localhost:80:80", "localhost:-1", "127.0.0.1:80@attacker.example",
                            "[localhost]", "[localhost]:80", "[]", "[", ":80", "router.example:80.attacker.example"})
        BOOST_TEST(status(std::string{"Host: "} + bad + "\r\n") == 421, bad);
    for (const char* good :
         {"localhost:8080", "localhost:65535", "[::1]", "127.0.0.1:1", "[::1]:8080", "Router.Example", "10.0.0.7:8080"})
        BOOST_TEST(status(std::string{"Host: "} + good + "\r\n") == 200, good);
}

BOOST_AUTO_TEST_CASE(pages_from_elsewhere_may_not_write) {
    guarded s{{.origins = {"https://app.example"}}};
    auto c = s.client();
    for (const char* origin :
         {"https://attacker.example", "null", "http://localhost.attacker.example", "http://localhost:1"})
        BOOST_TEST(c.post("/classify", ticket, std::string{"Origin: "} + origin + "\r\n").status == 403, origin);
    BOOST_TEST(c.post("/classify", ticket, "Sec-Fetch-Site: cross-site\r\n").status == 403);
    BOOST_TEST(s.lm.calls() == 0u);
    BOOST_TEST(c.post("/classify", ticket, "Origin: http://localhost\r\n").status == 200);
    auto allowed = c.post("/classify", ticket, "Origin: https://app.example\r\n");
    BOOST_TEST(allowed.status == 200);
    BOOST_TEST(allowed.headers["access-control-allow-origin"] == "https://app.example");
}

BOOST_AUTO_TEST_CASE(a_preflight_is_answered_for_allowed_origins_only) {
    guarded s{{.origins = {"https://app.example"}, .keys = with_keys().keys}};
    auto ask = [&](const std::string& origin) {
        auto c = s.client();
        c.send("OPTIONS /classify HTTP/1.1\r\nHost: localhost\r\nOrigin: " + origin +
               "\r\nAccess-Control-Request-Method: POST\r\n\r\n");
        return c.until("\r\n\r\n");
    };
    BOOST_TEST(ask("https://app.example").find("Access-Control-Allow-Origin: https://app.example") !=
               std::string::npos);
    BOOST_TEST(ask("https://attacker.example").find("Access-Control-Allow") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(keys_are_wanted_and_name_the_caller) {
    guarded s{with_keys()};
    auto c = s.client();
    auto r = c.post("/classify", ticket);
    BOOST_TEST(r.status == 401);
    BOOST_TEST(r.headers["www-authenticate"] == "Bearer");
    BOOST_TEST(c.post("/classify", ticket, "Authorization: Bearer wrong\r\n").status == 401);
    BOOST_TEST(c.post("/classify", ticket, "Authorization: Bearer shop-key-012345678\r\n").status == 401);
    BOOST_TEST(c.get("/metrics").status == 401);
    BOOST_TEST(c.get("/openapi.json").status == 401);
    BOOST_TEST(c.get("/nothing").status == 401);
    BOOST_TEST(c.get("/healthz").status == 200);
    BOOST_TEST(c.post("/classify", ticket, "Authorization: Bearer shop-key-0123456789\r\n").status == 200);
    BOOST_TEST(c.post("/classify", ticket, "X-API-Key: shop-key-0123456789\r\n").status == 200);
    auto log = s.log_of(9);
    BOOST_TEST(log.back().find("caller=shop") != std::string::npos, log.back());
    for (const auto& line : log) BOOST_TEST(line.find("0123456789") == line.npos, line);
}

BOOST_AUTO_TEST_CASE(a_key_has_its_rate) {
    guarded s{with_keys()};
    auto c = s.client();
    const std::string slow = "Authorization: Bearer slow-key-0123456789\r\n";
    BOOST_TEST(c.post("/classify", ticket, slow).status == 200);
    BOOST_TEST(c.post("/classify", ticket, slow).status == 200);
    auto r = c.post("/classify", ticket, slow);
    BOOST_TEST(r.status == 429);
    BOOST_TEST(std::stoi(r.headers["retry-after"]) > 30);
    BOOST_TEST(c.post("/classify", ticket, "Authorization: Bearer shop-key-0123456789\r\n").status == 200);
}

BOOST_AUTO_TEST_CASE(keys_in_addresses_are_refused_and_not_logged) {
    guarded s{with_keys()};
    auto c = s.client();
    BOOST_TEST(c.post("/classify?token=shop-key-0123456789", ticket).status == 400);
    BOOST_TEST(c.get("/metrics?api_key=shop-key-0123456789").status == 400);
    for (const auto& line : s.log_of(2)) BOOST_TEST(line.find("0123456789") == line.npos, line);
}

// A key in a path, or as the name of a request, would go on into logs, runs and traces.
BOOST_AUTO_TEST_CASE(a_key_stands_in_nothing_that_is_written) {
    guarded s{with_keys()};
    auto c = s.client();
    const std::string key = "shop-key-0123456789", held = "Authorization: Bearer " + key + "\r\n";
    BOOST_TEST(c.get("/" + key).status == 401);
    BOOST_TEST(c.get("/healthz/" + key + "/x", held).status == 404);
    BOOST_TEST(c.get("/shop%2Dkey%2d0123456789", held).status == 404);
    auto r = c.post("/classify", ticket, held + "X-Request-Id: " + key + "\r\n");
    BOOST_TEST(r.status == 200);
    for (const auto& [name, value] : r.headers) BOOST_TEST(value.find("0123456789") == value.npos, name);
    BOOST_TEST(c.get("/healthz", "X-Request-Id: x." + key + ".x\r\n").headers["x-request-id"].size() == 16u);
    c.send(key + " /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    c.read();
    auto log = s.log_of(6);
    for (const auto& line : log) BOOST_TEST(line.find("0123456789") == line.npos, line);
    BOOST_TEST(log.at(0).find("/(secret) 401") != std::string::npos, log.at(0));
    const std::string usual = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
    BOOST_TEST(c.get("/healthz", "X-Request-Id: " + usual + "\r\n").headers["x-request-id"] == usual);
}

// Whoever reads the log sees what was asked, and nothing that the client wrote there as more than a path.
BOOST_AUTO_TEST_CASE(a_line_of_the_log_splits_in_one_way) {
    guarded s{with_keys()};
    auto c = s.client();
    BOOST_TEST(c.get("/c%20200%200.1ms%20in=1%20out=1%20caller=bob").status == 401);
    BOOST_TEST(c.get("/a%0AGET%20/b").status == 401);
    BOOST_TEST(c.get("/a%E2%80%83b%C2%A0c").status == 401);
    BOOST_TEST(s.client().get("/?x=1%20y").status == 200);
    auto raw = s.client();
    raw.send("GET /healthz?token=a%20b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n");
    raw.read();
    for (const auto& line : s.log_of(5)) {
        std::vector<std::string> words;
        for (std::size_t at = 0, end; at < line.size(); at = end + 1) {
            end = std::min(line.find(' ', at), line.size());
            words.push_back(line.substr(at, end - at));
        }
        BOOST_TEST_REQUIRE(words.size() == 7u, line);
        BOOST_TEST(words[2].size() == 3u, line);
        BOOST_TEST(words[4].starts_with("in="), line);
        BOOST_TEST(words[6].starts_with("id="), line);
        BOOST_TEST(line.find("token") == line.npos, line);
        BOOST_TEST(line.find("caller=bob", line.find(" 401 ") + 1) == line.npos, line);
    }
    access_record odd;
    odd.method = "GET";
    odd.path = "/a b";
    odd.error = "reagent.lm: \"x\" caller=bob";
    BOOST_TEST(to_string(odd) == R"(GET "/a b" 0 0.0ms in=0 out=0 error="reagent.lm: \"x\" caller=bob")");
}

BOOST_AUTO_TEST_CASE(a_header_with_two_values_is_refused) {
    guarded s{with_keys()};
    auto c = s.client();
    const std::string held = "Authorization: Bearer shop-key-0123456789\r\n";
    for (const char* two : {"Authorization: Bearer slow-key-0123456789\r\n", "Authorization: \r\n",
                            "Idempotency-Key: a\r\nIdempotency-Key: b\r\n", "X-API-Key: a\r\nx-api-key: b\r\n",
                            "X-Session-Id: a\r\nX-Session-Id: b\r\n", "Content-Type: text/plain\r\n"}) {
        auto r = c.post("/classify", ticket, held + two);
        BOOST_TEST(r.status == 400, two);
        BOOST_TEST(r.body.find("problem:header") != r.body.npos, r.body);
    }
    BOOST_TEST(s.lm.calls() == 0u);
    BOOST_TEST(c.post("/classify", ticket, held + held + "Idempotency-Key: a\r\nIdempotency-Key: a\r\n").status == 200);
}

BOOST_AUTO_TEST_CASE(an_open_address_wants_keys) {
    runtime rt;
    BOOST_CHECK_THROW((server{rt, {.address = "0.0.0.0", .port = 0}}), std::invalid_argument);
    BOOST_CHECK_THROW((server{rt, {.port = 0, .keys = {{.name = "short", .key = secret{"abc"}}}}}),
                      std::invalid_argument);
    BOOST_CHECK_NO_THROW((server{rt, {.address = "0.0.0.0", .port = 0, .without_keys = true}}));
}

BOOST_AUTO_TEST_SUITE_END()
