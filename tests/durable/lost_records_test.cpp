// Journals that have lost records: what is missing may have happened.
#include "fixture.hpp"

#include <boost/json.hpp>

#include <sqlite3.h>

using namespace reagent;
using namespace reagent::test;

namespace {

struct shop : fixture {
    std::vector<std::string> sold;
    bool fails = false;
    tools t;
    shop() {
        auto sell = [this](std::string what) { return sold.push_back(what), "ok"; };
        t.add("sell", "", sell, {"what"});
        auto keep = [this](std::string what) { return sold.push_back(what), "ok"; };
        t.add("keep", "", keep, {"what"}, {.destructive = true});
    }
    void serve(runtime& rt) {
        program_function program = [this](run& r, const json::object&) -> task<json::object> {
            for (const char* what : {"a", "b", "c"}) {
                json::value args = json::object{{"what", what}};
                co_await t.call(r, "x", "sell", args);
            }
            json::value last = json::object{{"what", "d"}};
            co_await t.call(r, "x", "keep", last);
            json::object out;
            co_return out;
        };
        rt.serve("shop", program, {});
    }
    stored_run resume(const std::string& id) {
        runtime rt{{.journals = store}};
        serve(rt);
        return rt.resume(id);
    }
    void execute(const std::string& statement) {
        sqlite3* db = nullptr;
        BOOST_REQUIRE(sqlite3_open((files.path / "runs.db").c_str(), &db) == SQLITE_OK);
        sqlite3_busy_timeout(db, 5000);
        char* why = nullptr;
        BOOST_TEST(sqlite3_exec(db, statement.c_str(), nullptr, nullptr, &why) == SQLITE_OK, (why ? why : ""));
        sqlite3_close(db);
    }
    void begin(const std::string& id) {
        store->create({.program = "shop", .id = id});
        resume(id);
        BOOST_TEST(status(id) == "awaiting_approval");
        BOOST_TEST(sold.size() == 3u);
        store->decide(id, 0, {.kind = run_decision::approve});
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(rows_that_are_gone_stop_a_run_before_anything_is_done_twice, shop) {
    begin("a");
    auto whole = store->get("a").records;
    const char* losses[]{
        "DELETE FROM reagent_records WHERE run = 'a' AND number = (SELECT max(number) FROM reagent_records WHERE run = "
        "'a')",
        "DELETE FROM reagent_records WHERE run = 'a' AND number > 3",
        "DELETE FROM reagent_records WHERE run = 'a' AND number = 1", "DELETE FROM reagent_records WHERE run = 'a'"};
    for (const char* loss : losses) {
        execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM reagent_records");
        execute(loss);
        auto why = thrown(run_errc::bad_journal, [&] { resume("a"); });
        BOOST_TEST(why.find("not whole") != why.npos, why);
        BOOST_TEST(why.find(std::to_string(whole)) != why.npos, why);
        BOOST_TEST((why.find("runs fork a --records") != why.npos || why.find("begin a new run") != why.npos), why);
        thrown(run_errc::bad_journal, [&] { store->fork("a"); });
        thrown(run_errc::bad_journal, [&] { store->fork("a", whole); });
        runtime rt{{.journals = store}};
        serve(rt);
        thrown(run_errc::bad_journal, [&] { rt.replay("a"); });
        BOOST_TEST(sold.size() == 3u);
        execute("DELETE FROM reagent_records; INSERT INTO reagent_records SELECT * FROM kept");
    }
    BOOST_TEST((resume("a").status == run_status::finished));
    BOOST_TEST(sold.size() == 4u);
}

BOOST_FIXTURE_TEST_CASE(a_worker_passes_over_a_run_that_lost_records_and_says_why, shop) {
    begin("a");
    execute("DELETE FROM reagent_records WHERE run = 'a' AND number > 3");
    store->create({.program = "shop", .id = "b"});
    runtime rt{{.journals = store}};
    serve(rt);
    std::mutex telling;
    std::map<std::string, std::string> told;
    rt.work({.until_idle = true, .on_halt = [&](const stored_run& r) {
                 std::lock_guard lock{telling};
                 told[r.id] = r.error;
             }});
    BOOST_TEST(told.size() == 2u);
    BOOST_TEST(told["a"].find("not whole") != std::string::npos, told["a"]);
    BOOST_TEST(status("a") == "failed");
    BOOST_TEST(store->get("a").error.find("not whole") != std::string::npos, store->get("a").error);
    BOOST_TEST(status("b") == "awaiting_approval");
    thrown(run_errc::bad_journal, [&] { resume("a"); });  // nor is it tried again
    store->fork("a", 2, "left");  // what is there may be gone on from, by whoever knows what that means
    BOOST_TEST((resume("left").status == run_status::awaiting_approval));
}

// A fork of a run that failed is of use: it does not fail at once for what failed then.
BOOST_AUTO_TEST_CASE(a_fork_at_the_end_of_a_failed_run_makes_the_failed_call_again) {
    folder files;
    auto store = journal_store::open_sqlite(files.path / "runs.db");
    bool away = true;
    auto model = std::make_shared<answering>([&](const lm_request& q) {
        if (away && number_in(last_text(q)) == 2) throw lm_error{lm_errc::unavailable, "the model is away"};
        return chat_completion({{"answer", number_in(last_text(q)) + 1}});
    });
    predict<sig<"text -> answer: int">> p;
    runtime rt{{.journals = store}};
    rt.serve("p", program_function{[&](run& r, const json::object&) -> task<json::object> {
                 for (int i = 0; i < 4; ++i) {
                     std::string text = "n is " + std::to_string(i);
                     co_await p(r, text);
                 }
                 json::object out;
                 co_return out;
             }},
             run_options{language_model{model}});
    auto id = rt.submit("p", {});
    BOOST_TEST((rt.resume(id).status == run_status::failed));
    away = false;
    auto asked = model->calls.load();
    for (auto records : {std::uint64_t{0}, store->get(id).records}) {
        auto fork = store->fork(id, records);
        BOOST_TEST((rt.resume(fork).status == run_status::finished), store->get(fork).error);
        BOOST_TEST(model->calls == asked + 2);  // the failed one and the one behind it
        asked = model->calls;
    }
    BOOST_TEST((store->get(id).status == run_status::failed));
}
