// Answers as server-sent events.
#include "service.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;
using reagent::test::service;

namespace {

const std::string events = "Accept: text/event-stream\r\n";

struct told_event {
    std::string name;
    json::object data;
};
std::vector<told_event> events_in(const std::string& body) {
    std::vector<told_event> all;
    for (std::size_t at = 0; at < body.size();) {
        auto end = body.find("\n\n", at);
        std::string one = body.substr(at, end - at);
        at = end + 2;
        if (!one.starts_with("event: ")) continue;
        auto line = one.find('\n');
        all.push_back({one.substr(7, line - 7), json::parse(one.substr(line + 7)).as_object()});
    }
    return all;
}

int add(int a, int b) { return a + b; }

}  // namespace

BOOST_AUTO_TEST_SUITE(events_of_a_run)

BOOST_AUTO_TEST_CASE(fields_grow_and_the_outputs_come_last) {
    service s;
    predict<sig<"question -> answer">> qa;
    scripted lm{scripted::function{[](const lm_request&) {
        return scripted_answer{{{"answer", "The lighthouse of Vardholm."}}};
    }}};
    s.server.add("/ask", qa, {.run = lm});
    s.server.start();
    auto c = s.client();
    auto r = c.post("/ask", R"({"question": "which?"})", events);
    BOOST_TEST(r.status == 200);
    BOOST_TEST(r.headers["content-type"] == "text/event-stream");
    auto all = events_in(r.body);
    BOOST_TEST_REQUIRE(all.size() >= 2u);
    std::string text;
    for (const auto& e : all)
        if (e.name == "field") text += e.data.at("text").as_string();
    BOOST_TEST(text == "The lighthouse of Vardholm.");
    BOOST_TEST(all.back().name == "output");
    BOOST_TEST(all.back().data.at("answer").as_string() == "The lighthouse of Vardholm.");
    BOOST_TEST(c.get("/healthz").status == 200);  // the connection goes on
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_told_as_a_restart_and_a_failure_as_an_error) {
    service s;
    predict<sig<"question -> answer: int">> number;
    scripted lm{"[[ ## answer ## ]]\nmany\n\n[[ ## completed ## ]]", {{"answer", 7}}};
    scripted bad{scripted::function{[](const lm_request&) -> scripted_answer {
        return std::make_exception_ptr(lm_error{lm_errc::authentication, "no"});
    }}};
    s.server.add("/ask", number, {.run = lm});
    s.server.add("/bad", number, {.run = bad});
    s.server.start();
    auto c = s.client();
    auto all = events_in(c.post("/ask", R"({"question": "q"})", events).body);
    BOOST_TEST(std::any_of(all.begin(), all.end(), [](const auto& e) { return e.name == "restart"; }));
    BOOST_TEST(all.back().name == "output");
    BOOST_TEST(all.back().data.at("answer").as_int64() == 7);
    auto failed = events_in(c.post("/bad", R"({"question": "q"})", events).body);
    BOOST_TEST(failed.back().name == "error");
    BOOST_TEST(failed.back().data.at("status").as_int64() == 502);
}

BOOST_AUTO_TEST_CASE(steps_of_an_agent_are_named_and_shown_whole_only_where_wanted) {
    service s;
    tools t;
    t.add("add", "Adds.", add, {"a", "b"});
    react<sig<"question -> answer: int">> agent{t};
    auto script = [] {
        return scripted{{{"next_thought", "I add."},
                         {"next_tool_name", "add"},
                         {"next_tool_args", json::object{{"a", 2}, {"b", 3}}}},
                        {{"next_thought", "Done."}, {"next_tool_name", "finish"}, {"next_tool_args", json::object{}}},
                        {{"reasoning", "r"}, {"answer", 5}}};
    };
    s.server.add("/named", agent, {.run = script()});
    s.server.add("/whole", agent, {.run = script(), .steps = shown_steps::all});
    s.server.start();
    auto c = s.client();
    auto named = c.post("/named", R"({"question": "2+3"})", events).body,
         whole = c.post("/whole", R"({"question": "2+3"})", events).body;
    BOOST_TEST(named.find("event: step") != named.npos, named);
    BOOST_TEST(named.find("\"tool\": \"add\"") != named.npos, named);
    BOOST_TEST(named.find("I add.") == named.npos, named);
    BOOST_TEST(whole.find("I add.") != whole.npos, whole);
    BOOST_TEST(events_in(named).back().data.at("answer").as_int64() == 5);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_a_stream_cancels_its_run) {
    server_options o;
    o.limits.half_closed = std::chrono::milliseconds{50};
    service s{o};
    s.server.add("/ask", test::served_gate(s.slow), {});
    s.server.start();
    auto c = s.client();
    c.send(
        "POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: "
        "text/event-stream\r\nContent-Length: "
        "17\r\n\r\n{\"question\": \"q\"}");
    BOOST_TEST(c.until("\r\n\r\n").find("200") != std::string::npos);
    BOOST_TEST_REQUIRE(s.slow.wait_entered(1));
    c.close();
    BOOST_TEST(s.slow.wait_cancelled(1));
}

BOOST_AUTO_TEST_SUITE_END()
