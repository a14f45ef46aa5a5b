#include "launch.hpp"

#include <reagent/sandbox/process.hpp>

#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <memory>
#include <mutex>

// Not in the headers of every C library that we build with.
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace reagent::sandbox::detail {
namespace {

struct plan {
    const char* program;
    char* const* arguments;
    const int* descriptors;
    int count;
    int host;  // pidfd of this process
    bool drop_root;
    int error = 0;
    bool dropping = false;  // where the error came from
};

// What follows runs on the memory of the host (CLONE_VM), while the host's other threads go on: system calls only, no function of
// the library that may take a lock or tell the other threads (as setuid does). Its own copies: descriptors, signal handlers, ids.
#define REAGENT_BARE __attribute__((no_sanitize("address", "thread", "undefined")))

// In a user namespace of the host there may be no such user.
REAGENT_BARE long become_unprivileged() {
    for (unsigned id : {unprivileged_user, nobody})
        if (::syscall(SYS_setresgid, id, id, id) >= 0) return ::syscall(SYS_setresuid, id, id, id);
    return -1;
}

REAGENT_BARE bool done(plan& p, long result) {
    if (result < 0 && p.error == 0) p.error = errno;
    return result >= 0;
}

REAGENT_BARE int start(void* given) {
    auto& p = *static_cast<plan*>(given);
    unsigned long defaults[4] = {};  // struct sigaction of the kernel, with SIG_DFL
    for (int n = 1; n <= 64; ++n) ::syscall(SYS_rt_sigaction, n, defaults, nullptr, 8);
    p.dropping = p.drop_root;
    if (p.drop_root && (!done(p, ::syscall(SYS_setgroups, 0, nullptr)) || !done(p, become_unprivileged()))) return 127;
    p.dropping = false;
    if (!done(p, ::syscall(SYS_setsid)) || !done(p, ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))) return 127;
    pollfd host{p.host, POLLIN, 0};
    timespec now{};
    if (::syscall(SYS_ppoll, &host, 1, &now, nullptr, 8) != 0) return 127;  // it died before the line above
    for (int i = 0; i < p.count; ++i)
        if (!done(p, ::syscall(SYS_dup3, p.descriptors[i], i, 0))) return 127;
    if (!done(p, ::syscall(SYS_close_range, p.count, ~0U, 0)) || !done(p, ::syscall(SYS_chdir, "/"))) return 127;
    ::syscall(SYS_umask, 022);
    unsigned long no_signals = 0;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, 8);
    char* environment[] = {nullptr};
    done(p, ::syscall(SYS_execve, p.program, p.arguments, environment));
    return 127;
}

struct limiting {
    pid_t of;
    const resource_limit* limits;
    std::size_t count;
    bool drop_root;
    int error = 0;
};

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

// A process that shares our memory and runs while this thread stands still, until it executes a program or ends.
pid_t clone_on_our_memory(int (*what)(void*), void* with, int flags, int* pidfd) {
    constexpr std::size_t size = 64 * 1024;
    auto stack = std::make_unique<char[]>(size);
    auto top = reinterpret_cast<std::uintptr_t>(stack.get() + size) & ~std::uintptr_t{15};
    all_signals_blocked while_it_runs;  // a handler must not run in the child
    pid_t child = ::clone(what, reinterpret_cast<void*>(top), CLONE_VM | CLONE_VFORK | flags, with, pidfd);
    if (child < 0) fail("clone");
    return child;
}

std::mutex unreaped_mutex;
std::vector<process> unreaped;

bool reaped(const process& p) {
    siginfo_t info{};
    // Any error means that there is nothing left to fetch: somebody else did, or SIGCHLD is ignored here.
    return ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(p.pidfd.fd), &info, WEXITED | WNOHANG) != 0 || info.si_pid != 0;
}

}  // namespace

bool process::has_ended() const {
    pollfd p{pidfd.fd, POLLIN, 0};
    return ::poll(&p, 1, 0) > 0;
}

void process::kill() const { ::syscall(SYS_pidfd_send_signal, pidfd.fd, SIGKILL, nullptr, 0); }

process launch(const char* program, const std::vector<const char*>& arguments, const std::vector<int>& descriptors, bool drop_root) {
    std::vector<char*> list;
    for (const char* a : arguments) list.push_back(const_cast<char*>(a));
    list.push_back(nullptr);
    descriptor self{static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))};
    if (!self) fail("pidfd_open (Linux 5.9 or newer is needed)");
    self = out_of_the_way(std::move(self));
    plan p{program, list.data(), descriptors.data(), static_cast<int>(descriptors.size()), self.fd, drop_root};
    int pidfd = -1;
    process child;
    child.id = clone_on_our_memory(start, &p, CLONE_PIDFD | SIGCHLD, &pidfd);
    child.pidfd = descriptor{pidfd};
    if (p.error != 0) {
        reap(std::move(child));
        if (p.dropping)
            throw unavailable{"no program can be isolated here: root cannot become another user (" +
                              std::generic_category().message(p.error) +
                              "), for which the kernel limits the number of processes; run as an ordinary user, or in a user namespace "
                              "with more than one"};
        fail(std::string{"cannot start "} + program, p.error);
    }
    return child;
}

void set_limits(pid_t of, std::vector<resource_limit> limits, bool dropped_root) {
    limiting p{of, limits.data(), limits.size(), dropped_root};
    pid_t child = clone_on_our_memory(limit, &p, 0, nullptr);  // without SIGCHLD: nobody else waits for it
    while (::waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
    }
    if (p.error != 0) fail("setting limits", p.error);
}

void reap(process p) {
    std::lock_guard lock{unreaped_mutex};
    unreaped.push_back(std::move(p));
    std::erase_if(unreaped, reaped);
}

}  // namespace reagent::sandbox::detail
