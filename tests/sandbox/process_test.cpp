#include <reagent/sandbox/process.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <system_error>

using namespace reagent;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {
sandbox::outcome shell(const std::string& script, const std::string& input = {}, sandbox::limits l = {}) {
    return sandbox::run({"/bin/bash", "-c", script}, input, l);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(processes)

// As much as the limits let through does start.
BOOST_AUTO_TEST_CASE(arguments_up_to_the_limit_arrive) {
    auto status = [](const sandbox::command& c) { return sandbox::run(c).exit_code; };
    BOOST_TEST(status({.argv = {"/bin/true", std::string(131'071, 'a')},
                       .environment = {{"A", std::string(131'069, 'a')}}}) == 0);
    sandbox::command many{.argv = std::vector<std::string>(15'000, "/bin/true")};
    for (int i = 0; i < 500; ++i) many.environment["V" + std::to_string(i)] = "x";
    try {
        sandbox::run(many);
        BOOST_ERROR("was run");
    } catch (const std::invalid_argument& e) {
        std::string what = e.what(), before = "at most ";
        many.argv.resize(std::stoul(what.substr(what.find(before) + before.size())));
    }
    BOOST_TEST(many.argv.size() > 7'000u);
    BOOST_TEST(status(many) == 0);
    sandbox::command long_ones{.argv = std::vector<std::string>(100, "/bin/true")};
    for (std::size_t i = 1; i < 100; ++i) long_ones.argv[i].assign(60'000, 'a');
    try {
        sandbox::run(long_ones);
        BOOST_ERROR("was run");
    } catch (const std::invalid_argument& e) {
        std::string what = e.what(), before = "at most ";
        auto most = std::stoul(what.substr(what.find(before) + before.size()));
        while (long_ones.argv.size() * 60'009 > most) long_ones.argv.pop_back();
    }
    BOOST_TEST(status(long_ones) == 0);
}

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
    auto o =
        sandbox::run({"/usr/bin/python3", "-c",
                      "import asyncio, subprocess, tempfile, threading\n"
                      "asyncio.run(asyncio.sleep(0))\n"
                      "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
                      "f = tempfile.NamedTemporaryFile('w+'); f.write('file'); f.seek(0); print(f.read())\n"
                      "print(subprocess.run(['sort', '-r'], input='a\\nb\\n', capture_output=True, text=True).stdout)"},
                     "", {.wall_time = 60s, .cpu_time = 30s});
    BOOST_TEST(o.err == "");
    BOOST_TEST(o.out == "thread\nfile\nb\na\n\n");
    BOOST_TEST(shell("cd /tmp && mkdir a && echo x > a/b && cp -a a c && ls -l c && cat c/b && mv c d && rm -r a d")
                   .exit_code == 0);
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
    for (const char* path : {"/", "/proc", "/usr/../proc/1", "/dev/shm", "/sys", "//", "/tmp/..", "/.", "/./", "///",
                             "//proc", "/proc/./1", "/tmp", "/tmp/", "//tmp/.", "/usr/..", "/dev/null"})
        refused({.argv = {"/bin/ls"}, .readable = {path}}, "readable");
    refused({.argv = {"/bin/ls"}, .readable = {"here"}}, "readable");
    refused({.argv = {"/bin/ls"}, .environment = {{"PWD", "/usr"}}}, "PWD");
    refused({.argv = {"/bin/ls"}, .environment = {{"A", std::string(140'000, 'a')}}}, "at most 131071 fit");
    refused({.argv = {"/bin/ls", std::string(140'000, 'a')}}, "argv[1] has 140000 bytes; at most 131071 fit");
    refused({.argv = std::vector<std::string>(15'000, "/bin/true")}, "argv holds 15000 arguments");
    refused({.argv = std::vector<std::string>(100, "/" + std::string(100'000, 'a'))}, "argv and environment have");
    refused({.argv = {"/bin/ls"}, .limit = {.disk_bytes = 0}}, "disk_bytes");  // 0 would be without a limit
    refused({.argv = {"/bin/ls"}, .limit = {.disk_bytes = 1ull << 63}}, "disk_bytes");
    refused({.argv = {"/bin/ls"}, .limit = {.processes = 0}}, "processes");
    refused({.argv = {"/bin/ls"}, .limit = {.cpu_time = -1s}}, "cpu_time");
    for (unsigned n : {0u, 1u, 2u}) refused({.argv = {"/bin/ls"}, .limit = {.open_files = n}}, "open_files");
    sandbox::command much{.argv = {"/bin/ls"}};
    for (int i = 0; i < 3500; ++i) much.environment["V" + std::to_string(i)] = "x";
    refused(much, "environment");
    refused({.argv = {"/bin/ls"}, .readable = std::vector<std::string>(3000, "/usr/bin")}, "readable");
    BOOST_CHECK_THROW(sandbox::run({.argv = {"/bin/ls"}, .readable = {"/nowhere"}}), std::system_error);
}

BOOST_AUTO_TEST_CASE(the_ends_of_the_ranges_can_be_meant) {
    using ms = std::chrono::milliseconds;
    for (ms wall : {ms::max(), ms{9'223'372'036'854}, ms{9'223'372'036'855}})
        BOOST_TEST(shell("exit 5", "", {.wall_time = wall}).exit_code == 5);
    for (ms wall : {ms{0}, ms{-5}, ms::min()}) BOOST_TEST(shell("sleep 60", "", {.wall_time = wall}).timed_out);
    BOOST_TEST(shell("exit 5", "", {.cpu_time = std::chrono::seconds::max()}).exit_code == 5);
    auto most = std::numeric_limits<std::uint64_t>::max();
    for (sandbox::limits l :
         {sandbox::limits{.memory_bytes = most}, sandbox::limits{.disk_bytes = 1ull << 40},
          sandbox::limits{.files = most}, sandbox::limits{.file_bytes = most}, sandbox::limits{.output_bytes = most},
          sandbox::limits{.processes = std::numeric_limits<unsigned>::max()},
          sandbox::limits{.open_files = std::numeric_limits<unsigned>::max()}, sandbox::limits{.open_files = 12}}) {
        auto o = shell("sleep 0.1; exit 5", "", l);
        BOOST_TEST_CONTEXT(o.exceeded << o.err << o.signal) BOOST_TEST(o.exit_code == 5);
    }
}

BOOST_AUTO_TEST_CASE(the_wall_time_is_told_as_such) {
    for (int i = 0; i < 40; ++i) {
        auto o = shell("exec sleep 60", "", {.wall_time = std::chrono::milliseconds{20 + 5 * i}});
        BOOST_TEST_CONTEXT(o.exit_code << " " << o.signal << " " << o.exceeded) BOOST_TEST(o.timed_out);
    }
}

// Not as a whole text: by what is there.
BOOST_AUTO_TEST_CASE(a_readable_path_is_judged_by_what_it_leads_to) {
    std::string name = "/var/tmp/reagent-readable-XXXXXX";
    BOOST_REQUIRE(::mkdtemp(name.data()));
    fs::path folder = name;
    ::chmod(name.c_str(), 0755);
    std::ofstream{folder / "file"} << "content";
    fs::create_directory(folder / "inner");
    for (auto [link, to] : {std::pair{"root", "/"},
                            {"processes", "/proc"},
                            {"self", "/proc/self"},
                            {"kernel", "/sys/kernel"},
                            {"writable", "/tmp"}})
        fs::create_directory_symlink(to, folder / link);
    fs::create_symlink("file", folder / "link");
    BOOST_REQUIRE(::mkfifo((folder / "pipe").c_str(), 0666) == 0);
    auto shown = [&](const fs::path& p) {
        return sandbox::run({.argv = {"/bin/cat", (folder / "link").string()}, .readable = {p.string()}, .limit = {}})
            .out;
    };
    for (const char* refused : {"root", "root/.", "processes", "self", "self/fd", "kernel", "writable", "pipe"})
        BOOST_TEST_CONTEXT(refused)
    BOOST_CHECK_EXCEPTION(shown(folder / refused), std::invalid_argument,
                          [](const auto& e) { return std::string{e.what()}.find("readable") != std::string::npos; });
    for (const char* allowed : {"", "link", "/", "./link"})
        BOOST_TEST_CONTEXT(allowed) BOOST_TEST(shown(name + "/" + allowed) == "content");
    if (::geteuid() == 0 && ::mount("none", (folder / "inner").c_str(), "sysfs", MS_RDONLY, nullptr) == 0) {
        for (auto p : {folder, folder / "inner", folder / "inner" / "kernel"})
            BOOST_CHECK_EXCEPTION(shown(p), std::invalid_argument, [](const auto& e) {
                return std::string{e.what()}.find("sysfs") != std::string::npos;
            });
        ::umount2((folder / "inner").c_str(), MNT_DETACH);
    }
    fs::remove_all(folder);
}

BOOST_AUTO_TEST_SUITE_END()
