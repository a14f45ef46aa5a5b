// Requests and responses as JSON: all of them comes back, and what is not set is not written.
#include <reagent/error.hpp>
#include <reagent/lm/language_model.hpp>
#include <reagent/lm/to_text.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

lm_request whole_request() {
    message asked{role::user, "see"};
    asked.images = {{"image/png", std::string{"\x89PNG\0\xff", 6}, ""}, {"", "", "https://example.org/a.png"}};
    message called{role::assistant, "", {{"c1", "f", "{\"a\":1}", "S"}, {"c2", "g", "{", ""}}};
    called.reasoning_blocks = {json::object{{"type", "thinking"}}, json::value("any")};
    lm_request r;
    r.messages = {{role::system, "be"}, asked, called, {role::tool, "done", {}, "c1"}};
    r.tools = {{"f", "does f", json::object{{"type", "object"}}}, {"g", "", nullptr}};
    r.sampling = {.temperature = 0.5,
                  .top_p = 0.25,
                  .max_tokens = UINT64_MAX,
                  .seed = -7,
                  .stop = {"END", "\n"},
                  .n = 3,
                  .reasoning_effort = effort::minimal};
    r.outputs_schema = json::object{{"type", "object"}};
    r.tool_choice = {tool_choice::one, "f"};
    r.parallel_tool_calls = false;
    r.rollout_id = 9;
    return r;
}

lm_response whole_response() {
    lm_response r;
    r.text = "said";
    r.tool_calls = {{"c1", "f", "{}", "S"}};
    r.usage = {
        .calls = 1, .prompt_tokens = 2, .completion_tokens = 3, .cost = 0.5, .cached_tokens = 4, .reasoning_tokens = 5};
    r.model = "m-1";
    r.finish_words = "\"abort\"";
    r.request_id = "r-1";
    r.reasoning = "because";
    r.reasoning_blocks = {json::object{{"type", "thinking"}}};
    r.alternatives = {"said too", ""};
    return r;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(records)

BOOST_AUTO_TEST_CASE(a_request_comes_back_with_all_that_was_set) {
    const lm_request r = whole_request();
    const lm_request back = lm_request_from_json(json::parse(json::serialize(to_json(r))));
    BOOST_TEST((back.messages == r.messages));
    BOOST_TEST_REQUIRE(back.tools.size() == 2u);
    for (std::size_t i = 0; i < 2; ++i) {
        BOOST_TEST(back.tools[i].name == r.tools[i].name);
        BOOST_TEST(back.tools[i].description == r.tools[i].description);
        BOOST_TEST((back.tools[i].parameters == r.tools[i].parameters));
    }
    BOOST_TEST((back.sampling.temperature == r.sampling.temperature));
    BOOST_TEST((back.sampling.top_p == r.sampling.top_p));
    BOOST_TEST((back.sampling.max_tokens == r.sampling.max_tokens));
    BOOST_TEST((back.sampling.seed == r.sampling.seed));
    BOOST_TEST((back.sampling.stop == r.sampling.stop));
    BOOST_TEST((back.sampling.n == r.sampling.n));
    BOOST_TEST((back.sampling.reasoning_effort == r.sampling.reasoning_effort));
    BOOST_TEST((back.outputs_schema == r.outputs_schema));
    BOOST_TEST((back.tool_choice == r.tool_choice));
    BOOST_TEST((back.parallel_tool_calls == r.parallel_tool_calls));
    BOOST_TEST(back.rollout_id == r.rollout_id);
}

BOOST_AUTO_TEST_CASE(every_role_effort_choice_and_reason_comes_back) {
    for (auto e : {effort::none, effort::minimal, effort::low, effort::medium, effort::high}) {
        lm_request r;
        r.sampling.reasoning_effort = e;
        BOOST_TEST((lm_request_from_json(to_json(r)).sampling.reasoning_effort == e));
    }
    for (auto kind : {tool_choice::automatic, tool_choice::none, tool_choice::required, tool_choice::one}) {
        lm_request r;
        r.tool_choice = {kind, "f"};
        BOOST_TEST((lm_request_from_json(to_json(r)).tool_choice == r.tool_choice));
    }
    for (auto who : {role::system, role::user, role::assistant, role::tool}) {
        lm_request r;
        r.messages = {{who, ""}};
        BOOST_TEST((lm_request_from_json(to_json(r)).messages == r.messages));
    }
    for (auto why :
         {finish_reason::stop, finish_reason::length, finish_reason::tool_calls, finish_reason::content_filter,
          finish_reason::error, finish_reason::malformed_call, finish_reason::other}) {
        lm_response r;
        r.finish = why;
        BOOST_TEST((lm_response_from_json(to_json(r)).finish == why));
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_set_is_not_written) {
    lm_request r;
    r.messages = {{role::user, "x"}};
    BOOST_TEST((json::value(to_json(r)) == json::parse(R"({"messages":[{"role":"user","content":"x"}]})")),
               json::serialize(to_json(r)));
    r.sampling.temperature = 0;
    BOOST_TEST((json::value(to_json(r).at("sampling")) == json::parse(R"({"temperature":0E0})")),
               json::serialize(to_json(r)));
    BOOST_TEST(
        (json::value(to_json(lm_response{"y"})) ==
         json::parse(
             R"({"content":"y","finish":"stop","usage":{"calls":0,"prompt_tokens":0,"completion_tokens":0},"model":""})")),
        json::serialize(to_json(lm_response{"y"})));
}

BOOST_AUTO_TEST_CASE(a_response_comes_back_with_all_that_was_set) {
    const lm_response r = whole_response();
    const lm_response back = lm_response_from_json(json::parse(json::serialize(to_json(r))));
    BOOST_TEST(back.text == r.text);
    BOOST_TEST((back.tool_calls == r.tool_calls));
    BOOST_TEST((back.usage == r.usage));
    BOOST_TEST(back.model == r.model);
    BOOST_TEST(back.request_id == r.request_id);
    BOOST_TEST(back.reasoning == r.reasoning);
    BOOST_TEST((back.reasoning_blocks == r.reasoning_blocks));
    BOOST_TEST((back.alternatives == r.alternatives));
    BOOST_TEST(back.finish_words == r.finish_words);
}

BOOST_AUTO_TEST_CASE(a_message_is_shown_with_its_calls_and_what_it_answers) {
    BOOST_TEST((
        json::value(to_json(message{role::assistant, "a", {{"i", "ping", "{}"}}})) ==
        json::parse(R"({"role":"assistant","content":"a","tool_calls":[{"id":"i","name":"ping","arguments":"{}"}]})")));
    BOOST_TEST((json::value(to_json(message{role::tool, "b", {}, "i"})) ==
                json::parse(R"({"role":"tool","content":"b","tool_call_id":"i"})")));
}

BOOST_AUTO_TEST_CASE(an_answer_as_text_says_how_it_ended_where_that_is_news) {
    lm_response r{"yes"};
    BOOST_TEST(to_text(r) == "yes\n");
    r.finish = finish_reason::length;
    BOOST_TEST(to_text(r) == "yes\n(ended by length)\n");
    r.finish = finish_reason::tool_calls;
    r.tool_calls = {{"i", "ping", "{}"}};
    BOOST_TEST(to_text(r).find("(ended") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_was_not_recorded_is_refused_or_left_out) {
    auto is_malformed = [](const lm_error& e) { return e.code() == lm_errc::malformed_response; };
    for (const char* none :
         {"1", "{}", R"({"messages":{}})", R"({"messages":[1]})", R"({"messages":[{"tool_calls":[1]}]})",
          R"({"messages":[{"images":[1]}]})", R"({"messages":[],"tools":[1]})"})
        BOOST_CHECK_EXCEPTION(lm_request_from_json(json::parse(none)), lm_error, is_malformed);
    for (const char* none :
         {"1", "{}", R"({"content":""})", R"({"finish":"stop"})", R"({"content":"","finish":"stop","tool_calls":[1]})"})
        BOOST_CHECK_EXCEPTION(lm_response_from_json(json::parse(none)), lm_error, is_malformed);
    // Members of another kind than ours are of another version.
    auto r = lm_request_from_json(json::parse(
        R"({"messages":[],"tools":1,"sampling":{"temperature":"hot","max_tokens":-1,"n":1.5,"stop":[1,"a"],"reasoning_effort":"all"},)"
        R"("outputs_schema":1,"tool_choice":{"kind":"any"},"parallel_tool_calls":1,"rollout_id":"x"})"));
    BOOST_TEST((json::value(to_json(r)) == json::parse(R"({"messages":[],"sampling":{"stop":["a"]}})")),
               json::serialize(to_json(r)));
    auto answer = lm_response_from_json(json::parse(
        R"({"content":"a","finish":"tired","usage":{"calls":-1,"cost":"much"},"model":1,"alternatives":[1,"b"],"tool_calls":1})"));
    BOOST_TEST((answer.finish == finish_reason::other));
    BOOST_TEST((answer.usage == usage{}));
    BOOST_TEST(answer.model == "");
    BOOST_TEST((answer.alternatives == std::vector<std::string>{"b"}));
    BOOST_TEST(answer.tool_calls.empty());
}

BOOST_AUTO_TEST_SUITE_END()
