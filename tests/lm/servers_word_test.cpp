// What a server says of its own answer is believed: whose it is, how it is written, what is missing in it.
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

/// Responses' events, with numbers where they have one.
using numbered = std::pair<int, std::string>;
std::string events(const std::vector<numbered>& all) {
    std::vector<std::string> texts;
    for (const auto& [number, event] : all)
        texts.push_back("{" + (number < 0 ? "" : "\"sequence_number\":" + std::to_string(number) + ",") + event + "}");
    return sse(texts);
}
numbered text(int number, const std::string& piece) {
    return {number,
            R"("type":"response.output_text.delta","output_index":0,"item_id":"m","content_index":0,"delta":")" +
                piece + "\""};
}
numbered begun(int number, const std::string& item) {
    return {number, R"("type":"response.output_item.added","output_index":0,"item":)" + item};
}
numbered arguments(int number, const std::string& piece) {
    return {number, R"("type":"response.function_call_arguments.delta","output_index":0,"item_id":"f","delta":)" +
                        json::serialize(json::string(piece))};
}
numbered end(int number) {
    return {number, R"("type":"response.completed","response":{"status":"completed","output":[]})"};
}
const std::string a_message = R"({"type":"message","id":"m","role":"assistant","content":[]})";
const std::string a_call = R"({"type":"function_call","id":"f","call_id":"c","name":"pay","arguments":""})";

bool is_malformed(const got& g) { return g.code == lm_errc::malformed_response; }

}  // namespace

BOOST_AUTO_TEST_SUITE(servers_word)

BOOST_AUTO_TEST_CASE(events_that_are_missing_or_out_of_order_are_no_answer) {
    auto hear = [](const std::vector<numbered>& all) { return heard("openai-responses", events(all), true); };
    for (int first : {0, 1, 7}) {
        auto g = hear({begun(first, a_message), text(first + 1, "Do"), text(first + 2, " not"), text(first + 3, " pay"),
                       end(first + 4)});
        BOOST_TEST(g.answer.text == "Do not pay", g.error);
    }
    for (const auto& odd : std::vector<std::vector<numbered>>{
             {begun(1, a_message), text(2, "Do"), text(4, " pay"), end(5)},      // " not" is lost
             {begun(1, a_message), text(3, "llo"), text(2, "he"), end(4)},       // changed places
             {begun(1, a_message), text(2, "ha"), begun(1, a_message), end(2)},  // begun again
             {begun(1, a_message), text(2, "ha"), text(3, "ha"), end(9)},        // lost before the end
             {begun(1, a_call), arguments(2, R"({"amount":1)"), arguments(4, "0}"), end(5)}}) {
        auto g = hear(odd);
        BOOST_TEST(is_malformed(g), g.answer.text << g.error);
        BOOST_TEST(g.answer.tool_calls.empty());
    }
    // Numbers that tell nothing: all the same, or on some events alone.
    BOOST_TEST(hear({begun(0, a_message), text(0, "he"), text(0, "llo"), end(0)}).answer.text == "hello");
    BOOST_TEST(hear({begun(-1, a_message), text(4, "he"), text(-1, "l"), text(5, "lo"), end(-1)}).answer.text ==
               "hello");
}

BOOST_AUTO_TEST_CASE(a_call_that_did_not_come_to_its_end_does_not_act) {
    const std::string named = R"("id":"c","name":"pay")",
                      function = R"("id":"c","function":{"name":"pay","arguments":"{}")";
    for (std::string mark : {R"("status":"incomplete")", R"("status":"failed")", R"("error":"cut off")",
                             R"("error":{"code":1})", R"("cancelled":true)"}) {
        const std::string in_function = function + "}," + mark, within = function + "," + mark + "}";
        for (const auto& call : {in_function, within}) {
            auto g = heard("openai", R"({"choices":[{"message":{"tool_calls":[{)" + call +
                                         R"(}]},"finish_reason":"tool_calls"}]})");
            BOOST_TEST(is_malformed(g), g.error);
            g = heard("openai",
                      sse({R"({"choices":[{"delta":{"tool_calls":[{"index":0,)" + call +
                           R"(}]},"finish_reason":"tool_calls"}]})"}),
                      true);
            BOOST_TEST(is_malformed(g), g.error);
        }
        auto g = heard("anthropic", R"({"content":[{"type":"tool_use",)" + named + R"(,"input":{},)" + mark +
                                        R"(}],"stop_reason":"tool_use"})");
        BOOST_TEST(is_malformed(g), g.error);
        g = heard("gemini", R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"pay","args":{},)" + mark +
                                R"(}}]},"finishReason":"STOP"}]})");
        BOOST_TEST(is_malformed(g), g.error);
        g = heard("ollama", R"({"message":{"tool_calls":[{"function":{"name":"pay","arguments":{}},)" + mark +
                                R"(}]},"done":true})");
        BOOST_TEST(is_malformed(g), g.error);
        g = heard("cohere",
                  R"({"message":{"tool_calls":[{)" + function + "}," + mark + R"(}]},"finish_reason":"TOOL_CALL"})");
        BOOST_TEST(is_malformed(g), g.error);
    }
    for (std::string mark : {R"("status":"completed")", R"("status":"in_progress")", R"("error":null)", R"("error":"")",
                             R"("error":{})", R"("cancelled":false)"}) {
        auto g = heard("openai", R"({"choices":[{"message":{"tool_calls":[{)" + function + "}," + mark +
                                     R"(}]},"finish_reason":"tool_calls"}]})");
        BOOST_TEST(g.answer.tool_calls.size() == 1u, g.error);
    }
}

BOOST_AUTO_TEST_CASE(a_message_of_the_user_or_of_a_tool_is_no_answer) {
    for (std::string role : {"user", "tool", "User"}) {
        const std::string whole = R"({"role":")" + role + R"(","content":"hello"})";
        for (const auto& [provider, body] : std::vector<std::pair<std::string, std::string>>{
                 {"openai", R"({"choices":[{"message":)" + whole + R"(,"finish_reason":"stop"}]})"},
                 {"ollama", R"({"message":)" + whole + R"(,"done":true,"done_reason":"stop"})"},
                 {"cohere", R"({"message":)" + whole + R"(,"finish_reason":"COMPLETE"})"},
                 {"anthropic",
                  R"({"role":")" + role + R"(","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"})"},
                 {"gemini", R"({"candidates":[{"content":{"role":")" + role +
                                R"(","parts":[{"text":"x"}]},"finishReason":"STOP"}]})"},
                 {"openai-responses", R"({"status":"completed","output":[{"type":"message","role":")" + role +
                                          R"(","content":[{"type":"output_text","text":"x"}]}]})"}}) {
            auto g = heard(provider, body);
            BOOST_TEST(is_malformed(g), provider << g.error << g.answer.text);
        }
        auto g = heard("openai", sse({R"({"choices":[{"delta":)" + whole + R"(,"finish_reason":"stop"}]})"}), true);
        BOOST_TEST(is_malformed(g), g.error);
    }
}

BOOST_AUTO_TEST_CASE(reasons_of_an_end_are_read_in_any_case) {
    for (std::string reason : {"stop", "Stop", "STOP"}) {
        const std::string body =
            R"({"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":")" + reason + "\"}]}";
        BOOST_TEST((heard("gemini", body).answer.finish == finish_reason::stop), reason);
        BOOST_TEST((heard("gemini", sse({body}), true).answer.finish == finish_reason::stop), reason);
    }
    BOOST_TEST((heard("gemini", R"({"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"max_tokens"}]})")
                    .answer.finish == finish_reason::length));
    for (auto [reason, finish] : {std::pair{"complete", finish_reason::stop}, {"max_tokens", finish_reason::length}})
        BOOST_TEST((heard("cohere", R"({"message":{"content":[{"type":"text","text":"x"}]},"finish_reason":")" +
                                        std::string{reason} + "\"}")
                        .answer.finish == finish),
                   reason);
    BOOST_TEST(
        heard("cohere", R"({"message":{"content":[{"type":"text","text":"x"}]},"finish_reason":"error"})").error != "");
}

BOOST_AUTO_TEST_CASE(reasoning_and_text_under_two_ids_are_one_answer) {
    auto piece = [](const std::string& id, const std::string& delta, const std::string& reason = "null") {
        return R"({"id":")" + id + R"(","choices":[{"index":0,"delta":{)" + delta + R"(},"finish_reason":)" + reason +
               "}]}";
    };
    const std::string thought = R"("role":"assistant","reasoning_content":"hm")",
                      answer = R"("role":"assistant","content":"hi")";
    auto g = heard("openai", sse({piece("r", thought), piece("t", answer), piece("t", "", "\"stop\"")}), true);
    BOOST_TEST(g.answer.text == "hi", g.error);
    BOOST_TEST(g.answer.reasoning == "hm");
    g = heard("openai",
              sse({piece("r", thought), piece("r", R"("reasoning_content":".")"), piece("t", answer),
                   piece("t", R"("content":"!")"), piece("t", "", "\"stop\"")}),
              true);
    BOOST_TEST(g.answer.text == "hi!", g.error);
    // What begins again behind a text, or thinks again, is another answer.
    g = heard("openai",
              sse({piece("r", answer), piece("r", R"("content":"!")"), piece("t", answer), piece("t", "", "\"stop\"")}),
              true);
    BOOST_TEST(is_malformed(g), g.answer.text);
    g = heard("openai",
              sse({piece("r", thought), piece("r", R"("reasoning_content":".")"), piece("t", thought),
                   piece("t", R"("content":"hi")"), piece("t", "", "\"stop\"")}),
              true);
    BOOST_TEST(is_malformed(g), g.answer.text);
}

BOOST_AUTO_TEST_CASE(a_body_is_read_in_the_charset_that_its_server_declares) {
    auto hear = [](const std::string& type, const std::string& body, bool streamed) {
        loopback_server server{
            [&](const server_request&) { return server_response{.body = body, .content_type = type}; }};
        return heard(model_at("openai", server), streamed);
    };
    auto whole = [](const std::string& words) {
        return R"({"choices":[{"message":{"content":")" + words + R"("},"finish_reason":"stop"}]})";
    };
    auto pieces = [](const std::string& one, const std::string& other) {
        return sse({R"({"choices":[{"index":0,"delta":{"content":")" + one + R"("},"finish_reason":null}]})",
                    R"({"choices":[{"index":0,"delta":{"content":")" + other + R"("},"finish_reason":"stop"}]})"});
    };
    for (std::string charset : {"iso-8859-1", "ISO-8859-1", "\"windows-1252\"", "latin1"}) {
        for (bool streamed : {false, true}) {
            auto g = hear("application/json; charset=" + charset, whole("caf\xe9 \x80"), streamed);
            BOOST_TEST(g.answer.text == "caf\u00e9 \u20ac", g.error << charset);
        }
        auto g = hear("text/event-stream;charset=" + charset, pieces("caf\xe9", " cr\xe8me"), true);
        BOOST_TEST(g.answer.text == "caf\u00e9 cr\u00e8me", g.error << charset);
        // A framework's default, on a body that is UTF-8.
        g = hear("application/json; charset=" + charset, whole("caf\u00e9"), false);
        BOOST_TEST(g.answer.text == "caf\u00e9", g.error);
    }
    BOOST_TEST(hear("application/json", whole("caf\xe9"), false).answer.text == "caf\ufffd");
    BOOST_TEST(hear("application/json; charset=utf-8", whole("caf\u00e9"), false).answer.text == "caf\u00e9");
}

BOOST_AUTO_TEST_SUITE_END()
