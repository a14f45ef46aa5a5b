// Durable programs over HTTP: a run's place, its end, its events, and what others may do with it.
#include "durable_service_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

const std::string refund = R"({"order": "V1", "amount": 7})";

std::string id_of(const raw_reply& r) { return std::string{r.json().at("id").as_string()}; }

struct stored : folder {
    std::optional<stored_service> s{std::in_place, path / "runs.db"};
    void again() {
        s.reset();
        s.emplace(path / "runs.db");
    }
    // A run that waits for consent, and the call that it waits with.
    std::pair<std::string, json::object> waiting(const std::string& headers = {}) {
        auto id = id_of(s->begin(refund, headers));
        auto run = s->run_once(id, "awaiting_approval");
        return {id, run.at("pending").at(0).as_object()};
    }
    std::string body(const json::object& pending, const std::string& more = {}) {
        return "{\"digest\": " + json::serialize(pending.at("digest")) + more + "}";
    }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(durable)

BOOST_FIXTURE_TEST_CASE(a_run_is_accepted_with_its_place_and_waits_for_consent, stored) {
    auto r = s->begin(refund);
    BOOST_TEST(r.status == 202);
    BOOST_REQUIRE(r.status == 202);
    BOOST_TEST(r.headers["location"] == "/runs/" + id_of(r));
    BOOST_TEST(r.headers["x-run-id"] == id_of(r));
    auto run = s->run_once(id_of(r), "awaiting_approval");
    BOOST_TEST(json::serialize(run.at("inputs")) == R"({"order":"V1","amount":7})");
    auto& p = run.at("pending").at(0).as_object();
    BOOST_TEST(p.at("tool").as_string() == "refund");
    BOOST_TEST(json::serialize(p.at("arguments")) == R"({"order":"V1","amount":7})");
    BOOST_TEST(p.at("digest").as_string().size() == 64u);
    BOOST_TEST(run.at("usage").is_object());
    BOOST_TEST(s->desk.done().empty());
}

BOOST_FIXTURE_TEST_CASE(what_was_seen_is_approved_by_name_and_acts_once, stored) {
    auto [id, p] = waiting();
    auto r = s->post("/runs/" + id + "/approve", body(p));
    BOOST_TEST(r.status == 200, r.body);
    auto run = s->run_once(id, "finished");
    BOOST_TEST(json::serialize(run.at("outputs")) == R"({"said":"paid"})");
    BOOST_TEST(s->desk.done().size() == 1u);
    auto events = s->get("/runs/" + id + "/events").json();
    BOOST_TEST(events.at("over").as_bool());
    auto text = json::serialize(events);
    for (const char* part : {"\"waits\"", "\"decided\"", "\"by\":\"boss\"", "\"at_ms\":1", "\"output\""})
        BOOST_TEST(has(text, part), part << " is not in " << text);
    BOOST_TEST(s->post("/runs/" + id + "/approve", body(p)).status == 409);  // twice
    BOOST_TEST(s->post("/runs/" + id + "/cancel", "{}").status == 409);
}

BOOST_FIXTURE_TEST_CASE(edited_arguments_are_checked_as_the_call_checks_them, stored) {
    auto [id, p] = waiting();
    for (const char* wrong : {R"({"order": "V1", "amount": "seven"})", R"({"order": "V1"})",
                              R"({"order": "V1", "amount": 99999999999})", R"({"order": "V1", "amount": 1, "x": 1})"}) {
        auto r = s->post("/runs/" + id + "/approve", body(p, std::string{", \"arguments\": "} + wrong));
        BOOST_TEST(r.status == 422, wrong << ": " << r.status << r.body);
    }
    BOOST_TEST(s->post("/runs/" + id + "/approve", body(p, ", \"arguments\": 3")).status == 422);
    BOOST_TEST(s->post("/runs/" + id + "/approve", body(p, ", \"argument\": {}")).status == 422);
    BOOST_TEST(
        s->post("/runs/" + id + "/approve", body(p, R"(, "arguments": {"order": "V1", "amount": 1, "amount": 2})"))
            .status == 400);
    BOOST_TEST(s->post("/runs/" + id + "/approve", body(p, R"(, "arguments": {"order": "V1", "amount": 3})")).status ==
               200);
    s->run_once(id, "finished");
    BOOST_TEST(s->desk.done() == std::vector<std::string>{"V1 3"}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_refusal_has_a_reason_that_the_program_hears, stored) {
    auto [id, p] = waiting();
    BOOST_TEST(s->post("/runs/" + id + "/reject", body(p, ", \"reason\": \"too much money\"")).status == 200);
    auto run = s->run_once(id, "finished");
    BOOST_TEST(has(json::serialize(run.at("outputs")), "too much money"));
    BOOST_TEST(s->desk.done().empty());
}

BOOST_FIXTURE_TEST_CASE(decisions_name_what_was_seen_and_want_the_right, stored) {
    auto [id, p] = waiting();
    const std::string approve = "/runs/" + id + "/approve";
    BOOST_TEST(s->post(approve, R"({"digest": ")" + std::string(64, '0') + "\"}").status == 409);
    BOOST_TEST(s->post(approve, "{}").status == 422);
    BOOST_TEST(s->post(approve, R"({"digest": ""})").status == 422);
    auto digest = std::string{p.at("digest").as_string()};
    BOOST_TEST(s->post(approve, "{\"digest\": \"" + digest.substr(0, 12) + "\"}").status == 422);
    auto r = s->post(approve, body(p), "clerk");
    BOOST_TEST(r.status == 403);
    BOOST_TEST(r.headers["content-type"] == "application/problem+json");
    BOOST_TEST(s->post("/runs/none/approve", body(p)).status == 404);
    BOOST_TEST(s->post("/runs/none/cancel", "{}").status == 404);
    BOOST_TEST(s->get("/runs/none").status == 404);
    BOOST_TEST(s->get("/runs/none/events").status == 404);
    BOOST_TEST(s->client().post(approve, body(p)).status == 401);
    BOOST_TEST(s->get(approve, {}, "boss").status == 405);
    s->run_once(id, "awaiting_approval");
    BOOST_TEST(s->desk.done().empty());
}

BOOST_AUTO_TEST_CASE(without_keys_nobody_decides) {
    folder files;
    stored_service s{files.path / "runs.db", {}};
    auto r = s.begin(refund);
    BOOST_REQUIRE(r.status == 202);
    auto run = s.run_once(id_of(r), "awaiting_approval");
    auto digest = json::serialize(run.at("pending").at(0).at("digest"));
    BOOST_TEST(s.post("/runs/" + id_of(r) + "/approve", "{\"digest\": " + digest + "}").status == 403);
    BOOST_TEST(s.post("/runs/" + id_of(r) + "/cancel", "{}").status == 200);
}

BOOST_FIXTURE_TEST_CASE(a_run_belongs_to_the_key_that_began_it, stored) {
    auto [id, p] = waiting();
    for (const char* path : {"", "/events"}) BOOST_TEST(s->get("/runs/" + id + path, {}, "other").status == 404);
    BOOST_TEST(s->post("/runs/" + id + "/cancel", "{}", "other").status == 404);
    BOOST_TEST(s->get("/runs/" + id, {}, "boss").status == 200);
    s->store->create({.program = "refund", .inputs = {{"order", "V2"}, {"amount", 1}}, .id = "by-hand"});
    BOOST_TEST(s->get("/runs/by-hand").status == 404);
    BOOST_TEST(s->get("/runs/by-hand", {}, "boss").status == 200);
    s->store->create({.program = "elsewhere", .id = "of-another-program"});
    BOOST_TEST(s->get("/runs/of-another-program", {}, "boss").status == 404);
}

BOOST_FIXTURE_TEST_CASE(pages_of_other_sites_and_other_names_write_nothing, stored) {
    auto [id, p] = waiting();
    for (const char* what : {"/approve", "/reject", "/cancel"}) {
        const std::string path = "/runs/" + id + what, good = body(p);
        BOOST_TEST(s->post(path, good, "boss", "Origin: https://evil.example\r\n").status == 403);
        BOOST_TEST(s->post(path, good, "boss", "Origin: null\r\n").status == 403);
        BOOST_TEST(s->post(path, good, "boss", "Sec-Fetch-Site: cross-site\r\n").status == 403);
        BOOST_TEST(s->post(path + "?token=boss-key-0123456789", good).status == 400);
        BOOST_TEST(s->post(path + "?x=1", good).status == 400);
        auto c = s->client();
        c.send("POST " + path + " HTTP/1.1\r\nHost: evil.example\r\n" + as("boss") +
               "Content-Type: application/json\r\nContent-Length: " + std::to_string(good.size()) + "\r\n\r\n" + good);
        BOOST_TEST(c.read().status == 421);
    }
    auto c = s->client();
    const std::string good = body(p);
    c.send("POST /runs/" + id + "/approve HTTP/1.1\r\nHost: localhost\r\n" + as("boss") +
           "Content-Type: text/plain\r\nContent-Length: " + std::to_string(good.size()) + "\r\n\r\n" + good);
    BOOST_TEST(c.read().status == 415);
    s->run_once(id, "awaiting_approval");
}

BOOST_FIXTURE_TEST_CASE(the_same_idempotency_key_is_the_same_run_after_a_restart_too, stored) {
    const std::string key = "Idempotency-Key: order-7\r\n";
    auto [id, p] = waiting(key);
    auto r = s->begin(refund, key);
    BOOST_TEST(r.status == 202);
    BOOST_TEST(id_of(r) == id);
    BOOST_TEST(r.headers["idempotency-replayed"] == "true");
    again();
    r = s->begin(refund, key);
    BOOST_TEST(id_of(r) == id);
    BOOST_TEST(s->begin(R"({"order": "V1", "amount": 8})", key).status == 422);
    BOOST_TEST(id_of(s->post("/refund", refund, "other", key)) != id);
    BOOST_TEST(s->begin(refund, "Idempotency-Key: a b\r\n").status == 400);
    BOOST_TEST(s->post("/runs/" + id + "/approve", body(p)).status == 200);
    s->run_once(id, "finished");
    BOOST_TEST(id_of(s->begin(refund, key)) == id);
    BOOST_TEST(s->desk.done().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_leaves_cancels_nothing_and_may_come_back, stored) {
    auto c = s->client();
    const std::string body = R"({"question": "q"})";
    c.send("POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nPrefer: wait=20\r\n" +
           as("clerk") + "Idempotency-Key: s1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    BOOST_REQUIRE(s->on.slow.wait_entered(1));
    c.reset();
    auto r = s->post("/slow", body, "clerk", "Idempotency-Key: s1\r\n");
    BOOST_REQUIRE(r.status == 202);
    BOOST_TEST(s->on.slow.cancelled() == 0u);
    s->on.slow.open();
    auto run = s->run_once(id_of(r), "finished");
    BOOST_TEST(json::serialize(run.at("outputs")) == R"({"answer":"q"})");
}

BOOST_FIXTURE_TEST_CASE(a_run_is_cancelled_by_its_own_client, stored) {
    auto r = s->post("/slow", R"({"question": "q"})", "clerk");
    BOOST_REQUIRE(r.status == 202);
    BOOST_REQUIRE(s->on.slow.wait_entered(1));
    BOOST_TEST(s->post("/runs/" + id_of(r) + "/cancel", "", "clerk").status == 202);
    auto run = s->run_once(id_of(r), "cancelled");
    BOOST_TEST(has(json::serialize(run.at("problem")), "urn:reagent:problem:cancelled"));
}

BOOST_FIXTURE_TEST_CASE(the_end_is_waited_for_as_long_as_the_client_prefers, stored) {
    const std::string wait = "Prefer: foo, wait=20; x\r\n";
    s->on.slow.open(1);
    auto r = s->post("/slow", R"({"question": "q"})", "clerk", wait);
    BOOST_TEST(r.status == 200);
    BOOST_TEST(r.body == R"({"answer": "q"})");
    BOOST_TEST(r.headers["preference-applied"] == "wait=20");
    BOOST_TEST(r.headers["location"].starts_with("/runs/http."));
    r = s->begin(refund, wait);  // it waits for somebody
    BOOST_TEST(r.status == 202);
    BOOST_TEST(r.json().at("pending").as_array().size() == 1u);
    r = s->post("/chat", R"({"message": "m"})", "clerk", "Prefer: respond-async\r\nX-Session-Id: a\r\n");
    BOOST_TEST(r.status == 202);
    BOOST_TEST(s->post("/slow", R"({"question": "q"})", "clerk", "Prefer: wait=0\r\n").status == 202);
}

BOOST_FIXTURE_TEST_CASE(events_come_live_and_go_on_where_the_client_stopped, stored) {
    auto [id, p] = waiting();
    auto c = s->client();
    c.send("GET /runs/" + id + "/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" + as("clerk") +
           "\r\n");
    auto first = c.until("event: waits\n");
    first += c.until("\n\n");
    BOOST_TEST(has(first, "200 OK"));
    BOOST_TEST(has(first, "text/event-stream"));
    BOOST_TEST(has(first, std::string{p.at("digest").as_string()}));
    BOOST_TEST(s->post("/runs/" + id + "/approve", body(p)).status == 200);
    auto rest = c.until("event: output\n");
    rest += c.until("\n\n");
    for (const char* part : {"event: decided", "\"boss\"", "id: end\n", "paid"})
        BOOST_TEST(has(rest, part), part << " is not in " << rest);
    auto at = first.rfind("id: ");
    auto last = first.substr(at + 4, first.find('\n', at) - at - 4);
    auto again = s->get("/runs/" + id + "/events", "Accept: text/event-stream\r\nLast-Event-ID: " + last + "\r\n");
    BOOST_TEST(!has(again.body, "event: waits"));
    BOOST_TEST(has(again.body, "event: decided"));
    BOOST_TEST(has(again.body, "event: output"));
    BOOST_TEST(s->get("/runs/" + id + "/events", "Last-Event-ID: end\r\n").status == 204);
    BOOST_TEST(s->get("/runs/" + id + "/events", "Last-Event-ID: x\r\n").status == 400);
    BOOST_TEST(s->get("/runs/" + id + "/events?after=" + last).json().at("events").as_array().size() >= 2u);
    BOOST_TEST(s->get("/runs/" + id + "/events?before=1").status == 400);
}

BOOST_AUTO_TEST_CASE(what_grows_has_limits) {
    folder files;
    auto o = stored_service::with_desk_keys();
    o.limits.stored.open_runs = 2;
    o.limits.stored.viewers = 1;
    stored_service s{files.path / "runs.db", o};
    BOOST_TEST(s.begin(refund, "Idempotency-Key: a\r\n").status == 202);
    auto second = s.begin(refund);
    BOOST_TEST(second.status == 202);
    auto r = s.begin(refund);
    BOOST_TEST(r.status == 503);
    BOOST_TEST(r.headers["retry-after"] == "60");
    BOOST_TEST(s.begin(refund, "Idempotency-Key: a\r\n").status == 202);  // it is there already
    auto c = s.client();
    c.send("GET /runs/" + id_of(second) + "/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" +
           as("clerk") + "\r\n");
    c.until("event: waits");
    BOOST_TEST(s.get("/runs/" + id_of(second) + "/events", "Accept: text/event-stream\r\n").status == 503);
    BOOST_TEST(s.get("/runs/" + id_of(second) + "/events").status == 200);
}

BOOST_AUTO_TEST_CASE(runs_that_are_over_for_long_are_removed) {
    folder files;
    auto o = stored_service::with_desk_keys();
    o.limits.stored.run_time = std::chrono::milliseconds{500};
    stored_service s{files.path / "runs.db", o};
    s.store->create({.program = "refund", .inputs = {{"order", "V2"}, {"amount", 1}}, .id = "by-hand"});
    s.store->cancel("by-hand");
    auto waits = id_of(s.begin(refund)), over = id_of(s.begin(refund));
    s.run_once(over, "awaiting_approval");
    s.run_once(waits, "awaiting_approval");
    BOOST_TEST(s.post("/runs/" + over + "/cancel", "").status == 200);
    for (int i = 0; i < 1000 && s.store->find(over); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
    BOOST_TEST(!s.store->find(over));
    BOOST_TEST(s.store->find(waits).has_value());
    BOOST_TEST(s.store->find("by-hand").has_value());  // not begun over HTTP
}

BOOST_FIXTURE_TEST_CASE(a_failure_is_told_without_its_words, stored) {
    s->store->create({.program = "refund", .inputs = {{"order", "V2"}}, .id = "bad"});
    auto run = s->run_once("bad", "failed");
    BOOST_TEST(has(json::serialize(run.at("problem")), "urn:reagent:problem:run-failed"));
    BOOST_TEST(!run.contains("error"));
    BOOST_TEST(!run.contains("worker"));
}

BOOST_FIXTURE_TEST_CASE(a_stored_program_is_no_model, stored) {
    BOOST_TEST(!has(s->get("/v1/models").body, "refund"));
    auto r = s->post("/v1/chat/completions", R"({"model": "refund", "messages": [{"role": "user", "content": "x"}]})");
    BOOST_TEST(r.status == 404);
    BOOST_TEST(s->post("/refund", refund, "clerk", "Accept: text/event-stream\r\n").status == 406);
}

BOOST_AUTO_TEST_SUITE_END()
