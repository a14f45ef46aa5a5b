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
    for (const char* good : {"localhost:8080", "127.0.0.1:1", "[::1]:8080", "Router.Example", "10.0.0.7:8080"})
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

BOOST_AUTO_TEST_CASE(an_open_address_wants_keys) {
    runtime rt;
    BOOST_CHECK_THROW((server{rt, {.address = "0.0.0.0", .port = 0}}), std::invalid_argument);
    BOOST_CHECK_THROW((server{rt, {.port = 0, .keys = {{.name = "short", .key = secret{"abc"}}}}}),
                      std::invalid_argument);
    BOOST_CHECK_NO_THROW((server{rt, {.address = "0.0.0.0", .port = 0, .without_keys = true}}));
}

BOOST_AUTO_TEST_SUITE_END()
