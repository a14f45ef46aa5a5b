// What a model wrote goes back as its server wants it.
#include "../../sdk/src/lm/providers/protocol.hpp"
#include "support/ask.hpp"
#include "support/loopback_server.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/catalog.hpp>

#include <boost/test/unit_test.hpp>

#include <set>

using namespace reagent;
using namespace reagent::test;

namespace {

json::value sent(const std::string& name, std::vector<message> messages, language_model_options options = {}) {
    lm_request r;
    r.messages = std::move(messages);
    return preview(name, r, options).body;
}

// Reads an answer over a socket, and says what the next request to the same server holds.
json::value next_request(const std::string& name, const std::string& answer, const std::string& base = "",
                         bool streamed = false) {
    std::string body;
    loopback_server server{[&](const server_request& r) {
        body = r.body;
        return server_response{.body = answer};
    }};
    language_model model{name, {.api_base = server.url(base), .api_key = secret{"key-0123456789"}}};
    lm_request r = question("x");
    lm_response a = streamed ? ask_streaming(model, r).response : ask(model, r);
    message m{role::assistant, a.text, a.tool_calls};
    m.reasoning_blocks = a.reasoning_blocks;
    r.messages.push_back(m);
    for (const auto& c : a.tool_calls) r.messages.push_back({role::tool, "done", {}, c.id});
    ask(model, r);
    return json::parse(body);
}

std::string kinds(const json::value& blocks) {
    std::string all;
    for (const auto& b : blocks.as_array()) {
        const auto& o = b.as_object();
        all += (all.empty() ? "" : " ") +
               std::string{o.contains("role") ? o.at("role").as_string() : o.at("type").as_string()};
    }
    return all;
}

std::string chat(const std::string& message) {
    return R"({"choices":[{"message":)" + message + R"(,"finish_reason":"tool_calls"}]})";
}
const std::string a_call =
    R"("tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"S"}}}])";

}  // namespace

BOOST_AUTO_TEST_SUITE(sent_back)

BOOST_AUTO_TEST_CASE(reasoning_of_compatible_servers_goes_back_beside_its_calls) {
    std::string answer = chat(
        R"({"content":"","reasoning_content":"I need it.","reasoning_details":[{"type":"reasoning.text","text":"I"}],)" +
        a_call + "}");
    for (bool streamed : {false, true}) {
        auto back = next_request("openai/m", answer, "/v1", streamed).at("messages").as_array().at(1);
        BOOST_TEST(back.at("reasoning_content").as_string() == "I need it.");
        BOOST_TEST(back.at("reasoning_details").as_array().size() == 1u);
        BOOST_TEST(
            back.at("tool_calls").as_array()[0].at("extra_content").at("google").at("thought_signature").as_string() ==
            "S");
    }
    // As servers write it that send a whole message at the end of a stream.
    const std::string last =
        R"(data: {"choices":[{"index":0,"message":{"content":"","reasoning_details":[{"type":"reasoning.text","text":"I"}],)" +
        a_call + R"(},"finish_reason":"tool_calls"}]})" + "\n\ndata: [DONE]\n\n";
    auto back = next_request("openai/m", last, "/v1", true).at("messages").as_array().at(1);
    BOOST_TEST(back.at("reasoning_details").as_array().size() == 1u);
    // Not where no call came of it, and not to another server.
    auto text = next_request(
        "openai/m", R"({"choices":[{"message":{"content":"A","reasoning_content":"R"},"finish_reason":"stop"}]})",
        "/v1");
    BOOST_TEST(!text.at("messages").as_array().at(1).as_object().contains("reasoning_content"));
    message m{role::assistant, "", {{"c1", "f", "{}"}}};
    m.reasoning_blocks.emplace_back(
        json::object{{"type", "message_members"}, {"reasoning_content", "R"}, {"server", "deepseek"}});
    BOOST_TEST(json::serialize(sent("deepseek/r", {m})).find("reasoning_content") != std::string::npos);
    for (const char* other : {"groq/m", "openai/m", "anthropic/m", "openai-responses/m"})
        BOOST_TEST(json::serialize(sent(other, {m})).find("\"R\"") == std::string::npos);
    BOOST_TEST(
        json::serialize(sent("deepseek/r", {m}, {.dialect = {.reasoning_back = false}})).find("reasoning_content") ==
        std::string::npos);
}

BOOST_AUTO_TEST_CASE(details_of_reasoning_that_came_in_pieces_are_joined) {
    auto joined = [](const std::vector<std::string>& pieces) {
        std::string answer;
        for (const auto& p : pieces)
            answer += R"(data: {"choices":[{"index":0,"delta":{"reasoning_details":[)" + p + "]}}]}\n\n";
        answer += "data: {\"choices\":[{\"index\":0,\"delta\":{" + a_call + "},\"finish_reason\":\"tool_calls\"}]}\n\n";
        return next_request("openai/m", answer, "/v1", true).at("messages").as_array().at(1).at("reasoning_details");
    };
    // What a piece says again is said once; only text grows.
    const std::string facts = R"("type":"reasoning.text","index":0,"id":"r1","format":"f")";
    auto same = [&](const std::string& more) { return "{" + facts + "," + more + "}"; };
    auto whole = joined({same(R"("text":"I ","signature":null)"), same(R"("text":"see","signature":null)"),
                         same(R"("text":".","signature":"S")"), same(R"("text":null,"signature":null)")});
    BOOST_TEST((whole == json::array{json::parse(same(R"("text":"I see.","signature":"S")"))}), whole);
    for (const char* name : {"text", "summary", "data", "thinking"}) {
        auto piece = [&](const char* text) { return same("\"" + std::string{name} + "\":\"" + text + "\""); };
        BOOST_TEST((joined({piece("A"), piece("B"), piece("C")}) == json::array{json::parse(piece("ABC"))}), name);
    }
    auto two = joined({R"({"type":"a","index":0,"text":"x"})", R"({"type":"b","index":0,"text":"y"})",
                       R"({"type":"b","index":1,"text":"z"})"});
    BOOST_TEST(two.as_array().size() == 3u, two);
}

BOOST_AUTO_TEST_CASE(thinking_text_and_calls_go_back_in_their_order) {
    std::string content =
        R"([{"type":"thinking","thinking":"First.","signature":"A"},{"type":"text","text":"Let me look."},{"type":"thinking","thinking":"Second.","signature":"B"},{"type":"tool_use","id":"t1","name":"f","input":{}},{"type":"text","text":"And"},{"type":"tool_use","id":"t2","name":"g","input":{"a":1}}])";
    auto back = next_request("anthropic/m", R"({"content":)" + content + R"(,"stop_reason":"tool_use"})")
                    .at("messages")
                    .as_array()
                    .at(1);
    BOOST_TEST((back.at("content") == json::parse(content)), json::serialize(back));

    std::string output =
        R"([{"type":"reasoning","id":"r1","summary":[],"encrypted_content":"E1"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"reasoning","id":"r2","summary":[],"encrypted_content":"E2"},{"type":"message","content":[{"type":"output_text","text":"So"}]},{"type":"function_call","call_id":"c2","name":"g","arguments":"{}"}])";
    auto input =
        next_request("openai-responses/m", R"({"status":"completed","output":)" + output + "}", "/v1").at("input");
    BOOST_TEST(
        kinds(input) ==
        "user reasoning function_call reasoning assistant function_call function_call_output function_call_output");
    BOOST_TEST(input.as_array()[3].at("encrypted_content").as_string() == "E2");
    BOOST_TEST(input.as_array()[5].at("call_id").as_string() == "c2");
}

BOOST_AUTO_TEST_CASE(names_that_servers_refuse_go_back_as_ones_that_they_take) {
    auto is_fit = [](const std::string& name) {
        return !name.empty() && name.size() <= 64 &&
               name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == name.npos;
    };
    const std::vector<std::string> invented{
        "pay money", "search.web", "zahlen_f\u00fcr", std::string(70, 'x'), "pay(Bob)", "\u652f\u6255", "a b",
        "pay.now",   "$"};
    for (const auto& name : invented) {
        lm_request r;
        for (const char* offered : {"pay", "a_b", "pay_now", "db.query"})
            r.tools.push_back({offered, "", json::object{}});
        r.messages = {{role::user, "x"},
                      {role::assistant, "", {{"c1", name, "{}"}, {"c2", "pay", "{}"}, {"c3", "db.query", "{}"}}},
                      {role::tool, "none", {}, "c1"},
                      {role::tool, "paid", {}, "c2"},
                      {role::tool, "rows", {}, "c3"}};
        auto body = [&](const std::string& model) { return preview(model, r, {}).body; };
        auto calls = body("openai/m").at("messages").as_array().at(1).at("tool_calls").as_array();
        auto blocks = body("anthropic/m").at("messages").as_array().at(1).at("content").as_array();
        auto parts = body("gemini/m").at("contents").as_array();
        auto items = body("openai-responses/m").at("input").as_array();
        const std::string sent{calls[0].at("function").at("name").as_string()};
        BOOST_TEST(is_fit(sent), sent);
        for (const auto& t : r.tools) BOOST_TEST(sent != t.name, name);
        BOOST_TEST(calls[1].at("function").at("name").as_string() == "pay");
        BOOST_TEST(calls[2].at("function").at("name").as_string() == "db.query");  // the server took it
        BOOST_TEST(blocks[0].at("name").as_string() == sent);
        BOOST_TEST(items[1].at("name").as_string() == sent);
        BOOST_TEST(parts[1].at("parts").as_array()[0].at("functionCall").at("name").as_string() == sent);
        BOOST_TEST(parts[2].at("parts").as_array()[0].at("functionResponse").at("name").as_string() == sent);
    }
}

BOOST_AUTO_TEST_CASE(a_text_that_was_changed_keeps_its_place) {
    message m{role::assistant, "other", {{"t1", "f", "{}"}, {"t9", "late", "{}"}}};
    m.reasoning_blocks = {json::object{{"type", "text"}, {"text", "was"}},
                          json::object{{"type", "thinking"}, {"thinking", "T"}, {"signature", "S"}},
                          json::object{{"type", "tool_use"}, {"id", "t1"}},
                          json::object{{"type", "tool_use"}, {"id", "gone"}}};
    auto blocks = sent("anthropic/m", {{role::user, "x"}, m}).at("messages").as_array().at(1).at("content").as_array();
    BOOST_TEST(kinds(blocks) == "text thinking tool_use tool_use");
    BOOST_TEST(blocks[0].at("text").as_string() == "other");
    BOOST_TEST(blocks[3].at("id").as_string() == "t9");
}

BOOST_AUTO_TEST_CASE(calls_that_no_block_tells_of_follow_those_that_one_does) {
    message m{role::assistant, "other", {{"c9", "late", "{}"}, {"c1", "f", "{}"}, {"c8", "later", "{}"}}};
    m.reasoning_blocks = {json::object{{"type", "message"}, {"text", "was"}},
                          json::object{{"type", "function_call"}, {"call_id", "gone"}},
                          json::object{{"type", "function_call"}, {"call_id", "c1"}},
                          json::object{{"type", "message"}, {"text", "too"}}};
    auto input = sent("openai-responses/m", {{role::user, "x"}, m}).at("input").as_array();
    BOOST_TEST(kinds(input) == "user assistant function_call function_call function_call", json::serialize(input));
    BOOST_TEST(input[1].at("content").as_string() == "other");
    for (auto [i, id] : {std::pair{2u, "c1"}, {3u, "c9"}, {4u, "c8"}})
        BOOST_TEST(input[i].at("call_id").as_string() == id);

    m.reasoning_blocks = {json::object{{"type", "text"}, {"text", "was"}},
                          json::object{{"type", "tool_use"}, {"id", "c1"}}};
    auto blocks = sent("anthropic/m", {{role::user, "x"}, m}).at("messages").as_array().at(1).at("content").as_array();
    BOOST_TEST(kinds(blocks) == "text tool_use tool_use tool_use", json::serialize(blocks));
    for (auto [i, id] : {std::pair{1u, "c1"}, {2u, "c9"}, {3u, "c8"}}) BOOST_TEST(blocks[i].at("id").as_string() == id);
}

BOOST_AUTO_TEST_CASE(signatures_of_geminis_texts_go_back_on_their_parts) {
    const std::string parts[]{R"({"text":"say","thoughtSignature":"S1"})",
                              R"({"functionCall":{"name":"f","args":{}},"thoughtSignature":"S2"})",
                              R"({"text":"","thoughtSignature":"S3"})"};
    auto candidate = [](const std::string& p, bool last) {
        return R"({"candidates":[{"content":{"parts":[)" + p + "]}" + (last ? R"(,"finishReason":"STOP")" : "") + "}]}";
    };
    for (bool streamed : {false, true}) {
        std::string answer = candidate(parts[0] + "," + parts[1] + "," + parts[2], true);
        if (streamed) {
            answer.clear();
            for (const auto& p : parts) answer += "data: " + candidate(p, &p == &parts[2]) + "\n\n";
        }
        auto back = next_request("gemini/gemini-3-pro", answer, "", streamed)
                        .at("contents")
                        .as_array()
                        .at(1)
                        .at("parts")
                        .as_array();
        BOOST_TEST_REQUIRE(back.size() == 3u, json::serialize(back));
        BOOST_TEST(back[0] == json::parse(parts[0]));
        BOOST_TEST(back[1] == json::parse(parts[1]));
        BOOST_TEST(back[2] == json::parse(parts[2]));
    }
    // Of a text alone too; a text that was changed since keeps its place and the signature.
    auto text = next_request("gemini/m", candidate(R"({"text":"a","thoughtSignature":"S"},{"text":"b"})", true));
    BOOST_TEST(text.at("contents").as_array().at(1).at("parts") ==
               json::parse(R"([{"text":"a","thoughtSignature":"S"},{"text":"b"}])"));
    message changed{role::assistant, "other"};
    changed.reasoning_blocks.push_back(json::parse(R"({"type":"gemini_part","text":"a","thoughtSignature":"S"})"));
    auto body = sent("gemini/m", {{role::user, "x"}, changed, {role::user, "y"}});
    BOOST_TEST(body.at("contents").as_array().at(1).at("parts") ==
               json::parse(R"([{"text":"other","thoughtSignature":"S"}])"));
}

BOOST_AUTO_TEST_CASE(gemini_is_not_sent_what_other_servers_signed) {
    for (const auto& [signature, goes_back] :
         {std::pair{R"({"google":{"thought_signature":"S"}})", false}, {"S{", true}, {"{", false}}) {
        message m{role::assistant, ""};
        m.tool_calls.push_back({.id = "c1", .name = "f", .arguments = "{}"});
        m.tool_calls.back().signature = signature;
        message result{role::tool, "1"};
        result.tool_call_id = "c1";
        auto contents = sent("gemini/m", {{role::user, "x"}, m, result}).at("contents").as_array();
        BOOST_TEST(contents.at(1).at("parts").as_array().at(0).as_object().contains("thoughtSignature") == goes_back,
                   signature);
    }
}

BOOST_AUTO_TEST_CASE(reasoning_goes_back_where_the_server_can_read_it) {
    auto answer = [](const std::string& reasoning, const std::string& rest) {
        return R"({"status":"completed","output":[)" + reasoning + "," + rest + "]}";
    };
    const std::string text = R"({"type":"message","content":"A"})";
    auto kept = next_request("openai-responses/gpt-5",
                             answer(R"({"type":"reasoning","id":"r","encrypted_content":"E"})", text), "/v1");
    BOOST_TEST(kept.at("input").as_array().at(1).at("encrypted_content").as_string() == "E");
    auto lost =
        next_request("openai-responses/gpt-5", answer(R"({"type":"reasoning","id":"r","summary":[]})", text), "/v1");
    BOOST_TEST(kinds(lost.at("input")) == "user assistant");  // nothing is stored there under that id
    auto claude = next_request(
        "anthropic/m",
        R"({"content":[{"type":"thinking","thinking":"T","signature":"S"},{"type":"text","text":"A"}],"stop_reason":"end_turn"})");
    BOOST_TEST(kinds(claude.at("messages").as_array().at(1).at("content")) == "thinking text");
}

BOOST_AUTO_TEST_CASE(another_providers_blocks_are_not_sent) {
    message m{role::assistant, "text", {}};
    m.reasoning_blocks = {json::object{{"type", "thinking"}, {"thinking", "MINE"}, {"signature", "S"}},
                          json::object{{"type", "reasoning"}, {"encrypted_content", "YOURS"}}};
    std::string anthropic = json::serialize(sent("anthropic/m", {{role::user, "x"}, m}));
    BOOST_TEST((anthropic.find("MINE") != anthropic.npos && anthropic.find("YOURS") == anthropic.npos));
    std::string responses = json::serialize(sent("openai-responses/m", {{role::user, "x"}, m}));
    BOOST_TEST((responses.find("MINE") == responses.npos && responses.find("YOURS") != responses.npos));
    for (const char* other : {"openai/m", "gemini/m", "ollama/m", "cohere/m"}) {
        std::string body = json::serialize(sent(other, {{role::user, "x"}, m}));
        BOOST_TEST((body.find("MINE") == body.npos && body.find("YOURS") == body.npos));
    }
}

BOOST_AUTO_TEST_CASE(arguments_go_back_as_an_object) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"{'city': 'Oslo'}", R"({"city":"Oslo"})"},
        {"```json\n{\"city\": \"Oslo\"}\n```", R"({"city":"Oslo"})"},
        {"{\"city\": \"Oslo\",}", R"({"city":"Oslo"})"},
        {"{\"city\": \"Oslo\"", R"({"city":"Oslo"})"},
        {"", "{}"},
        {"null", "{}"},
        {"7", "{}"},
        {"\"{\\\"city\\\":\\\"Oslo\\\"}\"", R"({"city":"Oslo"})"},
        {"{\"a\": NaN}", R"({"a":null})"}};
    for (const auto& [written, back] : cases) {
        message m{role::assistant, "", {{"c1", "f", written}}};
        for (const char* name : {"openai/m", "openai-responses/m", "cohere/m", "anthropic/m", "gemini/m", "ollama/m"}) {
            std::string body = json::serialize(sent(name, {{role::user, "x"}, m, {role::tool, "r", {}, "c1"}}));
            bool text = std::string_view{name}.starts_with("openai") || std::string_view{name}.starts_with("cohere");
            std::string wanted = text ? json::serialize(json::value(json::string(back))) : back;
            BOOST_TEST(body.find(wanted) != body.npos, name << ": " << written << " goes back in " << body);
        }
    }
    // What is an object already is not touched.
    message exact{role::assistant, "", {{"c1", "f", "{ \"a\": 1.50 }"}}};
    BOOST_TEST(json::serialize(sent("openai/m", {exact})).find("{ \\\"a\\\": 1.50 }") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_are_replaced) {
    const std::string bad = "caf\xe9 \xff\xfe \xed\xa0\xbd end";
    message m{role::assistant, bad, {{"c1", "f", "{\"a\":\"\xe9\"}"}}};
    for (const char* name : {"openai/m", "openai-responses/m", "anthropic/m", "gemini/m", "ollama/m", "cohere/m"}) {
        auto body =
            json::serialize(sent(name, {{role::system, bad}, {role::user, bad}, m, {role::tool, bad, {}, "c1"}}));
        BOOST_TEST(body.find("caf\xEF\xBF\xBD") != body.npos, name);
        BOOST_TEST(body.find('\xff') == body.npos);
        boost::system::error_code ec;
        json::parse(body, ec);
        BOOST_TEST(!ec);
    }
}

BOOST_AUTO_TEST_CASE(blank_texts_form_no_message) {
    for (const char* name : {"openai/m", "anthropic/m", "ollama/m", "cohere/m"})
        for (const char* blank : {"", " \n", "\t"}) {
            auto all = sent(name, {{role::user, "a"}, {role::assistant, blank}, {role::user, "b"}}).at("messages");
            BOOST_TEST(json::serialize(all).find("assistant") == std::string::npos, json::serialize(all));
        }
    BOOST_TEST(
        kinds(sent("openai-responses/m", {{role::user, "a"}, {role::assistant, " "}, {role::user, "b"}}).at("input")) ==
        "user user");
    // Beside a call, a blank text is none.
    message call{role::assistant, "\n\n", {{"c1", "f", "{}"}}};
    auto blocks = sent("anthropic/m", {{role::user, "a"}, call, {role::tool, "r", {}, "c1"}})
                      .at("messages")
                      .as_array()
                      .at(1)
                      .at("content");
    BOOST_TEST(kinds(blocks) == "tool_use");
    // Anthropic's last message of an assistant ends with no blank.
    auto last = sent("anthropic/m", {{role::user, "a"}, {role::assistant, "so: \n"}})
                    .at("messages")
                    .as_array()
                    .at(1)
                    .at("content")
                    .as_array();
    BOOST_TEST(last[0].at("text").as_string() == "so:");
    // A picture alone needs no text.
    message picture{role::user, ""};
    picture.images = {image::from_url("https://example.org/a.png")};
    BOOST_TEST(sent("openai/m", {picture}).at("messages").as_array()[0].at("content").as_array().size() == 1u);
}

BOOST_AUTO_TEST_CASE(no_content_is_written_as_the_server_takes_it) {
    message call{role::assistant, "", {{"c1", "f", "{}"}}};
    auto content = [&](const char* name, language_model_options o = {}) {
        return sent(name, {call}, o).at("messages").as_array()[0].as_object();
    };
    for (const char* name : {"openai/m", "lmstudio/m", "llamacpp/m", "deepseek/m"})
        BOOST_TEST((content(name).at("content") == ""), name);
    for (const char* name : {"mistral/m", "vllm/m", "groq/m"}) BOOST_TEST(content(name).at("content").is_null(), name);
    using empty = dialect::empty;
    BOOST_TEST(content("openai/m", {.dialect = {.empty_content = empty::null}}).at("content").is_null());
    BOOST_TEST(!content("openai/m", {.dialect = {.empty_content = empty::absent}}).contains("content"));
}

BOOST_AUTO_TEST_CASE(ids_are_made_fit_for_the_next_provider) {
    std::vector<std::string> odd{"functions.weather:0", "functions.weather:1", std::string(80, 'x'), "call_0",
                                 "D681PevKs"};
    auto ids = [&](const char* name) {
        std::vector<std::pair<std::string, std::string>> all;  // of the call and of its result
        message m{role::assistant, ""};
        std::vector<message> messages{{role::user, "x"}};
        for (const auto& id : odd) m.tool_calls.push_back({id, "f", "{}"});
        messages.push_back(m);
        for (const auto& id : odd) messages.push_back({role::tool, "r", {}, id});
        auto body = sent(name, messages);
        auto written = json::serialize(body);
        auto list = body.at("messages").as_array();
        bool anthropic = std::string_view{name}.starts_with("anthropic");
        for (std::size_t i = 0; i < odd.size(); ++i)
            if (anthropic)
                all.emplace_back(list[1].at("content").as_array()[i].at("id").as_string(),
                                 list[2].at("content").as_array()[i].at("tool_use_id").as_string());
            else
                all.emplace_back(list[1].at("tool_calls").as_array()[i].at("id").as_string(),
                                 list[2 + i].at("tool_call_id").as_string());
        return all;
    };
    auto check = [&](const char* name, auto fits) {
        std::set<std::string> different;
        for (const auto& [call, result] : ids(name)) {
            BOOST_TEST(call == result);
            BOOST_TEST(fits(call), name << " gets " << call);
            different.insert(call);
        }
        BOOST_TEST(different.size() == odd.size());
    };
    auto of = [](const std::string& signs, std::size_t most, std::size_t least) {
        return [=](const std::string& id) {
            return id.size() <= most && id.size() >= least && id.find_first_not_of(signs) == id.npos;
        };
    };
    const std::string letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    check("anthropic/m", of(letters + "_-", 64, 1));
    check("mistral/m", of(letters, 9, 9));
    check("openai/m", [](const std::string& id) { return id.size() <= 40; });
    BOOST_TEST(ids("mistral/m")[4].first == "D681PevKs");  // fits already
    BOOST_TEST(ids("anthropic/m")[3].first == "call_0");
    BOOST_TEST(ids("groq/m")[0].first == "functions.weather:0");
}

BOOST_AUTO_TEST_SUITE_END()
