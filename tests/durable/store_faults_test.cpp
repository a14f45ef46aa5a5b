// Stores that are away, refuse what is given, or fill up; and texts that no database takes.
#include "fixture.hpp"
#include "support/postgres_proxy.hpp"
#include "support/postgres_server.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>

#include <future>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
using namespace std::chrono_literals;

namespace {

std::exception_ptr finish(journal_store& s, const std::shared_ptr<held_run>& hold, journal_store::ending e) {
    std::promise<std::exception_ptr> written;
    s.finish(hold, {}, {}, std::move(e), [&](std::exception_ptr f) { written.set_value(std::move(f)); });
    return written.get_future().get();
}

// Both databases, where the second is installed.
struct each_store {
    folder files;
    std::optional<postgres_server> server;
    template <class F>
    void operator()(F body) {
        BOOST_TEST_CONTEXT("SQLite") { body((files.path / "runs.db").string()); }
        if (!postgres_server::is_installed()) return;
        server.emplace();
        BOOST_TEST_CONTEXT("PostgreSQL") { body(server->conninfo()); }
    }
};

bool comes_true(const std::function<bool()>& what) {
    for (int i = 0; i < 1500; ++i, std::this_thread::sleep_for(20ms))
        if (what()) return true;
    return false;
}

struct told {
    std::mutex mutex{};
    std::vector<std::string> all{};
    std::function<void(const std::string&)> listener() {
        return [this](const std::string& what) {
            std::lock_guard lock{mutex};
            all.push_back(what);
        };
    }
    std::size_t count() {
        std::lock_guard lock{mutex};
        return all.size();
    }
    std::string at(std::size_t i) {
        std::lock_guard lock{mutex};
        return all.at(i);
    }
};

using ask = predict<sig<"question -> answer: int">>;

// Some model calls, each after a pause: effects that are stored before the next one.
struct stepping {
    int steps;
    std::chrono::milliseconds pause;
    std::atomic<int> begun = 0, done = 0;
    ask one{};
    std::shared_ptr<answering> model = std::make_shared<answering>([](const lm_request& q) {
        return chat_completion({{"answer", number_in(last_text(q)) + 1}});
    });

    stepping(int n, std::chrono::milliseconds p) : steps{n}, pause{p} {}
    task<json::object> forward(run& r) {
        ++begun;
        for (int i = 0; i < steps; ++i) {
            asio::steady_timer timer{co_await asio::this_coro::executor, pause};
            co_await timer.async_wait(asio::use_awaitable);
            co_await one(r, "question"_f = "n is " + std::to_string(i));
            ++done;
        }
        json::object out{{"done", true}};
        co_return out;
    }
    void serve_in(runtime& rt) {
        rt.serve("p", program_function{[this](run& r, const json::object&) { return forward(r); }},
                 run_options{language_model{model}});
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(store_faults)

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_end_a_run_and_harm_no_neighbour) {
    each_store{}([](const std::string& where) {
        auto store = journal_store::open(where);
        std::vector<journal_store::taken_run> taken;
        for (const char* id : {"a", "b", "c"}) store->create({.program = "p", .id = id});
        for (const char* id : {"a", "b", "c"}) taken.push_back(store->take(id));
        std::vector<std::promise<std::exception_ptr>> ended(3);
        for (std::size_t i = 0; i < 3; ++i) {
            std::string error = i == 1 ? std::string{"no text: \xff\xfe, zero: "} + '\0' + "." : "plain";
            store->finish(taken[i].hold, {}, {}, {.status = run_status::failed, .error = error},
                          [&ended, i](std::exception_ptr e) { ended[i].set_value(std::move(e)); });
        }
        for (auto& e : ended) BOOST_TEST((e.get_future().get() == nullptr));
        BOOST_TEST(store->get("b").error == "no text: \xEF\xBF\xBD\xEF\xBF\xBD, zero: \xEF\xBF\xBD.");
        for (const char* id : {"a", "b", "c"}) BOOST_TEST((store->get(id).status == run_status::failed));
    });
}

BOOST_AUTO_TEST_CASE(names_that_are_no_text_are_refused_with_the_reason) {
    each_store{}([](const std::string& where) {
        auto store = journal_store::open(where);
        store->create({.program = "p", .id = "a\xEF\xBF\xBD", .session = "s"});
        store->create({.program = "p", .id = "a"});
        std::string zero{"a\0b", 3};
        for (const std::string& bad : {std::string{"a\xff"}, zero, std::string{"a\nb"}, std::string(201, 'x')}) {
            auto said = thrown(run_errc::not_possible, [&] { store->create({.program = "p", .id = bad}); });
            BOOST_TEST(said.find("id of a run") != std::string::npos, said);
            said = thrown(run_errc::not_possible, [&] { store->create({.program = "p", .session = bad}); });
            BOOST_TEST(said.find("id of a session") != std::string::npos, said);
            thrown(run_errc::not_possible, [&] { store->fork("a", 0, bad); });
            thrown(run_errc::not_possible, [&] { store->fork_session("s", 0, bad); });
        }
        thrown(run_errc::not_possible, [&] { store->create({.program = zero}); });
        // What is repaired on its way in is not found under another name.
        for (const std::string& bad : {std::string{"a\xff"}, zero}) {
            BOOST_TEST((!store->find(bad)));
            for (auto f : std::initializer_list<std::function<void()>>{
                     [&] { store->get(bad); }, [&] { store->take(bad); }, [&] { store->records(bad); },
                     [&] { store->cancel(bad); }, [&] { store->pending(bad); }, [&] { store->remove(bad); },
                     [&] { store->retry(bad); }, [&] { store->fork(bad); }, [&] { store->decide(bad, 0, {}); }})
                thrown(run_errc::unknown_run, f);
            BOOST_TEST((!store->find_session(bad)));
        }
        auto named = journal_store::open(where, {.worker = "w\xff"});
        BOOST_TEST(named->take("a").run.worker == "w\xEF\xBF\xBD");
    });
}

BOOST_AUTO_TEST_CASE(what_is_refused_of_one_run_is_stored_of_its_neighbours) {
    if (!postgres_server::is_installed()) return;
    postgres_server server;
    auto store = journal_store::open(server.conninfo());
    server.run("ALTER TABLE reagent_runs ADD CONSTRAINT no_odd_ends CHECK (error IS DISTINCT FROM 'odd')");
    std::vector<journal_store::taken_run> taken;
    for (int i = 0; i < 5; ++i) store->create({.program = "p", .id = std::to_string(i)});
    for (int i = 0; i < 5; ++i) taken.push_back(store->take(std::to_string(i)));
    // Everything at once: while another holds the lock, they gather.
    auto blocked =
        std::async(std::launch::async, [&] { server.run("BEGIN; LOCK reagent_runs; SELECT pg_sleep(0.5); COMMIT"); });
    std::this_thread::sleep_for(200ms);
    std::vector<std::promise<std::exception_ptr>> ended(5);
    for (std::size_t i = 0; i < 5; ++i)
        store->finish(taken[i].hold, {}, {}, {.status = run_status::failed, .error = i == 2 ? "odd" : "plain"},
                      [&ended, i](std::exception_ptr e) { ended[i].set_value(std::move(e)); });
    for (std::size_t i = 0; i < 5; ++i) {
        auto failure = ended[i].get_future().get();
        BOOST_TEST((failure != nullptr) == (i == 2), "run " << i);
    }
    taken.clear();
    BOOST_TEST((store->get("1").status == run_status::failed));
    BOOST_TEST(comes_true([&] { return store->get("2").status == run_status::ready; }),
               "it was let go, and is handed back");
}

BOOST_AUTO_TEST_CASE(what_was_let_go_is_handed_back_and_not_kept) {
    each_store{}([](const std::string& where) {
        auto store = journal_store::open(where, {.lease = 60s}), other = journal_store::open(where);
        for (const char* id : {"a", "b"}) store->create({.program = "p", .id = id});
        auto kept = store->take("a");
        store->take("b");  // and let go at once
        BOOST_TEST(comes_true([&] { return other->get("b").status == run_status::ready; }));
        BOOST_TEST((other->get("a").status == run_status::running));
        BOOST_TEST(!kept.hold->is_lost());
    });
}

BOOST_AUTO_TEST_CASE(a_database_that_was_away_for_less_than_a_lease_leaves_no_run_behind) {
    if (!postgres_server::is_installed()) return;
    postgres_server server;
    postgres_proxy proxy{server.folder()};
    // 1.5 patiences, and half a lease.
    journal_store_options options{.lease = 6s, .patience = 2s};
    told trouble;
    options.on_trouble = trouble.listener();
    auto store = journal_store::open(proxy.conninfo(), options), direct = journal_store::open(server.conninfo());
    stepping program{5, 200ms};
    runtime rt{{.journals = store}};
    program.serve_in(rt);
    for (int i = 0; i < 4; ++i) direct->create({.program = "p", .id = std::to_string(i)});
    told of_worker;
    std::thread worker{[&] { rt.work({.poll = 20ms, .on_trouble = of_worker.listener()}); }};
    BOOST_TEST(comes_true([&] { return program.begun >= 4; }));
    proxy.cut();
    auto cut_at = std::chrono::steady_clock::now();
    BOOST_TEST(comes_true([&] { return trouble.count() > 0; }));
    BOOST_TEST((std::chrono::steady_clock::now() - cut_at < 10s));
    std::this_thread::sleep_for(3s);
    proxy.mend();
    bool all = comes_true([&] { return direct->list({.status = run_status::finished}).size() == 4u; });
    BOOST_TEST(all, direct->list({.status = run_status::finished}).size() << " of 4 finished while the worker lives");
    BOOST_TEST(comes_true([&] { return of_worker.count() >= 2u || trouble.count() >= 2u; }));
    rt.stop_work();
    worker.join();
    for (const auto& r : direct->list()) BOOST_TEST(r.takes <= 3u, r.id << " was taken up " << r.takes << " times");
}

BOOST_AUTO_TEST_CASE(a_server_that_crashes_costs_nothing) {
    if (!postgres_server::is_installed()) return;
    postgres_server server;
    auto store = journal_store::open(server.conninfo());
    stepping program{4, 50ms};
    runtime rt{{.threads = 2, .journals = store}};
    program.serve_in(rt);
    for (int i = 0; i < 30; ++i) store->create({.program = "p", .id = std::to_string(i)});
    std::thread worker{[&] { rt.work({.concurrency = 4, .until_idle = true, .poll = 20ms}); }};
    for (int k = 0; k < 3; ++k) {
        int before = program.done;
        comes_true([&] { return program.done > before + 5; });
        server.crash();
    }
    worker.join();
    BOOST_TEST(store->list({.status = run_status::finished}).size() == 30u);
    for (const auto& r : store->list()) BOOST_TEST(r.takes == 1u, r.id << " " << r.takes);
}

BOOST_AUTO_TEST_CASE(opening_waits_as_long_as_its_patience) {
    folder files;
    auto file = (files.path / "runs.db").string();
    journal_store::open(file);
    std::string command = "(echo 'BEGIN EXCLUSIVE;'; sleep 2; echo 'COMMIT;') | sqlite3 " + file + " & sleep 0.5";
    BOOST_REQUIRE(std::system(command.c_str()) == 0);
    told trouble;
    journal_store::open(file, {.patience = 20s, .on_trouble = trouble.listener()})->list();
    if (!postgres_server::is_installed()) return;
    postgres_server server;
    postgres_proxy proxy{server.folder()};
    proxy.cut();
    auto mended = std::async(std::launch::async, [&] {
        std::this_thread::sleep_for(700ms);
        proxy.mend();
    });
    auto store = journal_store::open(proxy.conninfo(), {.patience = 20s, .on_trouble = trouble.listener()});
    store->create({.program = "p", .id = "a"});
    BOOST_TEST(trouble.count() >= 1u);
    proxy.cut();
    auto begun = std::chrono::steady_clock::now();
    thrown(run_errc::journal_unavailable, [&] { journal_store::open(proxy.conninfo(), {.patience = 500ms}); });
    auto took = std::chrono::steady_clock::now() - begun;
    BOOST_TEST((took >= 500ms && took < 10s));
    // Whom the server does not know, waiting does not help.
    begun = std::chrono::steady_clock::now();
    auto said = thrown(run_errc::journal_unavailable,
                       [&] { journal_store::open(server.conninfo("nobody_known"), {.patience = 60s}); });
    BOOST_TEST((std::chrono::steady_clock::now() - begun < 20s));
    BOOST_TEST(said.find("nobody_known") != std::string::npos, said);
    begun = std::chrono::steady_clock::now();
    thrown(run_errc::journal_unavailable,
           [&] { journal_store::open("postgresql://127.0.0.1/x?no_such_option=1", {.patience = 60s}); });
    for (const char* split :
         {"postgresql://ada:first@second@127.0.0.1:1/x", "postgresql://ada:first/second@127.0.0.1:1/x",
          "postgresql://ada:first@third@second@127.0.0.1:1/x?connect_timeout=1"}) {
        auto refused = thrown(run_errc::journal_unavailable, [&] { journal_store::open(split, {.patience = 50ms}); });
        for (const char* part : {"first", "second", "third"}) BOOST_TEST(refused.find(part) == refused.npos, refused);
        BOOST_TEST(refused.find("%40") != refused.npos, refused);
    }
    BOOST_TEST((std::chrono::steady_clock::now() - begun < 20s));
}

BOOST_AUTO_TEST_CASE(a_worker_says_at_once_that_its_store_is_damaged_and_goes_on_when_it_is_mended) {
    folder files;
    auto file = (files.path / "runs.db").string();
    auto store = journal_store::open(file);
    runtime rt{{.journals = store}};
    rt.serve("p", program_function{[](run&, const json::object&) -> task<json::object> { co_return json::object{}; }},
             run_options{});
    BOOST_REQUIRE(std::system(("sqlite3 " + file + " 'ALTER TABLE reagent_runs RENAME TO gone'").c_str()) == 0);
    told trouble;
    std::thread worker{[&] { rt.work({.poll = 20ms, .on_trouble = trouble.listener()}); }};
    BOOST_TEST(comes_true([&] { return trouble.count() == 1u; }));
    if (trouble.count()) BOOST_TEST(trouble.at(0).find("reagent_runs") != std::string::npos, trouble.at(0));
    std::this_thread::sleep_for(1s);
    BOOST_TEST(trouble.count() == 1u, "the same is told once");
    BOOST_REQUIRE(std::system(("sqlite3 " + file + " 'ALTER TABLE gone RENAME TO reagent_runs'").c_str()) == 0);
    BOOST_TEST(comes_true([&] { return trouble.count() == 2u; }));
    BOOST_TEST(trouble.at(1) == "");
    store->create({.program = "p", .id = "a"});
    BOOST_TEST(comes_true([&] { return store->get("a").status == run_status::finished; }));
    rt.stop_work();
    worker.join();
}

BOOST_AUTO_TEST_CASE(a_full_disk_stops_runs_and_loses_none) {
    folder files;
    auto file = (files.path / "runs.db").string();
    journal_store::open(file);
    // In a process of its own: its files may grow to 300 KB, then all it writes fails, until it may write again.
    pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        auto limit = [](rlim_t bytes) {
            rlimit l{bytes, RLIM_INFINITY};
            ::setrlimit(RLIMIT_FSIZE, &l);
        };
        auto store = journal_store::open(file, {.lease = 60s, .patience = 200ms});
        runtime rt{{.journals = store}};
        stepping program{3, 1ms};
        program.serve_in(rt);
        limit(300'000);
        std::string text(60'000, 'x');
        int made = 0;
        try {
            for (; made < 50; ++made)
                store->create({.program = "p", .inputs = {{"text", text}}, .id = std::to_string(made)});
        } catch (const run_error&) {
        }
        std::thread worker{[&] { rt.work({.poll = 20ms}); }};
        std::this_thread::sleep_for(1500ms);
        limit(RLIM_INFINITY);
        bool all = comes_true([&] {
            try {
                return store->list({.status = run_status::finished}).size() == static_cast<std::size_t>(made);
            } catch (const run_error&) {
                return false;
            }
        });
        rt.stop_work();
        worker.join();
        ::_exit(made == 0 ? 3 : made == 50 ? 4 : all ? 0 : 5);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 0),
               "3: nothing fitted, 4: the disk was not full, 5: runs stayed behind: " << WEXITSTATUS(status));
}

BOOST_AUTO_TEST_CASE(totals_are_counted_as_runs_change) {
    each_store{}([](const std::string& where) {
        auto store = journal_store::open(where);
        auto text = [&] {
            std::string all;
            for (const auto& t : store->totals())
                all += t.program + " " + std::string{to_string(t.status)} + " " + std::to_string(t.runs) + " " +
                       std::to_string(t.usage.calls) + " " + std::to_string(t.usage.tokens()) +
                       (t.usage.cost ? " $" : "") + "; ";
            return all;
        };
        for (int i = 0; i < 4; ++i) store->create({.program = i < 3 ? "p" : "q", .id = std::to_string(i)});
        store->create({.program = "p", .id = "s", .session = "s"});
        store->cancel("s");
        BOOST_TEST(text() == "p cancelled 1 0 0; p ready 3 0 0; q ready 1 0 0; ");
        auto a = store->take("0"), b = store->take("1");
        finish(*store, a.hold,
               {.status = run_status::finished,
                .usage = {.calls = 2, .prompt_tokens = 7, .completion_tokens = 3, .cost = 0.5}});
        finish(
            *store, b.hold,
            {.status = run_status::failed,
             .usage = {.calls = 3, .completion_tokens = UINT64_MAX, .cost = std::numeric_limits<double>::quiet_NaN()}});
        auto all = store->totals();
        BOOST_REQUIRE(all.size() == 5u);
        BOOST_TEST(all[1].usage.completion_tokens >= INT64_MAX / 2u);  // more than a sum may hold: no overflow
        BOOST_TEST((!all[1].usage.cost));
        BOOST_TEST(all[2].usage.cost.value_or(0) == 0.5);
        store->remove("1");
        store->fork("0", 0, "f");
        BOOST_TEST(text() == "p cancelled 1 0 0; p finished 1 2 10 $; p ready 2 0 0; q ready 1 0 0; ");
        store->remove("0");
        BOOST_TEST(text() == "p cancelled 1 0 0; p ready 2 0 0; q ready 1 0 0; ");
    });
}

BOOST_AUTO_TEST_SUITE_END()
