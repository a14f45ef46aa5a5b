// Programs as models. The official clients judge the same in tests/interop/serve.sh.
#include "service.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;
using reagent::test::service;

namespace {

struct modelled : service {
    predict<sig<"question -> answer">> qa;
    scripted said{scripted::function{[](const lm_request& r) {
        return scripted_answer{{{"answer", "to: " + r.messages.back().content.substr(0, 60)}}};
    }}};
    modelled() {
        server.add("/qa", qa, {.run = said});
        server.add("/classify", program, {.run = lm});
        server.start();
    }
    json::value chat(const std::string& rest, int status = 200, const std::string& model = "qa") {
        auto r = client().post("/v1/chat/completions", R"({"model": ")" + model + R"(", )" + rest + "}");
        BOOST_TEST(r.status == status, r.body);
        return r.json();
    }
};

const std::string hello = R"("messages": [{"role": "user", "content": "hello"}])";

}  // namespace

BOOST_AUTO_TEST_SUITE(models)

BOOST_AUTO_TEST_CASE(a_text_goes_in_and_comes_out) {
    modelled s;
    auto o = s.chat(hello);
    BOOST_TEST(o.at("object").as_string() == "chat.completion");
    std::string text{o.at("choices").at(0).at("message").at("content").as_string()};
    BOOST_TEST(text.find("hello") != text.npos, text);
    BOOST_TEST(o.at("choices").at(0).at("finish_reason").as_string() == "stop");
    auto models = s.client().get("/v1/models").json();
    BOOST_TEST(models.at("data").as_array().size() == 2u);
}

BOOST_AUTO_TEST_CASE(other_programs_take_and_give_json) {
    modelled s;
    auto o =
        s.chat(R"("messages": [{"role": "user", "content": "invoice"}], "response_format": {"type": "json_object"})",
               200, "classify");
    BOOST_TEST(o.at("choices").at(0).at("message").at("content").as_string() == R"({"team": "billing"})");
    auto unfit = s.chat(
        hello +
            R"(, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "required": ["city"]}}})",
        422, "classify");
    BOOST_TEST(unfit.at("error").at("code").as_string() == "unfit_schema");
}

BOOST_AUTO_TEST_CASE(a_parameter_that_is_none_is_refused) {
    modelled s;
    for (const char* odd :
         {R"("seed": 1.5)", R"("seed": 1e999)", R"("max_tokens": 2.5)", R"("max_completion_tokens": 1.5)",
          R"("stop": "")", R"("stop": ["", ""])", R"("stop": ["a", ""])", R"("stop": ["a", 1])", R"("stop": 1)",
          R"("stop": [])", R"("temperature": 1e999)"})
        s.chat(hello + ", " + odd, 400);
    s.chat(hello + R"(, "seed": 7, "max_tokens": 5.0, "stop": ["never there"])");
}

BOOST_AUTO_TEST_CASE(what_a_program_cannot_do_is_refused_by_name) {
    modelled s;
    for (const char* part : {R"(, "tools": [{"type": "function", "function": {"name": "f"}}])", R"(, "n": 2)",
                             R"(, "logprobs": true)", R"(, "temprature": 1)", R"(, "temperature": 9)"})
        BOOST_TEST(s.chat(hello + part, 400).at("error").at("type").as_string() == "invalid_request_error");
    BOOST_TEST(s.chat(hello, 404, "gpt-5").at("error").at("code").as_string() == "model_not_found");
    BOOST_TEST(s.chat(R"("messages": [])", 400).at("error").at("param").as_string() == "messages");
    BOOST_TEST(s.chat(R"("messages": [{"role": "user", "content": [{"type": "image_url"}]}])", 400)
                   .at("error")
                   .at("code")
                   .as_string() == "unsupported_content");
}

BOOST_AUTO_TEST_CASE(streams_end_with_done_and_add_up) {
    modelled s;
    auto r =
        s.client().post("/v1/chat/completions",
                        R"({"model": "qa", "stream": true, "stream_options": {"include_usage": true}, )" + hello + "}");
    BOOST_TEST(r.status == 200);
    BOOST_TEST(r.body.ends_with("data: [DONE]\n\n"));
    std::string text;
    bool usage = false;
    for (std::size_t at = 0; (at = r.body.find("data: {", at)) != r.body.npos; ++at) {
        auto chunk = json::parse(r.body.substr(at + 6, r.body.find('\n', at) - at - 6));
        usage = usage || (chunk.as_object().contains("usage") && chunk.at("usage").is_object());
        if (chunk.at("choices").as_array().empty()) continue;
        auto& delta = chunk.at("choices").at(0).at("delta").as_object();
        if (delta.contains("content")) text += delta.at("content").as_string();
    }
    BOOST_TEST(text.find("hello") != text.npos, text);
    BOOST_TEST(usage);
}

BOOST_AUTO_TEST_CASE(responses_are_whole_and_streamed) {
    modelled s;
    auto c = s.client();
    auto whole = c.post("/v1/responses", R"({"model": "qa", "input": "hello"})").json();
    BOOST_TEST(whole.at("status").as_string() == "completed");
    BOOST_TEST(whole.at("output").at(0).at("content").at(0).at("type").as_string() == "output_text");
    auto r = c.post("/v1/responses", R"({"model": "qa", "input": "hello", "stream": true})");
    for (const char* name :
         {"response.created", "response.output_text.delta", "response.output_text.done", "response.completed"})
        BOOST_TEST(r.body.find(std::string{"event: "} + name + "\n") != r.body.npos, name);
    BOOST_TEST(c.post("/v1/responses", R"({"model": "qa", "input": "x", "previous_response_id": "resp_1"})").status ==
               400);
}

BOOST_AUTO_TEST_SUITE_END()
