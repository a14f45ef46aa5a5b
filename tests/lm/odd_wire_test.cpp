// Answers whose pieces are in places that the protocol does not know, or are no answer text: docs/models.md has a row
// for each kind.
#include "../../sdk/src/durable/cache_file.hpp"
#include "heard.hpp"
#include "support/folder.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/decorators.hpp>
#include <reagent/run/runtime.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <sqlite3.h>

#include <limits>

using namespace reagent;
using namespace reagent::test;

namespace {

std::string sse(const std::vector<std::string>& events, bool done = true) {
    std::string all;
    for (const auto& e : events) all += "data: " + e + "\n\n";
    return all + (done ? "data: [DONE]\n\n" : "");
}
std::string choice(int index, const std::string& what, const std::string& message, const std::string& finish) {
    return R"({"index":)" + std::to_string(index) + ",\"" + what + "\":" + message + R"(,"finish_reason":)" + finish +
           "}";
}
std::string choices(const std::string& list, const std::string& more = "") {
    return "{\"choices\":[" + list + "]" + more + "}";
}
std::string chat(const std::string& message, const std::string& finish = "\"stop\"", const std::string& more = "") {
    return choices(choice(0, "message", message, finish), more);
}
std::string delta(const std::string& d, const std::string& finish = "null") {
    return choices(choice(0, "delta", d, finish));
}
std::string calls(const std::string& name, const std::string& index = "") {
    return R"("tool_calls":[{)" + index + R"("id":"c_)" + name + R"(","type":"function","function":{"name":")" + name +
           R"(","arguments":"{}"}}])";
}
std::string names(const lm_response& r) {
    std::string all;
    for (const auto& c : r.tool_calls) all += (all.empty() ? "" : " ") + c.name;
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(odd_wire)

// As GitHub Copilot sends Claude's: the text in one choice, the calls in another.
BOOST_AUTO_TEST_CASE(calls_that_are_split_over_choices_count) {
    const std::string end = "\"tool_calls\"";
    for (bool numbered : {true, false}) {
        std::string one = choice(0, "message", R"({"content":"Let me look."})", end);
        std::string two = choice(numbered ? 1 : 0, "message", R"({"content":null,)" + calls("pay") + "}", end);
        std::string three = choice(numbered ? 2 : 0, "message", R"({"content":null,)" + calls("look") + "}", end);
        for (const auto& list : {one + "," + two + "," + three, two + "," + one + "," + three}) {
            auto g = heard("openai", choices(list));
            BOOST_TEST(g.error == "");
            BOOST_TEST(names(g.answer) == "pay look", list);
            BOOST_TEST(g.answer.text == "Let me look.");
            BOOST_TEST((g.answer.finish == finish_reason::tool_calls));
            BOOST_TEST(g.answer.alternatives.empty());
        }
    }
    auto g =
        heard("openai",
              sse({choices(choice(0, "delta", R"({"content":"Let me "})", "null")),
                   choices(choice(1, "delta", "{" + calls("pay", "\"index\":0,") + "}", "null")),
                   choices(choice(0, "delta", R"({"content":"look."})", end)), choices(choice(1, "delta", "{}", end)),
                   choices(choice(2, "delta", "{" + calls("look", "\"index\":0,") + "}", end))}),
              true);
    BOOST_TEST(g.error == "");
    BOOST_TEST(names(g.answer) == "pay look");
    BOOST_TEST(g.answer.text == "Let me look.");
    BOOST_TEST(g.answer.alternatives.empty());
    // The worst end counts.
    auto cut = heard("openai", choices(choice(0, "message", R"({"content":"I"})", end) + "," +
                                       choice(1, "message", "{" + calls("pay") + "}", "\"length\"")));
    BOOST_TEST((cut.answer.finish == finish_reason::length));
    // The text may be in the other one.
    auto text = heard("openai", choices(choice(0, "message", R"({"content":""})", "\"stop\"") + "," +
                                        choice(1, "message", R"({"content":"Hello"})", "\"stop\"")));
    BOOST_TEST(text.answer.text == "Hello");
    // Of several completions that were asked for, one is the answer.
    language_model_options two;
    two.sampling.n = 2;
    auto one = heard("openai",
                     choices(choice(0, "message", R"({"content":"A"})", "\"stop\"") + "," +
                             choice(1, "message", "{" + calls("pay") + "}", end)),
                     false, two);
    BOOST_TEST(one.answer.text == "A");
    BOOST_TEST(one.answer.tool_calls.empty());
    // Gemini's.
    auto candidate = [](const std::string& part) {
        return R"({"content":{"parts":[)" + part + R"(]},"finishReason":"STOP"})";
    };
    for (bool streamed : {false, true}) {
        std::string body = R"({"candidates":[)" + candidate(R"({"text":"Look."})") + "," +
                           candidate(R"({"functionCall":{"name":"pay","args":{}}})") + "]}";
        auto gemini = heard("gemini", streamed ? sse({body}, false) : body, streamed);
        BOOST_TEST(names(gemini.answer) == "pay", gemini.error);
        BOOST_TEST(gemini.answer.text == "Look.");
    }
}

BOOST_AUTO_TEST_CASE(an_end_with_calls_that_are_missing_is_no_answer) {
    const std::string item = R"({"content":[{"type":"text","text":"Let me check."}],"stop_reason":"tool_use"})";
    for (bool streamed : {false, true})
        for (const char* reason : {"\"tool_calls\"", "\"function_call\"", "\"tool_use\""}) {
            std::string body = streamed ? sse({delta(R"({"content":"Let me check."})"), delta("{}", reason)})
                                        : chat(R"({"content":"Let me check."})", reason);
            auto g = heard("openai", body, streamed);
            BOOST_TEST((g.answer.finish == finish_reason::malformed_call), g.error << body);
        }
    BOOST_TEST((heard("anthropic", item).answer.finish == finish_reason::malformed_call));
    BOOST_TEST(
        (heard("cohere", R"({"message":{"content":"Let me check."},"finish_reason":"TOOL_CALL"})").answer.finish ==
         finish_reason::malformed_call));
}

BOOST_AUTO_TEST_CASE(thinking_among_the_parts_is_no_answer_text) {
    for (const char* type :
         {"reasoning", "thinking", "reasoning_text", "thought", "thinking_text", "reasoning.text", "Thinking"}) {
        const std::string thought = R"({"type":")" + std::string{type} + R"(","text":"SECRET "})";
        const std::string parts = "[" + thought + R"(,{"type":"text","text":"Hello"}])";
        const std::string output = "[" + thought + R"(,{"type":"output_text","text":"Hello"}])";
        const std::pair<std::string, std::string> bodies[]{
            {"openai", chat(R"({"content":)" + parts + "}")},
            {"openai", sse({delta(R"({"content":[)" + thought + "]}"),
                            delta(R"({"content":[{"type":"text","text":"Hello"}]})", "\"stop\"")})},
            {"openai-responses", R"({"status":"completed","output":[{"type":"message","content":)" + output + "}]}"},
            {"openai-responses",
             sse({R"({"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":)" +
                  output + "}]}}"})},
            {"cohere", R"({"message":{"content":)" + parts + R"(},"finish_reason":"COMPLETE"})"},
            {"ollama", R"({"message":{"content":)" + parts +
                           R"(},"done":true,"done_reason":"stop"})"
                           "\n"},
            {"cohere",
             sse({R"({"type":"content-start","index":0,"delta":{"message":{"content":)" + thought + "}}}",
                  R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"SECRET too"}}}})",
                  R"({"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}})",
                  R"({"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Hello"}}}})",
                  R"({"type":"message-end","delta":{"finish_reason":"COMPLETE"}})"})}};
        for (const auto& [provider, body] : bodies)
            for (bool streamed : {false, true}) {
                auto g = heard(provider, body, streamed);
                BOOST_TEST_CONTEXT(body) {
                    BOOST_TEST(g.error == "");
                    BOOST_TEST(g.answer.text == "Hello");
                    BOOST_TEST(g.answer.reasoning.starts_with("SECRET "), g.answer.reasoning);
                    if (streamed) BOOST_TEST(g.pieces == "Hello");
                }
            }
    }
    for (const char* thought : {"true", "\"true\"", "1", "\"True\""})
        for (bool streamed : {false, true}) {
            std::string body = R"({"candidates":[{"content":{"parts":[{"text":"SECRET ","thought":)" +
                               std::string{thought} + R"(},{"text":"Hello"}]},"finishReason":"STOP"}]})";
            BOOST_TEST(heard("gemini", streamed ? sse({body}, false) : body, streamed).answer.text == "Hello", thought);
        }
    for (const char* none : {"false", "\"false\"", "null", "0"})
        BOOST_TEST(heard("gemini", R"({"candidates":[{"content":{"parts":[{"text":"Hello","thought":)" +
                                       std::string{none} + R"(}]},"finishReason":"STOP"}]})")
                           .answer.text == "Hello",
                   none);
}

BOOST_AUTO_TEST_CASE(parts_of_unknown_types_are_no_answer_text) {
    const std::string part = R"({"type":"moon_phase","text":"SECRET"})";
    auto bodies = [&](const std::string& parts) {
        return std::vector<std::pair<std::string, std::string>>{
            {"openai", chat(R"({"content":[)" + parts + "]}")},
            {"openai", sse({delta(R"({"content":[)" + parts + "]}"), delta("{}", "\"stop\"")})},
            {"openai-responses", R"({"status":"completed","output":[{"type":"message","content":[)" + parts + "]}]}"},
            {"anthropic", R"({"content":[)" + parts + R"(],"stop_reason":"end_turn"})"},
            {"cohere", R"({"message":{"content":[)" + parts + R"(]},"finish_reason":"COMPLETE"})"}};
    };
    for (const auto& [provider, body] : bodies(part))
        for (bool streamed : {false, true}) {
            auto g = heard(provider, body, streamed);
            BOOST_TEST((g.code == lm_errc::malformed_response), body);
            BOOST_TEST(g.error.find("moon_phase") != std::string::npos, g.error);
        }
    for (const auto& [provider, body] : bodies(part + R"(,{"type":"text","text":"Hello"})"))
        BOOST_TEST(heard(provider, body).answer.text == "Hello", body);
}

BOOST_AUTO_TEST_CASE(commentary_is_no_part_of_the_final_answer) {
    auto item = [](const std::string& phase, const std::string& text) {
        return R"({"type":"message","role":"assistant","id":"m_)" + phase + R"(","phase":")" + phase +
               R"(","content":[{"type":"output_text","text":")" + text + "\"}]}";
    };
    const std::string output = item("commentary", "I will look. ") + "," + item("final_answer", "Hello");
    auto begun = [](const std::string& phase, const std::string& index) {
        return R"({"type":"response.output_item.added","output_index":)" + index +
               R"(,"item":{"type":"message","id":"m_)" + phase + R"(","phase":")" + phase + R"(","content":[]}})";
    };
    auto piece = [](const std::string& index, const std::string& text) {
        return R"({"type":"response.output_text.delta","output_index":)" + index + R"(,"delta":")" + text + "\"}";
    };
    for (const char* last : {"[]", output.c_str()})
        for (bool streamed : {false, true}) {
            std::string whole = R"({"status":"completed","output":[)" + output + "]}";
            std::string listed = std::string{last} == "[]" ? "" : output;
            std::string events = sse(
                {begun("commentary", "0"), piece("0", "I will look. "), begun("final_answer", "1"), piece("1", "Hello"),
                 R"({"type":"response.completed","response":{"status":"completed","output":[)" + listed + "]}}"},
                false);
            auto g = heard("openai-responses", streamed ? events : whole, streamed);
            BOOST_TEST(g.error == "");
            BOOST_TEST(g.answer.text == "Hello");
            if (streamed) BOOST_TEST(g.pieces == "Hello");
            message m{role::assistant, g.answer.text};
            m.reasoning_blocks = g.answer.reasoning_blocks;
            std::string sent;
            loopback_server server{[&](const server_request& r) {
                sent = r.body;
                return server_response{.body = whole};
            }};
            for (auto& b : m.reasoning_blocks)
                if (b.is_object()) b.get_object().erase("server");
            lm_request r = question("x");
            r.messages.push_back(m);
            r.messages.push_back({role::user, "go on"});
            ask(model_at("openai-responses", server), r);
            auto input = json::parse(sent).at("input").as_array();
            BOOST_TEST_REQUIRE(input.size() == 4u, sent);
            BOOST_TEST(input[1].at("phase").as_string() == "commentary");
            BOOST_TEST(input[1].at("content").as_string() == "I will look. ");
            BOOST_TEST(input[2].at("phase").as_string() == "final_answer");
            BOOST_TEST(input[2].at("content").as_string() == "Hello");
        }
    auto alone =
        heard("openai-responses", R"({"status":"completed","output":[)" + item("commentary", "I will look.") + "]}");
    BOOST_TEST(alone.answer.text == "");
}

BOOST_AUTO_TEST_CASE(reasons_that_are_no_text_are_known_or_other) {
    const std::pair<std::string, finish_reason> gemini[]{
        {"1", finish_reason::stop},           {"2", finish_reason::length},        {"3", finish_reason::content_filter},
        {"4", finish_reason::content_filter}, {"\"2\"", finish_reason::length},    {"99", finish_reason::other},
        {"true", finish_reason::other},       {"{\"a\":1}", finish_reason::other}, {"[]", finish_reason::other}};
    for (const auto& [reason, expected] : gemini)
        for (bool streamed : {false, true}) {
            std::string body =
                R"({"candidates":[{"content":{"parts":[{"text":"Hel"}]},"finishReason":)" + reason + "}]}";
            auto g = heard("gemini", streamed ? sse({body}, false) : body, streamed);
            BOOST_TEST((g.answer.finish == expected), reason << g.error);
        }
    BOOST_TEST((heard("gemini", R"({"promptFeedback":{"blockReason":1}})").code == lm_errc::content_filter));
    for (std::string reason : {"2", "true", "{\"type\":\"x\"}", "[1]", "0"}) {
        const std::pair<std::string, std::string> bodies[]{
            {"openai", chat(R"({"content":"Hel"})", reason)},
            {"openai", sse({delta(R"({"content":"Hel"})"), delta("{}", reason)})},
            {"anthropic", R"({"content":[{"type":"text","text":"Hel"}],"stop_reason":)" + reason + "}"},
            {"cohere", R"({"message":{"content":[{"type":"text","text":"Hel"}]},"finish_reason":)" + reason + "}"},
            {"cohere", sse({R"({"type":"content-delta","delta":{"message":{"content":{"text":"Hel"}}}})",
                            R"({"type":"message-end","delta":{"finish_reason":)" + reason + "}}"})},
            {"ollama", R"({"message":{"content":"Hel"},"done":true,"done_reason":)" + reason + "}\n"},
            {"openai-responses", R"({"status":)" + reason + R"(,"output":[{"type":"message","content":"Hel"}]})"},
            {"openai-responses", R"({"status":"completed","incomplete_details":{"reason":)" + reason +
                                     R"(},"output":[{"type":"message","content":"Hel"}]})"}};
        for (const auto& [provider, body] : bodies)
            for (bool streamed : {false, true}) {
                auto g = heard(provider, body, streamed);
                BOOST_TEST((g.answer.finish == finish_reason::other), provider << ": " << body << g.error);
            }
    }
}

BOOST_AUTO_TEST_CASE(an_unknown_status_of_a_response_is_no_answer) {
    for (const char* status : {"\"finished\"", "null", "\"expired\"", "\"\"", "3"})
        for (bool streamed : {false, true}) {
            std::string whole =
                R"({"status":)" + std::string{status} + R"(,"output":[{"type":"message","content":"Hel"}]})";
            std::string body =
                streamed ? sse({R"({"type":"response.completed","response":)" + whole + "}"}, false) : whole;
            BOOST_TEST((heard("openai-responses", body, streamed).answer.finish == finish_reason::other), status);
        }
    for (bool streamed : {false, true}) {
        std::string item = R"({"status":"completed","output":[{"type":"message","status":"odd","content":"Hel"}]})";
        BOOST_TEST((heard("openai-responses", item, streamed).answer.finish == finish_reason::other));
        std::string none = R"({"output":[{"type":"message","content":"Hello"}]})";  // a server that gives none
        BOOST_TEST((heard("openai-responses", none, streamed).answer.finish == finish_reason::stop));
    }
}

BOOST_AUTO_TEST_CASE(usage_is_counted_wherever_and_however_it_is_written) {
    const std::string message = R"({"content":"Hello"})";
    const std::string more[]{
        R"(,"usage":{"prompt_tokens":"1000","completion_tokens":"500"})",
        R"(,"usage":{"input_tokens":1000,"output_tokens":500})",
        R"(,"usage":{"total_tokens":1500})",
        R"(,"usage":{"prompt_tokens":1000,"total_tokens":1500})",
        R"(,"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":"1500"})",
        R"(,"usage":null,"x_groq":{"id":"r","usage":{"prompt_tokens":1000,"completion_tokens":500}})",
        R"(,"token_usage":{"promptTokens":1000,"completionTokens":500})",
        R"(,"usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":500})",
        R"(,"meta":{"billed_units":{"input_tokens":1000,"output_tokens":500}})"};
    for (const auto& m : more) {
        BOOST_TEST(heard("openai", chat(message, "\"stop\"", m)).answer.usage.tokens() == 1500u, m);
        auto streamed = heard("openai", sse({delta(message), choices(choice(0, "delta", "{}", "\"stop\""), m)}), true);
        BOOST_TEST(streamed.answer.usage.tokens() == 1500u, m);
    }
    const std::string in_choice = R"({"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop",)"
                                  R"("usage":{"prompt_tokens":1000,"completion_tokens":500}}]})";
    BOOST_TEST(heard("openai", in_choice).answer.usage.tokens() == 1500u);
    BOOST_TEST(heard("anthropic", R"({"content":[{"type":"text","text":"a"}],"stop_reason":"end_turn",)"
                                  R"("usage":{"input_tokens":"1000","output_tokens":"500"}})")
                   .answer.usage.tokens() == 1500u);
    BOOST_TEST(heard("gemini", R"({"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],)"
                               R"("usageMetadata":{"totalTokenCount":1500}})")
                   .answer.usage.tokens() == 1500u);
    BOOST_TEST(heard("openai-responses", R"({"status":"completed","output":[{"type":"message","content":"a"}],)"
                                         R"("usage":{"total_tokens":1500}})")
                   .answer.usage.tokens() == 1500u);
    BOOST_TEST(!heard("openai", chat(message, "\"stop\"", more[0])).answer.usage.estimated_tokens);
}

// A budget of tokens is kept with a server that counts none.
BOOST_AUTO_TEST_CASE(usage_that_a_server_does_not_tell_is_estimated) {
    const std::string text(3000, 'a');
    for (bool streamed : {false, true})
        for (const char* none : {"", ",\"usage\":null", ",\"usage\":{}", ",\"usage\":{\"prompt_tokens\":\"many\"}"}) {
            std::string whole = chat(R"({"content":")" + text + "\"}", "\"stop\"", none);
            auto g = heard("openai", whole, streamed);
            BOOST_TEST(g.answer.usage.tokens() >= 1000u, g.error << none);
            BOOST_TEST(g.answer.usage.tokens() < 3000u);
            BOOST_TEST(g.answer.usage.estimated_tokens == g.answer.usage.tokens());
        }
    int asked = 0;
    loopback_server server{[&](const server_request&) {
        ++asked;
        return server_response{.body = chat(R"({"content":")" + text + "\"}")};
    }};
    run_options o{model_at("openai", server)};
    o.budget.tokens = 2500;
    runtime rt;
    struct program {
        task<int> forward(run& r) const {
            for (int i = 0; i < 20; ++i) {
                lm_request q = question("x" + std::to_string(i));
                co_await r.call_model("p", language_model{}, q);
            }
            co_return 1;
        }
    };
    BOOST_CHECK_EXCEPTION(rt.execute(o, program{}), run_error,
                          [](const auto& e) { return e.code() == run_errc::budget_tokens; });
    BOOST_TEST(asked <= 3);
    BOOST_TEST(asked > 0);
}

BOOST_AUTO_TEST_CASE(a_cache_keeps_whole_answers_only) {
    const std::string good = chat(R"({"content":"good"})");
    const std::string bad[]{chat(R"({"content":"CUT"})", "\"length\""),
                            chat(R"({"content":"CUT"})", "\"network_error\""),
                            chat(R"({"content":"X"})", "\"content_filter\""),
                            chat(R"({"content":""})"),
                            chat(R"({"content":" \n"})"),
                            chat(R"({"content":"Let me"})", "\"tool_calls\""),
                            chat("{\"content\":\"\"," + calls("pay") + "}", "\"length\"")};
    for (const auto& first : bad)
        for (bool streamed : {false, true}) {
            folder f;
            std::vector<std::string> bodies{good, first};
            int asked = 0;
            loopback_server server{[&](const server_request&) {
                ++asked;
                auto body = bodies.back();
                if (bodies.size() > 1) bodies.pop_back();
                return server_response{.body = body};
            }};
            auto text = [&](const language_model& m) {
                return streamed ? ask_streaming(m, question("x")).response.text : ask(m, question("x")).text;
            };
            auto model = cached(model_at("openai", server), {.file = (f.path / "cache.db").string()});
            text(model);
            BOOST_TEST(text(model) == "good", first);
            BOOST_TEST(text(model) == "good");
            BOOST_TEST(asked == 2);
            BOOST_TEST(text(cached(model_at("openai", server), {.file = (f.path / "cache.db").string()})) == "good");
            BOOST_TEST(asked == 2);
        }
}

// Of a version that kept them.
BOOST_AUTO_TEST_CASE(an_old_entry_that_is_no_whole_answer_is_a_miss) {
    folder f;
    const std::string file = (f.path / "cache.db").string();
    int asked = 0;
    loopback_server server{[&](const server_request&) {
        ++asked;
        return server_response{.body = chat(R"({"content":"good"})")};
    }};
    ask(cached(model_at("openai", server), {.file = file}), question("x"));
    sqlite3* db = nullptr;
    BOOST_REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
    sqlite3_stmt* row = nullptr;
    sqlite3_prepare_v2(db, "SELECT key FROM answers", -1, &row, nullptr);
    BOOST_REQUIRE(sqlite3_step(row) == SQLITE_ROW);
    std::string key{static_cast<const char*>(sqlite3_column_blob(row, 0)),
                    static_cast<std::size_t>(sqlite3_column_bytes(row, 0))};
    sqlite3_finalize(row);
    sqlite3_close(db);
    lm_response cut;
    cut.text = "CUT", cut.finish = finish_reason::length;
    for (bool streamed : {false, true}) {
        decorators::cache_file{{.file = file}}.store(key, json::serialize(to_json(cut)));
        auto model = cached(model_at("openai", server), {.file = file});
        const int before = asked;
        BOOST_TEST((streamed ? ask_streaming(model, question("x")).response.text : ask(model, question("x")).text) ==
                   "good");
        BOOST_TEST(asked == before + 1);
    }
}

// What a server signed or encrypted is for that server: another one refuses it, or learns what it should not.
BOOST_AUTO_TEST_CASE(blocks_go_back_only_to_the_server_that_they_came_from) {
    const std::pair<std::string, std::string> answers[]{
        {"anthropic", R"({"content":[{"type":"thinking","thinking":"hm","signature":"SIG1"},)"
                      R"({"type":"tool_use","id":"t","name":"now","input":{}}],"stop_reason":"tool_use"})"},
        {"gemini",
         R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"now","args":{}},"thoughtSignature":"SIG1"}]},)"
         R"("finishReason":"STOP"}]})"},
        {"gemini",
         R"({"candidates":[{"content":{"parts":[{"text":"a","thoughtSignature":"SIG1"},{"functionCall":{"name":"now"}}]},)"
         R"("finishReason":"STOP"}]})"},
        {"openai-responses",
         R"({"status":"completed","output":[{"type":"reasoning","id":"r","encrypted_content":"SIG1"},)"
         R"({"type":"function_call","call_id":"c","name":"now","arguments":"{}"}]})"},
        {"openai", R"({"choices":[{"message":{"content":"","reasoning_content":"SIG1",)" + calls("now") +
                       R"(},"finish_reason":"tool_calls"}]})"},
        {"openai",
         R"({"choices":[{"message":{"content":"","tool_calls":[{"id":"c","function":{"name":"now","arguments":"{}"},)"
         R"("extra_content":{"google":{"thought_signature":"SIG1"}}}]},"finish_reason":"tool_calls"}]})"}};
    for (const auto& [provider, body] : answers)
        for (bool streamed : {false, true}) {
            std::string sent;
            auto answer = [&, body = body](const server_request& r) {
                sent = r.body;
                return server_response{.body = body};
            };
            loopback_server one{answer}, two{answer};
            lm_request r = question("x");
            lm_response a =
                streamed ? ask_streaming(model_at(provider, one), r).response : ask(model_at(provider, one), r);
            a = lm_response_from_json(to_json(a));  // as a journal keeps it
            message m{role::assistant, a.text, a.tool_calls};
            m.reasoning_blocks = a.reasoning_blocks;
            r.messages.push_back(m);
            for (const auto& c : a.tool_calls) r.messages.push_back({role::tool, "done", {}, c.id});
            ask(model_at(provider, one), r);
            BOOST_TEST(sent.find("SIG1") != sent.npos, provider << ": " << sent);
            BOOST_TEST(sent.find("\"server\"") == sent.npos, sent);
            BOOST_TEST(sent.find("127.0.0.1") == sent.npos, sent);
            ask(model_at(provider, two), r);
            BOOST_TEST(sent.find("SIG1") == sent.npos, provider << ": " << sent);
            BOOST_TEST(sent.find("now") != sent.npos, sent);
        }
}

BOOST_AUTO_TEST_CASE(alternatives_are_whole_answers) {
    language_model_options several;
    several.sampling.n = 4;
    auto texts = [](const got& g) {
        std::string all = g.error + g.answer.text;
        for (const auto& a : g.answer.alternatives) all += "|" + a;
        return all;
    };
    for (bool streamed : {false, true}) {
        const char* what = streamed ? "delta" : "message";
        std::string list;
        std::vector<std::string> events;
        int i = 0;
        for (auto [text, reason] : {std::pair{"A", "\"stop\""},
                                    {"CUT", "\"length\""},
                                    {"B", "\"stop\""},
                                    {"BAD", "\"content_filter\""},
                                    {"ODD", "3"},
                                    {"CALL", "\"tool_calls\""},
                                    {" ", "\"stop\""}}) {
            auto c = choice(i++, what, R"({"content":")" + std::string{text} + "\"}", reason);
            list += (list.empty() ? "" : ",") + c;
            events.push_back(choices(c));
        }
        auto g = heard("openai", streamed ? sse(events) : choices(list), streamed, several);
        BOOST_TEST(texts(g) == "A|B");
        std::string gemini = R"({"candidates":[)";
        for (auto [index, text, reason] :
             {std::tuple{0, "A", "\"STOP\""}, {1, "BAD", "\"SAFETY\""}, {2, "B", "\"STOP\""}, {3, "CUT", "2"}})
            gemini += std::string{index ? "," : ""} + R"({"index":)" + std::to_string(index) +
                      R"(,"content":{"parts":[{"text":")" + text +
                      R"("},{"text":"SECRET","thought":true}]},"finishReason":)" + reason + "}";
        gemini += "]}";
        BOOST_TEST(texts(heard("gemini", streamed ? sse({gemini}, false) : gemini, streamed, several)) == "A|B");
    }
}

BOOST_AUTO_TEST_CASE(a_whole_message_behind_its_pieces_is_not_appended) {
    auto piece = [](const std::string& d, const std::string& m, const std::string& finish) {
        return R"({"choices":[{"index":0)" + (d.empty() ? "" : ",\"delta\":" + d) +
               (m.empty() ? "" : ",\"message\":" + m) + R"(,"finish_reason":)" + finish + "}]}";
    };
    const std::string hel = R"({"content":"Hel"})", lo = R"({"content":"lo"})", hello = R"({"content":"Hello"})";
    const std::vector<std::string> same[]{
        {piece(hel, "", "null"), piece("", hello, "\"stop\"")},
        {piece(hel, "", "null"), piece("{}", hello, "\"stop\"")},
        {piece(hel, "", "null"), piece(lo, "", "null"), piece("", hello, "\"stop\"")},
        {piece(hel, hel, "null"), piece(lo, hello, "\"stop\"")},  // Perplexity
        {piece("", hello, "\"stop\"")},
        {piece("", hel, "null"), piece("", lo, "\"stop\"")},  // a list of pieces
        {piece(hel, "", "null"), piece(lo, "", "\"stop\""), piece("", hello, "\"stop\"")},
        {piece(R"({"content":"Hel","reasoning_content":"R"})", "", "null"),
         piece("", R"({"content":"Hello","reasoning_content":"R"})", "\"stop\"")}};
    for (const auto& events : same) {
        auto g = heard("openai", sse(events), true);
        BOOST_TEST(g.answer.text == "Hello", g.error << sse(events));
        BOOST_TEST(g.pieces == "Hello", sse(events));
        BOOST_TEST((g.answer.reasoning.empty() || g.answer.reasoning == "R"), g.answer.reasoning);
    }
    for (const auto& events :
         {std::vector<std::string>{piece(hel, "", "null"), piece("", R"({"content":"Other"})", "\"stop\"")},
          {piece(hello, "", "null"), piece("", hel, "\"stop\"")},
          {piece("{" + calls("pay", "\"index\":0,") + "}", "", "null"),
           piece("", "{\"content\":null," + calls("look") + "}", "\"tool_calls\"")}}) {
        auto g = heard("openai", sse(events), true);
        BOOST_TEST((g.code == lm_errc::malformed_response), g.answer.text << sse(events));
    }
    auto g = heard("openai",
                   sse({piece("{" + calls("pay", "\"index\":0,") + "}", "", "null"),
                        piece("", "{\"content\":null," + calls("pay") + "}", "\"tool_calls\"")}),
                   true);
    BOOST_TEST(names(g.answer) == "pay", g.error);
}

BOOST_AUTO_TEST_CASE(a_call_of_gemini_that_goes_on_is_none) {
    for (const char* call :
         {R"({"name":"pay","willContinue":true})", R"({"name":"pay","args":{"euro":1},"willContinue":true})",
          R"({"name":"pay","partialArgs":[{"jsonPath":"$.euro","numberValue":1}]})"})
        for (bool streamed : {false, true}) {
            std::string body = R"({"candidates":[{"content":{"parts":[{"functionCall":)" + std::string{call} +
                               R"(}]},"finishReason":"STOP"}]})";
            auto g = heard("gemini", streamed ? sse({body}, false) : body, streamed);
            BOOST_TEST((g.answer.finish == finish_reason::malformed_call), g.error << call);
        }
    auto g =
        heard("gemini",
              R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"pay","args":{},"willContinue":false}}]},)"
              R"("finishReason":"STOP"}]})");
    BOOST_TEST((g.answer.finish == finish_reason::tool_calls));
}

BOOST_AUTO_TEST_CASE(sampling_that_no_server_takes_is_refused_by_its_name) {
    const double odd = std::numeric_limits<double>::quiet_NaN(), endless = std::numeric_limits<double>::infinity();
    int asked = 0;
    loopback_server server{[&](const server_request&) {
        ++asked;
        return server_response{.body = chat(R"({"content":"Hello"})")};
    }};
    auto refused = [&](const std::string& provider, sampling s) {
        lm_request r = question("x");
        r.sampling = std::move(s);
        try {
            ask(model_at(provider, server), r);
        } catch (const lm_error& e) {
            return e.code() == lm_errc::invalid_request ? std::string{e.what()} : std::string{"other"};
        }
        return std::string{};
    };
    for (const char* provider : {"openai", "anthropic", "gemini", "ollama", "cohere", "openai-responses"}) {
        for (double t : {odd, endless, -endless, -1.0})
            BOOST_TEST(refused(provider, {.temperature = t}).find("temperature") != std::string::npos, provider << t);
        for (double p : {odd, -0.1, 1.1})
            BOOST_TEST(refused(provider, {.top_p = p}).find("top_p") != std::string::npos, provider << p);
        BOOST_TEST(refused(provider, {.max_tokens = 0}).find("max_tokens") != std::string::npos, provider);
    }
    BOOST_TEST(asked == 0);
    BOOST_TEST(refused("openai", {.temperature = 0, .top_p = 1}) == "");
}

BOOST_AUTO_TEST_CASE(errors_are_valid_text) {
    for (int status : {200, 400, 500})
        for (std::string body : {"caf\xe9 is closed", "{\"error\":{\"message\":\"caf\xe9\"}}",
                                 "{\"choices\":[{\"message\":{\"content\":\"caf\xe9\""})
            for (bool streamed : {false, true}) {
                loopback_server server{
                    [&](const server_request&) { return server_response{.status = status, .body = body}; }};
                std::string words;
                try {
                    auto m = model_at("openai", server);
                    streamed ? (void)ask_streaming(m, question("x")) : (void)ask(m, question("x"));
                } catch (const lm_error& e) {
                    words = e.what() + e.details().provider_message;
                }
                BOOST_TEST(!words.empty());
                BOOST_TEST(words.find('\xe9') == std::string::npos, words);
            }
}

BOOST_AUTO_TEST_CASE(the_sign_of_a_streams_end_is_known_in_other_spellings) {
    for (const char* end : {"[done]", "\"[DONE]\"", "[Done]", "'[DONE]'", " [DONE] "}) {
        auto g = heard("openai",
                       sse({delta(R"({"content":"Hello"})"), delta("{}", "\"stop\"")}, false) + "data: " + end + "\n\n",
                       true);
        BOOST_TEST(g.answer.text == "Hello", end << g.error);
        auto early = heard("openai", sse({delta(R"({"content":"Hel"})")}, false) + "data: " + end + "\n\n", true);
        BOOST_TEST((early.code == lm_errc::unavailable), end << early.error);
    }
}

BOOST_AUTO_TEST_SUITE_END()
