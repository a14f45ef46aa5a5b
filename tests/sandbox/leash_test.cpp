// What holds for the host: it is not read, not blocked, not outlived; and a machine that cannot isolate runs nothing.
#include <reagent/sandbox/process.hpp>

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

using namespace reagent;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

using steady = std::chrono::steady_clock;

// The processes whose arguments hold a text.
std::vector<pid_t> processes_with(const std::string& text) {
    std::vector<pid_t> all;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator{"/proc", ec}) {
        std::ifstream in{entry.path() / "cmdline"};
        std::stringstream arguments;
        arguments << in.rdbuf();
        if (arguments.str().find(text) != std::string::npos) all.push_back(std::atoi(entry.path().filename().c_str()));
    }
    return all;
}

bool becomes_true(const std::function<bool()>& what) {
    for (int i = 0; i < 600; ++i, std::this_thread::sleep_for(50ms))
        if (what()) return true;
    return false;
}

// A child process that does something, and what it says.
std::string in_child(const std::function<std::string()>& what) {
    int ends[2];
    BOOST_REQUIRE(::pipe(ends) == 0);
    pid_t child = ::fork();
    if (child == 0) {
        std::string said = what();
        if (::write(ends[1], said.data(), said.size()) < 0) ::_exit(1);
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string said;
    char part[4096];
    for (ssize_t n; (n = ::read(ends[0], part, sizeof part)) > 0;) said.append(part, static_cast<std::size_t>(n));
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return said;
}

std::string what_is_thrown() {
    try {
        auto o = sandbox::run({"/bin/echo", "ran"}, "");
        return "it ran: " + o.out + o.err;
    } catch (const sandbox::unavailable& e) {
        return std::string{"unavailable: "} + e.what();
    } catch (const std::exception& e) {
        return std::string{"other: "} + e.what();
    }
}

void write_to(const std::string& file, const std::string& text) {
    std::ofstream out{file};
    out << text << std::flush;
    if (!out) throw std::runtime_error{file};
}

// Into a user namespace of its own, as an ordinary user.
void enter_user_namespace(int more) {
    unsigned me = ::geteuid();
    if (me == 0 && (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(me = 65534, 65534, 65534) != 0))
        throw std::runtime_error{"setuid"};
    std::string user = std::to_string(me), group = std::to_string(::getegid());
    ::prctl(PR_SET_DUMPABLE, 1);
    if (::unshare(CLONE_NEWUSER | more) != 0) throw std::runtime_error{"unshare"};
    write_to("/proc/self/setgroups", "deny");
    write_to("/proc/self/gid_map", group + " " + group + " 1");
    write_to("/proc/self/uid_map", user + " " + user + " 1");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(leash)

BOOST_AUTO_TEST_CASE(the_host_cannot_be_read_while_a_program_runs) {
    BOOST_TEST(::prctl(PR_GET_DUMPABLE) == 1);
    std::thread first{[] { sandbox::run({"/bin/sleep", "97"}, "", {.wall_time = 3s}); }};
    BOOST_TEST(becomes_true([] { return ::prctl(PR_GET_DUMPABLE) == 0; }));
    sandbox::run({"/bin/true"}, "");  // one that ends earlier opens nothing
    BOOST_TEST(::prctl(PR_GET_DUMPABLE) == 0);
    first.join();
    BOOST_TEST(::prctl(PR_GET_DUMPABLE) == 1);
    BOOST_CHECK_THROW(sandbox::run({"/nowhere"}, ""), std::system_error);
    BOOST_TEST(::prctl(PR_GET_DUMPABLE) == 1);
}

BOOST_AUTO_TEST_CASE(a_program_dies_with_its_host) {
    std::string tag = "9000." + std::to_string(::getpid());
    pid_t host = ::fork();
    if (host == 0) {
        try {
            sandbox::run({"/bin/bash", "-c", "(set -m; sleep " + tag + " & sleep " + tag + ") & sleep " + tag}, "",
                         {.wall_time = 1h});
        } catch (const std::exception&) {
        }
        ::_exit(0);
    }
    auto sleeping = [&] { return processes_with("sleep" + std::string(1, '\0') + tag).size(); };
    BOOST_TEST(becomes_true([&] { return sleeping() == 3; }));
    ::kill(host, SIGKILL);
    ::waitpid(host, nullptr, 0);
    BOOST_TEST(becomes_true([&] { return processes_with(tag).empty(); }));
}

// It has no session of its own (guardian.cpp), and yet no way to what is typed and shown there.
BOOST_AUTO_TEST_CASE(a_program_has_no_terminal_and_its_host_keeps_its_own) {
    int ends[2], master = -1;
    BOOST_REQUIRE(::pipe(ends) == 0);
    pid_t host = ::forkpty(&master, nullptr, nullptr, nullptr);
    if (host == 0) {
        auto opens = [] { return ::open("/dev/tty", O_RDWR | O_NOCTTY) >= 0; };
        std::string told = opens() ? "before " : "";
        try {
            auto o = sandbox::run(
                {"/bin/bash", "-c", "exec 3<>/dev/tty && echo inside; (set -m; exec 3<>/dev/tty && echo inside)"}, "");
            told += o.out + std::to_string(o.exit_code);
        } catch (const std::exception& e) {
            told += e.what();
        }
        told += opens() ? " after" : "";
        ::_exit(::write(ends[1], told.data(), told.size()) < 0);
    }
    ::close(ends[1]);
    std::string told;
    char part[1000];
    for (ssize_t n; (n = ::read(ends[0], part, sizeof part)) > 0;) told.append(part, static_cast<std::size_t>(n));
    ::waitpid(host, nullptr, 0);
    ::close(ends[0]);
    ::close(master);
    BOOST_TEST(told == "before 1 after");
}

// A host in a child process.
pid_t host_that_runs(const sandbox::command& c) {
    pid_t host = ::fork();
    if (host != 0) return host;
    try {
        sandbox::run(c);
    } catch (const std::exception&) {
    }
    ::_exit(0);
}

BOOST_AUTO_TEST_CASE(a_program_dies_with_a_host_that_dies_while_it_starts) {
    std::string tag = "9300." + std::to_string(::getpid());
    for (int i = 0; i < 240; ++i) {
        pid_t host = host_that_runs({.argv = {"/bin/bash", "-c", "(set -m; sleep " + tag + " &); exec sleep " + tag},
                                     .limit = {.wall_time = 1h}});
        std::this_thread::sleep_for(std::chrono::microseconds{i * 150});
        ::kill(host, SIGKILL);
        ::waitpid(host, nullptr, 0);
    }
    bool gone = becomes_true([&] { return processes_with(tag).empty(); });
    BOOST_TEST(gone);
    for (pid_t p : processes_with(tag)) ::kill(p, SIGKILL);
}

#if defined(__x86_64__)
// Process 1 belongs to the program's user, who may write its memory: its leash inside is not one.
BOOST_AUTO_TEST_CASE(a_program_that_is_after_process_1_dies_with_its_host) {
    std::string tag = "9400." + std::to_string(::getpid());
    std::string program =
        "import os, time\n"
        "time.sleep(0.2)\n"
        "try:\n"
        "    pc = int(open('/proc/1/syscall').read().split()[-1], 16)\n"
        "    m = os.open('/proc/1/mem', os.O_RDWR)\n"
        // prctl(PR_SET_PDEATHSIG, 0), then pause() for ever
        "    os.pwrite(m, bytes.fromhex('b89d000000bf0100000031f60f05b8220000000f05ebf7'), pc)\n"
        "except FileNotFoundError: pass\n"  // it finds no way to it
        "for i in range(2):\n"
        "    if os.fork() == 0:\n"
        "        if os.fork() == 0: time.sleep(0.1)\n"  // an orphan, which wakes process 1
        "        os._exit(0)\n"
        "time.sleep(0.5)\n"
        "os.execv('/bin/sleep', ['sleep', '" +
        tag + "'])\n";
    pid_t host = host_that_runs({.argv = {"/usr/bin/python3", "-c", program}, .limit = {.wall_time = 1h}});
    auto sleeping = [&] { return !processes_with("sleep" + std::string(1, '\0') + tag).empty(); };
    BOOST_TEST(becomes_true(sleeping));
    ::kill(host, SIGKILL);
    ::waitpid(host, nullptr, 0);
    bool gone = becomes_true([&] { return processes_with(tag).empty(); });
    BOOST_TEST(gone);
    for (pid_t p : processes_with(tag)) ::kill(p, SIGKILL);
}
#endif

// The guardian is the child of the host that has its own name.
pid_t guardian() {
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator{"/proc", ec}) {
        std::ifstream in{entry.path() / "stat"};
        std::string id, name, state;
        pid_t parent = 0;
        if (in >> id >> name >> state >> parent && parent == ::getpid() && name == "(reagent-guard)")
            return std::atoi(id.c_str());
    }
    return 0;
}

BOOST_AUTO_TEST_CASE(a_program_dies_with_its_guardian) {
    std::string tag = "9500." + std::to_string(::getpid());
    for (int i = 0; i < 40; ++i) {
        std::thread killer{[i] {
            pid_t p = 0;
            if (!becomes_true([&] { return (p = guardian()) != 0; })) return;
            std::this_thread::sleep_for(std::chrono::microseconds{i * 500});
            ::kill(p, SIGKILL);
        }};
        auto began = steady::now();
        try {
            auto o = sandbox::run({"/bin/bash", "-c", "(set -m; sleep " + tag + " &); exec sleep " + tag}, "",
                                  {.wall_time = 60s});
            BOOST_TEST(o.signal == SIGKILL);
        } catch (const std::exception& e) {
            BOOST_TEST_MESSAGE(e.what());
        }
        BOOST_TEST((steady::now() - began < 40s));
        killer.join();
    }
    BOOST_TEST(becomes_true([&] { return processes_with(tag).empty(); }));
    BOOST_TEST(guardian() == 0);
}

BOOST_AUTO_TEST_CASE(a_fork_of_the_host_that_holds_its_descriptors_holds_up_nothing) {
    std::string tag = "9600." + std::to_string(::getpid());
    for (int i = 0; i < 12; ++i) {
        int wall = i % 2 ? 300 : 3 * i;
        std::atomic<pid_t> child{0};
        std::thread forks{[&] {
            becomes_true([] { return guardian() != 0; });
            child = ::fork();
            if (child == 0) {
                ::pause();
                ::_exit(0);
            }
        }};
        auto began = steady::now();
        auto o = sandbox::run({"/bin/sleep", tag}, "", {.wall_time = std::chrono::milliseconds{wall}});
        BOOST_TEST(o.timed_out);
        BOOST_TEST(!o.stuck);
        BOOST_TEST((steady::now() - began < 20s));
        // Should it have been too quick to be seen.
        while (!child) sandbox::run({"/bin/sleep", "0.2"}, "");
        forks.join();
        BOOST_TEST(becomes_true([&] { return processes_with(tag).empty(); }));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_left_of_a_start_that_was_cut_short) {
    std::string tag = "9200." + std::to_string(::getpid());
    for (int i = 0; i < 200; ++i)
        sandbox::run({"/bin/sleep", tag}, "", {.wall_time = std::chrono::milliseconds{i % 40}});
    BOOST_TEST(becomes_true([&] { return processes_with(tag).empty(); }));
}

BOOST_AUTO_TEST_CASE(a_host_with_many_threads_starts_many_programs) {
    // Threads that allocate and lock all the time: what a child inherits of them must not be waited for.
    std::atomic<bool> stop{false};
    std::vector<std::thread> busy;
    for (int i = 0; i < 8; ++i)
        busy.emplace_back([&] {
            while (!stop) {
                std::ostringstream s;
                for (int k = 0; k < 100; ++k) s << std::string(static_cast<std::size_t>(k), 'x');
                std::this_thread::sleep_for(1ms);
            }
        });
    std::atomic<int> right{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i)
        callers.emplace_back([&, i] {
            for (int k = 0; k < 8; ++k) {
                std::string said = std::to_string(i) + "." + std::to_string(k);
                if (sandbox::run({"/bin/cat"}, said, {.wall_time = 60s}).out == said) ++right;
            }
        });
    for (auto& t : callers) t.join();
    stop = true;
    for (auto& t : busy) t.join();
    BOOST_TEST(right == 32);
    BOOST_TEST(::waitpid(-1, nullptr, WNOHANG) == -1);  // no child is left to be fetched
}

BOOST_AUTO_TEST_CASE(neither_descriptors_nor_signals_are_changed) {
    auto open = [] { return std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{}); };
    sigset_t before, after;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    sandbox::run({"/bin/true"}, "");
    auto descriptors = open();
    for (int i = 0; i < 5; ++i) sandbox::run({"/bin/sleep", "60"}, "text", {.wall_time = 100ms});
    BOOST_CHECK_THROW(sandbox::run({"/nowhere"}, ""), std::system_error);
    BOOST_TEST(open() == descriptors);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int n = 1; n < 65; ++n) BOOST_TEST(sigismember(&before, n) == sigismember(&after, n));
}

BOOST_AUTO_TEST_CASE(a_host_that_fetches_no_children_gets_the_exit_code) {
    BOOST_TEST(in_child([] {
                   ::signal(SIGCHLD, SIG_IGN);
                   return std::to_string(sandbox::run({"/bin/bash", "-c", "exit 9"}, "").exit_code);
               }) == "9");
}

BOOST_AUTO_TEST_CASE(a_host_near_its_own_limits_is_told) {
    std::string said = in_child([] {
        rlimit few{20, 20};
        ::setrlimit(RLIMIT_NOFILE, &few);
        return what_is_thrown();
    });
    BOOST_TEST_CONTEXT(said) BOOST_TEST(said.starts_with("other: sandbox: too many open files"));
}

BOOST_AUTO_TEST_CASE(a_host_that_may_write_small_files_only_is_told) {
    std::string said = in_child([]() -> std::string {
        rlimit small{20'000, 20'000};
        ::setrlimit(RLIMIT_FSIZE, &small);
        try {
            sandbox::run({"/bin/cat"}, std::string(100'000, 'x'));
            return "it ran";
        } catch (const std::exception& e) {
            return e.what() + sandbox::run({"/bin/cat"}, "; small input").out;
        }
    });
    BOOST_TEST_CONTEXT(said) {
        BOOST_TEST(said.find("RLIMIT_FSIZE") != said.npos);
        BOOST_TEST(said.ends_with("; small input"));
    }
}

// A process that does not react to SIGKILL, as in a system call that hangs: one in a frozen cgroup (version 1) is that.
BOOST_AUTO_TEST_CASE(run_returns_though_the_program_cannot_be_killed) {
    fs::path group = "/sys/fs/cgroup/freezer/reagent-test-" + std::to_string(::getpid());
    std::error_code ec;
    if (!fs::exists("/sys/fs/cgroup/freezer/cgroup.procs", ec) || !fs::create_directory(group, ec)) {
        BOOST_TEST_MESSAGE("SKIPPED: there is no freezer (cgroup version 1) that this user may use");
        return;
    }
    std::string tag = "9100." + std::to_string(::getpid());
    std::atomic<bool> frozen{false};
    std::thread freezer{[&] {
        frozen = becomes_true([&] { return processes_with(tag).size() >= 3; });
        for (pid_t p : processes_with(tag)) {
            std::ofstream out{group / "cgroup.procs"};
            out << p << std::flush;
        }
        std::ofstream{group / "freezer.state"} << "FROZEN";
    }};
    auto began = steady::now();
    auto o = sandbox::run({"/bin/sleep", tag}, "", {.wall_time = 8s});
    auto took = steady::now() - began;
    freezer.join();
    BOOST_TEST(frozen);
    BOOST_TEST(o.timed_out);
    BOOST_TEST(o.stuck);
    BOOST_TEST((took < 8s + 1s + 4s));
    BOOST_TEST_MESSAGE("returned " << std::chrono::duration_cast<std::chrono::milliseconds>(took - 8s).count()
                                   << " ms after its wall time");
    std::ofstream{group / "freezer.state"} << "THAWED";
    BOOST_TEST(becomes_true([&] { return processes_with(tag).empty(); }));
    BOOST_TEST(becomes_true([] {
        sandbox::run({"/bin/true"}, "");  // fetches what the other call could not wait for
        return ::waitpid(-1, nullptr, WNOHANG) == -1;
    }));
    BOOST_TEST(becomes_true([&] { return fs::remove(group, ec); }));
}

BOOST_AUTO_TEST_CASE(without_user_namespaces_nothing_runs) {
    std::string said = in_child([]() -> std::string {
        try {
            enter_user_namespace(0);
            write_to("/proc/sys/user/max_user_namespaces", "0");
        } catch (const std::exception& e) {
            return std::string{"not tried: "} + e.what();
        }
        return what_is_thrown();
    });
    BOOST_TEST_CONTEXT(said) {
        BOOST_TEST(said.starts_with("unavailable: "));
        BOOST_TEST(said.find("max_user_namespaces") != said.npos);
    }
}

BOOST_AUTO_TEST_CASE(without_bubblewrap_nothing_runs) {
    std::string said = in_child([]() -> std::string {
        try {
            enter_user_namespace(CLONE_NEWNS);
        } catch (const std::exception& e) {
            return std::string{"not tried: "} + e.what();
        }
        for (const char* place : {"/usr/bin/bwrap", "/usr/local/bin/bwrap"})
            if (fs::exists(place) && ::mount("/dev/null", place, nullptr, MS_BIND, nullptr) != 0)
                return "cannot hide it";
        return what_is_thrown();
    });
    BOOST_TEST_CONTEXT(said) {
        BOOST_TEST(said.starts_with("unavailable: "));
        BOOST_TEST(said.find("apt-get install bubblewrap") != said.npos);
    }
}

BOOST_AUTO_TEST_SUITE_END()
