// Leases, and clocks that somebody moves: a day back or forward neither locks a run for a day nor lets two workers hold
// it.
#include "fixture.hpp"
#include "support/postgres_server.hpp"

#include <future>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace std::chrono_literals;

namespace {

constexpr auto day = std::chrono::hours{24};

// A machine whose wall clock is moved, and which is started again.
class test_machine final : public machine_clock {
public:
    explicit test_machine(std::string boot, std::chrono::milliseconds wall_is_off = {})
        : boot_{std::move(boot)}, off_{wall_is_off} {}
    std::string boot() const override { return boot_; }
    std::chrono::milliseconds since_boot() const override { return machine_clock::since_boot() + age_.load(); }
    std::chrono::system_clock::time_point wall() const override { return machine_clock::wall() + off_.load(); }
    void move_wall(std::chrono::milliseconds by) { off_ = off_.load() + by; }
    void age(std::chrono::milliseconds by) { age_ = by; }  // machines have run for different times

private:
    std::string boot_;
    std::atomic<std::chrono::milliseconds> off_{}, age_{};
};

using machine = std::shared_ptr<test_machine>;

bool comes_true(const std::function<bool()>& what) {
    for (int i = 0; i < 1500; ++i, std::this_thread::sleep_for(20ms))
        if (what()) return true;
    return false;
}

bool takes(journal_store& s) { return !s.take({"p"}, 1).empty(); }

// A worker whose process ended: it holds the run, and nothing renews the lease.
std::shared_ptr<held_run> dies_with(const std::function<std::shared_ptr<journal_store>()>& open) {
    auto store = open();
    store->create({.program = "p", .id = "a"});
    return store->take("a").hold;
}

// A PostgreSQL server whose clock is moved: what the store asks for is found before the server's own.
struct moved_server {
    postgres_server server;
    moved_server() {
        server.run(
            "CREATE SCHEMA moved; CREATE TABLE moved.clock (by INTERVAL NOT NULL); INSERT INTO moved.clock VALUES "
            "('0');"
            "CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
            "'SELECT pg_catalog.clock_timestamp() + (SELECT by FROM moved.clock)'");
    }
    std::string where() const { return server.conninfo() + " options='-c search_path=moved,pg_catalog'"; }
    void move(const std::string& by) { server.run("UPDATE moved.clock SET by = by + interval '" + by + "'"); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(leases)

BOOST_FIXTURE_TEST_CASE(a_clock_that_is_set_back_or_forward_locks_no_run, fixture) {
    for (auto by : {-day, day}) {
        store.reset();
        std::filesystem::remove(files.path / "runs.db");
        auto m = std::make_shared<test_machine>("one");
        auto hold = dies_with([&] { return open({.lease = 300ms, .clock = m}); });
        m->move_wall(by);
        auto other = open({.lease = 300ms, .clock = m});
        BOOST_TEST(comes_true([&] { return takes(*other); }), "after " << by.count() << " hours");
    }
}

BOOST_FIXTURE_TEST_CASE(a_clock_that_is_set_back_or_forward_lets_no_two_workers_hold_a_run, fixture) {
    auto m = std::make_shared<test_machine>("one");
    auto mine = open({.lease = 3s, .clock = m}), other = open({.lease = 3s, .clock = m});
    mine->create({.program = "p", .id = "a"});
    auto taken = mine->take("a");
    for (auto by : {day, -2 * day, day}) {
        m->move_wall(by);
        auto fresh = open({.lease = 3s, .clock = m});
        for (int i = 0; i < 20; ++i, std::this_thread::sleep_for(20ms)) {
            BOOST_TEST(!takes(*other));
            BOOST_TEST(!takes(*fresh));
        }
        thrown(run_errc::lease_lost, [&] { fresh->take("a"); });
        fresh->cancel("a");  // a run that is held is cancelled by its holder
        BOOST_TEST(status("a") == "running");
    }
    BOOST_TEST(!taken.hold->is_lost());
}

BOOST_FIXTURE_TEST_CASE(a_machine_that_was_started_again_goes_on_with_its_runs, fixture) {
    auto before = std::make_shared<test_machine>("one");
    before->age(1h);
    {
        auto hold = dies_with([&] { return open({.lease = 1h, .clock = before}); });
        auto later = std::make_shared<test_machine>("two", 2h);
        BOOST_TEST(takes(*open({.clock = later})));
    }
    store->cancel("a");
    // Its clock was set back meanwhile: a living worker would have renewed its lease by that clock within the time of a
    // lease.
    store.reset();
    std::filesystem::remove(files.path / "runs.db");
    auto hold = dies_with([&] { return open({.lease = 3s, .clock = before}); });
    auto other = open({.lease = 3s, .clock = std::make_shared<test_machine>("two", -day)});
    BOOST_TEST(!takes(*other));
    BOOST_TEST(comes_true([&] { return takes(*other); }));
}

BOOST_FIXTURE_TEST_CASE(a_machine_that_does_not_say_when_it_started_goes_by_the_wall, fixture) {
    auto m = std::make_shared<test_machine>("");
    auto hold = dies_with([&] { return open({.lease = 500ms, .clock = m}); });
    auto other = open({.lease = 500ms, .clock = std::make_shared<test_machine>("it's odd")});
    BOOST_TEST(comes_true([&] { return takes(*other); }));
}

BOOST_AUTO_TEST_CASE(a_moved_clock_of_the_database_locks_no_run_and_gives_none_to_two_workers) {
    if (!postgres_server::is_installed()) return;
    moved_server database;
    auto one = std::make_shared<test_machine>("one"), two = std::make_shared<test_machine>("two");
    two->age(777h);
    auto no_trouble = [](const std::string& what) { BOOST_TEST(what == ""); };
    auto open_on = [&](const machine& m, std::chrono::milliseconds lease) {
        return journal_store::open(database.where(), {.lease = lease, .on_trouble = no_trouble, .clock = m});
    };
    // Longer than a starved machine keeps a renewal waiting, and shorter than the whole watch.
    auto mine = open_on(one, 15s), other = open_on(two, 15s);
    mine->create({.program = "p", .id = "a"});
    auto taken = mine->take("a");
    for (const char* by : {"1 day", "-2 days", "1 day"}) {
        database.move(by);
        auto fresh = open_on(two, 15s);
        auto until = std::chrono::steady_clock::now() + 7s;
        while (std::chrono::steady_clock::now() < until) {
            BOOST_TEST(!takes(*other), by);
            BOOST_TEST(!takes(*fresh), by);
            std::this_thread::sleep_for(50ms);
        }
    }
    BOOST_TEST(!taken.hold->is_lost());
    mine.reset();  // its process ended
    for (const char* by : {"1 day", "-2 days"}) {
        database.move(by);
        std::optional<journal_store::taken_run> got;
        auto next = open_on(two, 2s);
        bool in_time = comes_true([&] {
            auto all = next->take({"p"}, 1);
            if (!all.empty()) got = std::move(all.front());
            return got.has_value();
        });
        BOOST_TEST(in_time, "after " << by);
        next.reset();  // and so does this one's, while it holds the run
    }
}

BOOST_FIXTURE_TEST_CASE(a_lease_is_taken_by_force, fixture) {
    auto mine = open({.lease = 3s}), other = open();
    mine->create({.program = "p", .id = "a"});
    auto taken = mine->take("a");
    auto said = thrown(run_errc::lease_lost, [&] { other->take("a"); });
    BOOST_TEST(said.find("--force") != std::string::npos, said);
    auto forced = other->take_by_force("a");
    BOOST_TEST(forced.hold->fence == taken.hold->fence + 1);
    BOOST_TEST(comes_true([&] { return taken.hold->is_lost(); }));
    BOOST_TEST(!forced.hold->is_lost());
    BOOST_TEST(store->get("a").worker == other->worker());
    store->create({.program = "p", .id = "b"});
    BOOST_TEST(other->take_by_force("b").hold->fence == 1u);  // nobody had it
    store->create({.program = "p", .id = "c"});
    store->cancel("c");
    thrown(run_errc::not_possible, [&] { other->take_by_force("c"); });
    thrown(run_errc::unknown_run, [&] { other->take_by_force("none"); });
}

BOOST_FIXTURE_TEST_CASE(a_worker_that_takes_its_own_run_again_knows_that_the_first_hold_is_gone, fixture) {
    auto mine = open({.lease = 3s});
    mine->create({.program = "p", .id = "a"});
    auto first = mine->take("a"), second = mine->take_by_force("a");
    BOOST_TEST(comes_true([&] { return first.hold->is_lost(); }));
    std::this_thread::sleep_for(500ms);
    BOOST_TEST(!second.hold->is_lost());
    BOOST_TEST(second.hold->is_certain());
}

BOOST_AUTO_TEST_SUITE_END()
