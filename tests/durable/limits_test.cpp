// Bounds of durable runs and conversations, and what goes on without a model.
#include "fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
using namespace std::chrono_literals;

namespace {

task<json::object> answer_of(std::string text) {
    json::object out;
    out["answer"] = std::move(text);
    co_return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(durable_limits)

// Each worker is a process that dies with the run in its hands. No thread may be running here.
BOOST_AUTO_TEST_CASE(a_run_that_ends_every_worker_is_given_up) {
    folder files;
    auto open = [&] {
        return journal_store::open_sqlite(files.path / "runs.db", {.lease = 20ms, .survive_power_failure = false});
    };
    open()->create({.program = "p", .id = "a"});
    for (int i = 0; i < 20; ++i) {
        pid_t pid = ::fork();
        if (pid == 0) {
            auto store = open();
            ::_exit(store->take({"p"}, 1).size() == 1 ? 9 : 1);
        }
        int code = 0;
        ::waitpid(pid, &code, 0);
        BOOST_REQUIRE_MESSAGE(WIFEXITED(code) && WEXITSTATUS(code) == 9, "take " << i);
        std::this_thread::sleep_for(30ms);  // its lease
    }
    auto store = open();
    BOOST_TEST(store->take({"p"}, 1).empty());
    auto r = store->get("a");
    BOOST_TEST((r.status == run_status::failed));
    BOOST_TEST(r.error.find("20 times in a row") != std::string::npos, r.error);
    store->retry("a");  // whoever knows better may try again
    BOOST_TEST(store->take({"p"}, 1).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_conversation_keeps_16_kib_of_a_tools_result, fixture) {
    tools t;
    t.add("look", "", [] { return std::string(100'000, 'x'); }, {}, {.read_only = true, .max_result_bytes = 200'000});
    auto program = [&](run& r, const json::object&) -> task<json::object> {
        std::string path = "x", name = "look";
        json::value none = json::object{};
        auto o = co_await t.call(r, path, name, none);
        BOOST_TEST(o.text().size() == 100'000u);  // the run itself had all of it
        co_return co_await answer_of("seen");
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program_function{program}, options());
    BOOST_TEST((rt.converse("s", "p", {{"message", "look"}}).status == run_status::finished));
    auto kept = store->get_session("s").turns.at(0).trajectory.at("observation_0").as_string();
    BOOST_TEST(kept.size() > 16'000u);
    BOOST_TEST(kept.size() < 16 * 1024 + 100u);
}

BOOST_FIXTURE_TEST_CASE(what_was_cancelled_was_never_said, fixture) {
    std::string history;
    auto program = [&](run&, const json::object& in) -> task<json::object> {
        history = json::serialize(in.at("history"));
        return answer_of("heard");
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program_function{program}, options());
    rt.converse("s", "p", {{"message", "first"}});
    store->cancel(rt.submit("p", {{"message", "unsaid"}}, "gone", "s"));
    BOOST_TEST(status("gone") == "cancelled");
    rt.converse("s", "p", {{"message", "second"}});
    BOOST_TEST(history.find("first") != std::string::npos, history);
    BOOST_TEST(history.find("unsaid") == std::string::npos, history);
    BOOST_TEST(store->get_session("s").turns.size() == 2u);
}

// Two tools and no model: what a crash, or here a fork, left undone is done.
BOOST_FIXTURE_TEST_CASE(a_program_without_a_model_is_resumed, fixture) {
    std::atomic<int> first = 0, second = 0;
    tools t;
    t.add("first", "", [&] { return ++first; });
    t.add("second", "", [&] { return ++second; });
    auto program = [&](run& r, const json::object&) -> task<json::object> {
        std::string path = "x", one = "first", two = "second";
        json::value none = json::object{};
        co_await t.call(r, path, one, none);
        co_await t.call(r, path, two, none);
        co_return co_await answer_of("both");
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program_function{program}, run_options{});
    BOOST_TEST((rt.run_durably("p", {}, "whole").status == run_status::finished));
    auto all = store->records("whole");
    auto id = store->fork("whole", records_through(all, 1), "half");
    auto r = rt.resume(id);
    BOOST_TEST((r.status == run_status::finished), r.error);
    BOOST_TEST(first == 1);
    BOOST_TEST(second == 2);
    BOOST_TEST(rt.replay("half").differences.empty());
    BOOST_TEST(second == 2);
}

BOOST_FIXTURE_TEST_CASE(the_deadline_holds_for_all_resumes_together, fixture) {
    std::atomic<bool> down = true;
    auto waits = std::chrono::milliseconds{700};
    auto program = [&](run&, const json::object&) -> task<json::object> {
        asio::steady_timer timer{co_await asio::this_coro::executor, waits};
        co_await timer.async_wait(asio::use_awaitable);
        if (down) throw std::runtime_error{"away"};
        co_return co_await answer_of("in time");
    };
    auto o = options();
    o.deadline = 1200ms;
    runtime rt{{.journals = store}};
    rt.serve("slow", program_function{program}, o);
    rt.run_durably("slow", {}, "a");
    down = false;
    auto r = rt.resume("a");
    BOOST_TEST((r.status == run_status::failed));
    BOOST_TEST(r.error.find("deadline of 1200 ms") != std::string::npos, r.error);

    // While nobody works on it no time passes.
    waits = 0ms;
    down = true;
    o.deadline = 3s;
    rt.serve("slow", program_function{program}, o);
    rt.run_durably("slow", {}, "b");
    BOOST_TEST(status("b") == "failed");
    std::this_thread::sleep_for(3200ms);
    down = false;
    r = rt.resume("b");
    BOOST_TEST((r.status == run_status::finished), r.error);
}

namespace {

// A tool that asks a model three times; what it asks first is the program's version.
struct research : fixture {
    predict<sig<"question -> answer: int">> ask;
    tools own;
    int version = 1;
    research() {
        own.add("research", "",
                [this](run& r, int n) -> task<int> {
                    for (int i = 0; i < 3; ++i) {
                        const std::string question = "v" + std::to_string(version) + " n is " + std::to_string(n);
                        auto p = co_await ask(r, "question"_f = question);
                        n = p.get<"answer">();
                    }
                    co_return n;
                },
                {"n"});
    }
    stored_run go(run_options o) {
        runtime rt{{.journals = store}};
        auto program = [this](run& r, const json::object&) -> task<json::object> {
            std::string path = "x", name = "research";
            json::value arguments = json::object{{"n", 3}};
            auto found = co_await own.call(r, path, name, arguments);
            co_return co_await answer_of(std::string{found.text()});
        };
        rt.serve("p", program_function{program}, std::move(o));
        return store->find("a") ? rt.resume("a") : rt.run_durably("p", {}, "a");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_budget_that_is_met_within_a_tool_is_no_result_of_it, research) {
    auto small = options();
    small.budget.calls = 2;
    auto r = go(small);
    BOOST_TEST((r.status == run_status::failed));
    BOOST_TEST(r.error.find("budget of 2 model calls") != std::string::npos, r.error);
    r = go(options());
    BOOST_TEST((r.status == run_status::finished), r.error);
    BOOST_TEST(r.outputs.value().at("answer").as_string() == "6");
    BOOST_TEST(model->calls == 3);
}

BOOST_FIXTURE_TEST_CASE(a_full_journal_that_is_met_within_a_tool_is_no_result_of_it, research) {
    auto small = options();
    small.max_journal_bytes = 1'000;
    auto r = go(small);
    BOOST_TEST((r.status == run_status::failed));
    r = go(options());
    BOOST_TEST((r.status == run_status::finished), r.error);
    BOOST_TEST(r.outputs.value().at("answer").as_string() == "6");
    BOOST_TEST(model->calls == 3);
}

BOOST_FIXTURE_TEST_CASE(another_program_within_a_tool_ends_the_run_and_the_old_one_goes_on, research) {
    auto small = options();
    small.budget.calls = 2;
    go(small);
    version = 2;
    auto r = go(options());
    BOOST_TEST((r.status == run_status::failed));
    BOOST_TEST(r.error.find("replay") != std::string::npos, r.error);
    version = 1;
    r = go(options());
    BOOST_TEST((r.status == run_status::finished), r.error);
    BOOST_TEST(r.outputs.value().at("answer").as_string() == "6");
    BOOST_TEST(model->calls == 3);
}

BOOST_AUTO_TEST_SUITE_END()
