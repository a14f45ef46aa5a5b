#include "support/folder.hpp"

#include <reagent/reagent.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <thread>

using namespace reagent;
using namespace reagent::literals;
using namespace std::chrono_literals;

namespace {

using qa = predict<sig<"question -> answer">>;

// Says what it was given, and on which thread it ran.
struct echo {
    task<std::string> forward(run&, std::string text) const { co_return text + "!"; }
};

struct silent {
    std::atomic<int>& ran;
    task<void> forward(run&) const {
        ++ran;
        co_return;
    }
};

struct failing {
    task<int> forward(run&) const {
        throw std::out_of_range{"far out"};
        co_return 0;
    }
};

struct failing_at_once {
    task<int> forward(run&) const { throw std::out_of_range{"no task"}; }
};

// Ends when it is cancelled.
struct endless {
    std::shared_ptr<std::atomic<bool>> begun = std::make_shared<std::atomic<bool>>(false);
    task<int> forward(run&) const {
        asio::steady_timer timer{co_await asio::this_coro::executor, 1h};
        *begun = true;
        co_await timer.async_wait(asio::use_awaitable);
        co_return 0;
    }
};

struct without_default {
    explicit without_default(int n) : number{n} {}
    int number;
};
struct makes_without_default {
    task<without_default> forward(run&) const { co_return without_default{7}; }
};

struct takes_what_cannot_be_copied {
    task<int> forward(run&, std::unique_ptr<int> p) const { co_return *p; }
};

// Runs a coroutine on a context of its own.
template <class F>
void on_context(F f) {
    asio::io_context context;
    std::exception_ptr failure;
    asio::co_spawn(context, std::move(f), [&](std::exception_ptr e) { failure = e; });
    context.run();
    if (failure) std::rethrow_exception(failure);
}

template <class F>
std::string what_is_thrown(F f, run_errc code) {
    try {
        f();
    } catch (const run_error& e) {
        BOOST_TEST((e.code() == code), e.what());
        return e.what();
    }
    BOOST_ERROR("nothing was thrown");
    return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(async_run)

BOOST_AUTO_TEST_CASE(a_run_is_awaited_on_the_callers_executor) {
    runtime rt;
    qa ask;
    scripted lm{json::object{{"answer", "four"}}};
    on_context([&]() -> task<void> {
        auto here = std::this_thread::get_id();
        run_options options{lm};
        auto p = co_await rt.async_run(options, ask, "two and two?", asio::use_awaitable);
        BOOST_TEST(p.get<"answer">() == "four");
        BOOST_TEST((std::this_thread::get_id() == here));
        auto said = co_await rt.async_run(lm, echo{}, "x", asio::use_awaitable);
        BOOST_TEST(said == "x!");
        BOOST_TEST((std::this_thread::get_id() == here));
    });
}

BOOST_AUTO_TEST_CASE(every_token_gets_the_value) {
    runtime rt;
    echo e;
    BOOST_TEST(rt.async_run({}, e, "a", asio::use_future).get() == "a!");
    std::promise<std::string> told;
    rt.async_run({}, e, "b", [&](std::exception_ptr failure, std::string s) {
        failure ? told.set_exception(failure) : told.set_value(std::move(s));  // on another thread than Boost.Test's
    });
    BOOST_TEST(told.get_future().get() == "b!");
    run_options named_options;
    auto later = rt.async_run(named_options, e, std::string{"c"}, asio::deferred);
    std::move(later)([&told = told = {}](std::exception_ptr, std::string s) { told.set_value(std::move(s)); });
    BOOST_TEST(told.get_future().get() == "c!");
    on_context([&]() -> task<void> {
        run_options options;
        auto [failure, value] = co_await rt.async_run(options, e, "d", asio::as_tuple(asio::use_awaitable));
        BOOST_TEST(!failure);
        BOOST_TEST(value == "d!");
        auto named = asio::use_awaitable;
        BOOST_TEST(co_await rt.async_run(options, e, "e", named) == "e!");
    });
}

BOOST_AUTO_TEST_CASE(values_of_all_shapes_come_back) {
    runtime rt;
    std::atomic<int> ran = 0;
    rt.async_run({}, silent{ran}, asio::use_future).get();
    BOOST_TEST(ran == 1);
    BOOST_TEST(rt.async_run({}, makes_without_default{}, asio::use_future).get()->number == 7);
    BOOST_TEST(rt.async_run({}, takes_what_cannot_be_copied{}, std::make_unique<int>(5), asio::use_future).get() == 5);
    std::promise<std::unique_ptr<int>> told;
    auto makes = [](run&) -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(9); };
    rt.async_run({}, makes, [&told, only_moved = std::make_unique<int>(1)](std::exception_ptr, std::unique_ptr<int> p) {
        told.set_value(std::move(p));
    });
    BOOST_TEST(*told.get_future().get() == 9);
}

BOOST_AUTO_TEST_CASE(what_a_run_ends_with_is_the_exception) {
    runtime rt;
    BOOST_CHECK_THROW(rt.async_run({}, failing{}, asio::use_future).get(), std::out_of_range);
    BOOST_CHECK_THROW(rt.async_run({}, failing_at_once{}, asio::use_future).get(), std::out_of_range);
    qa ask;
    what_is_thrown([&] { rt.async_run({}, ask, "x", asio::use_future).get(); }, run_errc::no_language_model);
    run_options short_one;
    short_one.deadline = 20ms;
    what_is_thrown([&] { rt.async_run(short_one, endless{}, asio::use_future).get(); }, run_errc::deadline_exceeded);
    on_context([&]() -> task<void> {
        bool thrown = false;
        run_options options;
        try {
            co_await rt.async_run(options, failing{}, asio::use_awaitable);
        } catch (const std::out_of_range&) {
            thrown = true;
        }
        BOOST_TEST(thrown);
    });
}

BOOST_AUTO_TEST_CASE(what_cannot_begin_tells_the_handler_and_does_not_throw) {
    test::folder f;
    runtime rt{{.record = f.path / "records"}};
    std::filesystem::remove_all(f.path / "records");
    std::ofstream{f.path / "records"} << "a file";
    what_is_thrown([&] { rt.async_run({}, echo{}, "x", asio::use_future).get(); }, run_errc::journal_unavailable);
}

BOOST_AUTO_TEST_CASE(the_handlers_executor_is_kept_busy_and_calls_it) {
    runtime rt;
    asio::io_context context;
    std::thread::id called_on;
    rt.async_run({}, echo{}, "x", asio::bind_executor(context, [&](std::exception_ptr, std::string) {
                     called_on = std::this_thread::get_id();
                 }));
    context.run();  // comes back when the handler has been called, not before
    BOOST_TEST((called_on == std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(a_strand_holds) {
    runtime rt{{.threads = 2}};
    asio::thread_pool pool{4};
    std::atomic<int> inside = 0, most = 0, sum = 0;
    auto strand = asio::make_strand(pool);
    for (int i = 0; i < 200; ++i)
        rt.async_run({}, echo{}, "x", asio::bind_executor(strand, [&](std::exception_ptr, std::string) {
                         most = std::max<int>(most, ++inside);
                         ++sum;
                         --inside;
                     }));
    pool.join();
    BOOST_TEST(sum == 200);
    BOOST_TEST(most == 1);
}

BOOST_AUTO_TEST_CASE(a_signal_of_any_type_cancels_the_run) {
    runtime rt;
    for (auto type :
         {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        asio::io_context context;
        asio::cancellation_signal signal;
        std::exception_ptr ended;
        endless program;
        auto handler = [&](std::exception_ptr failure, int) { ended = failure; };
        rt.async_run({}, program, asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, handler)));
        while (!*program.begun) std::this_thread::yield();
        asio::post(context, [&] { signal.emit(type); });
        context.run();
        BOOST_REQUIRE(ended);
        what_is_thrown([&] { std::rethrow_exception(ended); }, run_errc::cancelled);
        BOOST_TEST(!signal.slot().has_handler());
    }
}

BOOST_AUTO_TEST_CASE(a_run_is_cancelled_before_it_has_begun) {
    runtime rt;
    for (int i = 0; i < 100; ++i) {
        asio::io_context context;
        asio::cancellation_signal signal;
        std::exception_ptr ended;
        auto handler = [&](std::exception_ptr failure, int) { ended = failure; };
        rt.async_run({}, endless{}, asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, handler)));
        signal.emit(asio::cancellation_type::all);
        context.run();
        BOOST_REQUIRE(ended);
        what_is_thrown([&] { std::rethrow_exception(ended); }, run_errc::cancelled);
    }
}

BOOST_AUTO_TEST_CASE(a_coroutine_that_is_cancelled_cancels_its_run) {
    runtime rt;
    asio::io_context context;
    asio::cancellation_signal signal;
    endless program;
    std::exception_ptr ended;
    auto waits = [&]() -> task<int> {
        run_options options;
        co_return co_await rt.async_run(options, program, asio::use_awaitable);
    };
    asio::co_spawn(context, waits,
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, int) { ended = e; }));
    asio::steady_timer until_begun{context};
    auto emit_later = [&]() -> task<void> {
        while (!*program.begun) {
            until_begun.expires_after(1ms);
            co_await until_begun.async_wait(asio::use_awaitable);
        }
        signal.emit(asio::cancellation_type::terminal);
    };
    asio::co_spawn(context, emit_later, asio::detached);
    context.run();
    BOOST_REQUIRE(ended);
    what_is_thrown([&] { std::rethrow_exception(ended); }, run_errc::cancelled);
}

BOOST_AUTO_TEST_CASE(a_late_signal_meets_nothing) {
    asio::io_context context;
    asio::cancellation_signal signal;
    std::string said;
    {
        runtime rt;
        auto handler = [&](std::exception_ptr, std::string s) { said = std::move(s); };
        rt.async_run({}, echo{}, "x",
                     asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, handler)));
        std::this_thread::sleep_for(20ms);
    }  // the runtime is gone, the handler is not called yet
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    BOOST_TEST(said == "x!");
}

BOOST_AUTO_TEST_CASE(the_end_of_the_runtime_ends_its_runs) {
    asio::io_context context;
    std::exception_ptr ended;
    {
        runtime rt;
        rt.async_run({}, endless{}, asio::bind_executor(context, [&](std::exception_ptr e, int) { ended = e; }));
    }
    context.run();
    BOOST_REQUIRE(ended);
    what_is_thrown([&] { std::rethrow_exception(ended); }, run_errc::cancelled);
}

BOOST_AUTO_TEST_CASE(arguments_and_temporary_programs_are_kept) {
    runtime rt;
    std::vector<std::future<std::string>> results;
    for (int i = 0; i < 50; ++i) {
        std::string text = "a text that lies on the heap, number " + std::to_string(i);
        auto wraps = [text](run&, const std::string& given) -> task<std::string> { co_return given + text; };
        results.push_back(rt.async_run({}, wraps, text.c_str(), asio::use_future));
        results.back().wait();  // `wraps` has a name, so it must live
        results.push_back(rt.async_run(
            {}, [text](run&, const std::string& given) -> task<std::string> { co_return given + text; },
            std::string_view{text}, asio::use_future));
    }
    for (auto& r : results) BOOST_TEST(r.get().starts_with("a text"));
    scripted lm{json::object{{"answer", "kept"}}};
    qa ask;
    std::future<prediction<sig<"question -> answer">>> later;
    {
        std::string question = "a question that lies on the heap, and goes";
        later = rt.async_run(lm, ask, "question"_f = question, asio::use_future);
    }
    BOOST_TEST(later.get().get<"answer">() == "kept");
}

BOOST_AUTO_TEST_CASE(what_is_not_awaited_does_not_begin) {
    runtime rt;
    std::atomic<int> ran = 0;
    run_options options;
    { auto never = rt.async_run(options, silent{ran}, asio::use_awaitable); }
    { auto never = rt.async_run(options, silent{ran}, asio::deferred); }
    rt.run({}, echo{}, "x");
    BOOST_TEST(ran == 0);
}

BOOST_AUTO_TEST_CASE(a_run_starts_again_for_an_assertion) {
    runtime rt;
    scripted lm{json::object{{"answer", "bad"}}, json::object{{"answer", "good"}}};
    qa ask;
    auto program = [&ask](run& r, const std::string& question) -> task<std::string> {
        auto p = co_await ask(r, question);
        r.assert_that(p.get<"answer">() == "good", "be good", ask);
        co_return p.get<"answer">();
    };
    BOOST_TEST(rt.async_run(lm, program, "which?", asio::use_future).get() == "good");
}

BOOST_AUTO_TEST_CASE(many_at_once_on_several_threads) {
    runtime rt{{.threads = 2}};
    asio::thread_pool pool{2};
    std::atomic<int> right = 0;
    for (int i = 0; i < 500; ++i)
        asio::co_spawn(
            pool,
            [](runtime& on, std::atomic<int>& count, int n) -> task<void> {
                run_options options;
                echo e;
                auto text = std::to_string(n);
                if (co_await on.async_run(options, e, text, asio::use_awaitable) == text + "!") ++count;
            }(rt, right, i),
            asio::detached);
    pool.join();
    BOOST_TEST(right == 500);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(blocking_door)

BOOST_AUTO_TEST_CASE(every_blocking_door_refuses_a_task_of_its_runtime) {
    runtime rt{{.threads = 2}};
    int refused = 0;
    auto inner = [](run&) -> task<int> { co_return 1; };
    auto outer = [&](run&) -> task<int> {
        auto refuses = [&](auto door) {
            auto words = what_is_thrown(door, run_errc::would_deadlock);
            BOOST_TEST(words.find("co_await module(run") != std::string::npos, words);
            BOOST_TEST(words.find("async_run") != std::string::npos, words);
            ++refused;
        };
        refuses([&] { rt.run({}, inner); });
        refuses([&] { rt.execute({}, inner); });
        refuses([&] { rt.start({}, endless{}).get(); });
        refuses([&] { rt.start({}, endless{}).wait(); });
        refuses([&] { rt.start({}, endless{}).wait_for(1ms); });
        refuses([&] { rt.resume("x"); });
        refuses([&] { rt.converse("s", "p", {}); });
        refuses([&] { rt.run_durably("p", {}); });
        refuses([&] { rt.replay("x"); });
        refuses([&] { rt.work(); });
        co_return 1;
    };
    BOOST_TEST(rt.run({}, outer) == 1);
    BOOST_TEST(refused == 10);
}

BOOST_AUTO_TEST_CASE(a_thread_for_blocking_calls_is_the_runtimes_too) {
    runtime rt{{.blocking_threads = 1}};
    auto inner = [](run& r) -> task<json::value> { co_return co_await r.blocking([] { return json::value(1); }); };
    auto outer = [&](run& r) -> task<json::value> {
        co_return co_await r.blocking(
            [&] { return json::value(what_is_thrown([&] { rt.run({}, inner); }, run_errc::would_deadlock)); });
    };
    BOOST_TEST(rt.run({}, outer).as_string().starts_with("this thread is one of the runtime's own"));
}

BOOST_AUTO_TEST_CASE(another_runtimes_door_is_open) {
    runtime rt, other;
    auto inner = [](run&) -> task<int> { co_return 1; };
    auto outer = [&](run&) -> task<int> { co_return other.run({}, inner); };
    BOOST_TEST(rt.run({}, outer) == 1);
}

BOOST_AUTO_TEST_CASE(a_result_that_is_there_is_given_on_any_thread_and_once) {
    runtime rt;
    auto one = [](run&) -> task<int> { co_return 1; };
    auto handle = rt.start({}, one);
    handle.wait();
    BOOST_TEST(handle.wait_for(0ms));
    auto outer = [&](run&) -> task<int> { co_return handle.get(); };
    BOOST_TEST(rt.run({}, outer) == 1);
    BOOST_CHECK_THROW(handle.get(), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()
