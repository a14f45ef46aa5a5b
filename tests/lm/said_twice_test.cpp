// Answers that say one thing twice: a member of an object, a call under two members, a whole behind its pieces.
#include "heard.hpp"

#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <future>

using namespace reagent;
using namespace reagent::test;

namespace {

std::string sse(const std::vector<std::string>& events) {
    std::string all;
    for (const auto& e : events) all += "data: " + e + "\n\n";
    return all;
}
std::string lines(const std::vector<std::string>& documents) {
    std::string all;
    for (const auto& d : documents) all += d + "\n";
    return all;
}

// Whether anything of it would act, or be taken for an answer.
bool counts(const got& g) {
    if (!g.error.empty() || g.answer.finish == finish_reason::malformed_call) return false;
    for (const auto& c : g.answer.tool_calls)
        if (read_tool_arguments(c.arguments).value) return true;
    return g.answer.tool_calls.empty();
}

std::string chat_call(const std::string& function) {
    return R"({"choices":[{"index":0,"message":{"content":null,"tool_calls":[{"id":"a","type":"function","function":)" +
           function + R"(}]},"finish_reason":"tool_calls"}]})";
}
std::string chat_stream_call(const std::string& function) {
    return sse(
        {R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":)" + function + "}]}}]}",
         R"({"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})", "[DONE]"});
}
std::string block(const std::string& input) {
    return R"({"type":"tool_use","id":"t","name":"pay","input":)" + input + "}";
}
std::string message(const std::string& blocks) {
    return R"({"id":"m","content":[)" + blocks + R"(],"stop_reason":"tool_use","usage":{}})";
}
std::string message_stream(const std::string& first_block, const std::vector<std::string>& deltas = {}) {
    std::vector<std::string> events{R"({"type":"message_start","message":{"id":"m","content":[],"usage":{}}})",
                                    R"({"type":"content_block_start","index":0,"content_block":)" + first_block + "}"};
    for (const auto& d : deltas) events.push_back(R"({"type":"content_block_delta","index":0,"delta":)" + d + "}");
    events.push_back(R"({"type":"content_block_stop","index":0})");
    events.push_back(R"({"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{}})");
    events.push_back(R"({"type":"message_stop"})");
    return sse(events);
}
std::string candidate(const std::string& parts, const std::string& reason = "\"STOP\"", const std::string& more = "") {
    return R"({"candidates":[{"content":{"parts":[)" + parts + R"(]},"finishReason":)" + reason + "}]" + more + "}";
}
std::string gemini_call(const std::string& args) { return R"({"functionCall":{"name":"pay","args":)" + args + "}}"; }
std::string ollama(const std::string& message, bool done) {
    return R"({"message":)" + message + R"(,"done":)" + (done ? R"(true,"done_reason":"stop"})" : "false}");
}
std::string ollama_call(const std::string& args) {
    return R"({"content":"","tool_calls":[{"function":{"name":"pay","arguments":)" + args + "}}]}";
}
std::string response_call(const std::string& arguments, const std::string& name = "pay") {
    return R"({"type":"function_call","id":"f","call_id":"c","name":")" + name + R"(","arguments":)" + arguments + "}";
}
std::string response_with(const std::string& output) {
    return R"({"id":"r","status":"completed","output":[)" + output + "]}";
}
std::string cohere(const std::string& arguments) {
    return R"({"message":{"tool_calls":[{"id":"a","function":{"name":"pay","arguments":)" + arguments +
           R"(}}]},"finish_reason":"TOOL_CALL"})";
}

struct bodies {
    std::string provider, whole, stream;
};
std::vector<bodies> with_arguments(const std::string& object) {
    const std::string f = R"({"name":"pay","arguments":)" + object + "}";
    return {{"openai", chat_call(f), chat_stream_call(f)},
            {"openai-responses", response_with(response_call(object)),
             sse({R"({"type":"response.completed","response":)" + response_with(response_call(object)) + "}"})},
            {"openai-responses", response_with(response_call(object)),
             sse({R"({"type":"response.output_item.done","output_index":0,"item":)" + response_call(object) + "}",
                  R"({"type":"response.completed","response":{"status":"completed"}})"})},
            {"anthropic", message(block(object)), message_stream(block(object))},
            {"gemini", candidate(gemini_call(object)), sse({candidate(gemini_call(object))})},
            {"gemini", "[" + candidate(gemini_call(object)) + "]", "[" + candidate(gemini_call(object)) + "]"},
            {"ollama", ollama(ollama_call(object), true),
             lines({ollama(ollama_call(object), false), ollama(R"({"content":""})", true)})},
            {"cohere", cohere(object), cohere(object)}};
}

const std::string bob = R"({"to":"bob","amount":1})", eve = R"({"to":"eve","amount":2})";

}  // namespace

BOOST_AUTO_TEST_SUITE(said_twice)

BOOST_AUTO_TEST_CASE(a_member_that_stands_twice_in_an_object_of_arguments_is_seen) {
    for (const char* object :
         {R"({"to":"bob","amount":1,"amount":1000})", R"({"to":"bob","amount":1,"to":"eve"})",
          R"({"to":{"iban":"a","iban":"b"},"amount":1})", R"({"all":[{"to":"bob"},{"to":"bob","to":"eve"}]})",
          R"({"\u0074o":"bob","to":"eve","amount":1})", R"({"amount":1e20,"amount":2e20})",
          R"({"note":"{\"x\": \ud83d","amount":1,"amount":1000})"})
        for (const auto& b : with_arguments(object))
            for (bool streamed : {false, true}) {
                auto g = heard(b.provider, streamed ? b.stream : b.whole, streamed);
                BOOST_TEST(!counts(g),
                           b.provider << " " << streamed << " " << object << json::serialize(to_json(g.answer)));
            }
    // Why is told as for a text.
    auto g = heard("gemini", candidate(gemini_call(R"({"to":"bob","to":"eve"})")), false);
    BOOST_REQUIRE(g.answer.tool_calls.size() == 1u);
    BOOST_TEST(read_tool_arguments(g.answer.tool_calls[0].arguments).wrong.find("`to` stands twice") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_says_one_thing_twice_says_it) {
    for (const char* object : {R"({"to":"bob","to":"bob"})", R"({"to":"bob","n":[{"to":"eve"}],"all":{"to":"x"}})"})
        for (const auto& b : with_arguments(object))
            for (bool streamed : {false, true}) {
                auto g = heard(b.provider, streamed ? b.stream : b.whole, streamed);
                BOOST_TEST(counts(g), b.provider << " " << streamed << " " << object << g.error);
                BOOST_TEST(g.answer.tool_calls.size() == 1u);
            }
}

BOOST_AUTO_TEST_CASE(a_member_that_stands_twice_around_a_call_or_a_text_is_seen) {
    const std::string pay = R"({"id":"a","function":{"name":"pay","arguments":"{}"}})",
                      look = R"({"id":"b","function":{"name":"look","arguments":"{}"}})";
    const std::pair<std::string, std::string> wholes[]{
        {"openai", chat_call(R"({"name":"look","name":"pay","arguments":"{}"})")},
        {"openai", chat_call(R"({"name":"pay","arguments":"{\"to\":1}","arguments":"{\"to\":2}"})")},
        {"openai", R"({"choices":[{"message":{"tool_calls":[)" + look + R"(],"tool_calls":[)" + pay +
                       R"(]},"finish_reason":"tool_calls"}]})"},
        {"openai", R"({"choices":[{"message":{"content":"no","content":"yes"},"finish_reason":"stop"}]})"},
        {"openai", R"({"choices":[{"message":{"content":"yes"},"finish_reason":"length","finish_reason":"stop"}]})"},
        {"openai",
         R"({"choices":[{"message":{"content":"no"},"finish_reason":"stop"}],"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]})"},
        {"anthropic",
         R"({"id":"m","content":[{"type":"text","text":"yes"}],"stop_reason":"max_tokens","stop_reason":"end_turn","usage":{}})"},
        {"gemini", candidate(R"({"text":"no","text":"yes"})")},
        {"ollama", R"({"message":{"content":"no"},"message":{"content":"yes"},"done":true})"},
        {"openai-responses",
         R"({"status":"incomplete","status":"completed","output":[{"type":"message","content":"yes"}]})"}};
    for (const auto& [provider, body] : wholes) {
        auto g = heard(provider, body, false);
        BOOST_TEST(!counts(g), body);
    }
    for (const auto& body :
         {sse({R"({"choices":[{"index":0,"delta":{"content":"no","content":"yes"},"finish_reason":null}]})",
               R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})", "[DONE]"}),
          chat_stream_call(R"({"name":"pay","arguments":"{\"to\":1}","arguments":"{\"to\":2}"})")})
        BOOST_TEST(!counts(heard("openai", body, true)), body);
    // What is no part of an answer may.
    auto g = heard(
        "openai",
        R"({"id":"a","id":"b","created":1,"created":2,"model":"m","model":"n","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],)"
        R"("usage":{"prompt_tokens":1,"prompt_tokens":2}})",
        false);
    BOOST_TEST(counts(g), g.error);
    BOOST_TEST(g.answer.text == "yes");
}

BOOST_AUTO_TEST_CASE(a_function_call_that_mirrors_a_tool_call_is_one_call) {
    const std::string f = R"({"name":"pay","arguments":"{\"to\":\"bob\"}"})",
                      spaced = R"({"name":"pay","arguments":"{ \"to\": \"bob\" }"})",
                      other = R"({"name":"pay","arguments":"{\"to\":\"eve\"}"})";
    auto whole = [](const std::string& single, const std::string& calls) {
        return R"({"choices":[{"index":0,"message":{"content":null,"function_call":)" + single + R"(,"tool_calls":[)" +
               calls + R"(]},"finish_reason":"tool_calls"}]})";
    };
    auto call = [](const std::string& function, const char* more = "") {
        return std::string{R"({"id":"x","type":"function",)"} + more + R"("function":)" + function + "}";
    };
    auto streamed = [](const std::vector<std::string>& deltas) {
        std::vector<std::string> events;
        for (const auto& d : deltas)
            events.push_back(R"({"choices":[{"index":0,"delta":)" + d + R"(,"finish_reason":null}]})");
        events.push_back(R"({"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})");
        events.push_back("[DONE]");
        return sse(events);
    };
    auto pieces = [&](const std::string& head, const std::string& tail, const std::string& list_head,
                      const std::string& list_tail) {
        return streamed({R"({"function_call":)" + head + R"(,"tool_calls":[)" + list_head + "]}",
                         R"({"function_call":)" + tail + R"(,"tool_calls":[)" + list_tail + "]}"});
    };
    const std::string at = R"("index":0,)";
    const std::string mirrored = pieces(R"({"name":"pay","arguments":"{\"to\":"})", R"({"arguments":"\"bob\"}"})",
                                        call(R"({"name":"pay","arguments":"{\"to\":"})", at.c_str()),
                                        R"({"index":0,"function":{"arguments":"\"bob\"}"}})");
    const std::string behind =
        streamed({R"({"tool_calls":[)" + call(f, at.c_str()) + "]}", R"({"function_call":)" + f + "}"});
    const std::string before =
        streamed({R"({"function_call":)" + f + "}", R"({"tool_calls":[)" + call(f, at.c_str()) + "]}"});
    for (const auto& [body, is_stream] : {std::pair{whole(f, call(f)), false},
                                          {whole(spaced, call(f)), false},
                                          {mirrored, true},
                                          {behind, true},
                                          {before, true}}) {
        auto g = heard("openai", body, is_stream);
        BOOST_TEST_REQUIRE(g.answer.tool_calls.size() == 1u, g.error << body);
        BOOST_TEST(g.answer.tool_calls[0].name == "pay");
        BOOST_TEST(g.answer.tool_calls[0].id == "x");
        BOOST_TEST((g.answer.finish == finish_reason::tool_calls));
        BOOST_TEST((parse_json(g.answer.tool_calls[0].arguments) == json::value(json::object{{"to", "bob"}})));
    }
    // Of two others it is one's copy; where it says something else, nobody knows which is meant.
    auto two = heard("openai", whole(other, call(f) + "," + R"({"id":"y","function":)" + other + "}"), false);
    BOOST_TEST(two.answer.tool_calls.size() == 2u, two.error);
    BOOST_TEST(!counts(heard("openai", whole(other, call(f)), false)));
    BOOST_TEST(!counts(
        heard("openai", streamed({R"({"function_call":)" + other + R"(,"tool_calls":[)" + call(f, at.c_str()) + "]}"}),
              true)));
}

BOOST_AUTO_TEST_CASE(pieces_and_whole_of_a_response_that_differ_are_no_answer) {
    auto quoted = [](const std::string& text) { return json::serialize(json::value(json::string(text))); };
    auto added = [&](const std::string& item) {
        return R"({"type":"response.output_item.added","output_index":0,"item":)" + item + "}";
    };
    auto ended = [&](const std::string& item) {
        return R"({"type":"response.output_item.done","output_index":0,"item":)" + item + "}";
    };
    auto grows = [&](const std::string& piece) {
        return R"({"type":"response.function_call_arguments.delta","output_index":0,"item_id":"f","delta":)" +
               quoted(piece) + "}";
    };
    auto says = [&](const std::string& piece) {
        return R"({"type":"response.output_text.delta","output_index":0,"item_id":"m","delta":)" + quoted(piece) + "}";
    };
    auto whole = [&](const std::string& args) {
        return R"({"type":"response.function_call_arguments.done","output_index":0,"item_id":"f","arguments":)" +
               quoted(args) + "}";
    };
    auto text = [&](const std::string& words) {
        return R"({"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":)" +
               quoted(words) + "}]}";
    };
    auto completed = [](const std::string& output) {
        return R"({"type":"response.completed","response":)" + response_with(output) + "}";
    };
    const std::string begun = added(response_call("\"\"")),
                      no_output = R"({"type":"response.completed","response":{"status":"completed"}})";
    const std::vector<std::string> differ[]{
        {begun, grows(bob), whole(eve), no_output},
        {begun, grows(bob), whole(eve), completed(response_call(quoted(eve)))},
        {begun, grows(bob), ended(response_call(quoted(eve))), no_output},
        {begun, grows(bob), ended(response_call(quoted(bob), "look")), no_output},
        {begun, grows(bob), ended(text("I call nothing.")), no_output},
        {begun, grows(bob), completed(response_call(quoted(eve)))},
        {begun, grows(bob), completed(response_call(quoted(bob), "look"))},
        {begun, grows(bob), completed(text("I call nothing."))},
        {begun, whole(bob), completed(response_call(quoted(eve)))},
        {added(text("")), says("Hello"), ended(text("Other")), no_output},
        {added(text("")), says("Hello"), completed(text("Other"))},
        {added(text("")), says("Hello"),
         R"({"type":"response.output_text.done","output_index":0,"item_id":"m","text":"Other"})", no_output},
        {ended(text("Hello")), completed(text("Other"))},
        {ended(response_call(quoted(bob))), completed(response_call(quoted(eve)))}};
    for (const auto& events : differ) {
        auto g = heard("openai-responses", sse(events), true);
        BOOST_TEST((g.code == lm_errc::malformed_response), sse(events) << json::serialize(to_json(g.answer)));
    }
    const std::vector<std::string> agree[]{
        {begun, grows(bob), whole(bob), ended(response_call(quoted(bob))), completed(response_call(quoted(bob)))},
        {begun, grows(R"({"to":"bob",)"), grows(R"("amount":1})"),
         completed(response_call(quoted(R"({"amount": 1, "to": "bob"})")))},
        {begun, grows(bob), completed("")},
        {begun, completed(text("I pay.") + "," + response_call(quoted(bob)))},
        {begun, whole(bob), no_output}};
    for (const auto& events : agree) {
        auto g = heard("openai-responses", sse(events), true);
        BOOST_TEST_REQUIRE(g.answer.tool_calls.size() == 1u, g.error << sse(events));
        BOOST_TEST((parse_json(g.answer.tool_calls[0].arguments) == parse_json(bob)));
    }
}

BOOST_AUTO_TEST_CASE(a_whole_message_in_the_last_piece_is_said_once) {
    auto says = [](const std::string& text) { return R"({"content":")" + text + "\"}"; };
    const std::string hello = "[[ ## answer ## ]]\\nHello", read = "[[ ## answer ## ]]\nHello";
    auto check_text = [&](const std::string& provider, const std::string& body) {
        auto g = heard(provider, body, true);
        BOOST_TEST(g.answer.text == read, g.error << body);
        BOOST_TEST(g.pieces == read, body);
    };
    check_text("ollama", lines({ollama(says(hello), false), ollama(says(hello), true)}));
    check_text("ollama", lines({ollama(says("[[ ## answer"), false), ollama(says(" ## ]]\\nHello"), false),
                                ollama(says(hello), true)}));
    check_text("ollama", lines({ollama(says("[[ ## answer ## ]]"), false), ollama(says(hello), true)}));
    check_text("ollama", lines({ollama(says("[[ ## answer ## ]]"), false), ollama(says("\\nHello"), true)}));
    check_text("gemini",
               sse({candidate(R"({"text":")" + hello + "\"}", "null"), candidate(R"({"text":")" + hello + "\"}")}));
    check_text("gemini", sse({candidate(R"({"text":"[[ ## answer ## "},{"text":"]]\nHello"})", "null"),
                              candidate(R"({"text":")" + hello + "\"}")}));
    // One short piece twice may be either.
    auto short_one = heard("ollama", lines({ollama(says("1"), false), ollama(says("1"), true)}), true);
    BOOST_TEST((short_one.code == lm_errc::malformed_response), short_one.answer.text);

    auto check_calls = [&](const std::string& provider, const std::string& body, std::size_t n) {
        auto g = heard(provider, body, true);
        BOOST_TEST(g.answer.tool_calls.size() == n, g.error << body);
    };
    const std::string both = gemini_call(bob) + "," + gemini_call(eve);
    check_calls("ollama", lines({ollama(ollama_call(bob), false), ollama(ollama_call(bob), true)}), 1);
    check_calls("ollama", lines({ollama(ollama_call(bob), false), ollama(ollama_call(eve), true)}), 2);
    check_calls("gemini", sse({candidate(gemini_call(bob), "null"), candidate(gemini_call(bob))}), 1);
    check_calls("gemini",
                sse({candidate(gemini_call(bob), "null"), candidate(gemini_call(eve), "null"), candidate(both)}), 2);
    check_calls("gemini", sse({candidate(gemini_call(bob), "null"), candidate(both)}), 2);
    check_calls("gemini", sse({candidate(gemini_call(bob) + "," + gemini_call(bob))}),
                2);  // in one event they may be meant
    check_calls("gemini", sse({candidate(gemini_call(bob), "null"), candidate(gemini_call(eve))}), 2);
}

BOOST_AUTO_TEST_CASE(a_call_that_gemini_thinks_of_is_none) {
    for (const char* flag : {"true", "\"true\"", "1"})
        for (bool streamed : {false, true}) {
            std::string body = candidate(R"({"thought":)" + std::string{flag} +
                                         R"(,"functionCall":{"name":"pay","args":{}}},{"text":"yes"})");
            auto g = heard("gemini", streamed ? sse({body}) : body, streamed);
            BOOST_TEST(g.answer.tool_calls.empty(), body);
            BOOST_TEST(g.answer.text == "yes", g.error);
            BOOST_TEST(g.reasoning.find("pay") != std::string::npos);
        }
}

BOOST_AUTO_TEST_CASE(a_prompt_that_gemini_blocks_has_no_answer_beside_it) {
    for (bool streamed : {false, true})
        for (const char* reason : {"\"SAFETY\"", "\"PROHIBITED_CONTENT\"", "4"}) {
            std::string body = candidate(gemini_call(bob), "\"STOP\"",
                                         R"(,"promptFeedback":{"blockReason":)" + std::string{reason} + "}");
            auto g = heard("gemini", streamed ? sse({body}) : body, streamed);
            BOOST_TEST((g.code == lm_errc::content_filter), body);
        }
    auto g =
        heard("gemini", candidate(R"({"text":"yes"})", "\"STOP\"", R"(,"promptFeedback":{"safetyRatings":[]})"), false);
    BOOST_TEST(g.answer.text == "yes", g.error);
}

BOOST_AUTO_TEST_CASE(a_stream_that_broke_off_says_what_came) {
    auto other =
        heard("openai",
              sse({R"({"choices":[{"index":1,"delta":{"content":"yes"},"finish_reason":"stop"}]})", "[DONE]"}), true);
    BOOST_TEST((other.code == lm_errc::unavailable));  // the first one may be missing
    BOOST_TEST(other.error.find("another choice than number 0 ended") != std::string::npos, other.error);
    auto call = sse(
        {R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"pay","arguments":"{}"}}]}}]})"});
    auto torn = heard("openai", call, true);
    BOOST_TEST(torn.error.find("1 call") != std::string::npos, torn.error);
}

BOOST_AUTO_TEST_CASE(a_piece_of_an_unknown_type_inside_of_a_call_leaves_it_torn) {
    auto piece = [](const std::string& text) {
        return R"({"type":"input_json_delta","partial_json":)" + json::serialize(json::value(json::string(text))) + "}";
    };
    const std::string empty = block("{}"), unknown = R"({"type":"x_delta","partial_json":"00"})";
    auto g = heard("anthropic", message_stream(empty, {piece(R"({"to":"bob","amount":1)"), unknown, piece("}")}), true);
    BOOST_TEST(!counts(g), json::serialize(to_json(g.answer)));
    BOOST_TEST((g.error.empty() && !g.answer.unread_parts.empty()), g.error);
    auto text =
        heard("anthropic",
              message_stream(R"({"type":"text","text":""})", {R"({"type":"text_delta","text":"yes"})", unknown}), true);
    BOOST_TEST(!text.answer.unread_parts.empty(), text.error);
}

BOOST_AUTO_TEST_CASE(a_reason_in_every_piece_does_not_end_an_answer_that_pauses) {
    auto piece = [](const std::string& text) {
        return R"({"choices":[{"index":0,"delta":{"content":")" + text + R"("},"finish_reason":"stop"}]})";
    };
    auto part = [](const std::string& text) {
        return candidate(R"({"text":")" + text + "\"}", "\"STOP\"", R"(,"usageMetadata":{})");
    };
    const std::string opening =
        R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]})";
    const std::tuple<std::string, std::vector<std::string>, std::string> streams[]{
        {"openai", {piece("12"), piece("345"), "[DONE]"}, "12345"},
        {"openai", {piece("1"), piece("2"), piece("345"), "[DONE]"}, "12345"},
        {"openai", {opening, piece("12345"), "[DONE]"}, "12345"},
        {"gemini", {part("12"), part("345")}, "12345"}};
    auto answered = [](const std::string& provider, const std::vector<std::string>& events, bool streamed) {
        std::vector<std::string> pieces;
        for (const auto& e : events) pieces.push_back("data: " + e + "\n\n");
        loopback_server server{[&](const server_request&) {
            return server_response{
                .content_type = "text/event-stream", .pieces = pieces, .piece_delay = std::chrono::milliseconds{2500}};
        }};
        language_model model{
            provider + "/m",
            {.api_base = server.url(provider == "openai" ? "/v1" : ""), .api_key = secret{"key-0123456789"}}};
        return streamed ? ask_streaming(model, question("x")).response.text : ask(model, question("x")).text;
    };
    std::vector<std::future<std::string>> texts;  // all at once: each waits for seconds
    for (const auto& [provider, events, text] : streams)
        for (bool streamed : {true, false})
            texts.push_back(std::async(std::launch::async, answered, provider, events, streamed));
    for (std::size_t i = 0; i < texts.size(); ++i) BOOST_TEST(texts[i].get() == std::get<2>(streams[i / 2]), i);
}

BOOST_AUTO_TEST_SUITE_END()
