#include <reagent/sandbox/process.hpp>

#include <boost/test/unit_test.hpp>

#include <csignal>
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
    BOOST_TEST(shell("wc -c", std::string(1'000'000, 'x')).out == "1000000\n");
    BOOST_TEST(shell("kill -SEGV $$").signal == SIGSEGV);
    BOOST_TEST(shell("exit 0").exceeded == "");
}

BOOST_AUTO_TEST_CASE(limits_hold) {
    auto late = shell("echo before; sleep 60", "", {.wall_time = 1500ms});
    BOOST_TEST(late.timed_out);
    BOOST_TEST(late.exceeded == "wall_time");
    BOOST_TEST(late.out == "before\n");
    BOOST_TEST(shell("exec >&- 2>&-; sleep 60", "", {.wall_time = 500ms}).timed_out);
    auto flood = shell("yes | head -c 100000", "", {.output_bytes = 1000});
    BOOST_TEST(flood.truncated);
    BOOST_TEST(flood.out.size() == 1000u);
    auto burnt = shell("while :; do :; done", "", {.wall_time = 60s, .cpu_time = 1s});
    BOOST_TEST((burnt.signal != 0 || burnt.exceeded == "cpu_time"));
    BOOST_TEST(!burnt.timed_out);
}

BOOST_AUTO_TEST_CASE(what_is_left_running_ends_with_the_program) {
    auto o = shell("sleep 60 & echo started", "", {.wall_time = 30s});  // a child that keeps the pipe open
    BOOST_TEST(o.exit_code == 0);
    BOOST_TEST(!o.timed_out);
    BOOST_TEST(o.out == "started\n");
}

BOOST_AUTO_TEST_CASE(there_is_no_network_and_only_the_given_environment) {
    BOOST_TEST(shell("exec 3<>/dev/tcp/127.0.0.1/9").err.find("ermitted") != std::string::npos);
    BOOST_TEST(sandbox::run({"/usr/bin/env"}, "").out == "PWD=/tmp\n");
    sandbox::command c{.argv = {"/usr/bin/env"}, .environment = {{"LANG", "C.UTF-8"}, {"LD_PRELOAD", "/nowhere.so"}}};
    BOOST_TEST(sandbox::run(c).out == "LANG=C.UTF-8\nLD_PRELOAD=/nowhere.so\nPWD=/tmp\n");
}

BOOST_AUTO_TEST_CASE(ordinary_programs_work) {
    auto o = sandbox::run({"/usr/bin/python3", "-c",
                           "import asyncio, subprocess, tempfile, threading\n"
                           "asyncio.run(asyncio.sleep(0))\n"
                           "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
                           "f = tempfile.NamedTemporaryFile('w+'); f.write('file'); f.seek(0); print(f.read())\n"
                           "print(subprocess.run(['sort', '-r'], input='a\\nb\\n', capture_output=True, text=True).stdout)"},
                          "", {.wall_time = 60s, .cpu_time = 30s});
    BOOST_TEST(o.err == "");
    BOOST_TEST(o.out == "thread\nfile\nb\na\n\n");
    BOOST_TEST(shell("cd /tmp && mkdir a && echo x > a/b && cp -a a c && ls -l c && cat c/b && mv c d && rm -r a d").exit_code == 0);
}

BOOST_AUTO_TEST_CASE(a_missing_program_is_an_error) {
    BOOST_CHECK_THROW(sandbox::run({"/nowhere"}, ""), std::system_error);
    BOOST_CHECK_THROW(sandbox::run({"/etc/ld.so.cache"}, ""), std::system_error);  // no program
}

BOOST_AUTO_TEST_CASE(what_cannot_be_meant_is_refused) {
    auto refused = [](sandbox::command c, const std::string& because) {
        BOOST_CHECK_EXCEPTION(sandbox::run(c), std::invalid_argument,
                              [&](const auto& e) { return std::string{e.what()}.find(because) != std::string::npos; });
    };
    refused({}, "no program");
    refused({.argv = {"ls"}}, "absolute");
    refused({.argv = {"/bin/ls", std::string("a\0--bind\0/\0/", 12)}}, "zero byte");
    refused({.argv = {"/bin/ls"}, .environment = {{"A", std::string("b\0--bind", 8)}}}, "variable");
    refused({.argv = {"/bin/ls"}, .environment = {{"A=B", "c"}}}, "variable");
    for (const char* path : {"/", "/proc", "/usr/../proc/1", "/dev/shm", "/sys", "//", "/tmp/.."})
        refused({.argv = {"/bin/ls"}, .readable = {path}}, "readable");
    refused({.argv = {"/bin/ls"}, .readable = {"here"}}, "readable");
    refused({.argv = {"/bin/ls"}, .limit = {.disk_bytes = 0}}, "disk_bytes");  // 0 would be without a limit
    BOOST_CHECK_THROW(sandbox::run({.argv = {"/bin/ls"}, .readable = {"/nowhere"}}), std::system_error);
}

BOOST_AUTO_TEST_SUITE_END()
