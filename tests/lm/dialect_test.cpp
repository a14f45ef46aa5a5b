// What servers of one protocol do differently: the table, what a user sets over it, schemas, the words of errors, and
// caches.
#include "../../sdk/src/lm/providers/dialect.hpp"
#include "../../sdk/src/lm/providers/protocol.hpp"
#include "support/ask.hpp"
#include "support/loopback_server.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/catalog.hpp>
#include <reagent/lm/decorators.hpp>

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <atomic>
#include <filesystem>

using namespace reagent;
using namespace reagent::test;

namespace {

json::object body(const std::string& name, language_model_options options = {},
                  std::optional<json::object> schema = {}) {
    lm_request r;
    r.messages = {{role::user, "x"}};
    r.sampling.max_tokens = 7;
    r.outputs_schema = std::move(schema);
    return preview(name, r, options).body.as_object();
}

json::object schema_of(const char* text) { return json::parse(text).as_object(); }

// What OpenAI's strict mode says of a schema; "" when it takes it. Source: OpenAI, "Structured model outputs",
// supported schemas.
std::string objection(const json::value& v) {
    if (v.is_array())
        for (const auto& part : v.get_array())
            if (auto o = objection(part); !o.empty()) return o;
    if (!v.is_object()) return {};
    const auto& o = v.get_object();
    if (o.contains("$ref") && o.size() > 1) return "$ref has neighbours";
    if (auto* t = o.if_contains("type");
        t && *t == "object" && (!o.contains("additionalProperties") || o.at("additionalProperties") != false))
        return "an open object";
    if (auto* p = o.if_contains("properties"); p && o.at("required").as_array().size() != p->as_object().size())
        return "a member is not required";
    for (const char* key : {"oneOf", "allOf", "not", "uniqueItems", "prefixItems", "patternProperties", "minProperties",
                            "default", "contains", "if"})
        if (o.contains(key)) return std::string{key} + " is not permitted";
    for (const auto& [key, part] : o)
        if (auto found = objection(part); !found.empty()) return found;
    return {};
}

const char* nested = R"({"type":"object","properties":{
    "tags":{"type":"array","items":{"type":"string","minLength":2},"uniqueItems":true,"minItems":1},
    "point":{"type":"object","properties":{"x":{"type":"integer","default":3}},"required":["x"]},
    "pair":{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false,"minItems":2,"maxItems":2},
    "when":{"type":"string","format":"date"},"where":{"type":"string","format":"uri"},
    "either":{"oneOf":[{"type":"integer"},{"type":"null"}]},
    "tree":{"$ref":"#/$defs/node","description":"the root"}},
    "required":["tags","point","pair","when","where","either","tree"],"additionalProperties":false,
    "$defs":{"node":{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["children"]}}})";

lm_error refusal(int status, const std::string& text, std::vector<std::pair<std::string, std::string>> headers = {}) {
    try {
        provider::throw_status({status, std::move(headers), text}, "test", {});
    } catch (const lm_error& e) {
        return e;
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dialects)

BOOST_AUTO_TEST_CASE(a_models_family_is_found_behind_every_name) {
    for (const char* name : {"openai/o3-mini", "openai/gpt-5", "openai/azure/gpt-5-mini", "openai/ft:o4-mini:org::id",
                             "openai/litellm/openai/o1", "openai/GPT-5.1"}) {
        BOOST_TEST(body(name).contains("max_completion_tokens"), name);
        BOOST_TEST(!body(name).contains("max_tokens"), name);
    }
    for (const char* name : {"openai/gpt-4o", "openai/ft:gpt-4o:org::id", "openai/o3x", "openai/omega", "openai/gpt-50",
                             "groq/openai/gpt-oss-20b"})
        BOOST_TEST(body(name).contains("max_tokens"), name);
    BOOST_TEST(body("mistral/m").contains("max_tokens"));
}

BOOST_AUTO_TEST_CASE(reasoning_is_asked_for_where_the_model_reasons) {
    for (const char* name : {"openai-responses/gpt-5-mini", "openai-responses/azure/o3"})
        BOOST_TEST(body(name).contains("include"), name);
    for (const char* name : {"openai-responses/gpt-4o", "openai-responses/my-model"})
        BOOST_TEST(!body(name).contains("include"), name);
}

BOOST_AUTO_TEST_CASE(options_go_over_the_table) {
    BOOST_TEST(body("openai/my", {.dialect = {.max_completion_tokens = true}}).contains("max_completion_tokens"));
    BOOST_TEST(body("openai/o3", {.dialect = {.max_completion_tokens = false}}).contains("max_tokens"));
    BOOST_TEST(body("openai-responses/my", {.dialect = {.include_reasoning = true}}).contains("include"));
    BOOST_TEST(!body("openai-responses/o3", {.dialect = {.include_reasoning = false}}).contains("include"));
    using format = dialect::format;
    auto s = schema_of(nested);
    auto kind = [&](const char* name, language_model_options o = {}) {
        auto b = body(name, o, s);
        return b.contains("response_format") ? std::string{b.at("response_format").at("type").as_string().c_str()}
                                             : std::string{};
    };
    BOOST_TEST(kind("openai/m") == "json_schema");
    BOOST_TEST(kind("deepseek/m") == "json_object");
    BOOST_TEST(kind("deepseek/m", {.dialect = {.response_format = format::json_schema}}) == "json_schema");
    BOOST_TEST(kind("openai/m", {.dialect = {.response_format = format::json_object}}) == "json_object");
    BOOST_TEST(kind("openai/m", {.dialect = {.response_format = format::none}}) == "");
    auto plain = body("openai/m", {.dialect = {.strict_schemas = false}}, s).at("response_format").at("json_schema");
    BOOST_TEST((!plain.at("strict").as_bool() && plain.at("schema") == json::value(s)));
    lm_request r = question("x");
    provider::call_settings settings{.model = "m", .stream = true, .provider = "openai"};
    BOOST_TEST(provider::openai_chat().write(settings, r).body.find("stream_options") != std::string::npos);
    settings.dialect.usage_in_stream = false;
    BOOST_TEST(provider::openai_chat().write(settings, r).body.find("stream_options") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_schema_is_sent_as_the_provider_takes_it) {
    auto strict = body("openai/m", {}, schema_of(nested)).at("response_format").at("json_schema");
    BOOST_TEST(strict.at("strict").as_bool());
    const auto& s = strict.at("schema");
    BOOST_TEST(objection(s) == "", json::serialize(s));
    const auto& p = s.at("properties");
    BOOST_TEST(p.at("point").at("additionalProperties") == false);
    BOOST_TEST((p.at("tree") == json::value(json::object{{"$ref", "#/$defs/node"}})));
    BOOST_TEST(s.at("$defs").at("node").at("additionalProperties") == false);
    BOOST_TEST(p.at("either").as_object().contains("anyOf"));
    BOOST_TEST(p.at("pair").at("items").at("anyOf").as_array().size() == 2u);
    BOOST_TEST(p.at("pair").at("maxItems").to_number<std::int64_t>() == 2);
    BOOST_TEST(p.at("when").as_object().contains("format"));
    BOOST_TEST(!p.at("where").as_object().contains("format"));
    BOOST_TEST(p.at("tags").at("minItems").to_number<std::int64_t>() == 1);
    // A fine-tuned model takes less.
    auto tuned =
        body("openai/ft:gpt-4o:o::i", {}, schema_of(nested)).at("response_format").at("json_schema").at("schema");
    BOOST_TEST(!tuned.at("properties").at("tags").as_object().contains("minItems"));
    // What cannot be closed is not strict, and goes as it is.
    for (
        const char* open :
        {R"({"type":"object","properties":{"m":{"type":"object","additionalProperties":{"type":"integer"}}},"required":["m"]})",
         R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a"]})",
         R"({"type":"object","properties":{"a":{}},"required":["a"]})", R"({"type":"object"})",
         R"({"type":"object","properties":{"d":{"$ref":"#/$defs/d"}},"required":["d"],"$defs":{"d":{"type":"object"}}})"}) {
        auto sent = body("openai/m", {}, schema_of(open)).at("response_format").at("json_schema");
        BOOST_TEST(!sent.at("strict").as_bool(), open);
        BOOST_TEST((sent.at("schema") == json::value(schema_of(open))));
        BOOST_TEST(!body("anthropic/m", {}, schema_of(open)).contains("output_config"), open);
    }
    // Anthropic knows no recursion, and no bounds.
    BOOST_TEST(!body("anthropic/m", {}, schema_of(nested)).contains("output_config"));
    auto flat = schema_of(R"({"type":"object","properties":{"n":{"type":"integer","minimum":3}},"required":["n"]})");
    auto sent = body("anthropic/m", {}, flat).at("output_config").at("format").at("schema");
    BOOST_TEST((
        sent ==
        json::parse(
            R"({"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false})")));
}

BOOST_AUTO_TEST_CASE(a_schema_that_was_refused_is_not_sent_again) {
    std::atomic<int> with{0}, without{0};
    std::string words = "Invalid schema for response_format 'outputs'";
    loopback_server server{[&](const server_request& r) {
        bool has = r.body.find("response_format") != std::string::npos;
        ++(has ? with : without);
        if (has) return server_response{.status = 400, .body = R"({"error":{"message":")" + words + "\"}}"};
        return server_response{.body = openai_text("fine")};
    }};
    language_model model{"openai/m", {.api_base = server.url("/v1")}};
    lm_request r = question("x");
    r.outputs_schema = schema_of(nested);
    BOOST_CHECK_THROW(ask(model, r), lm_error);
    BOOST_TEST(ask(model, r).text == "fine");
    BOOST_TEST(ask(model, r).text == "fine");
    BOOST_TEST((with == 1 && without == 2));
    r.outputs_schema = schema_of(R"({"type":"object","properties":{},"required":[]})");  // another one is tried
    words = "the temperature is too high";  // and a refusal of something else says nothing of it
    for (int i = 0; i < 2; ++i) BOOST_CHECK_THROW(ask(model, r), lm_error);
    BOOST_TEST(with == 3);
}

BOOST_AUTO_TEST_CASE(a_prompt_that_is_too_long_is_known_by_every_servers_words) {
    const std::vector<std::pair<int, std::string>> all{
        {400,
         R"({"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error"}})"},
        {400,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000"}})"},
        {400,
         R"({"code":"Client specified an invalid argument","error":"This model's maximum prompt length is 131072 but the request contains 140000 tokens."})"},
        {422,
         R"({"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000","error_type":"validation"})"},
        {400, R"({"error":{"message":"Input is too long for requested model."}})"},
        {400,
         R"({"object":"error","message":"The decoder prompt (length 5000) is longer than the maximum model length of 4096."})"},
        {400, R"({"error":{"message":"This model's maximum context length is 4096 tokens."}})"},
        {413,
         R"({"error":{"message":"Request too large for model on tokens per minute (TPM): Limit 6000, Requested 7000","code":"rate_limit_exceeded"}})"},
        {429,
         R"({"error":{"message":"Request too large for gpt-4 on tokens per min (TPM): Limit 10000, Requested 12000."}})"},
        {400,
         R"({"error":"Trying to keep the first 5000 tokens when context the overflows. loaded with context length of only 4096 tokens"})"},
        {400,
         R"({"message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"})"},
        {400, R"({"error":{"message":"Please reduce the length of the messages or completion."}})"},
        {400, R"({"error":{"message":"Invalid request: Your request exceeded model token limit: 8192"}})"},
        {400, R"({"message":"Range of input length should be [1, 30720]"})"},
        {400,
         R"({"error":{"message":"The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."}})"},
        {400, R"({"message":"too many tokens: total number of tokens in the prompt cannot exceed 4081"})"},
        {413,
         R"({"error":{"code":"tokens_limit_reached","message":"Request body too large for gpt-4o model. Max size: 8000 tokens."}})"},
        {500, R"({"error":{"message":"the request exceeds the available context size"}})"}};
    for (const auto& [status, text] : all) BOOST_TEST((refusal(status, text).code() == lm_errc::context_length), text);
    for (
        const auto& [status, text] : std::vector<std::pair<int, std::string>>{
            {400,
             R"({"error":{"message":"max_tokens is too large: 5000. This model supports at most 4096 completion tokens"}})"},
            {400, R"({"error":{"message":"temperature must be at most 2"}})"}})
        BOOST_TEST((refusal(status, text).code() == lm_errc::invalid_request), text);
    BOOST_TEST(
        (refusal(429, R"({"error":{"message":"Rate limit reached: Limit 6000, Used 5900, Requested 200."}})").code() ==
         lm_errc::rate_limited));
}

BOOST_AUTO_TEST_CASE(how_long_to_wait_is_read_from_the_body) {
    auto wait = [](const std::string& text, std::vector<std::pair<std::string, std::string>> headers = {}) {
        auto d = refusal(429, text, headers).details().retry_after;
        return d ? d->count() : -1;
    };
    std::string info =
        R"({"error":{"code":429,"message":"Quota.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.Help"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}})";
    BOOST_TEST(wait(info) == 3500);
    BOOST_TEST(wait("[" + info + "]") == 3500);
    BOOST_TEST(wait(info, {{"retry-after", "2"}}) == 2000);
    BOOST_TEST(wait(R"({"error":{"message":"Rate limit reached. Please try again in 7.66s."}})") == 7660);
    BOOST_TEST(wait(R"({"error":{"message":"Please try again in 1m2.5s."}})") == 62500);
    BOOST_TEST(wait(R"({"error":{"message":"Please retry in 20ms"}})") == 20);
    for (const char* endless : {"99999999h", "99999999999999999999s",
                                "400 hours 99999999999h"})  // nobody waits for that, nor goes on at once
        BOOST_TEST(wait(R"({"error":{"message":"Please try again in )" + std::string{endless} + "\"}}") > 86'400'000,
                   endless);
    for (const char* none : {"soon", "in s", "seconds", "minutes, or so", "-3s", "1e9s"})
        BOOST_TEST(wait(R"({"error":{"message":"Please try again in )" + std::string{none} + "\"}}") == -1, none);
}

BOOST_AUTO_TEST_CASE(an_answer_that_the_provider_could_not_read_is_asked_for_again) {
    auto groq = refusal(
        400,
        R"({"error":{"message":"Failed to call a function.","code":"tool_use_failed","failed_generation":"<function=weather>"}})");
    auto llama = refusal(
        500, R"({"error":{"message":"The model produced output that does not match the expected peg-native format"}})");
    for (const auto& e : {groq, llama}) {
        BOOST_TEST((e.code() == lm_errc::server_error));
        BOOST_TEST(is_transient(std::make_exception_ptr(e)));
    }
    BOOST_TEST(std::string{groq.what()}.find("<function=weather>") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(further_words_for_an_answer_that_could_not_be_read) {
    for (const char* words : {"[json.exception.type_error.316] invalid UTF-8 byte at index 60: 0xAC",
                              "Invalid diff: now finding less tool calls!",
                              "error parsing tool call: raw='[1', err=unexpected end of JSON input",
                              "failed to parse JSON: unexpected end of JSON input"}) {
        auto e = refusal(500, R"({"error":{"message":")" + std::string{words} + "\"}}");
        BOOST_TEST((e.code() == lm_errc::server_error));
        BOOST_TEST(std::string{e.what()}.find("the model wrote an answer that the provider could not read") == 0u,
                   e.what());
    }
    // What the server says of the request is no word about an answer.
    for (const char* words : {"Failed to parse JSON body", "invalid UTF-8 byte in the request"}) {
        auto e = refusal(400, R"({"error":{"message":")" + std::string{words} + "\"}}");
        BOOST_TEST((e.code() == lm_errc::invalid_request), e.what());
    }
}

BOOST_AUTO_TEST_CASE(what_a_server_has_not_is_not_asked_for_again) {
    auto e = refusal(
        501,
        R"({"error":{"code":501,"message":"The current model does not support audio input.","type":"not_supported_error"}})");
    BOOST_TEST((e.code() == lm_errc::invalid_request), e.what());
    BOOST_TEST(!is_transient(std::make_exception_ptr(e)));
    BOOST_TEST(std::string{e.what()}.find("does not support audio input") != std::string::npos, e.what());
}

// llama.cpp takes any object in `tool_choice` for "auto", and says so in its log alone.
BOOST_AUTO_TEST_CASE(one_named_tool_is_the_only_one_where_a_server_cannot_be_told_its_name) {
    lm_request r = question("x");
    r.tools = {{"a", "A.", json::object{{"type", "object"}}}, {"b", "B.", json::object{{"type", "object"}}}};
    r.tool_choice = {tool_choice::one, "b"};
    auto llama = preview("llamacpp/m", r, {}).body.as_object();
    BOOST_TEST((llama.at("tool_choice") == "required"));
    BOOST_REQUIRE(llama.at("tools").as_array().size() == 1u);
    BOOST_TEST((llama.at("tools").at(0).at("function").at("name") == "b"));
    auto openai = preview("openai/m", r, {}).body.as_object();
    BOOST_TEST(openai.at("tools").as_array().size() == 2u);
    BOOST_TEST((openai.at("tool_choice").at("function").at("name") == "b"));
    BOOST_TEST((preview("openai/m", r, {.dialect = {.named_tool = false}}).body.at("tool_choice") == "required"));
    BOOST_TEST((preview("llamacpp/m", r, {.dialect = {.named_tool = true}}).body.at("tools").as_array().size() == 2u));
}

BOOST_AUTO_TEST_CASE(a_cache_tells_servers_and_options_apart) {
    auto server = [](const char* text) {
        return std::make_unique<loopback_server>(
            [text](const server_request&) { return server_response{.body = openai_text(text)}; });
    };
    auto a = server("A"), b = server("B");
    std::string file =
        (std::filesystem::temp_directory_path() / ("reagent_wire_cache_" + std::to_string(::getpid()))).string();
    auto answer = [&](const loopback_server& s, language_model_options o = {}) {
        o.api_base = s.url("/v1");
        return ask(cached(retrying(language_model{"openai/m", o}), {.file = file}), question("x"));
    };
    BOOST_TEST(answer(*a).text == "A");
    BOOST_TEST(answer(*b).text == "B");
    BOOST_TEST(answer(*a).from_cache);
    BOOST_TEST(answer(*b).from_cache);
    BOOST_TEST(!answer(*a, {.sampling = {.temperature = 0.5}}).from_cache);
    BOOST_TEST(!answer(*a, {.structured_output = false}).from_cache);
    BOOST_TEST(!answer(*a, {.dialect = {.max_completion_tokens = true}}).from_cache);
    BOOST_TEST(answer(*a, {.timeout = std::chrono::seconds{9}}).from_cache);  // changes no answer
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(file + end);
    // A key is part of no identity.
    language_model keyed{
        "openai/m", {.api_base = "http://127.0.0.1:1/v1?key=sk-secret-0123456789", .api_key = secret{"sk-0123456789"}}};
    BOOST_TEST(keyed.backend()->identity().find("0123456789") == std::string::npos, keyed.backend()->identity());
}

BOOST_AUTO_TEST_SUITE_END()
