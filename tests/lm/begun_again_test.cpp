// Two answers where one was asked for, as gateways send that begin again: they are not strung together, and no tool
// acts twice.
#include "heard.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

std::string sse(const std::vector<std::string>& events) {
    std::string all;
    for (const auto& e : events) all += "data: " + e + "\n\n";
    return all;
}

std::string chunk(const std::string& id, const std::string& delta, const std::string& finish = "null") {
    return R"({"id":")" + id + R"(","choices":[{"index":0,"delta":)" + delta + ",\"finish_reason\":" + finish + "}]}";
}
std::string says(const std::string& text, bool role = true) {
    return std::string{"{"} + (role ? R"("role":"assistant",)" : "") + "\"content\":\"" + text + "\"}";
}
std::string calls(const std::string& id) {
    return R"("tool_calls":[{"index":0,"id":")" + id +
           R"(","type":"function","function":{"name":"pay","arguments":"{\"to\":\"Bob\"}"}}])";
}
std::string pays(const std::string& id) { return R"({"role":"assistant","content":null,)" + calls(id) + "}"; }
std::string whole(const std::string& id, const std::string& message, const std::string& finish = "\"stop\"") {
    return R"({"id":")" + id + R"(","choices":[{"index":0,"message":)" + message + ",\"finish_reason\":" + finish +
           "}]}";
}
const std::string stop = "\"stop\"", calls_end = "\"tool_calls\"";

// Anthropic's, as a stream without its beginning and end.
std::string text_block(int index, const std::string& text) {
    const std::string at = R"("index":)" + std::to_string(index);
    return sse(
        {R"({"type":"content_block_start",)" + at + R"(,"content_block":{"type":"text","text":")" + text + "\"}}",
         R"({"type":"content_block_stop",)" + at + "}"});
}
std::string pay_block(int index, const std::string& id) {
    const std::string at = R"("index":)" + std::to_string(index);
    return sse({R"({"type":"content_block_start",)" + at + R"(,"content_block":{"type":"tool_use","id":")" + id +
                    R"(","name":"pay","input":{"to":"Bob"}}})",
                R"({"type":"content_block_stop",)" + at + "}"});
}
std::string starts(const std::string& id) {
    return sse({R"({"type":"message_start","message":{"id":")" + id + R"(","content":[]}})"});
}
std::string ends(const std::string& reason) {
    return sse({R"({"type":"message_delta","delta":{"stop_reason":")" + reason + "\"}}", R"({"type":"message_stop"})"});
}

std::string candidate(const std::string& id, const std::string& part, bool last = false) {
    return R"({"candidates":[{"index":0,"content":{"parts":[)" + part + "]}" +
           (last ? R"(,"finishReason":"STOP")" : "") + R"(}],"responseId":")" + id + "\"}";
}
const std::string gemini_pays = R"({"functionCall":{"name":"pay","args":{"to":"Bob"}}})";

void check_refused(const std::string& provider, const std::string& body, bool streamed = true) {
    auto g = heard(provider, body, streamed);
    BOOST_TEST((g.code == lm_errc::malformed_response),
               provider << ": " << body << "\n  gave: " << g.error << json::serialize(to_json(g.answer)));
}

void check_pays_once(const std::string& provider, const std::string& body, bool streamed = true) {
    auto g = heard(provider, body, streamed);
    BOOST_TEST(g.error == "", body);
    BOOST_TEST(g.answer.tool_calls.size() == 1u, body);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(begun_again)

BOOST_AUTO_TEST_CASE(a_stream_that_begins_again_is_no_answer) {
    check_refused("openai",
                  sse({chunk("c1", says("The ans")), chunk("c2", says("The answer is 4")), chunk("c2", "{}", stop)}));
    check_refused("openai", sse({chunk("c1", says("The ans")), chunk("c1", says("wer", false)),
                                 chunk("c2", says("The answer is 4")), chunk("c2", "{}", stop)}));
    check_refused("openai", sse({chunk("c1", pays("a")), chunk("c2", pays("b")), chunk("c2", "{}", calls_end)}));
    check_refused("openai", sse({chunk("c1", says("Paying.")), chunk("c1", pays("a")), chunk("c2", says("Paying.")),
                                 chunk("c2", pays("b")), chunk("c2", "{}", calls_end)}));
    check_refused("openai",
                  sse({chunk("c1", says("The answer is 41."), stop), chunk("c2", says("The answer is 42."), stop)}));
    check_refused("anthropic", starts("m1") + text_block(0, "The ans") + starts("m2") +
                                   text_block(1, "The answer is 4") + ends("end_turn"));
    check_refused("anthropic",
                  starts("m1") + text_block(0, "The ans") + starts("m2") + text_block(0, "wer") + ends("end_turn"));
    check_refused("anthropic",
                  starts("m1") + pay_block(0, "t1") + starts("m2") + pay_block(1, "t2") + ends("tool_use"));
    check_refused("gemini", sse({candidate("1", R"({"text":"The ans"})"),
                                 candidate("2", R"({"text":"The answer is 4"})", true)}));
    check_refused("gemini", sse({candidate("1", gemini_pays), candidate("2", gemini_pays),
                                 candidate("2", R"({"text":""})", true)}));
    auto cohere = [](const std::string& id, const std::string& text) {
        return sse({R"({"type":"message-start","id":")" + id + R"(","delta":{"message":{"role":"assistant"}}})",
                    R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":")" + text + "\"}}}}"});
    };
    const std::string cohere_end = sse({R"({"type":"message-end","delta":{"finish_reason":"COMPLETE"}})"});
    check_refused("cohere", cohere("i1", "The ans") + cohere("i2", "The answer is 4") + cohere_end);
    auto response = [](const std::string& id, const std::string& text) {
        return sse({R"({"type":"response.created","response":{"id":")" + id + "\"}}",
                    R"({"type":"response.output_text.delta","output_index":0,"item_id":"m)" + id + R"(","delta":")" +
                        text + "\"}"});
    };
    check_refused("openai-responses", response("r1", "The ans") + response("r2", "The answer is 4") +
                                          sse({R"({"type":"response.completed","response":{"status":"completed"}})"}));
}

// As servers write that do not begin again.
BOOST_AUTO_TEST_CASE(ids_that_differ_and_roles_that_are_repeated_are_no_second_beginning) {
    auto check_hello = [](const std::string& provider, const std::string& body) {
        auto g = heard(provider, body, true);
        BOOST_TEST(g.answer.text == "Hello", g.error << body);
    };
    // An id a piece, and a role in each.
    check_hello("openai", sse({chunk("c1", says("Hel")), chunk("c2", says("lo")), chunk("c3", "{}", stop)}));
    check_hello("openai",
                sse({chunk("c1", says("Hel", false)), chunk("c2", says("lo", false)), chunk("c2", "{}", stop)}));
    check_hello("openai", sse({chunk("c", says("Hel")), chunk("c", says("lo")), chunk("c", "{}", stop)}));
    // The first piece has no id, or an id of its own and nothing in it.
    check_hello("openai",
                sse({chunk("", says("")), chunk("c", says("Hel")), chunk("c", says("lo")), chunk("c", "{}", stop)}));
    check_hello("openai",
                sse({chunk("a", says("")), chunk("c", says("Hel")), chunk("c", says("lo")), chunk("c", "{}", stop)}));
    check_hello("anthropic", starts("m") + starts("m") + text_block(0, "Hello") + ends("end_turn"));
    check_hello("gemini", sse({candidate("1", R"({"text":"Hel"})"), candidate("1", R"({"text":"lo"})", true)}));
    check_hello("gemini", sse({candidate("", R"({"text":"Hel"})"), candidate("1", R"({"text":"lo"})", true)}));
}

BOOST_AUTO_TEST_CASE(two_whole_answers_are_none) {
    const std::string one = whole("c1", R"({"content":"The answer is 41."})"),
                      other = whole("c2", R"({"content":"The answer is 42."})");
    const std::string longer = whole("c2", R"({"content":"The answer is 41. Or 42."})");
    for (bool streamed : {false, true}) {
        for (const auto& second : {other, longer}) {
            check_refused("openai", one + "\n" + second, streamed);
            check_refused("openai", "[" + one + "," + second + "]", streamed);
            check_refused("openai", sse({one, second}), streamed);
        }
        auto same = heard("openai", sse({one, one}), streamed);
        BOOST_TEST(same.answer.text == "The answer is 41.", same.error);
        const std::string pay = whole("c1", "{\"content\":null," + calls("a") + "}", calls_end);
        check_pays_once("openai", pay + "\n" + whole("c2", "{\"content\":null," + calls("b") + "}", calls_end),
                        streamed);
        check_refused("openai", pay + "\n" + whole("c2", R"({"content":"Shall I?"})"), streamed);
    }
}

BOOST_AUTO_TEST_CASE(the_same_call_in_two_choices_is_one) {
    auto choice = [](int index, const std::string& what, const std::string& id) {
        return R"({"index":)" + std::to_string(index) + ",\"" + what + R"(":{"content":null,)" + calls(id) +
               R"(},"finish_reason":"tool_calls"})";
    };
    auto body = [](const std::string& list) { return R"({"id":"c","choices":[)" + list + "]}"; };
    for (bool streamed : {false, true})
        check_pays_once("openai", body(choice(0, "message", "a") + "," + choice(1, "message", "b")), streamed);
    check_pays_once("openai", sse({body(choice(0, "delta", "a")), body(choice(1, "delta", "b"))}));
    check_pays_once("openai", sse({body(choice(1, "delta", "b")), body(choice(0, "delta", "a"))}));
    // Two in one choice are two.
    const std::string two =
        R"({"tool_calls":[{"id":"a","function":{"name":"roll","arguments":"{}"}},{"id":"b","function":{"name":"roll","arguments":"{}"}}]})";
    BOOST_TEST(heard("openai", whole("c", two, calls_end)).answer.tool_calls.size() == 2u);
    auto google = [](int index) {
        return R"({"index":)" + std::to_string(index) + R"(,"content":{"parts":[)" + gemini_pays +
               R"(]},"finishReason":"STOP"})";
    };
    for (bool streamed : {false, true}) {
        const std::string candidates = R"({"candidates":[)" + google(0) + "," + google(1) + "]}";
        check_pays_once("gemini", streamed ? sse({candidates}) : candidates, streamed);
    }
}

BOOST_AUTO_TEST_CASE(a_line_of_ollama_that_is_sent_twice_is_one) {
    auto line = [](const std::string& time) {
        return R"({"created_at":")" + time +
               R"(","message":{"content":"","tool_calls":[{"function":{"name":"pay","arguments":{"to":"Bob"}}}]},"done":false})"
               "\n";
    };
    const std::string end = R"({"message":{"content":""},"done":true,"done_reason":"stop"})"
                            "\n";
    check_pays_once("ollama", line("1") + line("1") + end);
    BOOST_TEST(heard("ollama", line("1") + line("2") + end, true).answer.tool_calls.size() ==
               2u);  // written one by one
}

BOOST_AUTO_TEST_SUITE_END()
