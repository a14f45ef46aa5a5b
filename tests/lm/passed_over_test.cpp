// Ends, errors and pieces that stand where few look: none is passed over.
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
std::string whole(const std::string& choice, const std::string& more = "") {
    return R"({"choices":[{"index":0,"message":{"content":"The answer is"},"finish_reason":"stop")" + choice + "}]" +
           more + "}";
}
std::string streamed(const std::string& choice, const std::string& more = "") {
    return sse({R"({"id":"c","choices":[{"index":0,"delta":{"content":"The answer is"},"finish_reason":null}]})",
                R"({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop")" + choice + "}]" + more + "}"});
}
void check_finish(const std::string& choice, const std::string& more, finish_reason expected) {
    for (bool stream : {false, true}) {
        auto g = heard("openai", stream ? streamed(choice, more) : whole(choice, more), stream);
        BOOST_TEST(g.error == "");
        BOOST_TEST((g.answer.finish == expected), choice << more);
    }
}
std::string said(const std::string& text) {
    return R"({"id":"c","choices":[{"index":0,"delta":{"content":")" + text + R"("},"finish_reason":null}]})";
}
const std::string stop = R"({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";

}  // namespace

BOOST_AUTO_TEST_SUITE(passed_over)

BOOST_AUTO_TEST_CASE(ends_beside_the_reason_count) {
    check_finish(R"(,"native_finish_reason":"MAX_TOKENS")", "", finish_reason::length);
    check_finish(R"(,"native_finish_reason":"MALFORMED_FUNCTION_CALL")", "", finish_reason::malformed_call);
    check_finish(R"(,"content_filter_results":{"hate":{"filtered":true,"severity":"high"}})", "",
                 finish_reason::content_filter);
    check_finish("", R"(,"incomplete_details":{"reason":"max_output_tokens"})", finish_reason::length);
    check_finish("", R"(,"incomplete_details":{"reason":"moon"})", finish_reason::other);
    for (const char* none : {R"(,"native_finish_reason":"STOP")", R"(,"native_finish_reason":"completed")",
                             R"(,"native_finish_reason":null)",
                             R"(,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}})"})
        check_finish(none, "", finish_reason::stop);
    check_finish("", R"(,"incomplete_details":null,"errors":[],"base_resp":{"status_code":0,"status_msg":""})",
                 finish_reason::stop);
}

BOOST_AUTO_TEST_CASE(errors_beside_an_answer_are_errors) {
    for (std::string error : {R"(,"errors":[{"message":"it went away"}])",
                              R"(,"base_resp":{"status_code":1013,"status_msg":"it went away"})"})
        for (bool stream : {false, true}) {
            auto g = heard("openai", stream ? streamed("", error) : whole("", error), stream);
            BOOST_TEST(g.error.find("it went away") != std::string::npos, error << g.error);
        }
    auto cohere = [](const std::string& delta) {
        return heard(
            "cohere",
            sse({R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"The answer is"}}}})",
                 R"({"type":"message-end","delta":)" + delta + "}"}),
            true);
    };
    for (const char* delta :
         {R"({"finish_reason":"COMPLETE","error":"it went away"})", R"({"error":"it went away"})"}) {
        auto g = cohere(delta);
        BOOST_TEST((g.code == lm_errc::server_error), g.error);
        BOOST_TEST(g.error.find("it went away") != std::string::npos, g.error);
    }
    BOOST_TEST((cohere("{}").answer.finish == finish_reason::other));
    BOOST_TEST((cohere(R"({"finish_reason":"COMPLETE"})").answer.finish == finish_reason::stop));
}

BOOST_AUTO_TEST_CASE(pieces_in_odd_places_are_no_silence) {
    auto start = [](const std::string& content) {
        return heard(
            "anthropic",
            sse({R"({"type":"message_start","message":{"content":)" + content + "}}",
                 R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"4"}})",
                 R"({"type":"content_block_stop","index":0})",
                 R"({"type":"message_delta","delta":{"stop_reason":"end_turn"}})", R"({"type":"message_stop"})"}),
            true);
    };
    BOOST_TEST((start(R"([{"type":"text","text":"The answer is not "}])").code == lm_errc::malformed_response));
    BOOST_TEST(
        (start(R"([{"type":"tool_use","id":"t","name":"ping","input":{}}])").code == lm_errc::malformed_response));
    BOOST_TEST(start(R"([{"type":"text","text":""}])").answer.text == "4");
    for (bool stream : {false, true}) {
        const std::string body =
            R"({"candidates":[{"content":{"parts":[{"text":"Not yet.","functionCall":{"name":"ping","args":{}}}]},)"
            R"("finishReason":"STOP"}]})";
        auto g = heard("gemini", stream ? sse({body}) : body, stream);
        BOOST_TEST(g.answer.text == "Not yet.", g.error);
        BOOST_TEST(g.answer.tool_calls.size() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(items_of_unknown_types_are_noted) {
    const std::string message = R"({"type":"message","content":[{"type":"output_text","text":"Done."}]})";
    for (std::string type : {"mcp_approval_request", "output_text", "later"})
        for (bool stream : {false, true}) {
            const std::string response =
                R"({"status":"completed","output":[{"type":")" + type + R"(","text":" not"},)" + message + "]}";
            auto g = heard("openai-responses",
                           stream ? sse({R"({"type":"response.completed","response":)" + response + "}"}) : response,
                           stream);
            BOOST_TEST((g.answer.unread_parts == std::vector<std::string>{type}), g.error);
            BOOST_TEST((g.answer.finish == finish_reason::stop));
        }
    for (std::string type : {"custom_tool_call", "tool_call"}) {
        auto g = heard("openai-responses",
                       R"({"status":"completed","output":[{"type":")" + type + R"(","name":"ping"},)" + message + "]}");
        BOOST_TEST((g.answer.finish == finish_reason::malformed_call), g.error);
    }
    auto g = heard("openai-responses",
                   R"({"status":"completed","output":[{"type":"web_search_call","id":"w"},)" + message + "]}");
    BOOST_TEST(g.answer.unread_parts.empty());
}

BOOST_AUTO_TEST_CASE(pieces_of_a_response_are_not_said_twice_nor_mixed) {
    auto piece = [](int number, int part, const std::string& text) {
        return R"({"type":"response.output_text.delta","sequence_number":)" + std::to_string(number) +
               R"(,"output_index":0,"item_id":"m","content_index":)" + std::to_string(part) + R"(,"delta":")" + text +
               "\"}";
    };
    const std::string end = R"({"type":"response.completed","response":{"status":"completed"}})";
    BOOST_TEST(heard("openai-responses", sse({piece(2, 0, "ha"), piece(2, 0, "ha"), end}), true).answer.text == "ha");
    BOOST_TEST(heard("openai-responses", sse({piece(2, 0, "ha"), piece(3, 0, "ha"), end}), true).answer.text == "haha");
    BOOST_TEST(heard("openai-responses", sse({piece(0, 0, "ha"), piece(0, 0, "ha"), end}), true).answer.text ==
               "haha");  // it counts nothing
    BOOST_TEST(heard("openai-responses", sse({piece(1, 0, "one"), piece(2, 1, "two"), end}), true).answer.text ==
               "onetwo");
    auto g = heard("openai-responses",
                   sse({piece(1, 0, "o"), piece(2, 1, "t"), piece(3, 0, "ne"), piece(4, 1, "wo"), end}), true);
    BOOST_TEST((g.code == lm_errc::malformed_response), g.answer.text);
}

BOOST_AUTO_TEST_CASE(pieces_that_each_hold_all_before_them_are_no_answer) {
    auto g = heard("openai", sse({said("The"), said("The answer"), said("The answer is 4"), stop}), true);
    BOOST_TEST((g.code == lm_errc::malformed_response), g.answer.text);
    BOOST_TEST(heard("openai", sse({said("ha"), said("haha"), stop}), true).answer.text == "hahaha");
    BOOST_TEST(heard("openai", sse({said("--"), said("----"), said("--------"), stop}), true).answer.text ==
               std::string(14, '-'));
    BOOST_TEST(heard("openai", sse({said("a"), said("ab"), said("c"), stop}), true).answer.text == "aabc");
}

BOOST_AUTO_TEST_CASE(two_calls_without_arguments_under_one_index_are_two) {
    auto call = [](const std::string& index, const std::string& id, const std::string& arguments) {
        return R"({"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{)" + index + R"("id":")" + id +
               R"(","function":{"name":"ping","arguments":)" + json::serialize(json::string(arguments)) +
               R"(}}]},"finish_reason":null}]})";
    };
    const std::string end = R"({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})";
    for (std::string index : {R"("index":0,)", ""}) {
        auto g = heard("openai", sse({call(index, "a", ""), call(index, "b", ""), end}), true);
        BOOST_TEST(g.answer.tool_calls.size() == 2u, g.error);
        BOOST_TEST((g.answer.finish == finish_reason::tool_calls));
        // One call whose ids change, or two? None acts without what was meant for it.
        auto torn = heard("openai",
                          sse({call(index, "a", ""), call(index, "b", ""), call(index, "b", "{\"x\":1}"), end}), true);
        BOOST_TEST((torn.answer.finish == finish_reason::malformed_call), torn.error);
    }
}

BOOST_AUTO_TEST_SUITE_END()
