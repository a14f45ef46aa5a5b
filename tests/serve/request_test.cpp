// What a request to a program gets.
#include "service.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;
using reagent::test::service;

namespace {

struct classifying : service {
    explicit classifying(server_options o = {}) : service{std::move(o)} {
        server.add("/classify", program, {.run = lm});
        server.start();
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(request)

BOOST_AUTO_TEST_CASE(inputs_come_in_and_outputs_go_out_as_json) {
    classifying s;
    auto c = s.client();
    auto r = c.post("/classify", R"({"message": "Where is my invoice?"})", "X-Request-Id: order-7\r\n");
    BOOST_TEST(r.status == 200);
    BOOST_TEST(r.body == R"({"team": "billing"})");
    BOOST_TEST(r.headers["content-type"] == "application/json");
    BOOST_TEST(r.headers["x-request-id"] == "order-7");
    BOOST_TEST(r.headers["x-run-id"].starts_with("order-7."));
    BOOST_TEST(c.post("/classify", R"({"message": "again", "size": 3})").status == 200);  // on the same connection
}

BOOST_AUTO_TEST_CASE(an_input_that_does_not_fit_is_told_with_every_path) {
    classifying s;
    auto r = s.client().post("/classify", R"({"mesage": "hello", "size": "three"})");
    BOOST_TEST(r.status == 422);
    BOOST_TEST(r.headers["content-type"] == "application/problem+json");
    auto body = r.json();
    BOOST_TEST(body.at("status").as_int64() == 422);
    BOOST_TEST(body.at("violations").as_array().size() == 3u);
    auto text = json::serialize(body.at("violations"));
    for (const char* part : {"message", "mesage", "$.size"})
        BOOST_TEST(text.find(part) != text.npos, part << " is not in " << text);
    BOOST_TEST(s.lm.calls() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_no_json_object_is_refused) {
    classifying s;
    auto c = s.client();
    BOOST_TEST(c.post("/classify", "").status == 400);
    BOOST_TEST(c.post("/classify", "{").status == 400);
    BOOST_TEST(c.post("/classify", "{\"message\": \"\xff\"}").status == 400);
    BOOST_TEST(c.post("/classify", R"({"message": "a", "message": "b"})").status == 400);
    BOOST_TEST(c.post("/classify", "[1]").status == 422);
    BOOST_TEST(c.post("/classify", "null").status == 422);
    BOOST_TEST(c.post("/classify", R"({"message": NaN})").status == 400);
    c.send("POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}");
    BOOST_TEST(c.read().status == 415);
    BOOST_TEST(s.lm.calls() == 0u);
}

BOOST_AUTO_TEST_CASE(a_body_that_is_packed_or_no_utf_8_is_refused) {
    classifying s;
    auto c = s.client();
    auto ask = [&](const std::string& path, const std::string& headers, const std::string& body) {
        c.send("POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers +
               "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
        return c.read().status;
    };
    const std::string json = "Content-Type: application/json";
    const std::pair<std::string, std::string> asked[] = {
        {"/classify", R"({"message": "m"})"},
        {"/v1/chat/completions", R"({"model": "classify", "messages": [{"role": "user", "content": "m"}]})"},
        {"/v1/responses", R"({"model": "classify", "input": "m"})"}};
    for (const auto& [path, body] : asked) {
        for (const char* coded : {"\r\nContent-Encoding: gzip", "\r\nContent-Encoding: br", "; charset=latin1",
                                  "; a=b; charset=\"utf-16\"", "; CHARSET = iso-8859-1", "; charset="})
            BOOST_TEST(ask(path, json + coded, body) == 415, path << coded);
        for (const char* plain : {"", "\r\nContent-Encoding: identity", "; charset=utf-8", ";charset=\"UTF-8\""})
            BOOST_TEST(ask(path, json + plain, body) == 200, path << plain);
    }
}

BOOST_AUTO_TEST_CASE(a_number_that_no_double_holds_is_no_input) {
    service s;
    auto sum = served(
        s.slow, [](run&, const json::object&) -> task<json::object> { co_return json::object{{"answer", "a"}}; },
        parse_signature("x: float, more: dict[str, Any] -> answer"));
    s.server.add("/sum", std::move(sum), {});
    s.server.start();
    auto c = s.client();
    BOOST_TEST(c.post("/sum", R"({"x": 1e308, "more": {"a": [-1e308]}})").status == 200);
    for (const char* body :
         {R"({"x": 1e999, "more": {}})", R"({"x": -1e999, "more": {}})", R"({"x": 1, "more": {"a": [0, 1e999]}})"})
        BOOST_TEST(c.post("/sum", body).status == 422, body);
    json::object said{{"role", "user"}, {"content", R"({"x": 1e999, "more": {}})"}};
    json::object asked{{"model", "sum"}, {"messages", json::array{said}}};
    auto r = c.post("/v1/chat/completions", json::serialize(asked));
    BOOST_TEST(r.status / 100 == 4, r.body);
}

BOOST_AUTO_TEST_CASE(paths_and_methods_that_are_not_there_are_told) {
    classifying s;
    auto c = s.client();
    BOOST_TEST(c.get("/clasify").status == 404);
    auto r = c.get("/classify");
    BOOST_TEST(r.status == 405);
    BOOST_TEST(r.headers["allow"] == "POST, OPTIONS");
    BOOST_TEST(c.get("/healthz").status == 200);
    BOOST_TEST(c.get("/readyz").status == 200);
    c.send("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    BOOST_TEST(c.until("\r\n\r\n").find("200 OK") != std::string::npos);
    BOOST_TEST(c.get("/").headers["content-type"].starts_with("text/html"));
}

BOOST_AUTO_TEST_CASE(what_a_model_fails_with_is_a_status_and_no_words_of_its_own) {
    service s;
    scripted bad{scripted::function{[](const lm_request&) -> scripted_answer {
        return std::make_exception_ptr(
            lm_error{lm_errc::authentication, "key sk-secret-secret-secret is wrong at http://inside.example"});
    }}};
    scripted busy{scripted::function{[](const lm_request&) -> scripted_answer {
        return std::make_exception_ptr(
            lm_error{lm_errc::rate_limited, "slowly", {.retry_after = std::chrono::milliseconds{2500}}});
    }}};
    s.server.add("/bad", s.program, {.run = bad});
    s.server.add("/busy", s.program, {.run = busy});
    s.server.start();
    auto c = s.client();
    auto r = c.post("/bad", R"({"message": "m"})");
    BOOST_TEST(r.status == 502);
    BOOST_TEST(r.body.find("inside") == r.body.npos);
    BOOST_TEST(r.body.find("sk-") == r.body.npos);
    r = c.post("/busy", R"({"message": "m"})");
    BOOST_TEST(r.status == 503);
    BOOST_TEST(r.headers["retry-after"] == "3");
    auto log = s.log_of(2);
    BOOST_TEST(log.at(0).find("error=\"reagent.lm: ") != std::string::npos, log.at(0));
    BOOST_TEST(log.at(0).find("sk-") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_log_has_a_line_and_no_query) {
    classifying s;
    auto c = s.client();
    c.post("/classify", R"({"message": "my secret question"})", "X-Request-Id: a1\r\n");
    c.get("/healthz?x=hidden");
    auto log = s.log_of(2);
    BOOST_TEST(log.at(0).starts_with("POST /classify 200 "), log.at(0));
    for (const char* part : {"id=a1", "program=classify", "run=a1."})
        BOOST_TEST(log.at(0).find(part) != std::string::npos, log.at(0));
    BOOST_TEST(log.at(0).find("secret") == std::string::npos);
    BOOST_TEST(log.at(1).find("hidden") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_same_idempotency_key_gets_the_same_answer) {
    classifying s;
    auto c = s.client();
    const std::string body = R"({"message": "pay"})", key = "Idempotency-Key: k1\r\n";
    auto first = c.post("/classify", body, key), again = c.post("/classify", body, key);
    BOOST_TEST(first.status == 200);
    BOOST_TEST(again.body == first.body);
    BOOST_TEST(again.headers["x-run-id"] == first.headers["x-run-id"]);
    BOOST_TEST(again.headers["idempotency-replayed"] == "true");
    BOOST_TEST(s.lm.calls() == 1u);
    BOOST_TEST(c.post("/classify", R"({"message": "other"})", key).status == 422);
    BOOST_TEST(c.post("/classify", body, "Idempotency-Key: k2\r\n").status == 200);
    BOOST_TEST(s.lm.calls() == 2u);
}

BOOST_AUTO_TEST_CASE(metrics_count_requests_and_tokens) {
    classifying s;
    auto c = s.client();
    c.post("/classify", R"({"message": "m"})");
    c.post("/classify", R"({})");
    s.log_of(2);
    auto text = c.get("/metrics").body;
    for (const char* line :
         {"reagent_requests_total{route=\"/classify\",status=\"200\"} 1\n",
          "reagent_requests_total{route=\"/classify\",status=\"422\"} 1\n",
          "reagent_model_calls_total{program=\"classify\"} 1\n", "reagent_runs_at_work{program=\"classify\"} 0\n"})
        BOOST_TEST(text.find(line) != text.npos, line << " is not in\n" << text);
}

BOOST_AUTO_TEST_CASE(observers_are_told_and_may_ask_a_version) {
    struct witness : request_observer {
        std::mutex mutex;
        std::vector<std::string> seen;
        void answered(const served_request& r) override {
            std::lock_guard lock{mutex};
            seen.push_back(std::string{r.route} + " " + json::serialize(r.input) + " " +
                           (r.output ? json::serialize(*r.output) : "-") + " " + std::to_string(r.status) + " " +
                           std::to_string(r.usage.calls));
        }
    };
    auto w = std::make_shared<witness>();
    classifying s{{.observers = {w}}};
    auto c = s.client();
    c.post("/classify", R"({"message": "m"})");
    c.post("/classify", R"({"no": "m"})");  // began no run
    s.log_of(2);
    std::lock_guard lock{w->mutex};
    BOOST_TEST(w->seen == std::vector<std::string>{R"(/classify {"message":"m"} {"team":"billing"} 200 1)"},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_description_has_the_types) {
    classifying s;
    auto doc = s.client().get("/openapi.json").json();
    BOOST_TEST(doc.at("openapi").as_string() == "3.1.0");
    auto& in = doc.at("components").at("schemas").at("classify.input");
    BOOST_TEST(in.at("properties").at("message").at("type").as_string() == "string");
    BOOST_TEST(in.at("additionalProperties").as_bool() == false);
    BOOST_TEST(doc.at("paths").as_object().contains("/classify"));
}

BOOST_AUTO_TEST_SUITE_END()
