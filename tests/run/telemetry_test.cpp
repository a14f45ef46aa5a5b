#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <mutex>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
using namespace std::chrono_literals;

namespace {

ended_run some_run() { return {.id = "r", .program = "p", .history = std::make_shared<journal>()}; }

// Variables for a test, gone with it.
struct environment {
    std::vector<std::string> names;
    void set(const std::string& name, const std::string& value) {
        ::setenv(name.c_str(), value.c_str(), 1);
        names.push_back(name);
    }
    ~environment() {
        for (const auto& name : names) ::unsetenv(name.c_str());
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(telemetry_of_runs)

BOOST_AUTO_TEST_CASE(runs_beyond_the_queue_are_dropped_and_counted) {
    loopback_server server{[](const server_request&) { return server_response{.body = "{}"}; }};
    telemetry sink{{.endpoint = server.url(""), .interval = 1h, .max_queued_runs = 2}};
    for (int i = 0; i < 5; ++i) sink.record(some_run());
    BOOST_TEST(sink.so_far().runs_dropped == 3u);
    BOOST_TEST(sink.so_far().spans_sent == 0u);
}

BOOST_AUTO_TEST_CASE(a_collector_that_hangs_holds_up_no_run) {
    std::atomic<int> asked = 0;
    loopback_server server{[&](const server_request&) {
        ++asked;
        return server_response{.delay = 60s};
    }};
    auto begun = clock::now();
    {
        auto sink =
            std::make_shared<telemetry>(telemetry_options{.endpoint = server.url(""), .interval = 1ms, .timeout = 1s});
        runtime rt{{.telemetry = sink}};
        predict<sig<"question -> answer: int">> ask;
        auto one = [&] {
            run_options o{language_model{scripted_model::texts({chat_completion({{"answer", 7}})})}};
            BOOST_TEST(rt.run(o, ask, "question"_f = "?").get<"answer">() == 7);
        };
        one();
        while (!asked) std::this_thread::sleep_for(1ms);
        for (int i = 0; i < 20; ++i) one();
        BOOST_TEST(sink->so_far().spans_sent == 0u);
    }
    BOOST_TEST((clock::now() - begun < 40s));
}

BOOST_AUTO_TEST_CASE(the_end_waits_for_one_timeout_however_much_is_queued) {
    std::atomic<int> asked = 0;
    loopback_server server{[&](const server_request&) {
        ++asked;
        return server_response{.delay = 300s};
    }};
    auto begun = clock::now();
    {
        telemetry sink{{.endpoint = server.url(""), .interval = 1h, .max_spans_per_request = 1, .timeout = 2s}};
        for (int i = 0; i < 60; ++i) sink.record(some_run());
    }
    BOOST_TEST(asked > 0);
    BOOST_TEST((clock::now() - begun < 60s));  // a timeout for each request would take two minutes
}

BOOST_AUTO_TEST_CASE(without_content_no_words_are_sent) {
    std::mutex mutex;
    std::string sent;
    loopback_server server{[&](const server_request& r) {
        std::lock_guard lock{mutex};
        sent += r.body;
        return server_response{.body = "{}"};
    }};
    {
        auto sink = std::make_shared<telemetry>(telemetry_options{.endpoint = server.url("")});
        runtime rt{{.telemetry = sink}};
        tools t;
        t.add("look", "", [](std::string what) -> std::string { throw std::runtime_error{"no " + what}; }, {"what"});
        react<sig<"question -> answer">> agent{t};
        auto model = scripted_model::texts(
            {chat_completion({{"next_thought", "thinking"},
                              {"next_tool_name", "look"},
                              {"next_tool_args", json::object{{"what", "treasure"}}}}),
             chat_completion(
                 {{"next_thought", "done"}, {"next_tool_name", "finish"}, {"next_tool_args", json::object{}}}),
             chat_completion({{"reasoning", "because"}, {"answer", "nowhere"}})});
        rt.run(run_options{language_model{model}}, agent, "question"_f = "where is it");
    }
    BOOST_TEST(sent.find("execute_tool look") != std::string::npos);
    BOOST_TEST(sent.find("gen_ai.usage") != std::string::npos);
    for (const char* words : {"where is it", "thinking", "treasure", "because", "nowhere"})
        BOOST_TEST(sent.find(words) == std::string::npos, words << " was sent");
}

BOOST_AUTO_TEST_CASE(the_environment_says_where_telemetry_goes) {
    environment e;
    ::unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    BOOST_TEST(!telemetry_options::from_environment().has_value());
    e.set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    auto plain = telemetry_options::from_environment();
    BOOST_REQUIRE(plain.has_value());
    BOOST_TEST(plain->endpoint == "http://127.0.0.1:9");
    BOOST_TEST(!plain->content);
    e.set("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc, other = d=e");
    e.set("OTEL_SERVICE_NAME", "desk");
    e.set("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true");
    auto all = telemetry_options::from_environment();
    BOOST_REQUIRE(all.has_value());
    BOOST_TEST(all->content);
    BOOST_TEST(all->service_name == "desk");
    BOOST_TEST(all->headers.empty());  // keys are among them, so all of them are secrets
    BOOST_REQUIRE(all->credentials.size() == 2u);
    BOOST_TEST(all->credentials[0].first == "x-key");
    BOOST_TEST(all->credentials[0].second.reveal() == "abc");
    BOOST_TEST(all->credentials[1].second.reveal() == "d=e");
    e.set("OTEL_SDK_DISABLED", "true");
    BOOST_TEST(!telemetry_options::from_environment().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
