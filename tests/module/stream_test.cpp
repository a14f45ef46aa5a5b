#include "support/loopback_server.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

std::string piece(const std::string& text) {
    json::object delta{{"content", text}}, choice{{"index", 0}, {"delta", std::move(delta)}};
    json::array choices;
    choices.push_back(std::move(choice));
    return "data: " + json::serialize(json::object{{"choices", std::move(choices)}}) + "\n\n";
}

std::vector<std::string> stream_of(const std::string& text) {
    std::vector<std::string> pieces;
    for (std::size_t i = 0; i < text.size(); i += 3) pieces.push_back(piece(text.substr(i, 3)));
    pieces.push_back("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    return pieces;
}

struct seen {
    std::string log;
    run_options options(const std::string& base) {
        run_options o{language_model{"openai/x", {.api_base = base}}};
        o.stream = true;
        o.on_event = [this](const run_event& e) {
            if (e.kind == run_event::piece) log += "<" + std::string{e.field} + ">" + std::string{e.text};
            if (e.kind == run_event::restart) log += "<restart>";
        };
        return o;
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(outputs_are_told_while_they_are_written) {
    loopback_server server{[](const server_request&) {
        return server_response{
            .content_type = "text/event-stream",
            .pieces =
                stream_of("[[ ## reasoning ## ]]\nbecause\n\n[[ ## answer ## ]]\nforty two\n\n[[ ## completed ## ]]")};
    }};
    runtime rt;
    seen s;
    chain_of_thought<sig<"question -> answer">> qa;
    auto result = rt.execute(s.options(server.url("/v1")), qa, "question"_f = "x");
    BOOST_TEST(result.value.get<"answer">() == "forty two");
    std::string reasoning, answer;
    for (std::size_t at = 0; at < s.log.size();) {
        auto close = s.log.find('>', at), next = s.log.find('<', close);
        std::string field = s.log.substr(at + 1, close - at - 1);
        (field == "reasoning" ? reasoning : answer) +=
            s.log.substr(close + 1, next == s.log.npos ? next : next - close - 1);
        at = next == s.log.npos ? s.log.size() : next;
    }
    BOOST_TEST(reasoning == "because");
    BOOST_TEST(answer == "forty two");
    BOOST_TEST(std::count(s.log.begin(), s.log.end(), '<') > 4);
    // A replay asks nobody and tells nothing.
    seen again;
    auto options = again.options(server.url("/v1"));
    options.replay = result.report.history;
    BOOST_TEST(rt.run(options, qa, "question"_f = "x").get<"answer">() == "forty two");
    BOOST_TEST(again.log.empty());
    BOOST_TEST(server.requests() == 1);
}

BOOST_AUTO_TEST_CASE(a_stream_says_that_it_starts_over) {
    std::atomic<int> n = 0;
    loopback_server server{[&](const server_request&) {
        std::string text = n++ == 0 ? "[[ ## answer ## ]]\nmany\n\n[[ ## completed ## ]]" : "{\"answer\": 5}";
        return server_response{.content_type = "text/event-stream", .pieces = stream_of(text)};
    }};
    runtime rt;
    seen s;
    predict<sig<"question -> answer: int">> qa;
    BOOST_TEST(rt.run(s.options(server.url("/v1")), qa, "question"_f = "x").get<"answer">() == 5);
    BOOST_TEST(s.log.find("<restart><answer>5") != s.log.npos, s.log);
}

// Of several blocks the last counts; what was shown of an earlier one is taken back, and not left standing.
BOOST_AUTO_TEST_CASE(what_was_shown_and_does_not_count_is_taken_back) {
    struct {
        adapter a;
        std::string text;
    } const cases[]{
        {adapter::chat,
         "[[ ## answer ## ]]\nevil\n\n[[ ## completed ## ]]\nNo:\n[[ ## answer ## ]]\ngood\n\n[[ ## completed ## ]]"},
        {adapter::json, "{\"answer\": \"evil\"} Final: {\"answer\": \"good\"}"},
        {adapter::json, "{\"x\": {\"answer\": \"evil\"}} {\"answer\": \"good\"}"},
    };
    for (const auto& c : cases) {
        loopback_server server{[&](const server_request&) {
            return server_response{.content_type = "text/event-stream", .pieces = stream_of(c.text)};
        }};
        runtime rt;
        seen s;
        auto options = s.options(server.url("/v1"));
        options.adapter = c.a;
        predict<sig<"question -> answer">> qa;
        BOOST_TEST(rt.run(options, qa, "question"_f = "x").get<"answer">() == "good");
        auto last = s.log.rfind("<restart>");
        std::string left = last == s.log.npos ? s.log : s.log.substr(last);
        BOOST_TEST(left.find("evil") == left.npos, s.log);
        BOOST_TEST(server.requests() == 1);
    }
}

BOOST_AUTO_TEST_CASE(what_was_shown_rightly_is_not_shown_twice) {
    for (std::string text : {"[[ ## answer ## ]]\n4 [[ \\## x ## ]]\n\n[[ ## completed ## ]]",
                             "[[ ## answer ## ]]\na\n[[ ## answer ## ]]\na"}) {
        loopback_server server{[&](const server_request&) {
            return server_response{.content_type = "text/event-stream", .pieces = stream_of(text)};
        }};
        runtime rt;
        seen s;
        predict<sig<"question -> answer">> qa;
        rt.run(s.options(server.url("/v1")), qa, "question"_f = "x");
        BOOST_TEST(s.log.find("<restart>") == s.log.npos, s.log);
    }
}
