#include <reagent/reagent.hpp>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <boost/test/unit_test.hpp>

#include <future>
#include <sstream>
#include <thread>

using namespace reagent;
using namespace std::chrono_literals;

namespace {

// A tool that is past its time limit, and ends when it is let go.
struct stuck_tool {
    std::shared_ptr<std::promise<void>> gate = std::make_shared<std::promise<void>>();
    std::shared_ptr<std::promise<void>> ended = std::make_shared<std::promise<void>>();

    void call(runtime& rt) {
        tools t;
        auto work = [gate = gate->get_future().share(), ended = ended]() {
            gate.wait();
            ended->set_value();
            return 1;
        };
        t.add("stuck", "Hangs.", work, {}, {.timeout = 20ms});
        auto program = [&t](run& r) -> task<bool> {
            auto result = co_await t.call(r, "self", "stuck", json::object{});
            co_return result.failed;
        };
        BOOST_TEST(rt.run({}, program));
    }
};

BOOST_AUTO_TEST_SUITE(exit_grace)

BOOST_AUTO_TEST_CASE(a_tool_past_its_time_limit_is_named_and_left_at_the_end) {
    std::ostringstream text;
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
    stuck_tool tool;
    {
        runtime rt{{.logger = logger, .exit_grace = 50ms}};
        tool.call(rt);
    }  // comes here, or the test hangs
    BOOST_TEST(text.str().find("`stuck` did not end within 50 ms") != std::string::npos, text.str());
    BOOST_TEST(text.str().find("exit_grace") != std::string::npos);
    tool.gate->set_value();
    tool.ended->get_future().get();  // its result goes nowhere, and harms nothing
}

BOOST_AUTO_TEST_CASE(what_ends_in_time_is_waited_for_and_not_named) {
    std::ostringstream text;
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
    stuck_tool tool;
    std::thread later;
    {
        runtime rt{{.logger = logger, .exit_grace = std::chrono::milliseconds::max()}};
        tool.call(rt);
        later = std::thread{[&] {
            std::this_thread::sleep_for(30ms);
            tool.gate->set_value();
        }};
    }
    BOOST_TEST((tool.ended->get_future().wait_for(0s) == std::future_status::ready));
    later.join();
    BOOST_TEST(text.str().find("stuck` did not end") == std::string::npos, text.str());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
