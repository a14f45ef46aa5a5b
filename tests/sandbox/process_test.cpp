#include <reagent/sandbox/process.hpp>

#include <boost/test/unit_test.hpp>

#include <system_error>

using namespace reagent;
using namespace std::chrono_literals;

namespace {
sandbox::outcome shell(const std::string& script, const std::string& input = {}, sandbox::limits l = {}) {
    return sandbox::run({"/bin/bash", "-c", script}, input, l);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(processes)

BOOST_AUTO_TEST_CASE(output_input_and_exit_code) {
    auto o = shell("cat; echo err >&2; exit 3", "hello");
    BOOST_TEST(o.out == "hello");
    BOOST_TEST(o.err == "err\n");
    BOOST_TEST(o.exit_code == 3);
    BOOST_TEST(shell("exit 0", std::string(1'000'000, 'x')).exit_code == 0);  // reads nothing of a large input
}

BOOST_AUTO_TEST_CASE(limits_hold) {
    BOOST_TEST(shell("sleep 60", "", {.wall_time = 100ms}).timed_out);
    BOOST_TEST(shell("exec >&- 2>&-; sleep 60", "", {.wall_time = 100ms}).timed_out);
    BOOST_TEST(shell("sleep 60 & echo started", "", {.wall_time = 300ms}).timed_out);  // a child that keeps the pipe open
    auto flood = shell("yes | head -c 100000", "", {.output_bytes = 1000});
    BOOST_TEST(flood.truncated);
    BOOST_TEST(flood.out.size() == 1000u);
    BOOST_TEST(shell("while :; do :; done", "", {.wall_time = 20s, .cpu_time = 1s}).signal != 0);
}

BOOST_AUTO_TEST_CASE(there_is_no_network_and_no_environment) {
    BOOST_TEST(shell("exec 3<>/dev/tcp/127.0.0.1/9").err.find("ermitted") != std::string::npos);
    BOOST_TEST(shell("env").out.find("HOME") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_missing_program_is_an_error) {
    BOOST_CHECK_THROW(sandbox::run({"/nowhere"}, ""), std::system_error);
    BOOST_CHECK_THROW(sandbox::run({}, ""), std::system_error);
}

BOOST_AUTO_TEST_SUITE_END()
