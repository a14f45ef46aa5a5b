#include "fixture.hpp"
#include "support/folder.hpp"
#include "support/postgres_server.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/module/parallel.hpp>
#include <reagent/reagent.hpp>
#include <reagent/schema/repair.hpp>

#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cmath>
#include <future>
#include <set>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
using namespace std::chrono_literals;

namespace {

using counting = predict<sig<"question -> answer: int">>;

task<json::object> count_up(run& r, json::object in, const counting& one) {
    std::int64_t n = in.at("n").as_int64();
    for (int i = 0; i < 3; ++i) {
        auto p = co_await one(r, "question"_f = "n is " + std::to_string(n));
        n = p.get<"answer">();
    }
    json::object out;
    out["n"] = n;
    co_return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(durable)

BOOST_FIXTURE_TEST_CASE(a_run_ends_and_is_kept, fixture) {
    counting one;
    runtime rt{{.journals = store}};
    rt.serve(
        "count", [&](run& r, const json::object& in) { return count_up(r, in, one); }, options());
    auto r = rt.run_durably("count", {{"n", 4}}, "first");
    BOOST_TEST((r.status == run_status::finished));
    BOOST_TEST(r.outputs->at("n").as_int64() == 7);
    BOOST_TEST(r.usage.calls == 3u);
    BOOST_TEST(r.takes == 1u);
    BOOST_TEST(model->calls == 3);
    BOOST_TEST(store->list().size() == 1u);
    thrown(run_errc::not_possible, [&] { rt.resume("first"); });
    thrown(run_errc::not_possible, [&] { rt.submit("count", {}, "first"); });
    thrown(run_errc::unknown_run, [&] { rt.resume("no such run"); });
    auto other = rt.submit("cuont", {{"n", 1}});
    BOOST_TEST(thrown(run_errc::unknown_program, [&] { rt.resume(other); }).find("did you mean `count`") !=
               std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(what_failed_goes_on_where_it_failed, fixture) {
    std::atomic<bool> down = true;
    model = std::make_shared<answering>([&](const lm_request& q) {
        if (down && number_in(last_text(q)) == 2) throw lm_error{lm_errc::unavailable, "the model is away"};
        return chat_completion({{"answer", number_in(last_text(q)) + 1}});
    });
    counting one;
    runtime rt{{.journals = store}};
    rt.serve(
        "count", [&](run& r, const json::object& in) { return count_up(r, in, one); }, options());
    auto r = rt.run_durably("count", {{"n", 1}}, "a");
    BOOST_TEST(status("a") == "failed");
    BOOST_TEST(r.error == "the model is away");
    BOOST_TEST(model->calls == 2);
    down = false;
    r = rt.resume("a");
    BOOST_TEST(status("a") == "finished");
    BOOST_TEST(r.outputs->at("n").as_int64() == 4);
    BOOST_TEST(model->calls == 4);  // the first answer was not asked for again
    BOOST_TEST(r.usage.calls == 3u);
}

BOOST_FIXTURE_TEST_CASE(budgets_hold_for_all_resumes_together, fixture) {
    std::atomic<bool> down = true;
    model = std::make_shared<answering>([&](const lm_request& q) {
        if (down && number_in(last_text(q)) == 2) throw lm_error{lm_errc::unavailable, "away"};
        return chat_completion({{"answer", number_in(last_text(q)) + 1}});
    });
    counting one;
    auto o = options();
    o.budget.tokens = 30;  // two calls
    runtime rt{{.journals = store}};
    rt.serve(
        "count", [&](run& r, const json::object& in) { return count_up(r, in, one); }, o);
    rt.run_durably("count", {{"n", 1}}, "a");
    down = false;
    auto r = rt.resume("a");
    BOOST_TEST(status("a") == "failed");
    BOOST_TEST(r.error.find("budget of 30 tokens") != std::string::npos, r.error);
    o.budget.tokens = 100;
    rt.serve(
        "count", [&](run& run_, const json::object& in) { return count_up(run_, in, one); }, o);
    BOOST_TEST((rt.resume("a").status == run_status::finished));
}

namespace {

// An agent with a tool that needs consent.
struct approvals : fixture {
    std::vector<std::string> dropped;
    tools with_drop() {
        tools t;
        t.add("drop", "Drops a table.",
              [this](std::string table) { return dropped.push_back(table), "dropped " + table; }, {"table"},
              {.destructive = true});
        return t;
    }
    approvals() {
        model = std::make_shared<answering>([](const lm_request& q) {
            std::string text = last_text(q);
            if (q.messages.front().content.find("`next_tool_name`") == std::string::npos)
                return chat_completion(
                    {{"reasoning", "r"}, {"answer", text.find("refused") != text.npos ? "refused" : "done"}});
            bool acted = text.find("observation_0") != text.npos;
            json::object args;
            if (!acted) args["table"] = "old";
            return chat_completion(
                {{"next_thought", "t"}, {"next_tool_name", acted ? "finish" : "drop"}, {"next_tool_args", args}});
        });
    }
};
using agent = react<sig<"question -> answer">>;

}  // namespace

BOOST_FIXTURE_TEST_CASE(consent_is_waited_for_without_anything_in_memory, approvals) {
    agent a{with_drop()};
    {
        runtime rt{{.journals = store}};
        rt.serve("drop", a, options());
        auto r = rt.run_durably("drop", {{"question", "Clean up."}}, "a");
        BOOST_TEST(status("a") == "awaiting_approval");
        BOOST_TEST(r.error.find("reagent runs approve a") != std::string::npos);
        thrown(run_errc::not_possible, [&] { rt.resume("a"); });
    }
    auto calls = model->calls.load();
    auto pending = store->pending("a");
    BOOST_REQUIRE(pending.size() == 1u);
    BOOST_TEST(pending[0].wanted.what.tool == "drop");
    auto elsewhere = open();
    thrown(run_errc::not_possible, [&] { elsewhere->decide("a", 0, {.kind = run_decision::repeat}); });
    thrown(run_errc::not_possible, [&] { elsewhere->decide("a", 77, {.kind = run_decision::approve}); });
    auto wrong = thrown(run_errc::not_possible, [&] {
        elsewhere->decide("a", 0, {.kind = run_decision::approve, .arguments = json::object{{"table", 3}}});
    });
    BOOST_TEST(wrong.find("edited arguments") != std::string::npos, wrong);
    elsewhere->decide("a", 0,
                      {.kind = run_decision::approve, .arguments = json::object{{"table", "older"}}, .by = "me"});
    BOOST_TEST(status("a") == "ready");
    thrown(run_errc::not_possible, [&] { elsewhere->decide("a", 0, {.kind = run_decision::reject}); });
    runtime rt{{.journals = elsewhere}};
    rt.serve("drop", a, options());
    auto r = rt.resume("a");
    BOOST_TEST(status("a") == "finished");
    BOOST_TEST(dropped == std::vector<std::string>{"older"});
    BOOST_TEST(model->calls == calls + 2);  // the next step and the answer
    auto again = rt.replay("a");
    BOOST_TEST(again.differences.empty());
    BOOST_TEST((again.outputs == r.outputs));
    BOOST_TEST(dropped.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(consent_is_refused, approvals) {
    agent a{with_drop()};
    runtime rt{{.journals = store}};
    rt.serve("drop", a, options());
    rt.run_durably("drop", {{"question", "Clean up."}}, "a");
    store->decide("a", 0, {.kind = run_decision::reject, .text = "not on a Friday"});
    auto r = rt.resume("a");
    BOOST_TEST(r.outputs->at("answer").as_string() == "refused");
    BOOST_TEST(dropped.empty());
    bool told = false;
    auto loaded = load_journal(store->records("a"));
    for (const auto& e : loaded.history->events())
        if (e.request) told = told || last_text(e.request->whole()).find("not on a Friday") != std::string::npos;
    BOOST_TEST(told);
    BOOST_TEST(rt.replay("a").differences.empty());
}

BOOST_FIXTURE_TEST_CASE(a_decision_of_the_program_itself_is_journaled, approvals) {
    int asked = 0;
    auto t = with_drop();
    t.on_approval([&](run&, const tool&, const json::object&) -> task<bool> {
        ++asked;
        co_return true;
    });
    agent a{t};
    runtime rt;
    auto first = rt.execute(options(), a, "question"_f = "Clean up.");
    run_options again;
    again.replay = first.report.history;
    rt.run(again, a, "question"_f = "Clean up.");
    BOOST_TEST(asked == 1);
    BOOST_TEST(dropped.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(other_branches_come_to_their_end_before_a_run_waits, fixture) {
    std::atomic<int> slow = 0, dropped = 0;
    tools t;
    t.add("drop", "", [&](std::string) { return ++dropped, "ok"; }, {"table"}, {.destructive = true});
    t.add("slow", "", [&]() {
        std::this_thread::sleep_for(80ms);
        return ++slow, "ok";
    });
    auto program = [&](run& r, const json::object&) -> task<json::object> {
        auto one = [&](run& b) { return t.call(b, "x", "drop", json::object{{"table", "a"}}); };
        auto two = [&](run& b) { return t.call(b, "x", "slow", json::object{}); };
        auto three = [&](run& b) { return t.call(b, "x", "drop", json::object{{"table", "b"}}); };
        co_await parallel(r, one, two, three);
        json::object out;
        out["ok"] = true;
        co_return out;
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program_function{program}, options());
    rt.run_durably("p", {}, "a");
    BOOST_TEST(status("a") == "awaiting_approval");
    BOOST_TEST(slow == 1);  // not cut off
    auto pending = store->pending("a");
    BOOST_REQUIRE(pending.size() == 2u);
    thrown(run_errc::not_possible, [&] { store->decide("a", 0, {.kind = run_decision::approve}); });  // which?
    store->decide("a", pending[0].wanted.what.id, {.kind = run_decision::approve});
    BOOST_TEST(status("a") == "awaiting_approval");
    store->decide("a", pending[1].wanted.what.id, {.kind = run_decision::approve});
    rt.resume("a");
    BOOST_TEST(status("a") == "finished");
    BOOST_TEST(slow == 1);
    BOOST_TEST(dropped == 2);
}

BOOST_FIXTURE_TEST_CASE(a_tool_that_works_through_the_run_is_entered_again_after_consent, fixture) {
    std::atomic<int> looked = 0, dropped = 0;
    tools inner;
    inner.add("look", "", [&]() { return ++looked, "ok"; });
    inner.add("drop", "", [&](std::string) { return ++dropped, "ok"; }, {"table"}, {.destructive = true});
    tools outer;
    outer.add("both", "", [&](run& r) -> task<std::string> {
        json::object none, table{{"table", "a"}};
        co_await inner.call(r, "y", "look", none);
        auto o = co_await inner.call(r, "y", "drop", table);
        co_return o.text();
    });
    auto program = [&](run& r, const json::object&) -> task<json::object> {
        json::object none;
        auto o = co_await outer.call(r, "x", "both", none);
        json::object out;
        out["said"] = o.text();
        co_return out;
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program_function{program}, options());
    rt.run_durably("p", {}, "a");
    BOOST_TEST(status("a") == "awaiting_approval");
    store->decide("a", 0, {.kind = run_decision::approve});
    auto r = rt.resume("a");
    BOOST_TEST(status("a") == "finished");
    BOOST_TEST(r.outputs->at("said").as_string() == "ok");
    BOOST_TEST(looked == 1);
    BOOST_TEST(dropped == 1);
}

namespace {

// Does `work` in a process of its own, which dies as it likes. No thread may be running here.
template <class F>
int in_child(F work) {
    pid_t pid = ::fork();
    if (pid == 0) {
        work();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

constexpr std::size_t bytes_of_a_key = std::string_view{"a-1-0123456789abcdef\n"}.size();

// A worker that dies in the middle of a tool's call.
struct cut_off {
    folder files;
    std::string acts() const { return files.read("acts"); }
    tools with_act(tool_options o, bool deadly) const {
        tools t;
        auto act = [this, deadly](call_key key) {
            std::ofstream{files.path / "acts", std::ios::app} << key.text << "\n";
            if (deadly) ::_exit(9);
            return "acted";
        };
        t.add("act", "", act, {}, o);
        return t;
    }
    static task<json::object> program(run& r, const tools& t) {
        json::object none;
        auto o = co_await t.call(r, "x", "act", none);
        json::object out;
        out["said"] = o.text();
        co_return out;
    }
    std::shared_ptr<journal_store> open() const {
        return journal_store::open_sqlite(files.path / "runs.db", {.lease = 200ms});
    }
    stored_run resume(const std::shared_ptr<journal_store>& store, tool_options o, bool deadly = false,
                      const char* id = "a") const {
        tools t = with_act(o, deadly);
        runtime rt{{.journals = store}};
        rt.serve("p", program_function{[&](run& r, const json::object&) { return program(r, t); }}, {});
        return rt.resume(id);
    }
    void die(tool_options o) const {
        int code = in_child([&] {
            auto store = open();
            store->create({.program = "p", .id = "a"});
            resume(store, o, true);
        });
        BOOST_TEST(code == 9);
        std::this_thread::sleep_for(250ms);  // its lease
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(an_idempotent_tool_is_called_again_with_the_same_key, cut_off) {
    die({.idempotent = true});
    auto r = resume(open(), {.idempotent = true});
    BOOST_TEST((r.status == run_status::finished), r.error);
    std::string all = acts(), first = all.substr(0, all.find('\n') + 1);
    BOOST_TEST(all == first + first);
    BOOST_TEST(first.starts_with("a-"));
}

BOOST_FIXTURE_TEST_CASE(another_tool_is_asked_about, cut_off) {
    die({});
    auto store = open();
    auto r = resume(store, {});
    BOOST_TEST((r.status == run_status::outcome_unknown));
    BOOST_TEST(r.error.find("`act` (worker ") != std::string::npos, r.error);
    BOOST_TEST(acts().size() == bytes_of_a_key);
    auto pending = store->pending("a");
    BOOST_REQUIRE(pending.size() == 1u);
    thrown(run_errc::not_possible, [&] { store->decide("a", 0, {.kind = run_decision::approve}); });
    auto happened = store->fork("a", 2, "b");  // it is asked about the run, not about its copies
    BOOST_TEST(store->pending("b").empty());
    store->decide("a", 0, {.kind = run_decision::happened, .result = "as the bank says"});
    r = resume(store, {});
    BOOST_TEST((r.status == run_status::finished));
    BOOST_TEST(r.outputs->at("said").as_string() == "as the bank says");
    BOOST_TEST(acts().size() == bytes_of_a_key);
}

// Whether the original was asked about before or not: its copy has no way to know more.
BOOST_FIXTURE_TEST_CASE(a_fork_keeps_the_question_what_came_of_a_call, cut_off) {
    die({});
    auto store = open();
    store->fork("a", 0, "before");
    auto r = resume(store, {}, false, "before");
    BOOST_TEST((r.status == run_status::outcome_unknown), r.error);
    resume(store, {});
    store->fork("a", 0, "after");
    r = resume(store, {}, false, "after");
    BOOST_TEST((r.status == run_status::outcome_unknown), r.error);
    BOOST_TEST(acts().size() == bytes_of_a_key);  // once
    BOOST_REQUIRE(store->pending("after").size() == 1u);
    store->decide("after", 0, {.kind = run_decision::happened, .result = "as the bank says"});
    r = resume(store, {}, false, "after");
    BOOST_REQUIRE_MESSAGE((r.status == run_status::finished), r.error);
    BOOST_TEST(r.outputs->at("said").as_string() == "as the bank says");
    BOOST_TEST(acts().size() == bytes_of_a_key);
    store->fork("after", 0, "known");  // what was said of it counts in copies too
    BOOST_TEST((resume(store, {}, false, "known").status == run_status::finished));
    BOOST_TEST(acts().size() == bytes_of_a_key);
}

BOOST_FIXTURE_TEST_CASE(a_fork_makes_an_idempotent_call_again, cut_off) {
    die({.idempotent = true});
    auto store = open();
    store->fork("a", 0, "b");
    BOOST_TEST((resume(store, {.idempotent = true}, false, "b").status == run_status::finished));
}

BOOST_FIXTURE_TEST_CASE(what_did_not_happen_is_told_or_repeated, cut_off) {
    die({});
    auto store = open();
    resume(store, {});
    auto other = store->fork("a", 0, "never");
    store->decide("a", 0, {.kind = run_decision::repeat});
    auto r = resume(store, {});
    BOOST_TEST((r.status == run_status::finished));
    std::string all = acts();
    BOOST_TEST(all.size() == 2 * bytes_of_a_key);
    BOOST_TEST(all.substr(0, bytes_of_a_key) ==
               all.substr(bytes_of_a_key));  // another attempt at the same call: the same key
}

BOOST_FIXTURE_TEST_CASE(a_repeated_call_that_is_cut_off_again_is_asked_about_again, cut_off) {
    die({});
    int code = in_child([&] {
        auto store = open();
        resume(store, {});
        store->decide("a", 0, {.kind = run_decision::repeat});
        resume(store, {}, true);
    });
    BOOST_TEST(code == 9);
    std::this_thread::sleep_for(250ms);
    auto store = open();
    auto r = resume(store, {});
    BOOST_TEST((r.status == run_status::outcome_unknown));
    store->decide("a", 0, {.kind = run_decision::failed, .text = "the card was refused"});
    r = resume(store, {});
    BOOST_TEST(std::string{r.outputs->at("said").as_string()}.find("the card was refused") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_lease_keeps_others_away_until_it_runs_out, fixture) {
    auto quick = open({.lease = 150ms}), other = open({.lease = 150ms});
    store->create({.program = "p", .id = "a"});
    auto mine = quick->take("a");
    thrown(run_errc::lease_lost, [&] { other->take("a"); });
    BOOST_TEST(other->take({"p"}, 5).empty());
    std::this_thread::sleep_for(400ms);  // the store's own thread keeps it
    thrown(run_errc::lease_lost, [&] { other->take("a"); });
    BOOST_TEST(mine.hold->is_certain());
    std::promise<void> told;
    mine.hold->on_end([&] { told.set_value(); });
    {
        // The worker is frozen: nothing renews the lease.
        quick.reset();
        std::this_thread::sleep_for(200ms);
    }
    auto theirs = other->take({"p"}, 5);
    BOOST_REQUIRE(theirs.size() == 1u);
    BOOST_TEST(theirs[0].hold->fence == mine.hold->fence + 1);
    // It wakes, and writes with what it believes to hold.
    quick = open({.lease = 150ms});
    std::promise<std::exception_ptr> written;
    std::vector<journal_store::numbered_record> records{{1, {{}, run_taken{"frozen"}}}};
    quick->write(mine.hold, records, {}, [&](std::exception_ptr e) { written.set_value(e); });
    thrown(run_errc::lease_lost, [&] { std::rethrow_exception(written.get_future().get()); });
    BOOST_TEST(mine.hold->is_lost());
    BOOST_TEST((told.get_future().wait_for(1s) == std::future_status::ready));
    BOOST_TEST(store->records("a").empty());
}

BOOST_FIXTURE_TEST_CASE(runs_are_cancelled_wherever_they_are, fixture) {
    store->create({.program = "count", .inputs = {{"n", 1}}, .id = "waiting"});
    store->cancel("waiting");
    BOOST_TEST(status("waiting") == "cancelled");
    thrown(run_errc::not_possible, [&] { store->cancel("waiting"); });

    std::promise<void> begun;
    auto program = [&](run& r, const json::object&) -> task<json::object> {
        begun.set_value();
        asio::steady_timer timer{co_await asio::this_coro::executor, 20s};
        co_await timer.async_wait(asio::use_awaitable);
        r.check();
        co_return json::object();
    };
    auto quick = open({.lease = 300ms});
    runtime rt{{.journals = quick}};
    rt.serve("p", program_function{program}, options());
    rt.submit("p", {}, "a");
    auto halted = std::async(std::launch::async, [&] { return rt.resume("a"); });
    begun.get_future().wait();
    store->cancel("a");
    BOOST_TEST((halted.get().status == run_status::cancelled));
}

BOOST_FIXTURE_TEST_CASE(what_the_inputs_say_about_options_holds_wherever_a_run_goes_on, fixture) {
    std::vector<std::uint64_t> limits;
    std::vector<bool> is_private;
    model = std::make_shared<answering>([&](const lm_request& q) -> std::string {
        limits.push_back(q.sampling.max_tokens.value_or(0));
        if (limits.size() == 1) throw lm_error{lm_errc::unavailable, "the model is away"};
        return "yes";
    });
    auto program = [&](run& r, const json::object&) -> task<json::object> {
        is_private.push_back(r.options().private_fields.contains("card"));
        lm_request q;
        q.messages.push_back({role::user, "hello"});
        std::string path = "x";
        co_await r.call_model(path, language_model{}, q);
        co_return json::object();
    };
    auto of_inputs = [](run_options& o, const json::object& inputs) {
        if (!inputs.contains("limit")) throw std::runtime_error{"the limit is missing"};
        o.sampling.max_tokens = inputs.at("limit").to_number<std::uint64_t>();
        o.private_fields.emplace("card");
    };
    auto serve = [&](runtime& rt) { rt.serve("p", program_function{program}, options(), of_inputs); };
    {
        runtime rt{{.journals = store}};
        serve(rt);
        BOOST_TEST(to_string(rt.run_durably("p", {{"limit", 7}}, "a").status) == "failed");
    }
    store->fork("a", 0, "b");
    store->create({.program = "p", .id = "none"});
    runtime rt{{.journals = open()}};
    serve(rt);
    BOOST_TEST(to_string(rt.resume("a").status) == "finished");
    rt.work({.until_idle = true});
    BOOST_TEST(status("b") == "finished");
    BOOST_TEST(store->get("none").error.find("the limit is missing") != std::string::npos, store->get("none").error);
    BOOST_TEST(limits == (std::vector<std::uint64_t>{7, 7, 7}));
    BOOST_TEST(is_private == (std::vector<bool>{true, true, true}));
    BOOST_TEST(rt.replay("b").differences.empty());
}

// What it does by then is done: nobody would know otherwise.
BOOST_DATA_TEST_CASE(a_tool_that_is_at_work_comes_to_its_end_before_its_run_is_cancelled,
                     std::vector<bool>({false, true}), enters_run) {
    fixture f;
    std::promise<void> begun;
    std::atomic<bool> ended = false;
    auto work = [&]() -> std::string {
        begun.set_value();
        std::this_thread::sleep_for(800ms);
        ended = true;
        return "the money is sent";
    };
    auto work_in_run = [&](run&) -> task<std::string> {
        begun.set_value();
        asio::steady_timer timer{co_await asio::this_coro::executor, 800ms};
        co_await timer.async_wait(asio::use_awaitable);
        ended = true;
        co_return "the money is sent";
    };
    tools t;
    if (enters_run)
        t.add("send", "", work_in_run);
    else
        t.add("send", "", work);
    auto program = [&](run& r, const json::object&) -> task<json::object> {
        std::string path = "x", name = "send";
        json::value none = json::object{};
        co_await t.call(r, path, name, none);
        lm_request q;
        q.messages.push_back({role::user, "n is 1"});
        std::string then = "y";
        co_await r.call_model(then, language_model{}, q);
        co_return json::object();
    };
    auto quick = f.open({.lease = 300ms});
    runtime rt{{.journals = quick}};
    rt.serve("p", program_function{program}, f.options());
    rt.submit("p", {}, "a");
    auto halted = std::async(std::launch::async, [&] { return rt.resume("a"); });
    begun.get_future().wait();
    f.store->cancel("a");
    auto r = halted.get();
    BOOST_TEST(ended.load());
    BOOST_TEST(to_string(r.status) == "cancelled");
    BOOST_TEST(r.error == "");
    BOOST_TEST(f.model->calls.load() == 0);
    auto loaded = load_journal(f.store->records("a"));
    BOOST_TEST(loaded.open.empty());
    BOOST_REQUIRE(loaded.history->events().size() == 1u);
    BOOST_TEST(json::serialize(loaded.history->events()[0].result) == "\"the money is sent\"");
}

// Whatever ends a run in the middle of a tool's call: whoever looks at it is told.
BOOST_FIXTURE_TEST_CASE(a_run_that_ends_in_a_call_says_that_its_outcome_is_unknown, fixture) {
    std::atomic<int> begun = 0;
    tools t;
    t.add("send", "", [&](run&) -> task<std::string> {
        ++begun;
        asio::steady_timer timer{co_await asio::this_coro::executor, 20s};
        co_await timer.async_wait(asio::use_awaitable);
        co_return "never";
    });
    auto program = [&](run& r, const json::object&) -> task<json::object> {
        std::string path = "x", name = "send";
        json::value none = json::object{};
        co_await t.call(r, path, name, none);
        co_return json::object();
    };
    const std::string words = "`send` was under way: its outcome is unknown";
    auto o = options();
    o.deadline = 100ms;
    runtime late{{.journals = store}};
    late.serve("p", program_function{program}, o);
    auto r = late.run_durably("p", {}, "late");
    BOOST_TEST(to_string(r.status) == "failed");
    BOOST_TEST(r.error.find(words) != std::string::npos, r.error);

    store->fork("late", 0, "forked");  // as a crash leaves it
    store->cancel("forked");
    BOOST_TEST(store->get("forked").error.find(words) != std::string::npos, store->get("forked").error);
    // What waits for somebody to look is no different.
    store->fork("late", 0, "asked");
    auto other = options();
    late.serve("p", program_function{program}, other);
    BOOST_TEST(to_string(late.resume("asked").status) == "outcome_unknown");
    store->cancel("asked");
    BOOST_TEST(store->get("asked").error.find(words) != std::string::npos, store->get("asked").error);
    BOOST_TEST(begun.load() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_worker_that_is_told_to_stop_leaves_its_runs_to_others, fixture) {
    std::atomic<int> steps = 0;
    model = std::make_shared<answering>([&](const lm_request& q) {
        ++steps;
        std::this_thread::sleep_for(2ms);
        return chat_completion({{"answer", number_in(last_text(q)) + 1}});
    });
    counting one;
    auto program = [&](run& r, const json::object& in) { return count_up(r, in, one); };
    for (int i = 0; i < 20; ++i) store->create({.program = "count", .inputs = {{"n", i}}, .id = std::to_string(i)});
    {
        runtime rt{{.journals = store}};
        rt.serve("count", program_function{program}, options());
        std::thread worker{[&] { rt.work({.poll = 5ms}); }};
        while (steps < 10) std::this_thread::sleep_for(1ms);
        rt.stop_work();
        worker.join();
    }
    auto done = store->list({.status = run_status::finished}).size(),
         ready = store->list({.status = run_status::ready}).size();
    BOOST_TEST(done + ready == 20u);
    runtime rt{{.threads = 2, .journals = store}};
    rt.serve("count", program_function{program}, options());
    std::atomic<int> halts = 0;
    rt.work({.until_idle = true, .poll = 5ms, .on_halt = [&](const stored_run&) { ++halts; }});
    BOOST_TEST(store->list({.status = run_status::finished}).size() == 20u);
    BOOST_TEST(halts == static_cast<int>(ready));
    BOOST_TEST(model->calls == 60);
}

namespace {

// Everything at once: branches, tools, a clock, random numbers, an assertion that sends a branch back and one that
// sends all back.
struct winding : module {
    std::shared_ptr<answering> model = std::make_shared<answering>([](const lm_request& q) {
        std::string text = last_text(q);
        bool told = text.find("not accepted") != std::string::npos;
        return chat_completion({{"answer", number_in(text) + (told ? 10 : 1)}});
    });
    std::atomic<int> acted = 0;
    tools all;
    counting first{*this, "first"}, second{*this, "second"};
    winding() {
        all.add("act", "", [this](int n) { return ++acted, n * 2; }, {"n"}, {.idempotent = true});
    }
    task<json::object> forward(run& r) {
        auto p = co_await first(r, "question"_f = "n is 0");
        auto n = p.get<"answer">();
        r.now();
        auto part = [&](run& b, int k) -> task<std::int64_t> {
            auto q = co_await second(b, "question"_f = "n is " + std::to_string(k + n));
            b.assert_that(k != 1 || q.get<"answer">() > 10, "too small", second);
            json::object args{{"n", q.get<"answer">()}};
            auto o = co_await all.call(b, "x", "act", args);
            co_return o.value.to_number<std::int64_t>();
        };
        std::vector<int> items{0, 1, 2};
        auto parts = co_await parallel_map(r, items, part);
        std::int64_t sum = 0;
        for (auto v : parts) sum += v;
        r.random();
        r.assert_that(n > 5, "the first is too small", first);
        auto last = co_await second(r, "question"_f = "n is " + std::to_string(sum));
        json::object out;
        out["sum"] = last.get<"answer">();
        co_return out;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(from_every_record_on_a_run_comes_to_the_same_end, fixture) {
    winding w;
    runtime rt{{.journals = store}};
    rt.serve("w", program_function{[&](run& r, const json::object&) { return w.forward(r); }},
             run_options{language_model{w.model}});
    auto whole = rt.run_durably("w", {}, "whole");
    BOOST_REQUIRE_MESSAGE(whole.status == run_status::finished, whole.error);
    auto calls = w.model->calls.load();
    auto all = store->records("whole");
    BOOST_TEST(load_journal(all).history->violations().size() == 2u);
    int more = 0;
    for (std::uint64_t n = 1; n <= all.size(); ++n) {
        auto id = store->fork("whole", n, "fork-" + std::to_string(n));
        auto before = w.model->calls.load();
        auto known = load_journal(store->records(id));
        std::size_t answered = 0;
        for (const auto* events : {&known.history->events(), &known.history->abandoned()})
            for (const auto& e : *events) answered += e.kind == event_kind::model_call;
        auto r = rt.resume(id);
        BOOST_TEST((r.status == run_status::finished), id << ": " << r.error);
        if (!r.outputs) continue;
        BOOST_TEST(r.outputs->at("sum").as_int64() == whole.outputs->at("sum").as_int64(),
                   id << ": " << r.outputs->at("sum").as_int64() << " and not " << whole.outputs->at("sum").as_int64());
        BOOST_TEST(w.model->calls - before + static_cast<int>(answered) == calls,
                   id << " asked " << w.model->calls - before << " after " << answered);
        more += w.model->calls - before;
        BOOST_TEST(r.usage.calls == static_cast<std::uint64_t>(calls), id);
    }
    BOOST_TEST(more > 0);
}

BOOST_FIXTURE_TEST_CASE(a_changed_program_is_told_apart_with_the_place, fixture) {
    counting one;
    runtime rt{{.journals = store}};
    rt.serve(
        "count", [&](run& r, const json::object& in) { return count_up(r, in, one); }, options());
    rt.run_durably("count", {{"n", 4}}, "a");
    auto copy = store->fork("a", 3, "b");
    counting other;
    auto changed = [&](run& r, const json::object&) -> task<json::object> {
        for (int i = 0; i < 3; ++i) co_await other(r, "question"_f = "N is " + std::to_string(i));
        co_return json::object();
    };
    rt.serve("count", program_function{changed}, options());
    auto r = rt.resume("b");
    BOOST_TEST((r.status == run_status::failed));
    BOOST_TEST(r.error.find("differs in line") != std::string::npos, r.error);
    BOOST_TEST(r.error.find("\"self\"") != std::string::npos, r.error);
    auto before = store->records("b").size();
    rt.serve(
        "count", [&](run& run_, const json::object& in) { return count_up(run_, in, one); }, options());
    BOOST_TEST((rt.resume("b").status == run_status::finished));  // nothing was lost
    BOOST_TEST(store->records("b").size() > before);

    // All differences at once.
    std::vector<std::string> places;
    run_options replay;
    replay.replay = load_journal(store->records("a")).history;
    replay.on_difference = [&](const std::string& place, const std::string&) { places.push_back(place); };
    struct program {
        decltype(changed)& f;
        task<json::object> forward(run& run_) const { return f(run_, {}); }
    };
    rt.run(replay, program{changed});
    BOOST_TEST(places.size() == 3u);
}

BOOST_AUTO_TEST_CASE(records_are_read_back_as_they_were_written) {
    event e{.kind = event_kind::tool_call, .id = 7, .branch = "0.12", .path = "a.b", .occurrence = 3, .splits = 2};
    e.tool = "t";
    e.arguments = json::object{{"x", std::numeric_limits<double>::infinity()}, {"y", "bad \xff\xfe bytes"}, {"z", 0.1}};
    e.result = json::array{1, nullptr, "\xE2\x82\xAC"};
    e.error = "no";
    e.started = 5us;
    e.duration = 9us;
    auto text = to_text({3us, effect_finished{e}});
    auto back = std::get<effect_finished>(journal_record_from_text(text).what).what;
    BOOST_TEST(back.branch == e.branch);
    BOOST_TEST(back.occurrence == 3u);
    BOOST_TEST(std::isinf(back.arguments.at("x").as_double()));
    BOOST_TEST(back.arguments.at("z").as_double() == 0.1);
    BOOST_TEST(back.arguments.at("y").as_string() == "bad \xEF\xBF\xBD\xEF\xBF\xBD bytes");
    BOOST_TEST((back.result == e.result));
    BOOST_TEST(to_text(journal_record_from_text(text)) == text);
    json::value deep = 1;
    for (int i = 0; i < max_json_depth; ++i) {
        json::array a;
        a.push_back(std::move(deep));
        deep = std::move(a);
    }
    e.result = deep;
    BOOST_TEST(
        (std::get<effect_finished>(journal_record_from_text(to_text({3us, effect_finished{e}})).what).what.result ==
         deep));
    for (const char* bad :
         {"", "[]", "{}", "{\"record\":\"nonsense\"}", "{\"record\":\"finished\",\"kind\":\"x\"}",
          "{\"record\":\"finished\",\"kind\":\"clock\",\"id\":-1}", "{\"record\":\"abandoned\",\"ids\":[\"a\"]}",
          "{\"record\":\"finished\",\"kind\":\"clock\",\"branch\":\"a\"}",
          "{\"record\":\"finished\",\"kind\":\"model_call\",\"request\":3}", "{\"record\":\"predictor\",\"inputs\":3}"})
        thrown(run_errc::bad_journal, [&] { journal_record_from_text(bad); });
}

BOOST_AUTO_TEST_CASE(a_journal_of_another_version_says_why_it_is_not_read) {
    folder f;
    auto newer = f.write("newer.jsonl", "{\"journal\":\"reagent\",\"format\":3}\n");
    BOOST_TEST(thrown(run_errc::bad_journal, [&] { read_journal_file(newer); }).find("format 3") != std::string::npos);
    thrown(run_errc::bad_journal, [&] { read_journal_file(f.write("other.txt", "hello\n")); });
    thrown(run_errc::bad_journal, [&] { read_journal_file(f.write("empty", "")); });
    thrown(run_errc::journal_unavailable, [&] { read_journal_file(f.path / "none"); });
    thrown(run_errc::journal_unavailable, [&] { read_journal_file(f.path); });
    BOOST_TEST(thrown(run_errc::bad_journal, [&] {
                   read_journal_file(
                       f.write("torn.jsonl", "{\"journal\":\"reagent\",\"format\":1}\n{\"record\":\"finis"));
               }).find("line 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(files_that_are_no_store_are_refused_and_left_alone) {
    folder f;
    auto text = f.write("text.db", std::string(5000, 'x'));
    BOOST_TEST(thrown(run_errc::journal_unavailable, [&] { journal_store::open(text); }).find("no SQLite database") !=
               std::string::npos);
    BOOST_TEST(f.read("text.db") == std::string(5000, 'x'));
    thrown(run_errc::journal_unavailable, [&] { journal_store::open(f.path / "no" / "folder" / "runs.db"); });
    thrown(run_errc::journal_unavailable,
           [&] { journal_store::open("postgresql://127.0.0.1:1/none?connect_timeout=1", {.patience = 50ms}); });
    {
        auto store = journal_store::open(f.path / "runs.db");
        for (int i = 0; i < 200; ++i) store->create({.program = "p", .inputs = {{"text", std::string(2000, 'a')}}});
    }
    std::string bytes = f.read("runs.db");
    for (std::size_t i = 4096; i + 4096 < bytes.size(); i += 8192) bytes.replace(i, 2048, std::string(2048, '\x7f'));
    f.write("damaged.db", bytes);
    auto said = thrown(run_errc::journal_unavailable, [&] {
        auto store = journal_store::open(f.path / "damaged.db");
        store->list({.most = 1000});
    });
    BOOST_TEST(said.find("damaged") != std::string::npos, said);
    BOOST_TEST(said.find(".recover") != std::string::npos, said);
}

BOOST_FIXTURE_TEST_CASE(a_locked_file_is_waited_for_and_then_told, fixture) {
    auto impatient = open({.patience = 200ms});
    std::string db = (files.path / "runs.db").string();
    std::string command = "(echo 'BEGIN IMMEDIATE;'; sleep 3) | sqlite3 " + db + " & sleep 0.5";
    BOOST_REQUIRE(std::system(command.c_str()) == 0);
    auto said = thrown(run_errc::journal_unavailable, [&] { impatient->create({.program = "p"}); });
    BOOST_TEST(said.find("keeps it locked") != std::string::npos, said);
    store->create({.program = "p", .id = "later"});  // has more patience
    BOOST_TEST(status("later") == "ready");
}

BOOST_AUTO_TEST_SUITE_END()
