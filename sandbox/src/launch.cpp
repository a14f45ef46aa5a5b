#include "launch.hpp"

#include "guardian.hpp"
#include "landlock.hpp"

#include <reagent/sandbox/process.hpp>

#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>

// Not in the headers of every C library that we build with.
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace reagent::sandbox::detail {
namespace {

using clock = std::chrono::steady_clock;

struct limiting {
    pid_t of;
    const resource_limit* limits;
    std::size_t count;
    bool drop_root;
    int error = 0;
};

// On the memory of the host, while its other threads go on.
REAGENT_BARE int limit(void* given) {
    auto& p = *static_cast<limiting*>(given);
    if (p.drop_root && become_unprivileged() < 0) return p.error = errno;
    for (std::size_t i = 0; i < p.count; ++i) {
        std::uint64_t now[2] = {}, next[2];
        if (::syscall(SYS_prlimit64, p.of, p.limits[i].what, nullptr, now) < 0) return p.error = errno;
        next[0] = next[1] = p.limits[i].value < now[1] ? p.limits[i].value : now[1];
        if (::syscall(SYS_prlimit64, p.of, p.limits[i].what, next, nullptr) < 0) return p.error = errno;
    }
    return 0;
}

class all_signals_blocked {
public:
    all_signals_blocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

class stack {
public:
    void* top() const {
        return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(memory_.get() + size) & ~std::uintptr_t{15});
    }

private:
    static constexpr std::size_t size = 64 * 1024;
    std::unique_ptr<char[]> memory_ = std::make_unique<char[]>(size);
};

// A handler of the host must not run in the child: it starts, and a guardian stays, with all signals blocked.
pid_t clone_here(int (*what)(void*), void* with, int flags, int* pidfd) {
    stack s;
    all_signals_blocked while_it_runs;
    pid_t child = ::clone(what, s.top(), flags, with, pidfd);
    if (child < 0) fail("clone");
    return child;
}

descriptor pidfd_of(pid_t id) { return descriptor{static_cast<int>(::syscall(SYS_pidfd_open, id, 0))}; }

// Waits for what the guardian tells; nothing when it does not in time.
bool told(int report, const process& guardian, start_report& r, clock::time_point until) {
    for (;;) {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
        pollfd fds[]{{report, POLLIN, 0}, {guardian.pidfd.fd, POLLIN, 0}};
        ::poll(fds, 2, static_cast<int>(std::clamp<long>(left, 0, 1000)));
        if (fds[0].revents & POLLIN) return ::read(report, &r, sizeof r) == sizeof r;
        if (fds[1].revents || left <= 0) return false;
    }
}

std::mutex unreaped_mutex;
std::vector<process> unreaped;

bool reaped(const process& p) {
    siginfo_t info{};
    // Any error means that there is nothing left to fetch: somebody else did, or SIGCHLD is ignored here.
    return ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(p.pidfd.fd), &info, WEXITED | WNOHANG) != 0 ||
           info.si_pid != 0;
}

struct ends_on_failure {
    launched* what;
    ~ends_on_failure() {
        if (!what) return;
        what->end();
        reap(std::move(what->guardian));
    }
};

}  // namespace

bool process::has_ended() const {
    pollfd p{pidfd.fd, POLLIN, 0};
    return ::poll(&p, 1, 0) > 0;
}

void process::kill() const {
    if (pidfd) ::syscall(SYS_pidfd_send_signal, pidfd.fd, SIGKILL, nullptr, 0);
}

// Closing would not do: a fork of the host may hold the pipe too. Should somebody have stopped the guardian, it goes
// on.
void launched::end() {
    if (told_ || !guardian.pidfd) return;
    told_ = ::write(leash.write.fd, "e", 1) == 1;
    ::syscall(SYS_pidfd_send_signal, guardian.pidfd.fd, SIGCONT, nullptr, 0);
}

launched launch(const char* program, const std::vector<const char*>& arguments, const std::vector<int>& descriptors,
                rights_given_up rights, clock::time_point until) {
    std::vector<char*> list;
    for (const char* a : arguments) list.push_back(const_cast<char*>(a));
    list.push_back(nullptr);
    descriptor self = pidfd_of(::getpid());
    if (!self) fail("pidfd_open (Linux 5.9 or newer is needed)");
    pipe_ends report;
    launched l;
    stack for_program;
    start_plan p{.program = program,
                 .arguments = list.data(),
                 .descriptors = descriptors.data(),
                 .count = static_cast<int>(descriptors.size()),
                 .drop_root = rights.root,
                 .landlock = rights.landlock ? restrictions() : restriction{},
                 .stack = for_program.top(),
                 .host = (self = out_of_the_way(std::move(self))).fd,
                 .leash = l.leash.read.fd,
                 .report = report.write.fd};
    int pidfd = -1;
    l.guardian.id = clone_here(guard, &p, CLONE_PIDFD | SIGCHLD, &pidfd);
    l.guardian.pidfd = descriptor{pidfd};
    ends_on_failure on_failure{&l};
    start_report r;
    if (told(report.read.fd, l.guardian, r, until)) {
        if (r.error != 0 && r.dropping)
            throw unavailable{"no program can be isolated here: root cannot become another user (" +
                              std::generic_category().message(r.error) +
                              "), for which the kernel limits the number of processes; run as an ordinary user, or in "
                              "a user namespace "
                              "with more than one"};
        if (r.error != 0) fail(std::string{"cannot start "} + program, r.error);
        process found{r.program, pidfd_of(r.program)};
        if (!found.pidfd && (errno == EMFILE || errno == ENFILE)) fail("too many open files");
        if (!l.guardian.has_ended()) l.program = std::move(found);  // else the number may be another's by now
        if (::write(l.leash.write.fd, "h", 1) != 1) fail("holding the program");
    }
    on_failure.what = nullptr;
    return l;
}

bool set_limits(pid_t of, std::vector<resource_limit> limits, bool dropped_root) {
    limiting p{of, limits.data(), limits.size(), dropped_root};
    // The child shares our memory while this thread stands still; without SIGCHLD: nobody else waits for it.
    pid_t child = clone_here(limit, &p, CLONE_VM | CLONE_VFORK, nullptr);
    while (::waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
    }
    if (p.error != 0 && p.error != ESRCH) fail("setting limits", p.error);
    return p.error == 0;
}

bool kill_holders(const descriptor& pipe, const char* name) {
    struct stat wanted {};
    if (::fstat(pipe.fd, &wanted) != 0) return false;
    bool any = false;
    std::error_code ec;
    for (std::filesystem::directory_iterator entry{"/proc", ec}, end; !ec && entry != end; entry.increment(ec)) {
        pid_t id = std::atoi(entry->path().filename().c_str());
        std::string comm;
        if (id <= 0 || id == ::getpid() || !(std::ifstream{entry->path() / "comm"} >> comm) || comm != name) continue;
        process p{id, pidfd_of(id)};
        for (int fd = 0; fd < 16 && p.pidfd; ++fd) {
            struct stat held {};
            if (::stat((entry->path() / "fd" / std::to_string(fd)).c_str(), &held) != 0 ||
                held.st_ino != wanted.st_ino || held.st_dev != wanted.st_dev)
                continue;
            any = true;
            p.kill();
            break;
        }
    }
    return any;
}

void reap(process p) {
    if (!p.pidfd) return;
    std::lock_guard lock{unreaped_mutex};
    unreaped.push_back(std::move(p));
    std::erase_if(unreaped, reaped);
}

}  // namespace reagent::sandbox::detail
