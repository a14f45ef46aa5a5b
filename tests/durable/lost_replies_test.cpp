// A COMMIT may be lost on its way to PostgreSQL, or its reply on the way back. Whatever was asked for happens once, and
// is told so.
#include "fixture.hpp"
#include "support/postgres_proxy.hpp"
#include "support/postgres_server.hpp"

#include <future>

using namespace reagent;
using namespace reagent::test;
using namespace std::chrono_literals;

namespace {

using loss = postgres_proxy::loss;

journal_store::numbered_record record(std::uint64_t number, decltype(journal_record::what) what) {
    return {number, {{}, std::move(what)}};
}

decision_wanted consent(std::uint64_t effect) {
    decision_wanted w;
    w.what.kind = event_kind::approval;
    w.what.id = effect;
    w.what.tool = "refund";
    w.what.arguments = json::object{{"amount", 3}};
    return w;
}

using records_of = std::vector<journal_store::numbered_record>;

void write(journal_store& s, const std::shared_ptr<held_run>& hold, records_of records) {
    std::promise<std::exception_ptr> written;
    s.write(hold, std::move(records), {}, [&](std::exception_ptr e) { written.set_value(std::move(e)); });
    if (auto failure = written.get_future().get()) std::rethrow_exception(failure);
}

void finish(journal_store& s, const std::shared_ptr<held_run>& hold, records_of records, journal_store::ending e) {
    std::promise<std::exception_ptr> written;
    s.finish(hold, std::move(records), {}, std::move(e),
             [&](std::exception_ptr f) { written.set_value(std::move(f)); });
    if (auto failure = written.get_future().get()) std::rethrow_exception(failure);
}

journal_store::ending with_turn(std::size_t number) {
    journal_store::ending e{
        .status = run_status::finished, .outputs = json::object{{"reply", "r"}}, .usage = {.calls = 2}};
    e.turn = journal_store::ending::said{
        .what = {.inputs = {{"message", "m"}}, .outputs = {{"reply", "r"}}, .run = "a"}, .number = number};
    return e;
}

// Each makes what it needs through `direct`, and does one thing through `lossy`, whose next COMMIT is lost when `arm`
// was called.
struct faulty {
    journal_store& direct;
    journal_store& lossy;
    std::function<void()> arm;

    std::string status(const std::string& id) { return std::string{to_string(direct.get(id).status)}; }
    void over(run_status how, const std::string& id = "a") {
        direct.create({.program = "p", .id = id});
        finish(direct, direct.take(id).hold, {record(1, run_taken{"w"}), record(2, run_taken{"w"})},
               {.status = how, .error = "no"});
    }
};

struct operation {
    const char* name;
    std::function<void(faulty&)> run;
};

const operation operations[]{
    {"create",
     [](faulty& f) {
         f.arm();
         BOOST_TEST(f.lossy.create({.program = "p", .id = "a"}) == "a");
         BOOST_TEST(f.status("a") == "ready");
         thrown(run_errc::not_possible, [&] { f.lossy.create({.program = "p", .id = "a"}); });
     }},
    {"create in a session",
     [](faulty& f) {
         f.arm();
         f.lossy.create({.program = "p", .id = "a", .session = "s"});
         BOOST_TEST(f.direct.list({.session = "s"}).size() == 1u);
     }},
    {"take one",
     [](faulty& f) {
         f.direct.create({.program = "p", .id = "a"});
         f.arm();
         auto t = f.lossy.take("a");
         BOOST_TEST(t.hold->fence == 1u);
         BOOST_TEST(f.direct.get("a").takes == 1u);
         write(f.lossy, t.hold, {record(1, run_taken{"w"})});
     }},
    {"take any",
     [](faulty& f) {
         for (const char* id : {"a", "b"}) f.direct.create({.program = "p", .id = id});
         f.arm();
         auto taken = f.lossy.take({"p"}, 5);
         BOOST_TEST(taken.size() == 2u);
         for (auto& t : taken) {
             BOOST_TEST(t.hold->fence == 1u);
             write(f.lossy, t.hold, {record(1, run_taken{"w"})});
         }
     }},
    {"write",
     [](faulty& f) {
         f.direct.create({.program = "p", .id = "a"});
         auto t = f.lossy.take("a");
         f.arm();
         write(f.lossy, t.hold, {record(1, run_taken{"w"}), record(2, consent(7))});
         write(f.lossy, t.hold, {record(3, run_taken{"w"})});
         BOOST_TEST(f.direct.records("a").size() == 3u);
         BOOST_TEST(f.direct.pending("a").size() == 1u);
     }},
    {"finish",
     [](faulty& f) {
         f.direct.create({.program = "p", .id = "a", .session = "s"});
         auto t = f.lossy.take("a");
         f.arm();
         finish(f.lossy, t.hold, {record(1, run_taken{"w"})}, with_turn(1));
         BOOST_TEST(f.status("a") == "finished");
         BOOST_TEST(!t.hold->is_lost());
         BOOST_TEST(f.direct.get_session("s").turns.size() == 1u);
     }},
    {"finish, after which another takes it",
     [](faulty& f) {
         f.direct.create({.program = "p", .id = "a"});
         auto t = f.lossy.take("a");
         f.arm();
         finish(f.lossy, t.hold, {}, {.status = run_status::ready});
         BOOST_TEST(f.direct.take("a").hold->fence == 2u);
     }},
    {"decide",
     [](faulty& f) {
         f.direct.create({.program = "p", .id = "a"});
         finish(f.direct, f.direct.take("a").hold, {record(1, consent(7))}, {.status = run_status::awaiting_approval});
         BOOST_TEST(f.status("a") == "awaiting_approval");
         f.arm();
         f.lossy.decide("a", 7, {.kind = run_decision::approve, .by = "test"});
         BOOST_TEST(f.status("a") == "ready");
         thrown(run_errc::not_possible, [&] { f.lossy.decide("a", 7, {.kind = run_decision::reject}); });
     }},
    {"cancel",
     [](faulty& f) {
         f.direct.create({.program = "p", .id = "a"});
         f.arm();
         f.lossy.cancel("a");
         BOOST_TEST(f.status("a") == "cancelled");
     }},
    {"retry",
     [](faulty& f) {
         f.over(run_status::failed);
         f.arm();
         f.lossy.retry("a");
         BOOST_TEST(f.status("a") == "ready");
     }},
    {"fork",
     [](faulty& f) {
         f.over(run_status::finished);
         f.arm();
         BOOST_TEST(f.lossy.fork("a", 0, "b") == "b");
         BOOST_TEST(f.direct.records("b").size() == 2u);
         thrown(run_errc::not_possible, [&] { f.lossy.fork("a", 0, "b"); });
     }},
    {"remove",
     [](faulty& f) {
         f.over(run_status::finished);
         f.arm();
         f.lossy.remove("a");
         BOOST_TEST((!f.direct.find("a")));
     }},
    {"fork a session",
     [](faulty& f) {
         f.direct.create({.program = "p", .id = "a", .session = "s"});
         finish(f.direct, f.direct.take("a").hold, {}, with_turn(1));
         f.arm();
         BOOST_TEST(f.lossy.fork_session("s", 1, "t") == "t");
         BOOST_TEST(f.direct.get_session("t").turns.size() == 1u);
     }},
    {"remove a session",
     [](faulty& f) {
         f.direct.create({.program = "p", .id = "a", .session = "s"});
         f.direct.cancel("a");
         f.arm();
         f.lossy.remove_session("s");
         BOOST_TEST((!f.direct.find_session("s")));
     }},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_replies)

BOOST_AUTO_TEST_CASE(what_was_asked_for_happens_once_and_is_told_so) {
    if (!postgres_server::is_installed()) return;
    postgres_server server;
    postgres_proxy proxy{server.folder()};
    int n = 0;
    for (auto how : {loss::reply, loss::request, loss::late})
        for (const auto& o : operations) {
            BOOST_TEST_CONTEXT(o.name << ", loss " << static_cast<int>(how)) {
                // A schema for each, so that they do not see one another.
                std::string name = "s" + std::to_string(++n), path = " options='-c search_path=" + name + "'";
                server.run("CREATE SCHEMA " + name);
                auto direct = journal_store::open(server.conninfo() + path),
                     lossy = journal_store::open(proxy.conninfo() + path);
                int before = proxy.losses();
                faulty f{*direct, *lossy, [&] { proxy.lose_commit(how); }};
                try {
                    o.run(f);
                } catch (const std::exception& e) {
                    BOOST_ERROR("thrown: " << e.what());
                }
                BOOST_TEST(proxy.losses() == before + 1);
            }
        }
}

BOOST_AUTO_TEST_SUITE_END()
