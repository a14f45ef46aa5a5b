// Whatever ends an attempt at a call, and whoever has it made again: a service that does things once per key sees one
// call.
#include "fixture.hpp"

#include <boost/json.hpp>

#include <fstream>
#include <set>

using namespace reagent;
using namespace reagent::test;
using namespace std::chrono_literals;

namespace {

// A worker that ends in the middle of a call, as far as its store knows: the call begins, and nothing is stored of its
// end.
struct unfinished : fixture {
    std::vector<std::string> keys;
    bool dies = true;

    program_function program = [this](run& r, const json::object&) -> task<json::object> {
        std::function<task<json::value>()> effect = [this, &r]() -> task<json::value> {
            keys.push_back(r.idempotency_key());
            if (dies) cut(r.id());
            co_return json::value("acted");
        };
        std::string path = "p", tool = "act";
        json::value one = 1;
        json::object out;
        out["said"] = co_await r.call_tool(path, tool, one, effect);
        co_return out;
    };

    // Somebody else takes the run in the middle of the call; what its worker stores from then on is refused.
    void cut(const std::string& id) { thief.push_back(store->take_by_force(id)); }
    std::vector<journal_store::taken_run> thief;

    void begin(const std::string& id) {
        store->create({.program = "p", .id = id});
        attempt(id);
    }
    void attempt(const std::string& id) {
        runtime rt{{.journals = store}};
        rt.serve("p", program, options());
        if (!thief.empty()) {
            thief.clear();
            BOOST_TEST((rt.resume_by_force(id).status == run_status::outcome_unknown));
            return;
        }
        BOOST_CHECK_THROW(rt.resume(id), run_error);
    }
    run_status repeated(const std::string& id) {
        store->decide(id, 0, {.kind = run_decision::repeat});
        runtime rt{{.journals = store}};
        rt.serve("p", program, options());
        try {
            return rt.resume(id).status;
        } catch (const run_error&) {
            return run_status::running;
        }
    }
};

}  // namespace

// An id may be an order's number: in another store, or once the run was removed, it names another run.
BOOST_FIXTURE_TEST_CASE(a_key_is_no_other_calls_though_their_runs_have_one_id, unfinished) {
    dies = false;
    auto finished_run = [&](const std::shared_ptr<journal_store>& in) {
        runtime own{{.journals = in}};
        own.serve("p", program, options());
        BOOST_TEST((own.run_durably("p", {}, "order-17").status == run_status::finished));
    };
    finished_run(store);
    store->remove("order-17");
    finished_run(store);
    finished_run(journal_store::open_sqlite(files.path / "other.db"));
    BOOST_REQUIRE(keys.size() == 3u);
    BOOST_TEST(std::set<std::string>(keys.begin(), keys.end()).size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_call_that_is_repeated_keeps_its_key_through_every_crash, unfinished) {
    begin("a");
    for (int i = 0; i < 3; ++i) {
        attempt("a");  // asks what came of the call
        dies = i < 2;
        BOOST_TEST((repeated("a") == (dies ? run_status::running : run_status::finished)));
    }
    BOOST_REQUIRE(keys.size() == 4u);
    for (const auto& k : keys) BOOST_TEST(k == keys.front());
    std::set<std::uint64_t> ids;
    for (const auto& r : store->records("a"))
        if (auto* b = std::get_if<effect_begun>(&r.what)) ids.insert(b->what.id);
    BOOST_TEST(ids.size() == 4u);  // attempts are told apart all the same
}

BOOST_FIXTURE_TEST_CASE(a_fork_that_repeats_a_call_makes_the_same_call, unfinished) {
    begin("a");
    attempt("a");
    store->fork("a", 0, "b");
    dies = false;
    runtime rt{{.journals = store}};
    rt.serve("p", program, options());
    BOOST_TEST((rt.resume("b").status == run_status::outcome_unknown));
    BOOST_TEST((repeated("b") == run_status::finished));
    BOOST_REQUIRE(keys.size() == 2u);
    BOOST_TEST(keys[0] == keys[1]);
}

// Consent was given, the call began, and nobody knows what came of it: that is the first question, of a copy as of the
// run itself.
BOOST_FIXTURE_TEST_CASE(a_fork_of_a_consented_call_that_was_cut_off_asks_what_came_of_it, unfinished) {
    std::vector<std::string> refunds;
    tools t;
    t.add("refund", "",
          [&](std::string order) {
              refunds.push_back(order);
              if (dies) cut("a");
              return "refunded " + order;
          },
          {"order"}, {.destructive = true});
    program = [&](run& r, const json::object&) -> task<json::object> {
        json::object args{{"order", "V1"}}, out;
        auto o = co_await t.call(r, "desk", "refund", args);
        out["said"] = o.text();
        co_return out;
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program, options());
    rt.run_durably("p", {}, "a");
    store->decide("a", 0, {.kind = run_decision::approve, .arguments = json::object{{"order", "V2"}}});
    BOOST_CHECK_THROW(rt.resume("a"), run_error);
    thief.clear();
    BOOST_TEST((rt.resume_by_force("a").status == run_status::outcome_unknown));
    dies = false;
    for (std::string fork : {"happened", "repeated"}) {
        store->fork("a", 0, fork);
        BOOST_TEST((rt.resume(fork).status == run_status::outcome_unknown));
        if (fork == "happened")
            store->decide(fork, 0, {.kind = run_decision::happened, .result = "as the bank says"});
        else
            store->decide(fork, 0, {.kind = run_decision::repeat});
        auto r = rt.resume(fork);
        BOOST_REQUIRE_MESSAGE((r.status == run_status::finished), r.error);
        BOOST_TEST(r.outputs->at("said").as_string() == (fork == "happened" ? "as the bank says" : "refunded V2"));
    }
    BOOST_TEST(refunds == (std::vector<std::string>{"V2", "V2"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_begun_call_without_a_key_is_of_an_older_journal_and_is_read) {
    auto text = R"({"record":"begun","id":7,"kind":"tool_call","path":"p","tool":"act","arguments":1,"at":5})";
    auto old = journal_record_from_text(text);
    BOOST_TEST(std::get<effect_begun>(old.what).key == "");
    auto begun = std::get<effect_begun>(old.what);
    begun.key = "a-3";
    auto again = journal_record_from_text(to_text({{}, begun}));
    BOOST_TEST(std::get<effect_begun>(again.what).key == "a-3");
}
