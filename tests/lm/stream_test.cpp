// Streams over real sockets; and that a call that is cancelled anywhere leaves nothing behind.
#include "support/ask.hpp"
#include "support/cases.hpp"
#include "support/loopback_server.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/decorators.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace std::chrono_literals;

namespace {

const std::vector<std::string> providers{"openai", "openai-responses", "anthropic", "gemini", "ollama", "cohere"};

// The first stream of a provider's documents, piece by piece.
std::vector<std::string> first_stream(const json::object& file) {
    std::vector<std::string> pieces;
    const auto& stream = file.at("streams").as_array().front().as_object();
    for (const auto& e : stream.at("events").as_array()) {
        std::string data = json::serialize(e);
        if (file.contains("lines"))
            pieces.push_back(data + "\n");
        else if (stream.contains("named"))
            pieces.push_back("event: " + std::string{e.at("type").as_string()} + "\ndata: " + data + "\n\n");
        else
            pieces.push_back("data: " + data + "\n\n");
    }
    if (stream.contains("done")) pieces.push_back("data: [DONE]\n\n");
    return pieces;
}

}  // namespace

BOOST_DATA_TEST_CASE(every_provider_streams_over_a_socket, boost::unit_test::data::make(providers), provider) {
    json::object file = read_json("lm/wire/" + provider + ".json").as_object();
    const auto& expected = file.at("streams").as_array().front().at("expect").as_object();
    server_request seen;
    loopback_server server{[&](const server_request& r) {
        seen = r;
        return server_response{.content_type = file.contains("lines") ? "application/x-ndjson" : "text/event-stream",
                               .pieces = first_stream(file)};
    }};
    language_model model{provider + "/some-model", {.api_base = server.url(""), .api_key = secret{"key-1"}}};
    with_client([&](http::client& client) -> task<void> {
        for (int i = 0; i < 2; ++i) {
            lm_request r = question("hi");
            lm_context where{client, clock::now() + 10s};
            auto stream = co_await model.backend()->stream(where, r);
            std::string text;
            std::shared_ptr<const lm_response> whole;
            while (auto e = co_await stream->next()) {
                if (e->kind == lm_event::text) text += e->text_piece;
                if (e->kind == lm_event::end) whole = e->response;
            }
            BOOST_REQUIRE(whole);
            BOOST_TEST(text == expected.at("text").as_string().c_str());
            BOOST_TEST(whole->text == text);
            BOOST_TEST(!whole->model.empty());
        }
    });
    BOOST_TEST(server.connections() == 1);  // used again for the second stream
    BOOST_TEST(seen.method == "POST");
    bool has_key = false;
    for (const auto& [name, value] : seen.headers) has_key = has_key || value.find("key-1") != value.npos;
    BOOST_TEST(has_key);
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_stream_is_heard_all_the_same) {
    loopback_server server{[](const server_request&) { return server_response{.body = openai_text("whole")}; }};
    auto answer = ask_streaming(language_model{"openai/x", {.api_base = server.url("/v1")}}, question("x"));
    BOOST_TEST(answer.response.text == "whole");
    BOOST_TEST(answer.events.size() == 3u);
    // Nor must it say what it sends.
    for (const char* type : {"", "text/plain"}) {
        loopback_server silent{[&](const server_request&) {
            return server_response{.body = "\n" + openai_text("whole"), .content_type = type};
        }};
        BOOST_TEST(
            ask_streaming(language_model{"openai/x", {.api_base = silent.url("/v1")}}, question("x")).response.text ==
            "whole");
        loopback_server events{[&](const server_request&) {
            return server_response{.content_type = type,
                                   .pieces = first_stream(read_json("lm/wire/openai.json").as_object())};
        }};
        BOOST_TEST(
            ask_streaming(language_model{"openai/x", {.api_base = events.url("/v1")}}, question("x")).response.text ==
            "Hello ✓");
    }
}

BOOST_AUTO_TEST_CASE(what_came_before_an_error_is_told_first) {
    std::string both =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\ndata: "
        "{\"error\":{\"message\":\"oops\"}}\n\n";
    loopback_server server{
        [&](const server_request&) { return server_response{.content_type = "text/event-stream", .pieces = {both}}; }};
    language_model model = retrying(language_model{"openai/x", {.api_base = server.url("/v1")}});
    with_client([&](http::client& client) -> task<void> {
        lm_request r = question("x");
        lm_context where{client, clock::now() + 10s};
        auto stream = co_await model.backend()->stream(where, r);
        auto first = co_await stream->next();
        BOOST_TEST(first->text_piece == "Hel");
        bool failed = false;
        try {
            co_await stream->next();
        } catch (const lm_error& e) {
            failed = e.code() == lm_errc::server_error;
        }
        BOOST_TEST(failed);
    });
    BOOST_TEST(server.requests() == 1);
}

BOOST_AUTO_TEST_CASE(addresses_and_keys_come_from_the_environment) {
    std::string target, key;
    loopback_server server{[&](const server_request& r) {
        target = r.target;
        for (const auto& [name, value] : r.headers)
            if (value.find("from-env") != value.npos) key = name;
        return server_response{.status = 400};
    }};
    std::string host = "127.0.0.1:" + std::to_string(server.port());
    struct {
        const char *variable, *key_variable, *model, *target, *header;
        std::string base;
    } const cases[]{
        {"OPENAI_BASE_URL", "OPENAI_API_KEY", "openai/m", "/v1/chat/completions", "Authorization", server.url("/v1/")},
        {"OPENAI_BASE_URL", "OPENAI_API_KEY", "openai-responses/m", "/v1/responses", "Authorization",
         server.url("/v1")},
        {"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "anthropic/m", "/v1/messages", "x-api-key", server.url("")},
        {"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "anthropic/m", "/v1/messages", "x-api-key", server.url("/v1")},
        {"GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY", "gemini/m", "/v1beta/models/m:generateContent", "x-goog-api-key",
         server.url("/v1beta")},
        {"CO_API_URL", "CO_API_KEY", "cohere/m", "/v2/chat", "Authorization", server.url("")},
        {"OLLAMA_HOST", nullptr, "ollama/m", "/api/chat", "", host},
    };
    auto lower = [](std::string s) {
        for (char& c : s) c = static_cast<char>(std::tolower(c));
        return s;
    };
    for (const auto& c : cases) {
        ::setenv(c.variable, c.base.c_str(), 1);
        if (c.key_variable) ::setenv(c.key_variable, "from-env", 1);
        target = key = "";
        BOOST_CHECK_THROW(ask(language_model{c.model}, question("x")), lm_error);
        BOOST_TEST(target == c.target);
        BOOST_TEST(lower(key) == lower(c.header));
        ::unsetenv(c.variable);
        if (!c.key_variable) continue;
        ::unsetenv(c.key_variable);
        BOOST_CHECK_EXCEPTION(language_model{c.model}, lm_error, [&](const lm_error& e) {
            return e.code() == lm_errc::missing_key && std::string{e.what()}.find(c.key_variable) != std::string::npos;
        });
    }
}

// Cancels a call after each number of steps of the event loop, until it ends by itself.
BOOST_AUTO_TEST_CASE(a_cancelled_call_leaves_nothing_behind) {
    std::string delta = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
    std::string end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    std::atomic<int> n = 0;
    loopback_server server{[&](const server_request& r) {
        if (n++ % 2 == 0) return server_response{.status = 503, .headers = {{"Retry-After-Ms", "1"}}};
        if (r.body.find("\"stream\":true") == r.body.npos) return server_response{.body = openai_text("fine")};
        return server_response{.content_type = "text/event-stream", .pieces = {delta, end, "data: [DONE]\n\n"}};
    }};
    for (bool streamed : {false, true}) {
        int cancelled = 0, finished = 0;
        bool by_itself = false;
        for (int steps = 0; !by_itself && steps < 400; ++steps) {
            n = 0;
            language_model plain{"openai/x", {.api_base = server.url("/v1")}};
            auto model = cached(concurrency_limited(rate_limited(retrying(plain), {.requests_per_minute = 1000}), 2));
            {
                boost::asio::io_context context;
                http::client client{context.get_executor(), {}};
                boost::asio::cancellation_signal stop;
                bool done = false;
                auto work = [&]() -> task<void> {
                    lm_request r = question("x");
                    lm_context where{client, clock::now() + 10s};
                    if (!streamed) {
                        auto a = co_await model.backend()->complete(where, r);
                        BOOST_TEST(a.text == "fine");
                        co_return;
                    }
                    auto s = co_await model.backend()->stream(where, r);
                    while (auto e = co_await s->next()) {
                    }
                };
                boost::asio::co_spawn(context, work(),
                                      boost::asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e) {
                                          done = true;
                                          ++(e ? cancelled : finished);
                                      }));
                for (int i = 0; i < steps && !done; ++i) context.run_one();
                // A cancelled call may still end well, where its answer was there already; the next one is cut later.
                by_itself = done;
                if (!done) stop.emit(boost::asio::cancellation_type::terminal);
                // Nothing but what was cancelled keeps the loop alive: it ends at once, not at a deadline.
                auto begun = clock::now();
                context.run();
                BOOST_TEST(done);
                BOOST_TEST((clock::now() - begun < 5s));
            }
        }
        BOOST_TEST(cancelled >= 3);
        BOOST_TEST(finished >= 1);
        BOOST_TEST(by_itself);
    }
    for (int i = 0; i < 500 && server.open() > 0; ++i) std::this_thread::sleep_for(10ms);
    BOOST_TEST(server.open() == 0);
}
