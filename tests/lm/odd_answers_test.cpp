// Answers as servers write them, and not as their protocol says: each becomes the right answer, or an error that says
// what was wrong. docs/models.md has a row for each kind.
#include "support/ask.hpp"
#include "support/cases.hpp"
#include "support/loopback_server.hpp"

#include <reagent/error.hpp>

#include <boost/test/unit_test.hpp>

#include <set>

using namespace reagent;
using namespace reagent::test;

namespace {

using calls = std::vector<std::pair<std::string, std::string>>;  // name and arguments

struct got {
    lm_response answer{};
    std::string pieces{};
    std::string error{};
    error_code code{};
};

std::string base_of(const std::string& provider, const loopback_server& server) {
    return server.url(provider == "openai" || provider == "openai-responses" ? "/v1" : "");
}

// What a provider's body becomes. @param streamed whether a stream was asked for
got heard(const std::string& provider, const std::string& body, bool streamed = true,
          const char* type = "text/event-stream", language_model_options options = {}) {
    loopback_server server{[&](const server_request&) { return server_response{.body = body, .content_type = type}; }};
    options.api_base = base_of(provider, server);
    options.api_key = secret{"key-0123456789"};
    language_model model{provider + "/m", options};
    got g;
    try {
        if (!streamed)
            g.answer = ask(model, question("x"));
        else {
            auto all = ask_streaming(model, question("x"));
            g.answer = all.response;
            for (const auto& e : all.events)
                if (e.kind == lm_event::text) g.pieces += e.text_piece;
        }
    } catch (const error& e) {
        g.error = e.what();
        g.code = e.code();
    }
    return g;
}

calls calls_of(const lm_response& r) {
    calls all;
    for (const auto& c : r.tool_calls) all.emplace_back(c.name, c.arguments);
    return all;
}

void check_calls(const std::string& provider, const std::string& body, const calls& expected, bool streamed = true) {
    auto g = heard(provider, body, streamed);
    BOOST_TEST_CONTEXT(body) {
        BOOST_TEST(g.error == "");
        BOOST_TEST((calls_of(g.answer) == expected), json::serialize(to_json(g.answer)));
        std::set<std::string> ids;
        for (const auto& c : g.answer.tool_calls) ids.insert(c.id);
        BOOST_TEST((ids.size() == expected.size() && !ids.contains("")));
    }
}

void check_text(const std::string& provider, const std::string& body, const std::string& expected, bool streamed = true,
                const char* type = "text/event-stream") {
    auto g = heard(provider, body, streamed, type);
    BOOST_TEST_CONTEXT(body) {
        BOOST_TEST(g.error == "");
        BOOST_TEST(g.answer.text == expected);
        if (streamed) BOOST_TEST(g.pieces == expected);
    }
}

void check_error(const std::string& provider, const std::string& body, const std::string& words, bool streamed = true) {
    auto g = heard(provider, body, streamed);
    BOOST_TEST(g.error.find(words) != std::string::npos,
               body << "\n  gave: " << g.error << json::serialize(to_json(g.answer)));
}

std::string data(const std::string& json) { return "data: " + json + "\n\n"; }
std::string named(const std::string& json) {
    return "event: " + std::string{json::parse(json).at("type").as_string()} + "\ndata: " + json + "\n\n";
}

// OpenAI's chat.
std::string delta(const std::string& d, const char* finish = "null") {
    return data(R"({"id":"c","model":"m","choices":[{"index":0,"delta":)" + d + ",\"finish_reason\":" + finish + "}]}");
}
std::string said(const std::string& text) { return delta("{\"content\":\"" + text + "\"}"); }
std::string piece(const std::string& members, const std::string& name, const std::string& arguments) {
    json::object f;
    if (!name.empty()) f["name"] = name;
    if (arguments != "-") f["arguments"] = arguments;
    return delta("{\"tool_calls\":[{" + members + (members.empty() ? "" : ",") + "\"function\":" + json::serialize(f) +
                 "}]}");
}
const std::string stop = delta("{}", "\"stop\""), calls_end = delta("{}", "\"tool_calls\""), done = "data: [DONE]\n\n";
const calls oslo{{"weather", "{\"city\":\"Oslo\"}"}};
const calls oslo_and_bergen{{"weather", "{\"city\":\"Oslo\"}"}, {"weather", "{\"city\":\"Bergen\"}"}};

// Anthropic.
const std::string message_start = named(
    R"({"type":"message_start","message":{"id":"m","model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}})");
std::string message_end(const char* reason) {
    return named(std::string{R"({"type":"message_delta","delta":{"stop_reason":")"} + reason +
                 R"("},"usage":{"output_tokens":9}})") +
           named(R"({"type":"message_stop"})");
}
std::string begins(int index, const std::string& block) {
    return named(R"({"type":"content_block_start","index":)" + std::to_string(index) + ",\"content_block\":" + block +
                 "}");
}
std::string grows(int index, const std::string& d) {
    return named(R"({"type":"content_block_delta","index":)" + std::to_string(index) + ",\"delta\":" + d + "}");
}
std::string input(int index, const std::string& text) {
    return grows(index, json::serialize(json::object{{"type", "input_json_delta"}, {"partial_json", text}}));
}
std::string ends(int index) { return named(R"({"type":"content_block_stop","index":)" + std::to_string(index) + "}"); }

}  // namespace

BOOST_AUTO_TEST_SUITE(odd_answers)

BOOST_AUTO_TEST_CASE(pieces_of_calls_without_an_index_are_joined) {
    for (const char* index : {"", R"("index":null,)"}) {
        std::string i = index, rest = i.empty() ? "" : i.substr(0, i.size() - 1);
        check_calls("openai",
                    piece(i + R"("id":"c1","type":"function")", "weather", "") + piece(rest, "", "{\"city\":") +
                        piece(rest, "", "\"Oslo\"}") + calls_end + done,
                    oslo);
        check_calls("openai",
                    piece(i + R"("id":"c1")", "weather", "{\"city\":") + piece(rest, "", "\"Oslo\"}") +
                        piece(i + R"("id":"c2")", "weather", "{\"city\":\"Ber") + piece(rest, "", "gen\"}") +
                        calls_end + done,
                    oslo_and_bergen);
    }
    // The index comes later than the call.
    check_calls(
        "openai",
        piece(R"("id":"c1")", "weather", "") + piece(R"("index":0)", "", "{\"city\":\"Oslo\"}") + calls_end + done,
        oslo);
}

BOOST_AUTO_TEST_CASE(parallel_calls_under_one_index_are_two) {
    check_calls("openai",
                piece(R"("index":0,"id":"c1")", "weather", "{\"city\":\"Oslo\"}") +
                    piece(R"("index":0,"id":"c2")", "weather", "{\"city\":\"Bergen\"}") + calls_end + done,
                oslo_and_bergen);
    check_calls("openai",
                piece(R"("index":0,"id":"c1")", "weather", "{\"city\":") + piece(R"("index":0)", "", "\"Oslo\"}") +
                    piece(R"("index":0,"id":"c2")", "weather", "") +
                    piece(R"("index":0,"id":"c2")", "", "{\"city\":\"Bergen\"}") + calls_end + done,
                oslo_and_bergen);
    // Not even ids.
    check_calls("openai",
                piece(R"("index":0)", "weather", "{\"city\":\"Oslo\"}") +
                    piece(R"("index":0)", "weather", "{\"city\":\"Bergen\"}") + calls_end + done,
                oslo_and_bergen);
    // Equal ids.
    check_calls("openai",
                piece(R"("index":0,"id":"call")", "weather", "{\"city\":\"Oslo\"}") +
                    piece(R"("index":1,"id":"call")", "weather", "{\"city\":\"Bergen\"}") + calls_end + done,
                oslo_and_bergen);
    check_calls("openai",
                piece(R"("id":"call")", "weather", "{\"city\":\"Oslo\"}") +
                    piece(R"("id":"call")", "weather", "{\"city\":\"Bergen\"}") + calls_end + done,
                oslo_and_bergen);
}

BOOST_AUTO_TEST_CASE(indices_from_one_and_out_of_order_are_read) {
    check_calls("openai",
                piece(R"("index":1,"id":"c1")", "weather", "{\"city\":") +
                    piece(R"("index":2,"id":"c2")", "weather", "{\"city\":") +
                    piece(R"("index":2)", "", "\"Bergen\"}") + piece(R"("index":1)", "", "\"Oslo\"}") + calls_end +
                    done,
                oslo_and_bergen);
    check_calls("openai", piece(R"("index":4000000000,"id":"c1")", "weather", "{\"city\":\"Oslo\"}") + calls_end + done,
                oslo);
    check_calls("openai",
                piece(R"("index":"0","id":"c1")", "weather", "{\"city\":") + piece(R"("index":"0")", "", "\"Oslo\"}") +
                    calls_end + done,
                oslo);
}

BOOST_AUTO_TEST_CASE(ids_that_change_and_names_that_are_repeated_make_no_new_call) {
    check_calls("openai",
                piece(R"("index":0,"id":"c1")", "weather", "{\"city\":") + piece(R"("index":0,"id":"c2")", "", "\"Os") +
                    piece(R"("index":0,"id":"c3")", "weather", "lo\"}") + calls_end + done,
                oslo);
    check_calls("openai",
                piece(R"("index":0,"id":"c1")", "weather", "") +
                    piece(R"("index":0,"id":"c1")", "weather", "{\"city\":") +
                    piece(R"("index":0,"id":"c1")", "weather", "\"Oslo\"}") +
                    piece(R"("index":0,"id":"c1")", "weather", "") + calls_end + done,
                oslo);
    // The call once more at the end.
    check_calls("openai",
                piece(R"("index":0,"id":"c1")", "weather", "{\"city\":\"Oslo\"}") +
                    piece(R"("index":0,"id":"c1")", "weather", "{\"city\":\"Oslo\"}") + calls_end + done,
                oslo);
}

BOOST_AUTO_TEST_CASE(arguments_may_be_an_object) {
    std::string call =
        R"({"tool_calls":[{"index":0,"id":"c1","function":{"name":"weather","arguments":{"city":"Oslo"}}}]})";
    check_calls("openai", delta(call) + calls_end + done, oslo);
    check_calls("openai", R"({"choices":[{"message":)" + call + R"(,"finish_reason":"tool_calls"}]})", oslo, false);
    check_calls(
        "openai",
        delta(R"({"tool_calls":[{"id":"c1","name":"weather","arguments":{"city":"Oslo"}}]})") + calls_end + done, oslo);
    // The shape from before there were several calls.
    check_calls("openai",
                delta(R"({"function_call":{"name":"weather","arguments":"{\"city\":"}})") +
                    delta(R"({"function_call":{"arguments":"\"Oslo\"}"}})") + delta("{}", "\"function_call\"") + done,
                oslo);
    check_calls(
        "openai",
        R"({"choices":[{"message":{"content":null,"function_call":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}},"finish_reason":"function_call"}]})",
        oslo, false);
}

BOOST_AUTO_TEST_CASE(pieces_that_do_not_fit_are_an_error) {
    check_error("openai",
                piece(R"("index":0,"id":"c1")", "weather", "{\"city\":\"Oslo\"}") +
                    piece(R"("index":0)", "", "{\"x\":1}") + calls_end,
                "goes on after its end");
    check_error("openai", piece(R"("index":0)", "", "{\"city\":\"Oslo\"}") + calls_end + done, "without a name");
    check_error("openai", delta(R"({"tool_calls":{"a":1}})") + calls_end + done, "`tool_calls` that are no list");
    check_error("openai", delta(R"({"tool_calls":[{"id":"c","function":{"name":"f","arguments":7}}]})") + calls_end,
                "no object");
    check_error("openai", delta(R"({"content":7})") + stop + done, "`content` that is no text");
    check_error("openai", R"({"choices":[{"message":{"content":{"a":1}},"finish_reason":"stop"}]})",
                "`content` that is no text", false);
    check_error("anthropic", message_start + grows(0, R"({"type":"text_delta","text":"x"})") + message_end("end_turn"),
                "did not begin");
    check_error("anthropic",
                message_start + begins(0, R"({"type":"text","text":""})") +
                    grows(0, R"({"type":"thinking_delta","thinking":"x"})"),
                "thinking_delta for a block of text");
    check_error("gemini",
                data(R"({"candidates":[{"content":{"parts":[{"functionCall":{"args":{}}}]},"finishReason":"STOP"}]})"),
                "without a name");
    check_error("ollama", R"({"message":{"tool_calls":[{"function":{"arguments":{}}}]},"done":true})",
                "without a name");
}

BOOST_AUTO_TEST_CASE(anthropic_blocks_are_told_apart_by_their_index) {
    std::string two = begins(0, R"({"type":"tool_use","id":"t1","name":"weather","input":{}})") +
                      begins(1, R"({"type":"tool_use","id":"t2","name":"weather","input":{}})") +
                      input(0, "{\"city\":") + input(1, "{\"city\":\"Ber") + input(0, "\"Oslo\"}") +
                      input(1, "gen\"}") + ends(0) + ends(1);
    check_calls("anthropic", message_start + two + message_end("tool_use"), oslo_and_bergen);
}

BOOST_AUTO_TEST_CASE(anthropic_input_may_come_with_the_block) {
    std::string whole = begins(0, R"({"type":"tool_use","id":"t1","name":"weather","input":{"city":"Oslo"}})");
    check_calls("anthropic", message_start + whole + ends(0) + message_end("tool_use"), oslo);
    check_calls("anthropic",
                message_start + whole + input(0, "{\"city\":\"Oslo\"}") + ends(0) + message_end("tool_use"), oslo);
    check_error("anthropic",
                message_start + whole + input(0, "{\"city\":\"Bergen\"}") + ends(0) + message_end("tool_use"),
                "two different inputs");
}

BOOST_AUTO_TEST_CASE(the_pieces_stand_where_the_last_event_of_a_response_has_no_output) {
    std::string text =
        named(
            R"({"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m1","content":[]}})") +
        named(R"({"type":"response.output_text.delta","output_index":0,"item_id":"m1","delta":"Hello "})") +
        named(R"({"type":"response.output_text.delta","output_index":0,"item_id":"m1","delta":"world"})");
    std::string call =
        named(
            R"({"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","call_id":"c1","name":"weather","arguments":""}})") +
        named(R"({"type":"response.function_call_arguments.delta","output_index":1,"delta":"{\"city\":"})") +
        named(R"({"type":"response.function_call_arguments.delta","output_index":1,"delta":"\"Oslo\"}"})");
    for (const char* output : {R"(,"output":[])", "", R"(,"output":null)"}) {
        std::string end =
            named(std::string{R"({"type":"response.completed","response":{"id":"r","status":"completed","model":"m")"} +
                  output + "}}");
        check_text("openai-responses", text + end, "Hello world");
        check_calls("openai-responses", text + call + end, oslo);
    }
    // The name comes with the whole item.
    for (const char* name : {"", R"("name":"",)", R"("name":null,)"}) {
        std::string late =
            named(
                R"({"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c1",)" +
                std::string{name} + R"("arguments":""}})") +
            named(
                R"({"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"city\":\"Oslo\"}"})") +
            named(
                R"({"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c1","name":"weather","arguments":"{\"city\":\"Oslo\"}"}})") +
            named(R"({"type":"response.completed","response":{"status":"completed"}})");
        check_calls("openai-responses", late, oslo);
    }
    // Only whole items, and no pieces.
    std::string items =
        named(
            R"({"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"Hello"}]}})") +
        named(R"({"type":"response.completed","response":{"status":"completed"}})");
    check_text("openai-responses", items, "Hello");
}

BOOST_AUTO_TEST_CASE(an_error_in_a_choice_or_a_body_is_an_error) {
    std::string failed = R"({"choices":[{"message":{"content":"The answer begins"},"finish_reason":"error")";
    check_error("openai", failed + R"(,"error":{"code":502,"message":"Provider disconnected"}}]})",
                "Provider disconnected", false);
    check_error("openai", failed + "}]}", "finish_reason is error", false);
    check_error(
        "openai",
        said("The answer") +
            data(
                R"({"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error","error":{"message":"went away"}}]})") +
            done,
        "went away");
    check_error("openai", R"({"object":"error","message":"the model does not exist","code":404})", "does not exist",
                false);
    check_error("openai", R"({"detail":"rate limit exceeded"})", "rate limit exceeded", false);
    check_error("openai", data(R"({"object":"error","message":"out of memory"})"), "out of memory");
    check_error("openai",
                R"({"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"slow down, says Z"}}})",
                "says Z", false);
}

BOOST_AUTO_TEST_CASE(an_error_that_says_nothing_beside_an_answer_is_none) {
    for (const char* e : {"null", "\"\"", "false", "{}", "[]", "0", R"({"message":"","code":null})"}) {
        check_text(
            "openai",
            std::string{R"({"error":)"} + e + R"(,"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}]})",
            "ok", false);
        check_text("openai",
                   data(std::string{R"({"error":)"} + e +
                        R"(,"choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]})") +
                       done,
                   "ok");
        check_text(
            "anthropic",
            std::string{R"({"error":)"} + e + R"(,"content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn"})",
            "ok", false);
    }
}

BOOST_AUTO_TEST_CASE(an_error_reaches_the_user_whatever_its_form_in_a_stream) {
    check_error("openai", said("A") + "{\"error\":{\"message\":\"upstream timeout\",\"code\":504}}\n",
                "upstream timeout");
    check_error("openai", "{\"error\":{\"message\":\"quota exceeded for key\",\"code\":429}}",
                "quota exceeded for key");
    check_error("openai", "event: error\ndata: {\"message\": \"upstream died\", \"code\": 500}\n\n", "upstream died");
    check_error("openai", "event: error\ndata: upstream died \"badly\"\n\n", "upstream died");
    check_error("openai", said("A") + "event: error\ndata: {\"message\": \"cut in the last line\"}",
                "cut in the last line");
    check_error("openai", "Internal Server Error", "Internal Server Error");
    check_error("anthropic", message_start + "event: error\ndata: {\"message\":\"overloaded\"}\n\n", "overloaded");
    check_error("ollama", "{\n  \"error\": \"model is gone\"\n}\n", "model is gone");
}

BOOST_AUTO_TEST_CASE(what_keeps_a_connection_alive_says_nothing) {
    for (const char* talk : {"data: \n\n", "data:\n\n", "data: : OPENROUTER PROCESSING\n\n", ": comment\n\n",
                             "event: ping\ndata: keep-alive\n\n", "data: null\n\n", "data: keep-alive\n\n",
                             "retry: 3000\n\n", "event: ping\ndata: {\"type\": \"ping\"}\n\n"})
        check_text("openai", talk + said("A") + talk + said("B") + stop + talk + done, "AB");
    // A piece of an answer that is torn is no small talk.
    check_error("openai", said("A") + "data: \"choices\":[{\"delta\":{\"content\":\"B\"}}]}\n\n" + stop + done,
                "no JSON");
    check_error("openai", said("A") + "data: [1]\n\n" + stop + done, "no object");
}

BOOST_AUTO_TEST_CASE(streams_are_read_with_odd_ends_of_lines_and_marks) {
    check_text("openai", said("A") + stop + "data: [DONE] \n\n", "A");
    check_text("openai", said("A") + stop + "data:[DONE]\n\n", "A");
    check_text("openai", said("A") + stop, "A");
    check_text("openai", said("A") + stop.substr(0, stop.size() - 2), "A");  // no newline at the end
    auto one_newline = [](std::string s) { return s.substr(0, s.size() - 1); };
    check_text("openai", one_newline(said("A")) + one_newline(said("B")) + one_newline(stop) + "data: [DONE]\n", "AB");
    check_text("openai", "\xEF\xBB\xBF" + said("A") + stop + done, "A");
    check_text("openai", "\n\n" + said("A") + stop + done, "A");
    check_text("openai", "\xEF\xBB\xBF{\"choices\":[{\"message\":{\"content\":\"A\"},\"finish_reason\":\"stop\"}]}",
               "A", false);
}

BOOST_AUTO_TEST_CASE(the_content_type_is_not_believed) {
    std::string whole = R"({"choices":[{"message":{"content":"A"},"finish_reason":"stop"}]})";
    for (const char* type : {"text/event-stream", "application/json", "text/plain", ""}) {
        check_text("openai", whole, "A", true, type);                     // a body for a stream
        check_text("openai", said("A") + stop + done, "A", true, type);   // a stream that is called something else
        check_text("openai", said("A") + stop + done, "A", false, type);  // a stream for a body
        check_text("gemini",
                   "[" + std::string{R"({"candidates":[{"content":{"parts":[{"text":"A"}]}}]},)"} +
                       R"({"candidates":[{"content":{"parts":[{"text":"B"}]},"finishReason":"STOP"}]}])",
                   "AB", true, type);
    }
    check_text("ollama",
               data(R"({"message":{"content":"A"},"done":false})") + data(R"({"message":{"content":""},"done":true})"),
               "A");
    check_text("openai",
               R"({"choices":[{"index":0,"message":{"content":"A"},"finish_reason":null}]})"
               "\n"
               R"({"choices":[{"index":0,"delta":{"content":"B"},"finish_reason":"stop"}]})"
               "\n",
               "AB");
    check_text("openai", data(R"({"choices":[{"index":0,"message":{"content":"ok"},"finish_reason":"stop"}]})") + done,
               "ok");
}

BOOST_AUTO_TEST_CASE(a_stream_without_its_end_is_no_answer) {
    for (const std::string& body :
         {said("A"), said("A") + done, said("A") + delta("{\"content\":\"B\"}").substr(0, 40)}) {
        auto g = heard("openai", body);
        BOOST_TEST((g.code == lm_errc::unavailable), body << g.error);
    }
    check_error("openai", said("A") + done, "no finish reason");
    check_error("openai", said("A") + "data: gateway is restarting\n\n", "gateway is restarting");
    check_error("anthropic", message_start + begins(0, R"({"type":"text","text":"A"})") + ends(0), "broke off");
    check_error("openai-responses", named(R"({"type":"response.output_text.delta","output_index":0,"delta":"A"})"),
                "broke off");
    auto taken = heard("openai", said("A") + done, true, "text/event-stream", {.dialect = {.done_ends = true}});
    BOOST_TEST(taken.answer.text == "A");
}

BOOST_AUTO_TEST_CASE(numbers_of_arguments_keep_their_digits) {
    for (const char* number : {"12345678901234567890123", "1e400", "-1E-400", "123456789012345678"}) {
        auto g = heard("ollama",
                       R"({"message":{"tool_calls":[{"function":{"name":"f","arguments":{"n":)" + std::string{number} +
                           R"(}}}]},"done":true})",
                       false);
        BOOST_TEST_REQUIRE(g.answer.tool_calls.size() == 1u, g.error);
        BOOST_TEST(g.answer.tool_calls[0].arguments.find(number) != std::string::npos,
                   g.answer.tool_calls[0].arguments);
    }
}

BOOST_AUTO_TEST_CASE(lines_of_json_are_one_answer_however_it_was_asked_for) {
    for (bool streamed : {false, true}) {
        check_text("ollama",
                   "{\"message\":{\"content\":\"A\"},\"done\":false}\n{\"message\":{\"content\":\"B\"},\"done\":true,"
                   "\"done_reason\":\"stop\"}\n",
                   "AB", streamed);
        check_text("openai",
                   "{\"choices\":[{\"delta\":{\"content\":\"A\"}}]}\n{\"choices\":[{\"delta\":{\"content\":\"B\"},"
                   "\"finish_reason\":\"stop\"}]}\n",
                   "AB", streamed);
        check_text("openai", "{\n \"choices\":[{\"message\":{\"content\":\"A\"},\n\"finish_reason\":\"stop\"}]\n}\n",
                   "A", streamed);
    }
    for (const char* provider : {"ollama", "openai"}) {
        auto g = heard(provider, "<html>\n<b>Bad gateway</b>\n", false, "text/html");
        BOOST_TEST((g.code == lm_errc::malformed_response), provider);
        BOOST_TEST(g.error.find("Bad gateway") != std::string::npos, g.error);
    }
}

BOOST_AUTO_TEST_CASE(halves_of_a_character_are_joined_and_single_ones_replaced) {
    check_text("openai", said("Fine \\ud83d") + said("\\ude00 end") + stop + done, "Fine \xF0\x9F\x98\x80 end");
    check_text("openai", said("a\\ud83d") + said("b") + stop + done,
               "a\xEF\xBF\xBD"
               "b");
    check_text("openai", said("a\\ude00b\\ud83d") + stop + done,
               "a\xEF\xBF\xBD"
               "b\xEF\xBF\xBD");
    check_text("openai", said("caf\xC3") + said("\xA9") + stop + done, "caf\xC3\xA9");
    check_text("openai", said("a\xFFz") + stop + done, "a\xEF\xBF\xBDz");
    check_text("openai", said("\\\\ud83d") + stop + done, "\\ud83d");  // a backslash and letters
    check_text("openai", R"({"choices":[{"message":{"content":"one \ud83d bad"},"finish_reason":"stop"}]})",
               "one \xEF\xBF\xBD bad", false);
    check_calls(
        "openai",
        delta(
            R"({"tool_calls":[{"index":0,"id":"c1","function":{"name":"weather","arguments":"{\"city\":\"\ud83d"}}]})") +
            delta(R"({"tool_calls":[{"index":0,"function":{"arguments":"\ude00\"}"}}]})") + calls_end + done,
        {{"weather", "{\"city\":\"\xF0\x9F\x98\x80\"}"}});
}

BOOST_AUTO_TEST_CASE(reasons_of_other_servers_are_known) {
    auto finish = [](const std::string& provider, const std::string& body) {
        return heard(provider, body, false).answer.finish;
    };
    auto chat = [&](const char* reason) {
        return finish("openai",
                      std::string{R"({"choices":[{"message":{"content":"x"},"finish_reason":")"} + reason + "\"}]}");
    };
    BOOST_TEST((chat("eos_token") == finish_reason::stop));
    BOOST_TEST((chat("model_length") == finish_reason::length));
    BOOST_TEST((chat("SAFETY") == finish_reason::content_filter));
    BOOST_TEST((chat("MALFORMED_FUNCTION_CALL") == finish_reason::malformed_call));
    BOOST_TEST((chat("moon") == finish_reason::other));
    auto gemini = [&](const char* reason) {
        return finish("gemini",
                      std::string{R"({"candidates":[{"content":{"parts":[]},"finishReason":")"} + reason + "\"}]}");
    };
    for (const char* r : {"SAFETY", "RECITATION", "LANGUAGE", "IMAGE_SAFETY"})
        BOOST_TEST((gemini(r) == finish_reason::content_filter));
    for (const char* r : {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"})
        BOOST_TEST((gemini(r) == finish_reason::malformed_call));
}

BOOST_AUTO_TEST_SUITE_END()
