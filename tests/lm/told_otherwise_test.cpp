// Answers that say of themselves that they are none, or say one thing twice: docs/models.md has a row for each kind.
#include "heard.hpp"
#include "support/folder.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/answer_log.hpp>
#include <reagent/lm/decorators.hpp>
#include <reagent/lm/embedder.hpp>
#include <reagent/module/nearest_demos.hpp>
#include <reagent/module/predictor.hpp>
#include <reagent/run/runtime.hpp>
#include <reagent/signature/signature.hpp>

#include <boost/test/unit_test.hpp>

#include <future>

using namespace reagent;
using namespace reagent::test;

namespace {

std::string sse(const std::vector<std::string>& events, bool done = false) {
    std::string all;
    for (const auto& e : events) all += "data: " + e + "\n\n";
    return all + (done ? "data: [DONE]\n\n" : "");
}
std::string delta(const std::string& d, const std::string& finish = "null") {
    return R"({"choices":[{"index":0,"delta":)" + d + R"(,"finish_reason":)" + finish + "}]}";
}
std::string chat(const std::string& message, const std::string& finish = "\"stop\"") {
    return R"({"choices":[{"index":0,"message":)" + message + R"(,"finish_reason":)" + finish + "}]}";
}
std::string call(const std::string& id, const std::string& arguments, const std::string& more = "") {
    return R"({)" + more + R"("id":")" + id + R"(","type":"function","function":{"name":"pay","arguments":")" +
           arguments + R"("}})";
}
const std::string ten = R"({\"euro\": 10})", twenty = R"({\"euro\": 20})";

}  // namespace

BOOST_AUTO_TEST_SUITE(told_otherwise)

BOOST_AUTO_TEST_CASE(a_refusal_is_no_answer) {
    const std::string message = R"({"type":"message","content":[{"type":"refusal","refusal":"I cannot help."}]})";
    const std::string whole = R"({"status":"completed","output":[)" + message + "]}";
    const std::pair<std::string, std::string> bodies[]{
        {"openai", chat(R"({"content":null,"refusal":"I cannot help."})")},
        {"openai", chat(R"({"content":"half","refusal":"I cannot help."})")},
        {"openai", chat(R"({"content":[{"type":"refusal","refusal":"I cannot help."}]})")},
        {"openai",
         sse({delta(R"({"refusal":"I cannot "})"), delta(R"({"refusal":"help."})"), delta("{}", "\"stop\"")}, true)},
        {"openai-responses", whole},
        {"openai-responses",
         sse({R"({"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":[]}})",
              R"({"type":"response.refusal.delta","output_index":0,"delta":"I cannot help."})",
              R"({"type":"response.completed","response":{"status":"completed","output":[]}})"})},
        {"openai-responses", sse({R"({"type":"response.refusal.delta","output_index":0,"delta":"I cannot help."})",
                                  R"({"type":"response.completed","response":)" + whole + "}"})}};
    for (const auto& [provider, body] : bodies)
        for (bool streamed : {false, true}) {
            auto g = heard(provider, body, streamed);
            BOOST_TEST_CONTEXT(body) {
                BOOST_TEST((g.code == lm_errc::content_filter));
                BOOST_TEST(g.error.find("I cannot help.") != std::string::npos, g.error);
                BOOST_TEST(g.pieces.find("cannot") == std::string::npos);
            }
        }
    for (const char* none : {"null", "\"\"", "\" \""})  // a member that is always there
        BOOST_TEST(heard("openai", chat(std::string{R"({"content":"yes","refusal":)"} + none + "}")).answer.text ==
                   "yes");
}

// llama.cpp's server says "completed" of a response that its limit has cut off; the bytes are its own (0.5.0-dev,
// b1-0c1e570).
BOOST_AUTO_TEST_CASE(a_response_of_an_own_server_that_fills_its_limit_is_cut_off) {
    const std::string whole =
        R"({"completed_at":1795685981,"created_at":1795685981,"id":"resp_OWd7qmMOo48TRyv2XlMtuFewiMA2XIGx","model":"tiny.gguf","object":"response","output":[{"content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"6 is"}],"id":"msg_TY4aqvmIDragnCFNUAjoLZ892Du5gjg1","role":"assistant","status":"completed","type":"message"}],"status":"completed","usage":{"input_tokens":54,"output_tokens":3,"total_tokens":57,"input_tokens_details":{"cached_tokens":53}}})";
    const std::string last = R"({"type":"response.completed","response":)" + whole + "}";
    language_model_options limited;
    for (bool streamed : {false, true})
        for (const auto& body : {whole, sse({last})}) {
            limited.sampling.max_tokens = 3;
            BOOST_TEST((heard("openai-responses", body, streamed, limited).answer.finish == finish_reason::length));
            limited.sampling.max_tokens = 4;
            BOOST_TEST((heard("openai-responses", body, streamed, limited).answer.finish == finish_reason::stop));
            BOOST_TEST((heard("openai-responses", body, streamed).answer.finish == finish_reason::stop));
        }
}

BOOST_AUTO_TEST_CASE(the_word_for_an_end_is_quoted) {
    const std::string text = R"({"role":"assistant","content":"The result of the comp"})";
    const std::pair<std::string, std::pair<std::string, std::string>> bodies[]{
        {"network_error", {"openai", chat(text, "\"network_error\"")}},
        {"abort", {"openai", sse({delta(text), delta("{}", "\"abort\"")}, true)}},
        {"\"\"", {"openai", chat(text, "\"\"")}},
        {"null", {"openai", chat(text, "null")}},
        {"pause_turn", {"anthropic", R"({"content":[{"type":"text","text":"The"}],"stop_reason":"pause_turn"})"}},
        {"\"\"", {"anthropic", R"({"content":[{"type":"text","text":"The"}],"stop_reason":""})"}},
        {"pause_turn",
         {"anthropic",
          sse({R"({"type":"message_start","message":{"content":[]}})",
               R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"The"}})",
               R"({"type":"content_block_stop","index":0})",
               R"({"type":"message_delta","delta":{"stop_reason":"pause_turn"}})", R"({"type":"message_stop"})"})}},
        {"\"\"",
         {"anthropic", sse({R"({"type":"message_start","message":{"content":[]}})",
                            R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"The"}})",
                            R"({"type":"content_block_stop","index":0})",
                            R"({"type":"message_delta","delta":{"stop_reason":""}})", R"({"type":"message_stop"})"})}},
        {"went wrong",
         {"gemini",
          R"({"candidates":[{"content":{"parts":[{"text":"The"}]},"finishReason":"OTHER","finishMessage":"went wrong"}]})"}},
        {"\"\"", {"gemini", R"({"candidates":[{"content":{"parts":[{"text":"The"}]},"finishReason":""}]})"}},
        {"aborted", {"ollama", R"({"message":{"content":"The"},"done":true,"done_reason":"aborted"})"}},
        {"\"\"", {"ollama", R"({"message":{"content":"The"},"done":true,"done_reason":""})"}},
        {"USER_CANCEL",
         {"cohere", R"({"message":{"content":[{"type":"text","text":"The"}]},"finish_reason":"USER_CANCEL"})"}},
        {"in_progress",
         {"openai-responses",
          R"({"status":"in_progress","output":[{"type":"message","content":[{"type":"output_text","text":"The"}]}]})"}}};
    for (const auto& [word, by] : bodies)
        for (bool streamed : {false, true}) {
            auto g = heard(by.first, by.second, streamed);
            BOOST_TEST_CONTEXT(by.first << " " << by.second) {
                BOOST_TEST((g.answer.finish == finish_reason::other), g.error);
                BOOST_TEST(g.answer.finish_words.find(word) != std::string::npos, g.answer.finish_words);
            }
        }
    runtime rt;
    auto model = std::make_shared<loopback_server>(
        [&](const server_request&) { return server_response{.body = bodies[0].second.second}; });
    try {
        run_options few{model_at("openai", *model)};
        few.max_retries = 0;
        predictor of{parse_signature("question -> answer")};
        rt.execute(few, [&](run& r) -> task<json::object> {
            json::object inputs{{"question", "?"}};
            co_return co_await of.call(r, inputs);
        });
        BOOST_TEST(false);
    } catch (const error& e) {
        BOOST_TEST(std::string{e.what()}.find("network_error") != std::string::npos, e.what());
    }
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_not_finished_is_not_taken) {
    const std::string fc = R"("type":"function_call","call_id":"c","name":"pay","arguments":"{}")";
    auto response = [](const std::string& status, const std::string& item, const std::string& more = "") {
        return R"({"status":")" + status + R"(","output":[{)" + item + "}]" + more + "}";
    };
    for (bool streamed : {false, true}) {
        for (const char* status : {"in_progress", "queued", "incomplete"}) {
            BOOST_TEST(
                (heard("openai-responses", response(status, fc), streamed).answer.finish == finish_reason::other),
                status);
            std::string last = R"({"type":"response.completed","response":)" + response(status, fc) + "}";
            BOOST_TEST((heard("openai-responses", sse({last}), streamed).answer.finish == finish_reason::other),
                       status);
        }
        for (const char* status : {"incomplete", "in_progress"}) {
            std::string item = fc + R"(,"status":")" + status + '"';
            BOOST_TEST((heard("openai-responses", response("completed", item), streamed).answer.finish ==
                        finish_reason::other));
        }
        for (const char* status : {"failed", "cancelled"})
            BOOST_TEST((heard("openai-responses", response(status, fc), streamed).code == lm_errc::server_error),
                       status);
        auto cut = heard("openai-responses",
                         response("incomplete", fc + R"(,"status":"incomplete")",
                                  R"(,"incomplete_details":{"reason":"max_output_tokens"})"),
                         streamed);
        BOOST_TEST((cut.answer.finish == finish_reason::length));
        BOOST_TEST((
            heard("openai-responses", response("completed", fc + R"(,"status":"completed")"), streamed).answer.finish ==
            finish_reason::tool_calls));
        BOOST_TEST(
            (heard("openai", chat(R"({"content":"part of an"})", "null")).answer.finish == finish_reason::other));
    }
    BOOST_TEST((heard("anthropic", R"({"content":[{"type":"text","text":"a"}],"stop_reason":null})").answer.finish ==
                finish_reason::other));
    language_model_options lenient;
    lenient.dialect.done_ends = true;
    BOOST_TEST((heard("openai", chat(R"({"content":"all of it"})", "null"), false, lenient).answer.finish ==
                finish_reason::stop));
}

BOOST_AUTO_TEST_CASE(of_several_ends_the_worst_counts) {
    const std::pair<const char*, finish_reason> bad[]{{"length", finish_reason::length},
                                                      {"content_filter", finish_reason::content_filter},
                                                      {"odd", finish_reason::other}};
    for (const auto& [name, expected] : bad)
        for (bool first : {true, false}) {
            std::string one = delta("{}", '"' + std::string{name} + '"'), good = delta("{}", "\"stop\"");
            auto g =
                heard("openai", sse({delta(R"({"content":"a"})"), first ? one : good, first ? good : one}, true), true);
            BOOST_TEST((g.answer.finish == expected), name);
        }
    auto part = [](const char* text, const char* reason) {
        return std::string{R"({"candidates":[{"content":{"parts":[{"text":")"} + text + R"("}]},"finishReason":")" +
               reason + "\"}]}";
    };
    for (bool streamed : {true, false})
        BOOST_TEST((heard("gemini", sse({part("x", "SAFETY"), part("y", "STOP")}), streamed).answer.finish ==
                    finish_reason::content_filter));
}

BOOST_AUTO_TEST_CASE(a_call_that_is_sent_twice_acts_once) {
    auto anthropic = [](const std::string& input) {
        return R"({"type":"tool_use","id":"same","name":"pay","input":)" + input + "}";
    };
    auto item = [](const std::string& arguments) {
        return R"({"type":"function_call","call_id":"same","name":"pay","arguments":")" + arguments + "\"}";
    };
    auto bodies = [&](const std::string& a, const std::string& b) {
        auto plain = [](std::string s) {
            std::erase(s, '\\');
            return s;
        };
        const std::string end = delta("{}", "\"tool_calls\"");
        auto piece = [](const std::string& c) { return delta("{\"tool_calls\":[" + c + "]}"); };
        return std::vector<std::pair<std::string, std::string>>{
            {"openai", chat("{\"tool_calls\":[" + call("same", a) + "," + call("same", b) + "]}", "\"tool_calls\"")},
            {"openai",
             sse({piece(call("same", a, "\"index\":0,")), piece(call("same", b, "\"index\":1,")), end}, true)},
            {"openai",
             sse({piece(call("same", a, "\"index\":0,")), piece(call("same", b, "\"index\":0,")), end}, true)},
            {"openai", sse({piece(call("same", a)), piece(call("same", b)), end}, true)},
            {"openai-responses", R"({"status":"completed","output":[)" + item(a) + "," + item(b) + "]}"},
            {"anthropic",
             R"({"content":[)" + anthropic(plain(a)) + "," + anthropic(plain(b)) + R"(],"stop_reason":"tool_use"})"}};
    };
    for (bool streamed : {false, true}) {
        for (const auto& [provider, body] : bodies(ten, ten)) {
            if (streamed && provider == "anthropic") continue;
            auto g = heard(provider, body, streamed);
            BOOST_TEST(g.answer.tool_calls.size() == 1u, g.error << body);
            BOOST_TEST((g.answer.finish == finish_reason::tool_calls), body);
        }
        for (const auto& [provider, body] : bodies(ten, twenty)) {
            auto g = heard(provider, body, streamed);
            BOOST_TEST((g.answer.finish == finish_reason::malformed_call), g.error << body);
        }
    }
    // The same JSON in other words is the same call; equal calls under ids of their own, or under none, are two.
    auto g =
        heard("openai", chat("{\"tool_calls\":[" + call("same", ten) + "," + call("same", R"({\"euro\":10})") + "]}"));
    BOOST_TEST(g.answer.tool_calls.size() == 1u);
    for (const char* id : {"other", ""})
        BOOST_TEST(heard("openai", chat("{\"tool_calls\":[" + call("", ten) + "," + call(id, ten) + "]}"))
                       .answer.tool_calls.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_name_in_pieces_is_joined) {
    auto piece = [](const std::string& members, const std::string& name, const std::string& arguments) {
        return delta("{\"tool_calls\":[{" + members + R"("function":{"name":")" + name + R"(","arguments":")" +
                     arguments + "\"}}]}");
    };
    const std::string end = delta("{}", "\"tool_calls\""), args = R"({\"a\":1})";
    const std::vector<std::string> streams[]{
        {piece("\"index\":0,\"id\":\"c\",", "calcu", ""), piece("\"index\":0,", "lator", ""),
         piece("\"index\":0,", "", args), end},
        {piece("\"index\":0,\"id\":\"c\",", "calcu", ""), piece("\"index\":0,\"id\":\"c\",", "lator", args), end},
        {piece("\"id\":\"c\",", "calcu", ""), piece("\"id\":\"c\",", "lator", args), end},
        {piece("\"index\":0,\"id\":\"c\",", "calcu", ""), piece("\"index\":0,", "calculator", args), end},
        {piece("\"index\":0,\"id\":\"c\",", "calculator", ""), piece("\"index\":0,", "calculator", args), end}};
    for (const auto& events : streams) {
        auto g = heard("openai", sse(events, true), true);
        BOOST_TEST_REQUIRE(g.answer.tool_calls.size() == 1u, g.error << sse(events));
        BOOST_TEST(g.answer.tool_calls[0].name == "calculator");
        BOOST_TEST(g.answer.tool_calls[0].arguments == R"({"a":1})");
    }
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_complete_ends_though_the_connection_stays_open) {
    const std::string use = R"("delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1})";
    const std::pair<std::string, std::string> bodies[]{
        {"openai", sse({delta(R"({"content":"Hello"})"), delta("{}", "\"stop\"")}, true)},
        {"openai", sse({delta(R"({"content":"Hello"})"), delta("{}", "\"stop\"")})},
        {"openai", chat(R"({"content":"Hello"})")},
        {"anthropic", sse({R"({"type":"message_start","message":{"id":"m","content":[],"usage":{}}})",
                           R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Hello"}})",
                           R"({"type":"message_delta",)" + use + "}", R"({"type":"message_stop"})"})},
        {"ollama", R"({"message":{"content":"Hello"},"done":true,"done_reason":"stop"})"
                   "\n"},
        {"openai-responses",
         sse({R"({"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":"Hello"}]}})"})},
        {"gemini",
         sse({R"({"candidates":[{"content":{"parts":[{"text":"Hello"}]},"finishReason":"STOP"}],"usageMetadata":{}})"})},
        {"cohere", sse({R"({"type":"content-delta","delta":{"message":{"content":{"text":"Hello"}}}})",
                        R"({"type":"message-end","delta":{"finish_reason":"COMPLETE"}})"})}};
    auto held_open = [](const std::string& body) {
        return [body](const server_request&) {
            return server_response{.content_type = "text/event-stream", .pieces = {body}, .hold = true};
        };
    };
    std::vector<std::future<got>> all;  // at once: some wait for seconds
    for (const auto& [provider, body] : bodies)
        for (bool streamed : {false, true})
            all.push_back(std::async(std::launch::async, [&, streamed] {
                loopback_server server{held_open(body)};
                return heard(model_at(provider, server), streamed);
            }));
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto g = all[i].get();
        BOOST_TEST(g.error == "", bodies[i / 2].first);
        BOOST_TEST(g.answer.text == "Hello", bodies[i / 2].first);
    }
    // The next one asks on a connection of its own.
    loopback_server server{held_open(bodies[0].second)};
    auto model = model_at(bodies[0].first, server);
    with_client([&](http::client& c) -> task<void> {
        lm_request r = question("x");
        lm_context context{c};
        for (int i = 0; i < 2; ++i) {
            auto answer = co_await model.backend()->complete(context, r);
            BOOST_TEST(answer.text == "Hello");
            BOOST_TEST(c.idle_connections() == 0u);
        }
    });
}

BOOST_AUTO_TEST_CASE(an_error_in_a_list_is_the_error) {
    const std::string body =
        R"([{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}])";
    for (const char* provider : {"gemini", "openai", "ollama", "anthropic"})
        for (bool streamed : {false, true})
            BOOST_TEST((heard(provider, body, streamed).code == lm_errc::rate_limited), provider);
    auto whole = heard("gemini", R"([{"candidates":[{"content":{"parts":[{"text":"a"}]}}]},)"
                                 R"({"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}])");
    BOOST_TEST(whole.answer.text == "ab", whole.error);
}

BOOST_AUTO_TEST_CASE(choices_out_of_order_are_told_apart_by_their_index) {
    auto choice = [](int index, const char* text) {
        return R"({"index":)" + std::to_string(index) + R"(,"message":{"content":")" + text +
               R"("},"finish_reason":"stop"})";
    };
    auto g = heard("openai", R"({"choices":[)" + choice(2, "c") + "," + choice(0, "a") + "," + choice(1, "b") + "]}");
    BOOST_TEST(g.answer.text == "a");
    BOOST_TEST((g.answer.alternatives == std::vector<std::string>{"b", "c"}));
    for (const char* one : {"1", "\"1\""}) {  // of a stream, as a number and as text
        std::string index = R"("index":)" + std::string{one};
        auto chat = heard("openai",
                          sse({delta(R"({"content":"a"})"),
                               "{\"choices\":[{" + index + R"(,"delta":{"content":"b"},"finish_reason":"stop"}]})",
                               R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"},
                              true),
                          true);
        auto google = heard(
            "gemini",
            sse({R"({"candidates":[{"index":0,"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]})",
                 "{\"candidates\":[{" + index + R"(,"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]})"}),
            true);
        for (const auto& answer : {chat.answer, google.answer}) {
            BOOST_TEST(answer.text == "a", one);
            BOOST_TEST((answer.alternatives == std::vector<std::string>{"b"}), one);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_piece_without_a_type_is_an_error) {
    const std::pair<const char*, std::string> pieces[]{
        {"anthropic", R"({"index":0,"delta":{"type":"text_delta","text":"x"}})"},
        {"anthropic", R"({"type":"content_block_start","index":0,"content_block":{"text":""}})"},
        {"openai-responses", R"({"output_index":0,"delta":"x"})"},
        {"cohere", R"({"delta":{"message":{"content":{"text":"x"}}}})"}};
    for (const auto& [provider, piece] : pieces) {
        auto g = heard(provider, "data: " + piece + "\n\n", true);
        BOOST_TEST((g.code == lm_errc::malformed_response), provider);
        BOOST_TEST(g.error.find("without a type") != std::string::npos, g.error);
    }
}

BOOST_AUTO_TEST_CASE(filters_of_other_servers_are_known) {
    BOOST_TEST(
        (heard("openai", chat(R"({"content":"x"})", "\"sensitive\"")).answer.finish == finish_reason::content_filter));
    for (auto [name, expected] :
         {std::pair{"ERROR_TOXIC", finish_reason::content_filter}, {"ERROR_LIMIT", finish_reason::length}}) {
        std::string reason = name;
        BOOST_TEST((heard("cohere", R"({"message":{"content":"x"},"finish_reason":")" + reason + "\"}").answer.finish ==
                    expected));
        BOOST_TEST(
            (heard("cohere", sse({R"({"type":"message-end","delta":{"finish_reason":")" + reason + "\"}}"}), true)
                 .answer.finish == expected));
    }
}

BOOST_AUTO_TEST_CASE(a_wait_beyond_all_patience_is_not_waited_for) {
    for (const char* wait : {"99999999999999999999", "1e5", "Fri, 31 Dec 9999 23:59:59 GMT", "86400"}) {
        int asked = 0;
        loopback_server server{[&](const server_request&) {
            ++asked;
            return server_response{
                .status = 429, .body = R"({"error":{"message":"slow"}})", .headers = {{"retry-after", wait}}};
        }};
        auto g = heard(retrying(model_at("openai", server), {.max_attempts = 2, .base = std::chrono::milliseconds{1}}),
                       false);
        BOOST_TEST((g.code == lm_errc::rate_limited));
        BOOST_TEST(asked == (std::string{wait} == "1e5" ? 2 : 1), wait);  // which is no number of seconds
    }
}

BOOST_AUTO_TEST_CASE(too_long_in_the_words_of_further_servers) {
    const std::pair<int, const char*> texts[]{
        {422, "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000"},
        {422,
         "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens"},
        {400, "the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model"},
        {400, "the token sequence length 5000 is longer than the max sequence length 4096"},
        {400, "Input length 99999 exceeds the maximum length 32768"},
        {400, "Total tokens of image and text exceed max message tokens"}};
    auto refusal = [](int status, const std::string& words) {
        loopback_server server{[&](const server_request&) {
            return server_response{.status = status, .body = R"({"error":{"message":")" + words + "\"}}"};
        }};
        return heard(model_at("openai", server), false).code;
    };
    for (const auto& [status, words] : texts) BOOST_TEST((refusal(status, words) == lm_errc::context_length), words);
    BOOST_TEST((refusal(400, "max_tokens is too large: the number of tokens of an answer exceeds 4096") ==
                lm_errc::invalid_request));
    BOOST_TEST((refusal(429, "The input tokens per minute exceed your limit") == lm_errc::rate_limited));
}

BOOST_AUTO_TEST_CASE(answers_of_another_server_are_not_taken_from_the_log) {
    folder f;
    auto answers = [&](const std::string& text) {
        return
            [text](const server_request&) { return server_response{.body = chat("{\"content\":\"" + text + "\"}")}; };
    };
    loopback_server one{answers("one")}, two{answers("two")};
    auto kept = [&](const loopback_server& s, language_model_options options = {}) {
        answer_log log{f.path / "answers.jsonl"};
        auto g = heard(log.around(retrying(model_at("openai", s, options))), false);
        return g.answer.text + g.error + (log.asked() ? " asked" : "");
    };
    BOOST_TEST(kept(one) == "one asked");
    BOOST_TEST(kept(one) == "one");
    BOOST_TEST(kept(two) == "two asked");
    language_model_options cold;
    cold.sampling.temperature = 0;
    BOOST_TEST(kept(one, cold) == "one asked");
    BOOST_TEST(kept(one) == "one");
}

BOOST_AUTO_TEST_CASE(the_thinking_of_a_text_goes_back_in_the_next_turn) {
    std::string sent;
    int asked = 0;
    loopback_server server{[&](const server_request& r) {
        sent = r.body;
        std::string text = ++asked == 1 ? "no number" : "[[ ## n ## ]]\\n4\\n[[ ## completed ## ]]";
        return server_response{
            .body = R"({"content":[{"type":"thinking","thinking":"T","signature":"S"},{"type":"text","text":")" + text +
                    R"("}],"stop_reason":"end_turn"})"};
    }};
    predictor p{parse_signature("question -> n: int")};
    runtime rt;
    struct program {
        const predictor& of;
        task<std::int64_t> forward(run& r) const {
            json::object inputs{{"question", "q"}};
            auto outputs = co_await of.call(r, inputs);
            co_return outputs.at("n").to_number<std::int64_t>();
        }
    };
    run_options options{model_at("anthropic", server)};
    BOOST_TEST(rt.execute(options, program{p}).value == 4);
    auto turns = json::parse(sent).at("messages").as_array();
    BOOST_TEST(turns.at(1).at("content").as_array().at(0).at("signature").as_string() == "S");
}

BOOST_AUTO_TEST_CASE(what_embeddings_use_counts_in_a_run) {
    loopback_server server{[](const server_request&) {
        return server_response{.body = R"({"data":[{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":70}})"};
    }};
    embedder e{"openai/gpt-4o-mini", {.api_base = server.url("/v1"), .api_key = secret{"key-0123456789"}}};
    struct program {
        const embedder& with;
        task<std::size_t> forward(run& r) const {
            std::size_t n = 0;
            for (int i = 0; i < 3; ++i) {
                std::vector<std::string> texts(1, "a");
                auto vectors = co_await embed_texts(r, "here", with, std::move(texts), embedding_use::query);
                n += vectors.at(0).size();
            }
            co_return n;
        }
    };
    runtime rt;
    auto whole = rt.execute(run_options{}, program{e});
    BOOST_TEST(whole.value == 6u);
    BOOST_TEST(whole.report.usage.prompt_tokens == 210u);
    BOOST_TEST(whole.report.usage.calls == 3u);
    BOOST_TEST(whole.report.usage.cost.value_or(0) > 0);
    run_options small;
    small.budget.tokens = 100;
    BOOST_CHECK_EXCEPTION(rt.execute(small, program{e}), run_error,
                          [](const auto& x) { return x.code() == run_errc::budget_tokens; });
    BOOST_TEST(server.requests() == 5);
    run_options again;
    again.replay = whole.report.history;
    auto replayed = rt.execute(again, program{e});
    BOOST_TEST(replayed.value == 6u);
    BOOST_TEST(replayed.report.usage.prompt_tokens == 210u);
    BOOST_TEST(server.requests() == 5);
}

BOOST_AUTO_TEST_SUITE_END()
