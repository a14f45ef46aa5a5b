#include "support/folder.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/deadline.hpp>
#include <reagent/reagent.hpp>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
using namespace std::chrono_literals;

namespace {

using qa = predict<sig<"question -> answer: int">>;

run_options answering(std::vector<std::string> texts) {
    return run_options{language_model{scripted_model::texts(std::move(texts))}};
}

std::vector<std::string> answers(int n) {
    std::vector<std::string> texts;
    for (int i = 0; i < n; ++i) texts.push_back(chat_completion({{"answer", i}}));
    return texts;
}

// Asks `n` questions in a row.
struct several {
    qa ask;
    task<std::vector<std::int64_t>> forward(run& r, int n) const {
        std::vector<std::int64_t> all;
        for (int i = 0; i < n; ++i) {
            auto p = co_await ask(r, "question"_f = "number " + std::to_string(i));
            all.push_back(p.get<"answer">());
        }
        co_return all;
    }
};

template <class F>
struct function_module {
    F f;
    auto forward(run& r) const { return f(r); }
};
template <class F>
function_module(F) -> function_module<F>;

template <class Errc, class F>
void check_code(Errc wanted, F f) {
    try {
        f();
        BOOST_ERROR("nothing was thrown");
    } catch (const error& e) {
        BOOST_TEST((e.code() == wanted), e.what());
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(runs)

BOOST_AUTO_TEST_CASE(effects_are_recorded_with_path_and_usage) {
    runtime rt;
    several m;
    auto o = rt.execute(answering(answers(3)), m, 3);
    BOOST_TEST((o.value == std::vector<std::int64_t>{0, 1, 2}));
    BOOST_TEST(o.report.usage.calls == 3u);
    BOOST_TEST(o.report.usage.tokens() == 45u);
    const auto& events = o.report.history->events();
    BOOST_REQUIRE(events.size() == 3u);
    BOOST_TEST(events[2].path == "self");
    BOOST_TEST(events[2].occurrence == 2u);
    BOOST_TEST(o.report.history->to_json()[0].at("response").at("usage").at("prompt_tokens").to_number<int>() == 10);
}

BOOST_AUTO_TEST_CASE(budgets_end_a_run) {
    runtime rt;
    several m;
    auto calls = answering(answers(3));
    calls.budget.calls = 2;
    check_code(run_errc::budget_calls, [&] { rt.run(calls, m, 3); });
    auto tokens = answering(answers(3));
    tokens.budget.tokens = 20;
    check_code(run_errc::budget_tokens, [&] { rt.run(tokens, m, 3); });
    auto journal_limit = answering(answers(3));
    journal_limit.max_journal_bytes = 100;
    check_code(run_errc::journal_full, [&] { rt.run(journal_limit, m, 3); });
    check_code(run_errc::no_language_model, [&] { rt.run(run_options{}, m, 1); });
}

BOOST_AUTO_TEST_CASE(a_run_comes_to_its_end_whatever_its_observers_throw) {
    struct throwing final : run_observer {
        void begins(const observed_run&) override { throw std::runtime_error{"begins"}; }
        void event(const observed_run&, const run_event&) override { throw std::runtime_error{"event"}; }
        void predictor_returned(const observed_run&, const predictor_call&) override {
            throw std::runtime_error{"returned"};
        }
        void ends(const observed_run&, const std::exception_ptr&) override { throw std::runtime_error{"ends"}; }
    };
    runtime rt{{.observers = {std::make_shared<throwing>()}}};
    BOOST_TEST(rt.run(answering(answers(2)), several{}, 2).size() == 2u);
}

BOOST_AUTO_TEST_CASE(branches_at_once_pass_a_budget_by_one_call_at_most) {
    struct branches : module {
        qa ask{*this, "ask"};
        task<int> forward(run& r) const {
            std::vector<int> items(60);
            auto one = [this](run& own, int) -> task<int> {
                auto p = co_await ask(own, "question"_f = "again");
                co_return static_cast<int>(p.get<"answer">());
            };
            auto all = co_await parallel_map(r, items, one);
            co_return static_cast<int>(all.size());
        }
    };
    class slow final : public lm_backend {
    public:
        std::string name() const override { return "test/slow"; }
        task<lm_response> complete(lm_context, const lm_request&) const override {
            ++calls;
            asio::steady_timer t{co_await asio::this_coro::executor, 1ms};
            co_await t.async_wait(asio::use_awaitable);
            lm_response out;
            out.text = chat_completion({{"answer", 1}});
            out.usage = {.calls = 1, .prompt_tokens = 400, .completion_tokens = 600};
            co_return out;
        }
        mutable std::atomic<int> calls = 0;
    };
    auto model = std::make_shared<slow>();
    runtime rt;
    branches m;
    run_options o{language_model{model}};
    o.budget.tokens = 2500;
    check_code(run_errc::budget_tokens, [&] { rt.run(o, m); });
    BOOST_TEST(model->calls == 3);
    o.budget.tokens = 60'000;
    model->calls = 0;
    BOOST_TEST(rt.run(o, m) == 60);
    BOOST_TEST(model->calls == 60);
}

BOOST_AUTO_TEST_CASE(a_journal_is_replayed_without_a_model) {
    runtime rt;
    auto program = function_module{[](run& r) -> task<std::string> {
        qa ask;
        std::string text;
        for (int i = 0; i < 2; ++i) {
            auto p = co_await ask(r, "question"_f = "again");
            text += std::to_string(p.get<"answer">()) + " ";
        }
        json::value args = json::object{{"a", 1}};
        std::function<task<json::value>()> effect = []() -> task<json::value> { co_return json::value(std::rand()); };
        json::value rolled = co_await r.call_tool("self", "dice", args, effect);
        text += json::serialize(rolled) + " " + std::to_string(r.random()) + " " +
                std::to_string(r.now().time_since_epoch().count());
        co_return text;
    }};
    auto first = rt.execute(answering(answers(2)), program);
    run_options again;
    again.replay = first.report.history;
    auto second = rt.execute(again, program);
    BOOST_TEST(first.value == second.value);
    BOOST_TEST(second.report.usage.calls == 2u);
    BOOST_TEST(second.report.history->events().size() == first.report.history->events().size());

    several other;
    check_code(run_errc::replay_mismatch, [&] { rt.run(again, other, 1); });
}

BOOST_AUTO_TEST_CASE(replay_does_not_depend_on_how_branches_interleaved) {
    runtime rt;
    auto program = function_module{[](run& r) -> task<std::string> {
        auto branch = [](run& own, int i) -> task<std::string> {
            boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor,
                                            std::chrono::milliseconds{own.options().replay ? 5 * i : 20 - 5 * i}};
            co_await timer.async_wait(boost::asio::use_awaitable);
            co_return std::to_string(i) + ":" + std::to_string(own.random());
        };
        std::vector<int> items{0, 1, 2, 3};
        auto all = co_await parallel_map(r, items, branch);
        std::string text;
        for (auto& s : all) text += s + " ";
        co_return text;
    }};
    auto first = rt.execute(run_options{}, program);
    run_options again;
    again.replay = first.report.history;
    BOOST_TEST(rt.run(again, program) == first.value);
}

BOOST_AUTO_TEST_CASE(a_run_is_cancelled_from_another_thread) {
    std::atomic<bool> asked = false;
    loopback_server server{[&](const server_request&) {
        asked = true;
        return server_response{.delay = 60s};
    }};
    runtime rt;
    several m;
    auto handle = rt.start(run_options{language_model{"openai/x", {.api_base = server.url("/v1")}}}, m, 1);
    while (!asked) std::this_thread::sleep_for(1ms);
    handle.cancel();
    check_code(run_errc::cancelled, [&] { handle.get(); });
}

BOOST_AUTO_TEST_CASE(a_finished_run_is_cancelled_in_vain) {
    runtime rt;
    several m;
    for (int i = 0; i < 50; ++i) {
        auto handle = rt.start(answering(answers(1)), m, 1);
        handle.wait();
        handle.cancel();
        BOOST_TEST(handle.get().size() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_detached_run_ends_once_though_its_runtime_goes_at_once) {
    for (int i = 0; i < 50; ++i) {
        auto ends = std::make_shared<std::atomic<int>>(0);
        auto first = std::make_shared<std::promise<std::exception_ptr>>();
        {
            runtime rt;
            several m;
            rt.detach(
                answering(answers(1)), m,
                [ends, first](std::exception_ptr failure, const run_report&) {
                    if (++*ends == 1) first->set_value(failure);
                },
                1);
            BOOST_TEST(!first->get_future().get());
        }
        BOOST_TEST(*ends == 1);
    }
}

BOOST_AUTO_TEST_CASE(a_deadline_ends_a_run) {
    loopback_server server{[](const server_request&) { return server_response{.delay = 60s}; }};
    runtime rt;
    several m;
    run_options slow{language_model{"openai/x", {.api_base = server.url("/v1")}}};
    slow.deadline = 50ms;
    bool ended = false;
    try {
        rt.run(slow, m, 1);
    } catch (const error& e) {
        ended = e.code() == run_errc::deadline_exceeded || e.code() == http_errc::deadline_exceeded;
    }
    BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_goes_ends_what_runs) {
    loopback_server server{[](const server_request&) { return server_response{.delay = 60s}; }};
    several m;
    std::optional<running<std::vector<std::int64_t>>> handle;
    {
        runtime rt;
        handle.emplace(rt.start(run_options{language_model{"openai/x", {.api_base = server.url("/v1")}}}, m, 1));
    }
    BOOST_CHECK_THROW(handle->get(), run_error);
}

BOOST_AUTO_TEST_CASE(blocking_work_does_not_hold_up_the_loop) {
    runtime rt;
    auto program = function_module{[](run& r) -> task<int> {
        auto sleeper = [](run& own, int) -> task<int> {
            std::function<json::value()> work = [] {
                std::this_thread::sleep_for(20ms);
                return json::value(1);
            };
            json::value v = co_await own.blocking(work);
            co_return static_cast<int>(v.as_int64());
        };
        std::vector<int> items(4);
        auto all = co_await parallel_map(r, items, sleeper);
        co_return static_cast<int>(all.size());
    }};
    BOOST_TEST(rt.run(run_options{}, program) == 4);
    auto failing = function_module{[](run& r) -> task<int> {
        std::function<json::value()> work = []() -> json::value { throw std::logic_error{"own"}; };
        co_await r.blocking(work);
        co_return 0;
    }};
    BOOST_CHECK_THROW(rt.run(run_options{}, failing), std::logic_error);
}

BOOST_AUTO_TEST_CASE(callbacks_see_calls_and_their_failures) {
    runtime rt;
    several m;
    std::vector<std::string> seen;
    auto o = answering({chat_completion({{"answer", 1}})});
    o.on_event = [&](const run_event& e) { seen.push_back(std::to_string(e.kind) + (e.error.empty() ? "" : "!")); };
    BOOST_CHECK_THROW(rt.run(o, m, 2), lm_error);
    BOOST_TEST((seen == std::vector<std::string>{"0", "1", "0", "1!"}));
}

BOOST_AUTO_TEST_CASE(a_key_is_in_no_log_and_no_journal) {
    const std::string key = "planted-KEY-0123456789";
    loopback_server server{[&](const server_request& r) {
        bool right = r.authorization == "Bearer " + key;
        BOOST_TEST(right);
        return server_response{.status = 401, .body = R"({"error":{"message":"bad key )" + key + R"("}})"};
    }};
    std::ostringstream text;
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text);
    auto logger = std::make_shared<spdlog::logger>("test", sink);
    logger->set_level(spdlog::level::trace);
    runtime rt{{.logger = logger}};
    several m;
    std::string events;
    run_options o{language_model{"openai/x", {.api_base = server.url("/v1"), .api_key = secret{key}}}};
    for (bool stream : {false, true}) {
        o.stream = stream;
        o.on_event = [&](const run_event& e) { events += std::string{e.error} + std::string{e.text}; };
        auto handle = rt.start(o, m, 1);
        std::string what;
        try {
            handle.get();
        } catch (const std::exception& e) {
            what = e.what();
        }
        std::string journal = json::serialize(handle.report().history->to_json());
        BOOST_TEST(!text.str().empty());
        BOOST_TEST(journal.find("(secret)") != journal.npos);
        for (const std::string& written : {what, journal, text.str(), events}) {
            BOOST_TEST(!written.empty());
            BOOST_TEST(written.find(key) == written.npos, written);
        }
    }
}

BOOST_AUTO_TEST_CASE(no_recording_writes_over_another) {
    folder f;
    auto record = [&](int from, int runs) {
        runtime_options ro;
        ro.record = (f.path / "runs").string();
        runtime rt{ro};
        several m;
        for (int i = 0; i < runs; ++i) {
            std::vector<std::string> texts;
            for (int n = 0; n < 2; ++n) texts.push_back(chat_completion({{"answer", from + i}}));
            rt.run(answering(texts), m, 2);
        }
    };
    record(10, 2);
    auto first = f.read("runs/run-1.jsonl"), second = f.read("runs/run-2.jsonl");
    record(20, 1);  // as another process would
    BOOST_TEST(f.read("runs/run-1.jsonl") == first);
    BOOST_TEST(f.read("runs/run-2.jsonl") == second);
    BOOST_TEST(f.read("runs/run-3.jsonl").find("20") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(many_runs_share_threads_and_modules) {
    loopback_server server{[](const server_request&) {
        return server_response{.body = openai_text(chat_completion({{"answer", 7}})), .delay = 2ms};
    }};
    runtime rt{{.threads = 3}};
    several m;
    language_model lm{"openai/x", {.api_base = server.url("/v1")}};
    std::vector<running<std::vector<std::int64_t>>> all;
    for (int i = 0; i < 60; ++i) all.push_back(rt.start(lm, m, 3));
    for (auto& r : all) BOOST_TEST((r.get() == std::vector<std::int64_t>{7, 7, 7}));
    BOOST_TEST(server.requests() == 180);
    BOOST_TEST(server.connections() <= 60);
}

BOOST_AUTO_TEST_SUITE_END()
