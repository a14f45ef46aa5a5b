#include "support/ask.hpp"
#include "support/loopback_server.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/decorators.hpp>
#include <reagent/lm/embedder.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>

using namespace reagent;
using namespace reagent::test;

namespace {

struct provider_case {
    const char *name, *target, *body, *reply;
    std::uint64_t tokens;
};
std::ostream& operator<<(std::ostream& out, const provider_case& c) { return out << c.name; }

// Bodies after the providers' documentation; two texts, two dimensions, for a query.
const provider_case cases[]{
    {"openai/e", "/v1/embeddings", R"({"model":"e","input":["a","b"],"encoding_format":"float","dimensions":2})",
     R"({"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2.5]}],"usage":{"prompt_tokens":7,"total_tokens":7}})",
     7},
    {"ollama/e", "/api/embed", R"({"model":"e","input":["a","b"],"dimensions":2})",
     R"({"embeddings":[[1,2.5],[3,4]],"prompt_eval_count":7})", 7},
    {"cohere/e", "/v2/embed",
     R"({"model":"e","texts":["a","b"],"input_type":"search_query","embedding_types":["float"],"output_dimension":2})",
     R"({"embeddings":{"float":[[1,2.5],[3,4]]},"meta":{"billed_units":{"input_tokens":7}}})", 7},
    {"gemini/e", "/models/e:batchEmbedContents",
     R"({"requests":[{"model":"models/e","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":2},
        {"model":"models/e","content":{"parts":[{"text":"b"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":2}]})",
     R"({"embeddings":[{"values":[1,2.5]},{"values":[3,4]}]})", 1},  // which tells none: estimated
};

embeddings embed(const std::string& name, loopback_server& server, std::vector<std::string> texts,
                 std::size_t batch = 96) {
    embeddings out;
    std::string base = server.url(name.starts_with("openai") ? "/v1" : "");
    embedder e{name, {.api_base = base, .api_key = secret{"key-1"}, .dimensions = 2, .batch = batch}};
    with_client([&](http::client& client) -> task<void> {
        lm_context where{client, clock::now() + std::chrono::seconds{10}};
        out = co_await e.embed(where, texts, embedding_use::query);
    });
    return out;
}

}  // namespace

BOOST_DATA_TEST_CASE(texts_become_vectors, cases) {
    server_request seen;
    loopback_server server{[&](const server_request& r) {
        seen = r;
        return server_response{.body = sample.reply};
    }};
    auto out = embed(sample.name, server, {"a", "b"});
    BOOST_TEST(seen.target == sample.target);
    BOOST_TEST((json::parse(seen.body) == json::parse(sample.body)), seen.body);
    BOOST_TEST((out.vectors == std::vector<std::vector<float>>{{1, 2.5}, {3, 4}}));
    BOOST_TEST(out.usage.prompt_tokens == sample.tokens);
    for (const char* bad :
         {"{}", "[]", R"({"data":[{"index":0,"embedding":[1]}],"embeddings":[[1]]})",
          R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}],"embeddings":[[1,2],[]]})",
          R"({"data":[{"index":0,"embedding":["x"]},{"index":1,"embedding":[1]}],"embeddings":[["x"],[1]]})",
          R"({"data":[{"embedding":[1e300,2]},{"embedding":[1,2]}],"embeddings":[[1e300,2],[1,2]]})",
          R"({"data":[{"embedding":[1,2]},{"embedding":[1]}],"embeddings":{"float":[[1,2],[1]]}})"}) {
        loopback_server broken{[&](const server_request&) { return server_response{.body = bad}; }};
        BOOST_CHECK_EXCEPTION(embed(sample.name, broken, {"a", "b"}), lm_error,
                              [](const lm_error& e) { return e.code() == lm_errc::malformed_response; });
    }
}

BOOST_AUTO_TEST_CASE(many_texts_go_in_batches) {
    std::vector<std::size_t> sizes;
    loopback_server server{[&](const server_request& r) {
        auto texts = json::parse(r.body).at("input").as_array();
        sizes.push_back(texts.size());
        json::array all;
        for (const auto& t : texts) {
            json::array v;
            v.push_back(std::stod(t.as_string().c_str()));
            v.push_back(0);
            all.push_back(std::move(v));
        }
        return server_response{.body = json::serialize(json::object{{"embeddings", std::move(all)}})};
    }};
    std::vector<std::string> texts;
    for (int i = 0; i < 25; ++i) texts.push_back(std::to_string(i));
    auto out = embed("ollama/e", server, texts, 10);
    BOOST_TEST((sizes == std::vector<std::size_t>{10, 10, 5}));
    for (std::size_t i = 0; i < 25; ++i) BOOST_TEST(out.vectors.at(i).at(0) == static_cast<float>(i));
    BOOST_TEST(embed("ollama/e", server, {}).vectors.empty());
}

BOOST_AUTO_TEST_CASE(vectors_of_different_lengths_are_refused) {
    for (const char* order : {R"([{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1]}])",
                              R"([{"index":1,"embedding":[1]},{"index":0,"embedding":[1,2]}])"}) {
        loopback_server server{
            [&](const server_request&) { return server_response{.body = std::string{R"({"data":)"} + order + "}"}; }};
        BOOST_CHECK_EXCEPTION(embed("openai/e", server, {"a", "b"}), lm_error, [](const lm_error& e) {
            return std::string{e.what()}.find("different lengths") != std::string::npos;
        });
    }
}

BOOST_AUTO_TEST_CASE(numbers_of_vectors_are_finite) {
    auto reply = [](const char* x) { return std::string{R"({"data":[{"index":0,"embedding":[1,)"} + x + "]}]}"; };
    for (const char* x : {"3.4e38", "-3.4e38", "1e-300", "7"}) {
        loopback_server server{[&](const server_request&) { return server_response{.body = reply(x)}; }};
        BOOST_TEST(std::isfinite(embed("openai/e", server, {"a"}).vectors.at(0).at(1)), x);
    }
    for (const char* x : {"3.5e38", "-1e300", "1e999"}) {  // no angle to them can be measured
        loopback_server server{[&](const server_request&) { return server_response{.body = reply(x)}; }};
        BOOST_CHECK_EXCEPTION(embed("openai/e", server, {"a"}), lm_error,
                              [](const lm_error& e) { return e.code() == lm_errc::malformed_response; });
    }
}

BOOST_AUTO_TEST_CASE(an_error_that_quotes_the_key_does_not_show_it) {
    loopback_server server{[&](const server_request& r) {
        return server_response{.status = 400,
                               .body = R"({"error":{"message":"no such key: )" + r.authorization.substr(7) + "\"}}"};
    }};
    embedder e{"openai/e", {.api_base = server.url("/v1"), .api_key = secret{"planted0123456789"}}};
    auto says_no_key = [](const lm_error& x) {
        const std::string words = x.what();
        return words.find("no such key: (secret)") != words.npos && words.find("planted") == words.npos;
    };
    BOOST_CHECK_EXCEPTION(with_client([&](http::client& client) -> task<void> {
                              lm_context where{client, clock::now() + std::chrono::seconds{10}};
                              std::vector<std::string> texts{"a"};
                              co_await e.embed(where, texts, embedding_use::query);
                          }),
                          lm_error, says_no_key);
}

// llama.cpp knows no `dimensions`, and says nothing of it.
BOOST_AUTO_TEST_CASE(vectors_of_another_length_than_asked_for_are_refused) {
    for (const char* vector : {"[1,2,3]", "[1]"}) {
        loopback_server server{[&](const server_request&) {
            return server_response{.body = std::string{R"({"data":[{"index":0,"embedding":)"} + vector + "}]}"};
        }};
        BOOST_CHECK_EXCEPTION(embed("openai/e", server, {"a"}), lm_error, [](const lm_error& e) {
            return e.code() == lm_errc::unsupported_option &&
                   std::string{e.what()}.find("2 numbers") != std::string::npos;
        });
    }
}

// Byte for byte llama.cpp's llama-server's (0.5.0-dev, b1-0c1e570).
BOOST_AUTO_TEST_CASE(a_text_that_is_too_long_to_embed_and_a_server_without_embeddings_are_known) {
    auto code_of = [](int status, const char* body) {
        loopback_server server{[&](const server_request&) { return server_response{.status = status, .body = body}; }};
        try {
            embed("openai/e", server, {"a"});
        } catch (const lm_error& e) {
            BOOST_TEST(!is_transient(std::current_exception()), e.what());
            return e.code();
        }
        return error_code{};
    };
    const char* too_large =
        R"json({"error":{"code":500,"message":"input (702 tokens) is too large to process. increase the physical batch size (current batch size: 512)","type":"server_error"}})json";
    const char* has_none =
        R"({"error":{"code":501,"message":"This server does not support embeddings. Start it with `--embeddings`","type":"not_supported_error"}})";
    BOOST_TEST((code_of(500, too_large) == lm_errc::context_length));
    BOOST_TEST((code_of(501, has_none) == lm_errc::invalid_request));
}

BOOST_AUTO_TEST_CASE(who_has_none_says_so) {
    BOOST_CHECK_EXCEPTION((embedder{"anthropic/x", {.api_key = secret{"k"}}}), lm_error,
                          [](const lm_error& e) { return e.code() == lm_errc::unsupported_option; });
    BOOST_CHECK_EXCEPTION(embedder{"opnai/x"}, lm_error,
                          [](const lm_error& e) { return e.code() == lm_errc::unknown_provider; });
}
