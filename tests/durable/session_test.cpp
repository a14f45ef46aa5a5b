#include "fixture.hpp"
#include "support/postgres_server.hpp"

#include <reagent/schema/render.hpp>

#include <sqlite3.h>

#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

using chat = predict<sig<"message, history: History -> reply">>;

// All that a request shows, message by message.
std::string shown(const lm_request& q) {
    std::string text;
    for (const auto& m : q.messages) text += std::string{to_string(m.role)} + ": " + m.content + "\n";
    return text;
}

struct talk : fixture {
    lm_request last;                 // what the model was asked last
    std::vector<std::string> asked;  // "chat" or "summary"
    std::string summary = "They spoke of numbers.";
    chat program;

    talk() {
        model = std::make_shared<answering>([this](const lm_request& q) {
            last = q;
            if (q.messages.front().content.find("You keep the notes") == 0) {
                asked.push_back("summary");
                return summary;
            }
            asked.push_back("chat");
            return chat_completion(
                {{"reply", "reply " + std::to_string(std::count(asked.begin(), asked.end(), "chat"))}});
        });
    }
    program_function function() const {
        return [this](run& r, const json::object& in) { return program.call(r, in); };
    }
    std::string say(runtime& rt, const std::string& session, const std::string& message) {
        auto r = rt.converse(session, "chat", {{"message", message}});
        BOOST_REQUIRE_MESSAGE(r.outputs, r.error);
        return std::string{r.outputs->at("reply").as_string()};
    }
};

std::size_t place_of(const std::string& text, const std::string& what) { return text.find(what); }

}  // namespace

BOOST_AUTO_TEST_SUITE(sessions)

BOOST_FIXTURE_TEST_CASE(each_turn_knows_those_before_it, talk) {
    {
        runtime rt{{.journals = store}};
        rt.serve("chat", function(), options());
        BOOST_TEST(say(rt, "s", "one") == "reply 1");
        BOOST_TEST(last.messages.size() == 2u);
        BOOST_TEST(say(rt, "s", "two") == "reply 2");
    }
    runtime rt{{.journals = open()}};  // another process, days later
    rt.serve("chat", function(), options());
    say(rt, "s", "three");
    BOOST_REQUIRE(last.messages.size() == 6u);  // system, two turns as pairs, the question
    BOOST_TEST((last.messages[1].role == role::user));
    BOOST_TEST(last.messages[1].content.find("one") != std::string::npos);
    BOOST_TEST((last.messages[2].role == role::assistant));
    BOOST_TEST(last.messages[2].content.find("reply 1") != std::string::npos);
    BOOST_TEST(last.messages[4].content.find("reply 2") != std::string::npos);
    BOOST_TEST(last.messages[5].content.find("three") != std::string::npos);
    say(rt, "other", "alone");
    BOOST_TEST(last.messages.size() == 2u);

    auto s = store->get_session("s");
    BOOST_REQUIRE(s.turns.size() == 3u);
    BOOST_TEST(s.program == "chat");
    BOOST_TEST(s.turns[1].inputs == (json::object{{"message", "two"}}));
    BOOST_TEST(s.turns[1].outputs == (json::object{{"reply", "reply 2"}}));
    BOOST_TEST((store->get(s.turns[1].run).status == run_status::finished));
    BOOST_TEST(store->sessions().size() == 2u);
    BOOST_TEST(store->sessions()[0].id == "other");
    BOOST_TEST(store->sessions()[1].turns == 3u);
    BOOST_TEST(store->list({.session = "s"}).size() == 3u);
    thrown(run_errc::unknown_session, [&] { store->get_session("none"); });
    thrown(run_errc::not_possible, [&] { rt.converse("s", "chat", {{"message", "x"}, {"history", json::object{}}}); });
}

BOOST_FIXTURE_TEST_CASE(turns_come_one_after_the_other, talk) {
    runtime rt{{.journals = store}};
    rt.serve("chat", function(), options());
    auto first = rt.submit("chat", {{"message", "one"}}, "first", "s");
    auto said = thrown(run_errc::not_possible, [&] { rt.submit("chat", {{"message", "two"}}, "", "s"); });
    BOOST_TEST(said.find("first") != std::string::npos, said);
    BOOST_TEST(store->sessions()[0].waits_for == "first");
    thrown(run_errc::not_possible, [&] { store->remove_session("s"); });
    rt.resume(first);
    BOOST_TEST(store->get_session("s").turns.size() == 1u);
    say(rt, "s", "two");
    BOOST_TEST(store->get_session("s").turns.size() == 2u);
    store->remove_session("s");
    BOOST_TEST((!store->find_session("s")));
    BOOST_TEST((store->find("first").has_value()));
}

BOOST_FIXTURE_TEST_CASE(what_failed_was_never_said, talk) {
    bool down = true;
    auto well = model;
    model = std::make_shared<answering>([&](const lm_request& q) {
        if (down) throw lm_error{lm_errc::unavailable, "the model is away"};
        last = q;
        return chat_completion({{"reply", "here again"}});
    });
    runtime rt{{.journals = store}};
    rt.serve("chat", function(), options());
    BOOST_TEST((rt.converse("s", "chat", {{"message", "lost"}}, "a").status == run_status::failed));
    down = false;
    say(rt, "s", "kept");
    BOOST_TEST(shown(last).find("lost") == std::string::npos);
    BOOST_TEST(thrown(run_errc::not_possible, [&] { rt.resume("a"); }).find("gone on without") != std::string::npos);
    down = true;
    BOOST_TEST((rt.converse("s", "chat", {{"message", "again"}}, "b").status == run_status::failed));
    down = false;
    BOOST_TEST((rt.resume("b").status == run_status::finished));  // nothing came after it
    auto s = store->get_session("s");
    BOOST_REQUIRE(s.turns.size() == 2u);
    BOOST_TEST(s.turns[1].run == "b");
}

BOOST_FIXTURE_TEST_CASE(a_turn_that_was_killed_is_resumed_and_counts_once, talk) {
    auto id = runtime{{.journals = store}}.submit("chat", {{"message", "one"}}, "", "s");
    auto dead = open({.lease = std::chrono::milliseconds{1}});
    dead->take(id);  // a worker that took it and died
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    runtime rt{{.journals = store}};
    rt.serve("chat", function(), options());
    BOOST_TEST((rt.resume(id).status == run_status::finished));
    BOOST_TEST(store->get_session("s").turns.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_conversation_is_forked_at_any_turn, talk) {
    runtime rt{{.journals = store}};
    rt.serve("chat", function(), options());
    for (auto* m : {"one", "two", "three"}) say(rt, "s", m);
    BOOST_TEST(store->fork_session("s", 1, "from-one") == "from-one");
    say(rt, "from-one", "otherwise");
    BOOST_TEST(shown(last).find("one") != std::string::npos);
    BOOST_TEST(shown(last).find("two") == std::string::npos);
    BOOST_TEST(store->get_session("from-one").turns.size() == 2u);
    BOOST_TEST(store->get_session("from-one").parent == "s");
    BOOST_TEST(store->get_session("s").turns.size() == 3u);
    auto all = store->fork_session("s");
    BOOST_TEST(store->get_session(all).turns.size() == 3u);
    thrown(run_errc::not_possible, [&] { store->fork_session("s", 4); });
    thrown(run_errc::not_possible, [&] { store->fork_session("s", 1, "from-one"); });
    thrown(run_errc::unknown_session, [&] { store->fork_session("none"); });
    // A run of a conversation that is forked is a run by itself.
    auto copy = store->fork(store->get_session("s").turns[0].run, 1);
    BOOST_TEST((rt.resume(copy).status == run_status::finished));
    BOOST_TEST(store->get_session("s").turns.size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_long_conversation_is_summarized_once_and_the_summary_kept, talk) {
    auto o = options();
    o.history.tokens = 200;
    o.history.keep_turns = 2;
    runtime rt{{.journals = store}};
    rt.serve("chat", function(), o);
    for (int i = 1; i <= 6; ++i) say(rt, "s", "turn " + std::to_string(i) + " " + std::string(150, 'x'));
    auto text = shown(last);
    auto summaries = std::count(asked.begin(), asked.end(), "summary");
    BOOST_TEST(summaries >= 1);
    BOOST_TEST(text.find("They spoke of numbers.") != std::string::npos, text);
    BOOST_TEST(text.find("turn 1 ") == std::string::npos);
    BOOST_TEST(text.find("turn 5 ") != std::string::npos);
    auto s = store->get_session("s");
    BOOST_TEST(s.turns.size() == 6u);  // nothing is forgotten
    BOOST_TEST(s.summarized >= 1u);
    BOOST_TEST(s.summary == "They spoke of numbers.");
    auto before = asked.size();
    say(rt, "s", "short");
    BOOST_TEST(asked.size() <= before + 2);  // what is summarized is not summarized again
    // A fork from before the summary has the turns themselves.
    store->fork_session("s", 1, "early");
    say(rt, "early", "hm");
    BOOST_TEST(shown(last).find("turn 1 ") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_summary_is_an_effect_of_its_run_and_paid_once, talk) {
    auto o = options();
    o.history = {.tokens = 100, .keep_turns = 1};
    bool down = false;
    auto well = model;
    model = std::make_shared<answering>([&, well](const lm_request& q) {
        if (down && q.messages.front().content.find("You keep the notes") == std::string::npos)
            throw lm_error{lm_errc::unavailable, "the model is away"};
        std::string text =
            q.messages.front().content.find("You keep the notes") == 0 ? "notes" : chat_completion({{"reply", "r"}});
        asked.push_back(text == "notes" ? "summary" : "chat");
        return text;
    });
    o.lm = language_model{model};
    runtime rt{{.journals = store}};
    rt.serve("chat", function(), o);
    for (int i = 0; i < 3; ++i) say(rt, "s", std::string(120, 'y'));
    auto before = std::count(asked.begin(), asked.end(), "summary");
    down = true;
    BOOST_TEST((rt.converse("s", "chat", {{"message", std::string(200, 'z')}}, "a").status == run_status::failed));
    auto paid = std::count(asked.begin(), asked.end(), "summary");
    BOOST_TEST(paid == before + 1);
    down = false;
    BOOST_TEST((rt.resume("a").status == run_status::finished));
    BOOST_TEST(std::count(asked.begin(), asked.end(), "summary") == paid);
}

BOOST_FIXTURE_TEST_CASE(an_agent_sees_its_earlier_calls_and_answers, fixture) {
    for (auto mode : {react_mode::prompted, react_mode::native}) {
        std::vector<lm_request> seen;
        bool native = mode == react_mode::native;
        class agent_model final : public lm_backend {
        public:
            agent_model(std::vector<lm_request>& s, bool n) : seen_{s}, native_{n} {}
            std::string name() const override { return "test/agent"; }
            task<lm_response> complete(lm_context, const lm_request& q) const override {
                seen_.push_back(q);
                lm_response r;
                r.model = "agent";
                bool extract =
                    native_ ? q.tools.empty() : q.messages.front().content.find("next_tool_name") == std::string::npos;
                const auto& last = q.messages.back();
                bool looked =
                    native_ ? last.role == role::tool : last.content.find("observation_0") != std::string::npos;
                if (extract)
                    r.text = chat_completion({{"reasoning", "so"}, {"reply", "It is 42."}});
                else if (native_) {
                    r.tool_calls.push_back({"1", looked ? "finish" : "look", "{}"});
                    r.finish = finish_reason::tool_calls;
                } else
                    r.text = chat_completion({{"next_thought", "t"},
                                              {"next_tool_name", looked ? "finish" : "look"},
                                              {"next_tool_args", json::object{}}});
                co_return r;
            }

        private:
            std::vector<lm_request>& seen_;
            bool native_;
        };
        tools all;
        all.add("look", "Looks.", [] { return std::string{"the number is 42"}; }, {}, {.read_only = true});
        react<sig<"message, history: History -> reply">> agent{all, {.max_iters = 4, .mode = mode}};
        runtime rt{{.journals = store}};
        rt.serve("agent", agent, run_options{language_model{std::make_shared<agent_model>(seen, native)}});
        std::string session = native ? "native" : "prompted";
        auto r = rt.converse(session, "agent", {{"message", "What is the number?"}});
        BOOST_REQUIRE_MESSAGE(r.status == run_status::finished, r.error);
        seen.clear();
        r = rt.converse(session, "agent", {{"message", "Are you sure?"}});
        BOOST_REQUIRE_MESSAGE(r.status == run_status::finished, r.error);
        std::string text = shown(seen.front());
        auto question = place_of(text, "What is the number?"), call = place_of(text, "look"),
             found = place_of(text, "the number is 42"), reply = place_of(text, "It is 42."),
             again = place_of(text, "Are you sure?");
        BOOST_TEST((question < found && found < reply && reply < again && again != std::string::npos), text);
        BOOST_TEST(call != std::string::npos);
        BOOST_TEST(text.find("\"messages\"") == std::string::npos, "the history is shown as JSON: " << text);
        auto s = store->get_session(session);
        BOOST_TEST(s.turns[0].trajectory.at("tool_name_0").as_string() == "look");
        BOOST_TEST(s.turns[0].trajectory.at("observation_0").as_string() == "the number is 42");
    }
}

BOOST_AUTO_TEST_CASE(results_of_tools_go_first_and_the_oldest_before_the_others) {
    auto message = [](int i) {
        return json::value(json::object{
            {"message", "m" + std::to_string(i)},
            {"reply", "r" + std::to_string(i)},
            {"trajectory", json::object{{"tool_name_0", "t"}, {"observation_0", std::string(1000, 'o')}}}});
    };
    json::object history{{"messages", json::array{message(0), message(1), message(2)}}};
    json::object copy = history;
    BOOST_TEST(leave_out_tool_results(copy, 10'000));
    BOOST_TEST(copy == history);
    BOOST_TEST(leave_out_tool_results(copy, 700));
    auto observation = [&](int i) {
        return std::string{copy.at("messages").at(i).at("trajectory").at("observation_0").as_string()};
    };
    BOOST_TEST(observation(0).size() < 60u);
    BOOST_TEST(observation(1).size() == 1000u);
    BOOST_TEST(leave_out_tool_results(copy, 200));
    BOOST_TEST(observation(2).size() < 60u);
    BOOST_TEST(!leave_out_tool_results(copy, 10));
    BOOST_TEST(copy.at("messages").at(0).at("reply").as_string() == "r0");
    for (const json::object& odd :
         {json::object{}, json::object{{"messages", 3}}, json::object{{"messages", json::array{1, "x", nullptr}}}}) {
        json::object o = odd;
        leave_out_tool_results(o, 1);
    }
}

BOOST_AUTO_TEST_CASE(a_small_limit_is_one_too) {
    for (std::size_t tokens : {0u, 1u, 10u, 60u, 500u})
        for (std::size_t turns : {0u, 1u, 9u}) {
            json::array messages;
            for (std::size_t i = 0; i < turns; ++i)
                messages.push_back(json::object{{"message", std::string(300, 'm')},
                                                {"list", json::array{1, 2, 3}},
                                                {"reply", std::string(300, 'r')}});
            json::object history{
                {"messages", std::move(messages)}, {"summary", std::string(900, 's')}, {"summarized", 4}};
            struct shorten {
                json::object history;
                std::size_t tokens;
                task<json::object> forward(run& r) const {
                    return compacted(r, history, {.tokens = tokens, .keep_turns = 3});
                }
            };
            runtime rt;
            auto o = run_options{language_model{scripted_model::texts({"short", "short", "short", "short", "short"})}};
            auto made = rt.run(o, shorten{history, tokens});
            BOOST_TEST(tokens_of(made) <= tokens);
            BOOST_TEST(made.at("summarized").to_number<std::size_t>() + made.at("messages").as_array().size() ==
                       4 + turns);
        }
}

BOOST_FIXTURE_TEST_CASE(whatever_is_said_fits_at_last, talk) {
    auto o = options();
    o.history = {.tokens = 150, .keep_turns = 3};
    summary = std::string(5000, 's');
    runtime rt{{.journals = store}};
    rt.serve("chat", function(), o);
    for (int i = 0; i < 5; ++i) {
        say(rt, "s", std::string(4000, static_cast<char>('a' + i)));
        std::size_t bytes = 0;
        for (std::size_t k = 1; k + 1 < last.messages.size(); ++k) bytes += last.messages[k].content.size();
        BOOST_TEST(bytes < 4 * 150 + 1200u, bytes << " bytes of history");
    }
}

BOOST_FIXTURE_TEST_CASE(postgres_keeps_conversations_too, talk) {
    if (!postgres_server::is_installed()) return;
    postgres_server server;
    auto shared = journal_store::open(server.conninfo());
    runtime rt{{.journals = shared}};
    rt.serve("chat", function(), options());
    say(rt, "s", "one");
    say(rt, "s", "two");
    BOOST_TEST(shown(last).find("reply 1") != std::string::npos);
    shared->fork_session("s", 1, "t");
    auto open_turn = rt.submit("chat", {{"message", "three"}}, "", "t");
    thrown(run_errc::not_possible, [&] { rt.submit("chat", {{"message", "four"}}, "", "t"); });
    rt.resume(open_turn);
    BOOST_TEST(shared->get_session("t").turns.size() == 2u);
    BOOST_TEST(shared->sessions().size() == 2u);
    auto all = shared->records(open_turn);
    BOOST_REQUIRE(all.size() >= 3u);
    for (std::uint64_t after = 0; after <= all.size(); ++after) {
        auto rest = shared->records(open_turn, after);
        BOOST_REQUIRE(rest.size() == all.size() - after);
        if (!rest.empty()) BOOST_TEST(to_text(rest.front()) == to_text(all[after]));
    }
    BOOST_TEST(shared->records(open_turn, 1, 1).size() == 1u);
    auto totals = shared->totals();
    BOOST_REQUIRE(totals.size() == 1u);
    BOOST_TEST(totals[0].runs == 3u);
    BOOST_TEST(totals[0].usage.calls == 3u);
    shared->remove_session("s");
    BOOST_TEST((!shared->find_session("s")));
}

// What no server counted stays told as that: by a run that went on, and in the sums over all runs.
BOOST_FIXTURE_TEST_CASE(estimated_usage_stays_told_as_estimated, fixture) {
    struct guessing final : lm_backend {
        std::string name() const override { return "test/guessing"; }
        task<lm_response> complete(lm_context, const lm_request&) const override {
            lm_response r;
            r.text = chat_completion({{"answer", 1}});
            r.usage = {.calls = 1, .prompt_tokens = 10, .completion_tokens = 5, .estimated_tokens = 15};
            co_return r;
        }
    };
    bool stop = true;
    predict<sig<"n -> answer: int">> ask;
    program_function twice = [&](run& r, const json::object&) -> task<json::object> {
        co_await ask(r, "n"_f = "1");
        if (stop) throw std::runtime_error{"not today"};
        co_await ask(r, "n"_f = "2");
        co_return json::object{};
    };
    run_options with{language_model{std::make_shared<guessing>()}};
    {
        runtime rt{{.journals = store}};
        rt.serve("p", twice, with);
        rt.run_durably("p", {}, "a");
    }
    BOOST_TEST(store->get("a").usage.estimated_tokens == 15u);
    stop = false;
    {
        runtime rt{{.journals = store}};
        rt.serve("p", twice, with);
        rt.resume("a");
    }
    BOOST_TEST(store->get("a").usage.estimated_tokens == 30u);
    auto check = [](journal_store& s) {
        auto totals = s.totals();
        BOOST_REQUIRE(totals.size() == 1u);
        BOOST_TEST(totals[0].usage.estimated_tokens == 30u);
        BOOST_TEST(totals[0].usage.tokens() == 30u);
    };
    check(*store);
    // In a store of the version before, whose sums did not have it.
    store.reset();
    sqlite3* db = nullptr;
    BOOST_REQUIRE(sqlite3_open((files.path / "runs.db").c_str(), &db) == SQLITE_OK);
    BOOST_TEST(sqlite3_exec(db,
                            "DROP TABLE reagent_totals; CREATE TABLE reagent_totals (shard BIGINT, program TEXT, "
                            "status TEXT, runs BIGINT); "
                            "UPDATE reagent_meta SET value = '3'",
                            nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    store = open();
    check(*store);
    store->create({.program = "p", .id = "b"});
    BOOST_TEST(store->totals().size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(tables_of_an_older_version_become_todays, fixture) {
    store->create({.program = "p", .id = "old"});
    store.reset();
    sqlite3* db = nullptr;
    BOOST_REQUIRE(sqlite3_open((files.path / "runs.db").c_str(), &db) == SQLITE_OK);
    BOOST_TEST(
        sqlite3_exec(
            db,
            "DROP TRIGGER reagent_runs_made; DROP TRIGGER reagent_runs_changed; DROP TRIGGER reagent_runs_removed; "
            "DROP TABLE "
            "reagent_totals; DROP TABLE reagent_commits; ALTER TABLE reagent_runs DROP COLUMN lease_from; ALTER TABLE "
            "reagent_runs DROP COLUMN lease_odd; ALTER TABLE reagent_runs DROP COLUMN lease_boot; ALTER TABLE "
            "reagent_runs "
            "DROP COLUMN lease_boot_until; DROP TABLE reagent_turns; DROP INDEX reagent_runs_session; UPDATE "
            "reagent_meta "
            "SET value = '1'",
            nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    store = open();
    BOOST_TEST(status("old") == "ready");
    BOOST_REQUIRE(store->totals().size() == 1u);  // counted as they are brought up to date
    BOOST_TEST(store->totals()[0].runs == 1u);
    store->create({.program = "p", .session = "s"});
    BOOST_TEST(store->sessions().size() == 1u);
    store.reset();
    BOOST_REQUIRE(sqlite3_open((files.path / "runs.db").c_str(), &db) == SQLITE_OK);
    sqlite3_exec(db, "UPDATE reagent_meta SET value = '99'", nullptr, nullptr, nullptr);
    sqlite3_close(db);
    BOOST_TEST(thrown(run_errc::bad_journal, [&] { open(); }).find("format 99") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_journal_that_cannot_be_read_keeps_no_other_waiting, fixture) {
    predict<sig<"question -> answer: int">> one;
    {
        runtime rt{{.journals = store}};
        rt.serve("p", one, options());
        rt.run_durably("p", {{"question", "n is 1"}}, "good");
        store->fork("good", 1, "bad");
        rt.submit("p", {{"question", "n is 2"}}, "other");
    }
    store.reset();
    sqlite3* db = nullptr;
    BOOST_REQUIRE(sqlite3_open((files.path / "runs.db").c_str(), &db) == SQLITE_OK);
    sqlite3_exec(db, "UPDATE reagent_records SET body = '{\"record\":\"odd\"}' WHERE run = 'bad'", nullptr, nullptr,
                 nullptr);
    sqlite3_close(db);
    store = open();
    runtime rt{{.journals = store}};
    rt.serve("p", one, options());
    rt.work({.until_idle = true});
    BOOST_TEST(status("other") == "finished");
    BOOST_TEST(status("bad") == "failed");
    BOOST_TEST(store->get("bad").error.find("cannot be read") != std::string::npos, store->get("bad").error);
}

BOOST_FIXTURE_TEST_CASE(a_changed_program_is_compared_with_a_run, talk) {
    runtime rt{{.journals = store}};
    rt.serve("chat", function(), options());
    say(rt, "s", "one");
    say(rt, "s", "two");
    auto id = store->get_session("s").turns[1].run;
    auto calls = asked.size();
    auto same = rt.replay(id);
    BOOST_TEST(same.differences.empty());
    BOOST_REQUIRE(same.outputs);
    BOOST_TEST(*same.outputs == *store->get(id).outputs);

    predict<sig<"message, history: History, tone: str -> reply">> changed;
    rt.serve("chat", program_function{[&](run& r, json::object in) {
                 in["tone"] = "friendly";
                 return changed.call(r, std::move(in));
             }},
             options());
    auto other = rt.replay(id);
    BOOST_REQUIRE(other.differences.size() == 1u);
    BOOST_TEST(other.differences[0].what.find("differs in line") != std::string::npos, other.differences[0].what);
    BOOST_TEST(other.outputs.has_value());

    // One that wants more than there is: told, and no model is asked.
    rt.serve("chat", program_function{[&](run& r, json::object in) -> task<json::object> {
                 co_await program.call(r, in);
                 co_return co_await program.call(r, in);
             }},
             options());
    auto more = rt.replay(id);
    BOOST_TEST(!more.differences.empty());
    BOOST_TEST(!more.outputs);
    BOOST_TEST(more.ended.find("call 2") != std::string::npos, more.ended);
    BOOST_TEST(asked.size() == calls);
    BOOST_TEST(store->get(id).records == store->records(id).size());
}

BOOST_AUTO_TEST_SUITE_END()
