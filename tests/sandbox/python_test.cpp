// A Python interpreter in a sandbox: what its cells keep, tell and may not.
#include <reagent/sandbox/python.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <thread>

using namespace reagent;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

struct conversation {
    explicit conversation(sandbox::python_options o = {}) : p{std::move(o)} {}

    sandbox::cell operator()(const std::string& code, const sandbox::host_calls& calls = {}) {
        asio::io_context context;
        auto done = asio::co_spawn(context, p.execute(code, calls), asio::use_future);
        context.run();
        return done.get();
    }

    sandbox::python p;
};

// What tools of the host might be: `double`, and one that fails.
task<std::vector<sandbox::host_result>> answer(std::vector<std::string>* asked, std::vector<sandbox::host_call> calls) {
    std::vector<sandbox::host_result> results;
    std::string together;
    for (const auto& c : calls) {
        together += c.name + json::serialize(c.arguments) + " ";
        if (c.name == "twice")
            results.push_back({json::value(c.arguments.at("x").to_number<double>() * 2)});
        else
            results.push_back({json::value(json::string("there is no " + c.name)), true});
    }
    asked->push_back(together);
    co_return results;
}

sandbox::host_calls answers(std::vector<std::string>& asked) {
    return [&asked](std::vector<sandbox::host_call> calls) { return answer(&asked, std::move(calls)); };
}

const std::vector<sandbox::host_function> twice_and_fails{{"twice", {"x"}}, {"fails", {}}};

bool is_gone(int id) { return !std::filesystem::exists("/proc/" + std::to_string(id)); }

}  // namespace

BOOST_AUTO_TEST_SUITE(python_interpreter)

BOOST_AUTO_TEST_CASE(state_lasts_and_the_last_value_comes_back) {
    conversation python;
    auto a = python("import math\nx = [1, 2]\nprint('hello')\nx");
    BOOST_TEST(a.output == "hello\n");
    BOOST_TEST(a.shown == "[1, 2]");
    BOOST_TEST((a.value == json::value{1, 2}));
    auto b = python("x.append(math.floor(3.7)); {'n': len(x), 'x': tuple(x)}");
    BOOST_TEST(!b.error);
    BOOST_TEST((b.value == json::value{{"n", 3}, {"x", {1, 2, 3}}}));
    BOOST_TEST(python("y = 1").shown == "");
    BOOST_TEST(!python("object()").value.has_value());
    BOOST_TEST(python("float('nan')").shown == "nan");
}

BOOST_AUTO_TEST_CASE(errors_tell_their_line_and_leave_the_state) {
    conversation python;
    python("x = 5");
    auto e = python("y = 1\nz = x / 0\n");
    BOOST_REQUIRE(e.error.has_value());
    BOOST_TEST(e.error->type == "ZeroDivisionError");
    BOOST_TEST(e.error->line == 2);
    BOOST_TEST(e.error->trace.find("z = x / 0") != std::string::npos);
    BOOST_TEST(e.error->trace.find("driver") == std::string::npos);
    auto syntax = python("a = 1\nif:\n");
    BOOST_REQUIRE(syntax.error.has_value());
    BOOST_TEST(syntax.error->type == "SyntaxError");
    BOOST_TEST(syntax.error->line == 2);
    BOOST_TEST(python("import sys\nsys.exit(3)").error->type == "SystemExit");
    BOOST_TEST((python("x + y").value == json::value(6)));
}

BOOST_AUTO_TEST_CASE(variables_pictures_and_submissions) {
    conversation python;
    python.p.set({{"text", "a text"}, {"rows", json::array{json::object{{"n", 1}}}}});
    python.p.take_submissions({"answer", "why"});
    BOOST_TEST((python("text.upper()").value == json::value("A TEXT")));
    const std::string png = "b'\\x89PNG\\r\\n\\x1a\\n' + b'rest'";
    auto p = python("open('/tmp/a.png', 'wb').write(" + png + ")\nshow('/tmp/a.png')\n" + png);
    BOOST_TEST(p.pictures.size() == 2u);
    BOOST_TEST(p.pictures.at(0) == "iVBORw0KGgpyZXN0");
    BOOST_TEST(python("show(b'no')").error->message == "that is no PNG");
    auto s = python("submit(rows[0]['n'], why='it is so')\nprint('never')");
    BOOST_REQUIRE(s.submitted.has_value());
    BOOST_TEST((*s.submitted == json::object{{"answer", 1}, {"why", "it is so"}}));
    BOOST_TEST(s.output == "");
    BOOST_TEST(python("submit(1)").error->message.find("no why") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(functions_of_the_host) {
    conversation python;
    python.p.offer(twice_and_fails);
    std::vector<std::string> asked;
    BOOST_TEST((python("twice(x=2) + twice(4)", answers(asked)).value == json::value(12.0)));
    BOOST_TEST(asked.size() == 2u);
    auto failed = python("try:\n    fails()\nexcept ToolError as e:\n    print(e)\nfails()", answers(asked));
    BOOST_TEST(failed.output == "there is no fails\n");
    BOOST_TEST(failed.error->type == "ToolError");
    BOOST_TEST(failed.error->line == 5);
    asked.clear();
    auto together =
        python("parallel([twice.later(1), twice.later(x=2)]) + parallel(twice, [3, {'x': 4}])", answers(asked));
    BOOST_TEST((together.value == json::value{2.0, 4.0, 6.0, 8.0}));
    BOOST_TEST(asked.size() == 2u);
    BOOST_TEST(asked.at(0) == R"(twice{"x":1} twice{"x":2} )");
    asked.clear();
    auto gathered = python("import asyncio\nawait asyncio.gather(*(twice(x=i) for i in range(3)))", answers(asked));
    BOOST_TEST(!gathered.error, (gathered.error ? gathered.error->trace : ""));
    BOOST_TEST((gathered.value == json::value{0.0, 2.0, 4.0}));
    BOOST_TEST(asked.size() == 1u);
    auto thread =
        python("import threading\nt = threading.Thread(target=lambda: twice(1)); t.start(); t.join()", answers(asked));
    BOOST_TEST(thread.output.find("from the main thread") != std::string::npos);
    BOOST_TEST(python("twice(object())").error->message.find("object is no JSON value") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_cell_that_takes_too_long_is_ended_and_its_state_stays) {
    conversation python{{.cell_time = 300ms, .patience = 20s}};
    python("x = 7");
    auto slow = python("while True: pass");
    BOOST_REQUIRE(slow.error.has_value());
    BOOST_TEST(slow.error->type == "CellTimeout");
    BOOST_TEST((python("x").value == json::value(7)));
}

BOOST_AUTO_TEST_CASE(a_cell_that_will_not_end_is_ended_with_its_interpreter) {
    conversation python{{.cell_time = 200ms, .patience = 300ms}};
    const int id = python.p.process();
    auto stubborn = python("import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass");
    BOOST_TEST(stubborn.ended == "cell_time");
    BOOST_TEST(!python.p.alive());
    BOOST_TEST(python("1").ended == "ended");
    for (int i = 0; i < 200 && !is_gone(id); ++i) std::this_thread::sleep_for(50ms);
    BOOST_TEST(is_gone(id));
}

BOOST_AUTO_TEST_CASE(limits_and_floods) {
    conversation python{{.max_output_bytes = 1000}};
    auto flood = python("for i in range(200000): print('x' * 80)\n'over'");
    BOOST_TEST(flood.output.size() == 1000u);
    BOOST_TEST(flood.truncated);
    BOOST_TEST(flood.shown == "'over'");
    BOOST_TEST(python("b = bytearray(1 << 40)").error->type == "MemoryError");
    auto gone = python("import os\nos._exit(3)");
    BOOST_TEST(gone.ended == "ended");
}

BOOST_AUTO_TEST_CASE(what_it_tells_is_anybodys) {
    for (const char* forged : {"b'\\xff\\xff\\xff\\xff'", "b'\\0\\0\\0\\2{]'", "b'\\0\\0\\0\\x0a{\"calls\":1}'"}) {
        conversation python;
        auto c = python("import os\nos.write(8, " + std::string{forged} + ")");
        BOOST_TEST(!c.ended.empty(), forged);
        BOOST_TEST(!python.p.alive());
    }
    conversation python;
    const std::string done = R"({"done": {"value": 3, "error": 1, "pictures": [4], "shown": {}}})";
    auto c =
        python("import os, struct\nm = b'" + done + "'\nos.write(8, struct.pack('>I', len(m)) + m)\nwhile True: pass");
    BOOST_TEST((c.value == json::value(3)));
    BOOST_TEST(c.pictures.empty());
}

BOOST_AUTO_TEST_CASE(nothing_goes_on_between_cells) {
    conversation python;
    auto started = python(
        "import threading, time\nn = 0\ndef count():\n    global n\n    while True: n += 1; time.sleep(0.001)\n"
        "threading.Thread(target=count, daemon=True).start()\nn");
    BOOST_TEST(!started.error);
    auto a = python("n").value->to_number<int>();
    std::this_thread::sleep_for(500ms);
    auto b = python("n").value->to_number<int>();
    BOOST_TEST(b - a < 200);
}

BOOST_AUTO_TEST_CASE(a_caller_that_gives_up_ends_it) {
    conversation python;
    const int id = python.p.process();
    asio::io_context context;
    asio::cancellation_signal stop;
    auto done = asio::co_spawn(context, python.p.execute("import time\nwhile True: time.sleep(1)"),
                               asio::bind_cancellation_slot(stop.slot(), asio::use_future));
    asio::steady_timer later{context, 200ms};
    later.async_wait([&](auto) { stop.emit(asio::cancellation_type::terminal); });
    context.run();
    BOOST_CHECK_THROW(done.get(), boost::system::system_error);
    for (int i = 0; i < 200 && !is_gone(id); ++i) std::this_thread::sleep_for(50ms);
    BOOST_TEST(is_gone(id));
}

BOOST_AUTO_TEST_CASE(a_pool_hands_out_interpreters_that_nobody_used) {
    sandbox::python_pool pool{{}, 2};
    asio::io_context context;
    auto work = [](sandbox::python_pool from) -> task<int> {
        int sum = 0;
        for (int i = 0; i < 4; ++i) {
            auto p = co_await from.take();
            auto c = co_await p.execute("'x' in globals()");
            BOOST_TEST((c.value == json::value(false)));
            co_await p.execute("x = 1");
            ++sum;
        }
        co_return sum;
    };
    auto done = asio::co_spawn(context, work(pool), asio::use_future);
    context.run();
    BOOST_TEST(done.get() == 4);
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_told) {
    BOOST_CHECK_THROW(sandbox::python({.program = "/usr/bin/no-python"}), std::exception);
    try {
        sandbox::python p{{.program = "/usr/bin/true"}};
        BOOST_TEST(false);
    } catch (const sandbox::unavailable& e) {
        BOOST_TEST(std::string{e.what()}.find("/usr/bin/true ended before its first cell") != std::string::npos);
    }
}

BOOST_AUTO_TEST_SUITE_END()
