// Arguments in another place than the protocol's, or whose pieces went elsewhere: a call never acts without what was
// meant for it.
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

struct writer {
    const char* provider;
    const char* own;  // the protocol's name of the arguments
    // A whole answer with one call. @param call members behind its name @param around members beside the object that
    // they are in
    std::string (*body)(const std::string& call, const std::string& around);
};

std::string chat(const std::string& call, const std::string& around) {
    return R"({"choices":[{"index":0,"message":{"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"wipe")" +
           call + "}" + around + R"(}]},"finish_reason":"tool_calls"}]})";
}
std::string ollama(const std::string& call, const std::string& around) {
    return R"({"message":{"content":"","tool_calls":[{"function":{"index":0,"name":"wipe")" + call + "}" + around +
           R"(}]},"done":true})";
}
std::string cohere(const std::string& call, const std::string& around) {
    return R"({"finish_reason":"TOOL_CALL","message":{"tool_calls":[{"id":"a","type":"function","function":{"name":"wipe")" +
           call + "}" + around + "}]}}";
}
std::string gemini(const std::string& call, const std::string& around) {
    return R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"wipe")" + call + "}" + around +
           R"(}]},"finishReason":"STOP"}]})";
}
std::string anthropic(const std::string& call, const std::string&) {
    return R"({"content":[{"type":"tool_use","id":"t","name":"wipe","caller":{"type":"direct"})" + call +
           R"(}],"stop_reason":"tool_use"})";
}
std::string responses(const std::string& call, const std::string&) {
    return R"({"status":"completed","output":[{"type":"function_call","id":"f","call_id":"c","status":"completed","name":"wipe")" +
           call + "}]}";
}
const writer writers[]{{"openai", "arguments", chat},     {"ollama", "arguments", ollama},
                       {"cohere", "arguments", cohere},   {"gemini", "args", gemini},
                       {"anthropic", "input", anthropic}, {"openai-responses", "arguments", responses}};

// Pieces of OpenAI's chat.
std::string piece(const std::string& delta, const char* finish = "null") {
    return R"({"id":"c","choices":[{"index":0,"delta":)" + delta + ",\"finish_reason\":" + finish + "}]}";
}
std::string call_piece(const std::string& function) {
    return piece(R"({"tool_calls":[{"index":0,"id":"c","type":"function","function":)" + function + "}]}");
}
const std::string calls_end = piece("{}", "\"tool_calls\"");

// Anthropic's stream.
const std::string started = R"({"type":"message_start","message":{"id":"m","content":[]}})";
const std::string call_begins =
    R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"wipe","input":{}}})";
std::string stops(int index, const std::string& more = "") {
    return R"({"type":"content_block_stop","index":)" + std::to_string(index) + more + "}";
}
std::string input_of(int index) {
    return R"({"type":"content_block_delta","index":)" + std::to_string(index) +
           R"(,"delta":{"type":"input_json_delta","partial_json":"{\"only\":\"x\"}"}})";
}
const std::string ended =
    sse({R"({"type":"message_delta","delta":{"stop_reason":"tool_use"}})", R"({"type":"message_stop"})"});

bool acts(const got& g) {
    return g.error.empty() && g.answer.finish == finish_reason::tool_calls && !g.answer.tool_calls.empty();
}

void check_reads(const got& g, const std::string& what) {
    BOOST_TEST_REQUIRE(acts(g), what << ": " << g.error << json::serialize(to_json(g.answer)));
    BOOST_TEST((json::parse(g.answer.tool_calls[0].arguments) == json::value{{"only", "x"}}),
               what << g.answer.tool_calls[0].arguments);
}

void check_empty(const got& g, const std::string& what) {
    BOOST_TEST_REQUIRE(acts(g), what << ": " << g.error << json::serialize(to_json(g.answer)));
    const auto& text = g.answer.tool_calls[0].arguments;
    BOOST_TEST((text.empty() || text == "{}"), what << text);
}

void check_never_acts(const got& g, const std::string& what) {
    BOOST_TEST(!acts(g), what << json::serialize(to_json(g.answer)));
    if (!g.error.empty()) BOOST_TEST((g.code == lm_errc::malformed_response), g.error);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(arguments_elsewhere)

BOOST_AUTO_TEST_CASE(arguments_under_another_name_are_read) {
    const std::string only = R"({"only":"x"})";
    for (const auto& w : writers)
        for (std::string name :
             {"parameters", "input", "args", "params", "argument", "Arguments", "tool_input", "function_args"})
            for (const std::string& value : {only, json::serialize(json::string(only))})
                for (bool streamed : {false, true}) {
                    const std::string body = w.body(",\"" + name + "\":" + value, "");
                    check_reads(heard(w.provider, body, streamed), body);
                }
    for (std::size_t i = 0; i < 4; ++i) {  // those with an object in an object
        const std::string body = writers[i].body("", ",\"input\":" + only);
        check_reads(heard(writers[i].provider, body), body);
    }
    check_reads(heard("openai", chat(R"(,"arguments":"","parameters":{"only":"x"})", "")), "blank");
    check_reads(heard("openai", chat(R"(,"arguments":"{\"only\": \"x\"}","input":{"only":"x"})", "")),
                "twice the same");
    check_reads(heard("openai", sse({call_piece(R"({"name":"wipe","parameters":{"only":"x"}})"), calls_end}), true),
                "a piece");
    check_reads(heard("openai",
                      sse({call_piece(R"({"name":"wipe","arguments":"","input":"{\"on"})"),
                           call_piece(R"({"input":"ly\":\"x\"}"})"), calls_end}),
                      true),
                "pieces");
}

BOOST_AUTO_TEST_CASE(arguments_in_two_places_never_act) {
    for (const auto& w : writers)
        for (std::string own : {R"({})", R"({"only":"y"})"}) {
            const std::string body =
                w.body(",\"" + std::string{w.own} + "\":" + own + R"(,"parameters":{"only":"x"})", "");
            check_never_acts(heard(w.provider, body), body);
        }
    check_never_acts(heard("openai", chat(R"(,"parameters":{"only":"x"},"input":{"only":"y"})", "")), "two others");
}

BOOST_AUTO_TEST_CASE(a_call_without_arguments_beside_what_could_be_them_never_acts) {
    for (const auto& w : writers)
        for (std::string other : {R"("settings":{"only":"x"})", R"("only":"x")", R"("list":["x"])", R"("amount":5)"}) {
            const std::string body = w.body("," + other, "");
            check_never_acts(heard(w.provider, body), body);
        }
    check_never_acts(heard("openai", sse({call_piece(R"({"name":"wipe","settings":{"only":"x"}})"), calls_end}), true),
                     "a piece");
    // As servers write calls without arguments.
    for (const auto& w : writers) {
        const std::string own = ",\"" + std::string{w.own} + "\":";
        for (const std::string& none :
             {std::string{}, own + "{}", own + "null", own + "\"\"", own + "\"{}\"", own + R"({},"settings":{"a":1})"})
            check_empty(heard(w.provider, w.body(none, "")), w.body(none, ""));
    }
    check_empty(
        heard("openai", chat("", R"(,"index":0,"extra_content":{"a":{"input":1}},"provider_specific_fields":{"a":1})")),
        "openai");
    check_empty(heard("gemini", gemini("", R"(,"thoughtSignature":"S","thought":false)")), "gemini");
    check_empty(heard("openai", sse({call_piece(R"({"name":"wipe","arguments":""})"), calls_end}), true), "openai");
}

BOOST_AUTO_TEST_CASE(pieces_of_arguments_that_went_elsewhere_leave_no_call_that_acts) {
    const std::string chats[]{
        piece(R"({"function":{"arguments":"{\"only\":\"x\"}"}})"), piece(R"({"arguments":"{\"only\":\"x\"}"})"),
        piece(R"({"tool_call":{"input":{"only":"x"}}})"),
        R"({"id":"c","choices":[{"index":0,"delta":{},"arguments":{"only":"x"},"finish_reason":null}]})"};
    for (const auto& lost : chats)
        for (const char* own : {"", R"(,"arguments":"")", R"(,"arguments":"{}")"})
            check_never_acts(
                heard("openai", sse({call_piece(std::string{R"({"name":"wipe")"} + own + "}"), lost, calls_end}), true),
                lost);
    check_never_acts(
        heard("openai", R"({"choices":[{"index":0,"message":{"tool_calls":[{"id":"c","function":{"name":"wipe"}}],)"
                        R"("function":{"arguments":{"only":"x"}}},"finish_reason":"tool_calls"}]})"),
        "whole");
    // Anthropic.
    for (const char* other :
         {R"({"type":"text","text":""})", R"({"type":"thinking","thinking":""})", R"({"type":"later"})"})
        for (bool closed : {false, true}) {
            std::vector<std::string> events{
                started, R"({"type":"content_block_start","index":0,"content_block":)" + std::string{other} + "}"};
            if (closed) events.push_back(stops(0));
            events.insert(events.end(), {call_begins, input_of(0), stops(1)});
            check_never_acts(heard("anthropic", sse(events) + ended, true), sse(events));
        }
    const std::string only = R"("content_block":{"type":"tool_use","id":"t","name":"wipe","input":{"only":"x"}})";
    check_never_acts(heard("anthropic", sse({started, call_begins, stops(1, "," + only)}) + ended, true),
                     "in the stop");
    check_never_acts(heard("anthropic",
                           sse({started, call_begins,
                                R"({"type":"content_block_input","index":1,"input":{"only":"x"}})", stops(1)}) +
                               ended,
                           true),
                     "in an unknown event");
    // Cohere.
    check_never_acts(
        heard(
            "cohere",
            sse({R"({"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"a","function":{"name":"wipe"}}}}})",
                 R"({"type":"tool-call-input","index":0,"delta":{"message":{"input":{"only":"x"}}}})",
                 R"({"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}})"}),
            true),
        "cohere");
    // Gemini.
    check_never_acts(
        heard("gemini",
              R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"wipe"}},{"args":{"only":"x"}}]},)"
              R"("finishReason":"STOP"}]})"),
        "gemini");
}

// A server's own tool has pieces of its own.
BOOST_AUTO_TEST_CASE(pieces_of_a_servers_tool_are_no_lost_arguments) {
    check_empty(
        heard(
            "anthropic",
            sse({started,
                 R"({"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search"}})",
                 input_of(0), stops(0), call_begins, stops(1)}) +
                ended,
            true),
        "anthropic");
    check_empty(
        heard(
            "openai-responses",
            sse({R"({"type":"response.created","response":{"id":"r","tools":[{"name":"wipe","parameters":{"type":"object"}}]}})",
                 R"({"type":"response.mcp_call_arguments.delta","output_index":0,"item_id":"m","delta":"{\"a\":1}"})",
                 R"({"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"f","call_id":"c",)"
                 R"("name":"wipe","arguments":"","status":"in_progress"}})",
                 R"({"type":"response.function_call_arguments.done","output_index":1,"item_id":"f","arguments":""})",
                 R"({"type":"response.completed","response":{"status":"completed"}})"}),
            true),
        "responses");
}

BOOST_AUTO_TEST_CASE(a_call_that_never_ended_does_not_act) {
    check_never_acts(heard("anthropic", sse({started, call_begins}) + ended, true), "no stop");
    check_empty(heard("anthropic", sse({started, call_begins, stops(1)}) + ended, true), "a stop");
    const std::string begun =
        R"({"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"f","call_id":"c","name":"wipe",)"
        R"("arguments":"","status":"in_progress"}})";
    const std::string done =
        R"({"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"f","call_id":"c","name":"wipe",)"
        R"("arguments":"","status":"completed"}})";
    const std::string odd =
        R"({"type":"response.custom_tool_call_input.delta","output_index":0,"item_id":"f","delta":"{\"only\":\"x\"}"})";
    for (const char* output : {"", R"(,"output":[])", R"(,"output":null)"}) {
        const std::string end =
            R"({"type":"response.completed","response":{"status":"completed")" + std::string{output} + "}}";
        check_never_acts(heard("openai-responses", sse({begun, end}), true), output);
        check_never_acts(heard("openai-responses", sse({begun, odd, done, end}), true), output);
        check_empty(heard("openai-responses", sse({begun, done, end}), true), output);
    }
}

BOOST_AUTO_TEST_SUITE_END()
