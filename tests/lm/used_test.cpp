// What a call used, whatever its server tells of it: a budget must hold. And what tells models apart.
#include "heard.hpp"
#include "support/folder.hpp"

#include <reagent/lm/decorators.hpp>
#include <reagent/lm/embedder.hpp>
#include <reagent/run/runtime.hpp>

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
std::string chat(const std::string& usage) {
    return R"({"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],"usage":)" + usage + "}";
}
std::string piece(const std::string& delta, const std::string& more = "", const char* finish = "null") {
    return R"({"id":"c","choices":[{"index":0,"delta":)" + delta + ",\"finish_reason\":" + finish + "}]" + more + "}";
}
const std::string long_text(30'000, 'x');
const std::string long_piece = piece(R"({"content":")" + long_text + "\"}");

usage used(const std::string& provider, const std::string& body, bool streamed = false) {
    loopback_server server{[&](const server_request&) { return server_response{.body = body}; }};
    lm_request r = question(long_text);
    auto model = model_at(provider, server);
    return streamed ? ask_streaming(model, r).response.usage : ask(model, r).usage;
}

// The tokens that an error tells.
std::uint64_t lost(const std::string& body, bool streamed) {
    loopback_server server{[&](const server_request&) { return server_response{.body = body}; }};
    auto model = model_at("openai", server);
    try {
        streamed ? (void)ask_streaming(model, question("x")) : (void)ask(model, question("x"));
    } catch (const error& e) {
        return e.details().prompt_tokens + e.details().completion_tokens;
    }
    return 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(used_tokens)

BOOST_AUTO_TEST_CASE(a_prompt_that_is_not_counted_is_estimated) {
    const std::pair<const char*, std::string> bodies[]{
        {"openai", chat(R"({"completion_tokens":1})")},
        {"openai", chat(R"({"prompt_tokens":0,"completion_tokens":1})")},
        {"openai", chat(R"({"total_tokens":2})")},
        {"anthropic",
         R"({"content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"output_tokens":1}})"},
        {"gemini",
         R"({"candidates":[{"content":{"parts":[{"text":"ok"}]},"finishReason":"STOP"}],"usageMetadata":{"candidatesTokenCount":1}})"},
        {"ollama", R"({"message":{"content":"ok"},"done":true,"done_reason":"stop","eval_count":1})"},
        {"cohere",
         R"({"message":{"content":[{"type":"text","text":"ok"}]},"finish_reason":"COMPLETE","usage":{"tokens":{"output_tokens":1}}})"},
        {"openai-responses",
         R"({"status":"completed","output":[{"type":"message","content":"ok"}],"usage":{"output_tokens":1}})"}};
    for (const auto& [provider, body] : bodies)
        for (bool streamed : {false, true}) {
            const usage u = used(provider, body, streamed);
            BOOST_TEST(u.prompt_tokens >= 10'000u, body);
            BOOST_TEST(u.estimated_tokens == u.prompt_tokens, body);
            BOOST_TEST(u.completion_tokens == 1u, body);
        }
    // What is told is not estimated.
    const usage told = used("openai", chat(R"({"completion_tokens":500,"total_tokens":9500})"));
    BOOST_TEST(told.prompt_tokens == 9000u);
    BOOST_TEST(told.estimated_tokens == 0u);
    BOOST_TEST(used("openai", chat(R"({"total_tokens":15000})")).tokens() == 15'000u);
}

BOOST_AUTO_TEST_CASE(of_counts_in_several_pieces_the_largest_counts) {
    const std::string counts = R"(,"usage":{"prompt_tokens":9000,"completion_tokens":500})";
    const std::string openai[]{
        sse({piece(R"({"content":"ok"})", counts),
             piece("{}", R"(,"usage":{"prompt_tokens":0,"completion_tokens":1})", "\"stop\"")}),
        sse({piece(R"({"content":"ok"})", R"(,"usage":{"prompt_tokens":9000,"completion_tokens":1})"),
             piece("{}", counts, "\"stop\"")})};
    for (const auto& body : openai) BOOST_TEST(used("openai", body, true).tokens() == 9500u, body);
    const std::string lines = R"({"message":{"content":"ok"},"done":false,"prompt_eval_count":9000,"eval_count":500})"
                              "\n"
                              R"({"message":{"content":""},"done":true})"
                              "\n";
    BOOST_TEST(used("ollama", lines, true).tokens() == 9500u);
    const std::string anthropic = sse(
        {R"({"type":"message_start","message":{"content":[],"usage":{"input_tokens":9000,"output_tokens":500}}})",
         R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"ok"}})",
         R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":1,"output_tokens":1}})",
         R"({"type":"message_stop"})"});
    BOOST_TEST(used("anthropic", anthropic, true).tokens() == 9500u);
    const std::string responses = sse(
        {R"({"type":"response.in_progress","response":{"usage":{"input_tokens":9000,"output_tokens":500}}})",
         R"({"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":"ok"}]}})"});
    BOOST_TEST(used("openai-responses", responses, true).tokens() == 9500u);
}

BOOST_AUTO_TEST_CASE(what_came_of_an_answer_that_broke_off_is_counted) {
    const std::string bodies[]{sse({long_piece}), sse({long_piece, R"({"error":{"message":"boom","code":500}})"}),
                               sse({long_piece, "{no JSON"})};
    for (const auto& body : bodies)
        for (bool streamed : {false, true}) BOOST_TEST(lost(body, streamed) >= 10'000u, body.substr(body.size() - 60));
    // Nothing came.
    for (bool streamed : {false, true}) BOOST_TEST(lost(R"({"error":{"message":"boom","code":500}})", streamed) == 0u);
    BOOST_TEST(lost(sse({R"({"error":{"message":"boom","code":500}})"}), true) == 0u);
}

BOOST_AUTO_TEST_CASE(attempts_that_broke_off_are_counted_with_the_one_that_did_not) {
    int asked = 0;
    loopback_server server{[&](const server_request&) {
        return server_response{.body = ++asked < 3 ? sse({long_piece})
                                                   : chat(R"({"prompt_tokens":5,"completion_tokens":1})")};
    }};
    const auto model = retrying(model_at("openai", server), {.max_attempts = 3, .base = std::chrono::milliseconds{1}});
    BOOST_TEST(ask(model, question("x")).usage.tokens() >= 20'000u);
    BOOST_TEST(asked == 3);
}

BOOST_AUTO_TEST_CASE(embeddings_that_no_server_counts_are_estimated) {
    loopback_server server{
        [&](const server_request&) { return server_response{.body = R"({"data":[{"index":0,"embedding":[1,2]}]})"}; }};
    embedder e{"openai/e", {.api_base = server.url("/v1"), .api_key = secret{"key-0123456789"}}};
    const auto r = ask(e.as_model(embedding_use::document), question(std::string(3000, 'a')));
    BOOST_TEST(r.usage.prompt_tokens == 1000u);
    BOOST_TEST(r.usage.estimated_tokens == 1000u);
}

BOOST_AUTO_TEST_CASE(an_embedding_that_stands_twice_in_one_item_is_refused) {
    loopback_server server{[&](const server_request&) {
        return server_response{.body = R"({"data":[{"index":0,"embedding":[1,2],"embedding":[9,9]}]})"};
    }};
    embedder e{"openai/e", {.api_base = server.url("/v1"), .api_key = secret{"key-0123456789"}}};
    BOOST_CHECK_EXCEPTION(ask(e.as_model(embedding_use::document), question("a")), lm_error,
                          [](const auto& failure) { return failure.code() == lm_errc::malformed_response; });
}

// A query names a tenant, a deployment, a version: the answers of one are not those of another.
BOOST_AUTO_TEST_CASE(the_query_of_an_address_tells_models_apart) {
    folder f;
    const std::string file = (f.path / "cache.db").string();
    int asked = 0;
    loopback_server server{[&](const server_request&) {
        ++asked;
        return server_response{.body = R"({"choices":[{"message":{"content":"answer )" + std::to_string(asked) +
                                       R"("},"finish_reason":"stop"}]})"};
    }};
    auto model = [&](const std::string& query) {
        return language_model{"openai/m", {.api_base = server.url("/v1") + query, .api_key = secret{"key-0123456789"}}};
    };
    auto text = [&](const std::string& query) { return ask(cached(model(query), {.file = file}), question("x")).text; };
    BOOST_TEST(text("?tenant=a") == "answer 1");
    BOOST_TEST(text("?tenant=b") == "answer 2");
    BOOST_TEST(text("") == "answer 3");
    BOOST_TEST(text("?tenant=a") == "answer 1");
    BOOST_TEST(text("") == "answer 3");
    BOOST_TEST(model("?key=SECRET-VALUE").backend()->identity().find("SECRET-VALUE") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
