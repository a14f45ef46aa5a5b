// Conversations over HTTP, by X-Session-Id.
#include "durable_service_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

struct talking : folder {
    explicit talking(server_options o = stored_service::with_desk_keys()) : options{std::move(o)} { again(); }
    void again() {
        s.reset();
        s.emplace(path / "runs.db", options);
    }
    raw_reply say(const std::string& session, const std::string& message, const std::string& who = "clerk",
                  const std::string& headers = {}) {
        return s->post("/chat", json::serialize(json::object{{"message", message}}), who,
                       "X-Session-Id: " + session + "\r\n" + headers);
    }
    server_options options;
    std::optional<stored_service> s;
};

server_options with_limits(kept_runs_limits l) {
    auto o = stored_service::with_desk_keys();
    o.limits.stored = l;
    return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sessions)

BOOST_FIXTURE_TEST_CASE(a_program_remembers_what_was_said_over_requests_and_restarts, talking) {
    auto first = say("ada", "I am Ada.");
    BOOST_TEST(first.status == 200, first.body);
    BOOST_REQUIRE(first.status == 200);
    BOOST_TEST(first.headers["x-session-turn"] == "1");
    auto second = say("ada", "Who am I?");
    BOOST_TEST(second.headers["x-session-turn"] == "2");
    BOOST_TEST(second.body != first.body);  // the prompt has more messages
    again();
    auto third = say("ada", "And now?");
    BOOST_TEST(third.headers["x-session-turn"] == "3");
    BOOST_TEST(third.body != second.body);
    BOOST_TEST(say("eve", "Who am I?").body == first.body);
    auto r = s->get("/sessions/ada");
    BOOST_TEST(r.status == 200);
    auto turns = r.json().at("turns").as_array();
    BOOST_REQUIRE(turns.size() == 3u);
    BOOST_TEST(turns[0].at("inputs").at("message").as_string() == "I am Ada.");
    BOOST_TEST(r.json().at("id").as_string() == "ada");
}

BOOST_FIXTURE_TEST_CASE(a_conversation_belongs_to_its_key, talking) {
    auto first = say("ada", "I am Ada.");
    BOOST_TEST(say("ada", "Who am I?", "other").body == first.body);
    BOOST_TEST(s->get("/sessions/ada", {}, "boss").status == 404);
    BOOST_TEST(s->get("/sessions/none").status == 404);
    BOOST_TEST(s->get("/sessions/a%20b").status == 404);
}

BOOST_FIXTURE_TEST_CASE(names_and_programs_that_do_not_fit_are_refused, talking) {
    BOOST_TEST(say("a b", "x").status == 400);
    BOOST_TEST(say(std::string(65, 'a'), "x").status == 400);
    BOOST_TEST(s->begin(R"({"order": "V1", "amount": 7})", "X-Session-Id: ada\r\n").status == 400);
    auto r = s->post("/chat", R"({"message": "m", "history": {"messages": []}})", "clerk", "X-Session-Id: ada\r\n");
    BOOST_TEST(r.status == 422);
    r = s->post("/chat", R"({"message": "m", "history": {"messages": []}})", "clerk");
    BOOST_TEST(r.status == 200);  // a history of the caller's own
    BOOST_TEST(!r.headers.contains("x-session-turn"));
    BOOST_TEST(s->get("/sessions/ada").status == 404);
}

BOOST_AUTO_TEST_CASE(a_session_of_a_program_that_is_not_stored_is_refused) {
    service s;
    s.server.add("/classify", s.program, {.run = s.lm});
    s.server.start();
    auto r = s.client().post("/classify", R"({"message": "m"})", "X-Session-Id: ada\r\n");
    BOOST_TEST(r.status == 400);
}

BOOST_FIXTURE_TEST_CASE(of_two_requests_at_once_one_is_refused, talking) {
    struct remembering : module {
        const gate* g;
        task<json::object> call(run& r, json::object in) const { return g->call(r, std::move(in)); }
    } slow;
    const predict<sig<"question, history: History -> answer">> shape;
    s.reset();
    auto store = journal_store::open_sqlite((path / "runs.db").string());
    service on{stored_service::with_desk_keys(), store};
    slow.g = &on.slow;
    on.server.add("/slow",
                  served(
                      slow, [&slow](run& r, const json::object& in) { return slow.call(r, in); }, shape.signature()),
                  {.run = on.lm, .durable = &*on.runs});
    on.server.start();
    auto c = on.client();
    const std::string body = R"({"question": "q"})", ada = as("clerk") + "X-Session-Id: ada\r\n";
    auto first = c.post("/slow", body, ada + "Idempotency-Key: k\r\n");
    BOOST_TEST(first.status == 202);
    BOOST_REQUIRE(on.slow.wait_entered(1));
    auto r = c.post("/slow", body, ada);
    BOOST_TEST(r.status == 409);
    BOOST_TEST(r.body.find("session-busy") != r.body.npos, r.body);
    BOOST_TEST(c.post("/slow", body, ada + "Idempotency-Key: k\r\n").status == 202);  // the same one again
    BOOST_TEST(c.get("/sessions/ada", as("clerk")).json().at("waits_for") == first.json().at("id"));
    c.send("DELETE /sessions/ada HTTP/1.1\r\nHost: localhost\r\n" + as("clerk") + "\r\n");
    BOOST_TEST(c.read().status == 409);
    on.slow.open();
    r = c.post("/slow", body, ada + "Prefer: wait=20\r\n");
    for (int i = 0; i < 1000 && r.status == 409; ++i) r = c.post("/slow", body, ada + "Prefer: wait=20\r\n");
    BOOST_TEST(r.status == 200);
    BOOST_TEST(r.headers["x-session-turn"] == "2");
}

BOOST_AUTO_TEST_CASE(length_and_number_have_limits) {
    talking t{with_limits({.sessions = 2, .turns = 2})};
    for (const char* name : {"a", "b"}) BOOST_TEST(t.say(name, "m").status == 200);
    auto r = t.say("c", "m");
    BOOST_TEST(r.status == 409);
    BOOST_TEST(r.body.find(":sessions\"") != r.body.npos, r.body);
    BOOST_TEST(t.say("c", "m", "other").status == 200);  // of each key
    BOOST_TEST(t.say("a", "m").status == 200);
    r = t.say("a", "m");
    BOOST_TEST(r.status == 409);
    BOOST_TEST(r.body.find("session-turns") != r.body.npos, r.body);
    auto c = t.s->client();
    c.send("DELETE /sessions/a HTTP/1.1\r\nHost: localhost\r\n" + as("clerk") + "\r\n");
    BOOST_TEST(c.read().status == 204);
    BOOST_TEST(t.s->get("/sessions/a").status == 404);
    BOOST_TEST(t.say("c", "m").status == 200);
}

BOOST_AUTO_TEST_CASE(one_that_nobody_goes_on_with_expires) {
    talking t{with_limits({.session_time = std::chrono::milliseconds{1}})};
    auto first = t.say("ada", "m");
    BOOST_TEST(first.status == 200);
    t.s->store->create({.program = "elsewhere", .id = "by-hand", .session = "by-hand"});
    t.s->store->cancel("by-hand");
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
    auto again = t.say("ada", "m");
    BOOST_TEST(again.headers["x-session-turn"] == "1");
    for (int i = 0; i < 1000 && t.s->store->count_sessions("http.") > 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    BOOST_TEST(t.s->store->count_sessions("http.") == 0u);
    BOOST_TEST(t.s->store->count_sessions("") == 1u);  // not begun over HTTP
}

BOOST_AUTO_TEST_SUITE_END()
