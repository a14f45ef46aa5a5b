#include "support/scripted_openai.hpp"

#include <reagent/deadline.hpp>
#include <reagent/error.hpp>
#include <reagent/http/client.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>

using namespace reagent;
using namespace reagent::test;

namespace {

struct answered {
    lm_response response;
    json::value sent;
    std::string authorization;
};

// One call over a real socket.
answered call(const server_response& reply, lm_request request, language_model_options options = {}) {
    answered a;
    loopback_server server{[&](const server_request& r) {
        a.sent = json::parse(r.body);
        a.authorization = r.authorization;
        BOOST_TEST(r.target == "/v1/chat/completions");
        return reply;
    }};
    options.api_base = server.url("/v1");
    if (options.api_key.empty()) options.api_key = secret{"sk-test-0123456789abcdef"};
    language_model model{"openai/test-model", options};
    boost::asio::io_context context;
    http::client client{context.get_executor(), {}};
    std::exception_ptr failure;
    auto work = [&]() -> task<void> {
        lm_context where{client, reagent::clock::now() + std::chrono::seconds{10}};
        a.response = co_await model.backend()->complete(where, request);
    };
    boost::asio::co_spawn(context, work(), [&](std::exception_ptr e) { failure = e; });
    context.run();
    if (failure) std::rethrow_exception(failure);
    return a;
}

lm_request simple() {
    lm_request r;
    r.messages = {{role::system, "be brief \"\\\n\x01"}, {role::user, "hi \u00e9"}};
    return r;
}

lm_errc code_of(int status, const std::string& body) {
    try {
        call({.status = status, .body = body, .headers = {{"x-request-id", "req-7"}}}, simple());
    } catch (const lm_error& e) {
        BOOST_TEST(std::string{e.what()}.find("sk-test") == std::string::npos, e.what());
        BOOST_TEST(e.details().provider_message.find("sk-test") == std::string::npos);
        BOOST_TEST(e.details().request_id == "req-7");
        BOOST_TEST(e.details().http_status == status);
        for (int i = 1; i < 20; ++i)
            if (e.code() == static_cast<lm_errc>(i)) return static_cast<lm_errc>(i);
    }
    return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(openai)

BOOST_AUTO_TEST_CASE(a_request_holds_messages_sampling_and_the_key) {
    auto request = simple();
    request.sampling = {.temperature = 0.5, .max_tokens = 10, .stop = {"END"}};
    auto a = call({.body = openai_text("hello")}, request);
    BOOST_TEST(a.authorization == "Bearer sk-test-0123456789abcdef");
    BOOST_TEST(
        (a.sent == json::value(json::object{
                       {"model", "test-model"},
                       {"messages", json::array{json::object{{"role", "system"}, {"content", "be brief \"\\\n\x01"}},
                                                json::object{{"role", "user"}, {"content", "hi \u00e9"}}}},
                       {"temperature", 0.5},
                       {"max_tokens", 10},
                       {"stop", json::array{"END"}}})),
        a.sent);
    BOOST_TEST(a.response.text == "hello");
    BOOST_TEST(a.response.usage.prompt_tokens == 10u);
    BOOST_TEST((a.response.finish == finish_reason::stop));
}

BOOST_AUTO_TEST_CASE(tools_are_offered_and_calls_are_read) {
    auto request = simple();
    request.tools = {{"add", "Adds.", json::object{{"type", "object"}, {"properties", json::object{}}}}};
    request.messages.push_back({role::assistant, "", {{"c1", "add", "{\"a\": 1}"}}});
    request.messages.push_back({role::tool, "3", {}, "c1"});
    auto a = call({.body = openai_calls({{"add", "{\"a\": 1, \"b\": 2}"}, {"finish", "{}"}})}, request);
    BOOST_TEST(a.sent.at("tools").as_array()[0].at("function").at("name").as_string() == "add");
    BOOST_TEST(a.sent.at("messages").as_array()[2].at("tool_calls").as_array()[0].at("id").as_string() == "c1");
    BOOST_TEST(a.sent.at("messages").as_array()[3].at("tool_call_id").as_string() == "c1");
    BOOST_REQUIRE(a.response.tool_calls.size() == 2u);
    BOOST_TEST(a.response.tool_calls[0].arguments == "{\"a\": 1, \"b\": 2}");
    BOOST_TEST((a.response.finish == finish_reason::tool_calls));
}

BOOST_AUTO_TEST_CASE(structured_output_is_strict_where_the_schema_allows_it) {
    auto request = simple();
    request.outputs_schema =
        json::parse(
            R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false})")
            .as_object();
    auto format = call({.body = openai_text("{}")}, request).sent.at("response_format");
    BOOST_TEST(format.at("json_schema").at("strict").as_bool());
    request.outputs_schema =
        json::parse(
            R"({"type":"object","properties":{"a":{"type":"object","additionalProperties":{"type":"integer"}}},"required":["a"],"additionalProperties":false})")
            .as_object();
    BOOST_TEST(!call({.body = openai_text("{}")}, request)
                    .sent.at("response_format")
                    .at("json_schema")
                    .at("strict")
                    .as_bool());
    BOOST_TEST(!call({.body = openai_text("{}")}, request, {.structured_output = false})
                    .sent.as_object()
                    .contains("response_format"));
}

BOOST_AUTO_TEST_CASE(errors_are_told_apart_and_hold_no_key) {
    auto body = [](const char* message, const char* code = "") {
        return json::serialize(json::object{{"error", json::object{{"message", message}, {"code", code}}}});
    };
    BOOST_TEST((code_of(401, body("Incorrect API key provided: sk-test-0123456789abcdef")) == lm_errc::authentication));
    BOOST_TEST((code_of(401, body("Incorrect API key provided: sk-test-***cdef")) == lm_errc::authentication));
    BOOST_TEST((code_of(403, body("no")) == lm_errc::permission));
    BOOST_TEST((code_of(404, "not json") == lm_errc::not_found));
    BOOST_TEST((code_of(429, body("slow down")) == lm_errc::rate_limited));
    BOOST_TEST((code_of(400, body("This model's maximum context length is 8192 tokens", "context_length_exceeded")) ==
                lm_errc::context_length));
    BOOST_TEST((code_of(400, body("bad")) == lm_errc::invalid_request));
    BOOST_TEST((code_of(503, "<html>") == lm_errc::server_error));
}

BOOST_AUTO_TEST_CASE(nonsense_from_a_provider_is_an_error) {
    for (const char* body :
         {"", "[]", "{}", R"({"choices":[]})", R"({"choices":[{}]})", R"({"choices":[{"message":3}]})",
          R"({"choices":[{"message":{"tool_calls":[{"function":{}}]}}]})", "\xff\xfe"})
        BOOST_CHECK_THROW(call({.body = body}, simple()), lm_error);
    auto odd = call(
        {.body = R"({"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]}}],"usage":null})"},
        simple());
    BOOST_TEST(odd.response.text == "ab");
}

BOOST_AUTO_TEST_CASE(models_are_named_by_provider) {
    ::unsetenv("OPENAI_API_KEY");
    auto code = [](const char* name, language_model_options o = {}) {
        try {
            language_model{name, o};
        } catch (const lm_error& e) {
            return std::string{e.what()};
        }
        return std::string{};
    };
    BOOST_TEST(code("openai/gpt-4o-mini").find("OPENAI_API_KEY") != std::string::npos);
    BOOST_TEST(code("opnai/x").find("did you mean \"openai\"") != std::string::npos);
    BOOST_TEST(code("openai").find("names no model") != std::string::npos);
    BOOST_TEST(code("offline/demo").empty());
    BOOST_TEST(code("ollama/llama3").empty());
    BOOST_TEST(code("openai/local", {.api_base = "http://127.0.0.1:1/v1/"}).empty());
}

BOOST_AUTO_TEST_CASE(a_secret_does_not_print) {
    secret s{"hunter2hunter2"};
    std::ostringstream out;
    out << s;
    BOOST_TEST(out.str() == "(secret)");
    BOOST_TEST(redact("key hunter2hunter2 and sk-abcdefghijkl, not risk-free", s) ==
               "key (secret) and (secret), not risk-free");
}

BOOST_AUTO_TEST_CASE(what_looks_like_a_key_is_left_out) {
    const secret none;
    for (std::string key :
         {"sk-proj-Ab12Cd34Ef56", "sk-abc***xyz", "AIzaSyD4x8Q2mTn0pR5sUvWxYz", "gsk_A1b2C3d4E5f6G7h8",
          "xai-0123456789abcdefghij", "pplx-0a1b2c3d4e5f6a7b", "tgp_v1_AbCdEfGh1234", "hf_abcdefghijKLMNOP12",
          "nvapi-aB3dE5gH7jK9lM1n", "ghp_0123456789abcdefABCD", "AKIAIOSFODNN7EXAMPLE"}) {
        BOOST_TEST(redact("Incorrect key: " + key + ".", none) == "Incorrect key: (secret).");
        BOOST_TEST(redact("{\"k\":\"" + key + "\"}", none) == "{\"k\":\"(secret)\"}");
    }
    const std::pair<const char*, const char*> named[] = {
        {"Authorization: Bearer 9f8e7d6c5b4a", "Authorization: Bearer (secret)"},
        {"authorization: basic dXNlcjpwYXNz", "authorization: basic (secret)"},
        {"got header Bearer abCdEf123456/+==, refused", "got header Bearer (secret), refused"},
        {"x-api-key: 0123456789abcdef", "x-api-key: (secret)"},
        {"{\"x-goog-api-key\": \"q1w2e3r4t5\"}", "{\"x-goog-api-key\": \"(secret)\"}"},
        {"{\\\"api_key\\\":\\\"q1w2e3r4t5\\\"}", "{\\\"api_key\\\":\\\"(secret)\\\"}"},
        {"GET http://h/v1?alt=sse&key=q1w2e3r4t5&x=1", "GET http://h/v1?alt=sse&key=(secret)&x=1"},
        {"postgresql://app:pa55word@db/shop", "postgresql://app:(secret)@db/shop"},
    };
    for (auto [text, shown] : named) BOOST_TEST(redact(text, none) == shown);
    for (const char* harmless :
         {"a risk-free task-list", "Bearer authentication is needed", "Basic understanding of keys",
          "the key is under the mat", "the Bearer token was refused", "hf_ and gsk_ are prefixes",
          "https://example.org:8080/a@b", "sort by key=name", "an api key is missing", "xai-explained",
          "api_key: required", "mailto:me@example.org"})
        BOOST_TEST(redact(harmless, none) == harmless);
}

BOOST_AUTO_TEST_CASE(no_secret_hides_a_part_of_another) {
    const secret both[] = {secret{"abcdef"}, secret{"defghijkl"}, secret{"p@ss w\"rd"}};
    BOOST_TEST(redact("see abcdefghijkl.", both) == "see (secret).");
    BOOST_TEST(redact("see defghijkl and abcdef", both) == "see (secret) and (secret)");
    BOOST_TEST(redact("u=p%40ss%20w%22rd in {\"p\":\"p@ss w\\\"rd\"}", both) == "u=(secret) in {\"p\":\"(secret)\"}");
    BOOST_TEST(redact("sk-0123abcdef456789", both) == "(secret)");
}

BOOST_AUTO_TEST_CASE(prices_are_known_for_listed_models_only) {
    usage u{1, 1'000'000, 1'000'000, {}};
    BOOST_TEST(*price_of("gpt-4o-mini-2024-07-18", u) == 0.75);
    BOOST_TEST(*price_of("gpt-4o", u) == 12.5);
    BOOST_TEST(!price_of("gpt-4o-minimal", u).has_value());
    BOOST_TEST(!price_of("llama3", u).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
