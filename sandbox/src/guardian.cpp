#include "guardian.hpp"

#include "launch.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace reagent::sandbox::detail {
namespace {

REAGENT_BARE bool done(start_plan& p, long result) {
    if (result < 0 && p.result.error == 0) p.result.error = errno;
    return result >= 0;
}

// Below the host and the guardian, which must be able to end it, but not so low that a busy machine never runs it.
REAGENT_BARE void step_back() {
    constexpr int steps = 10, lowest = 19;
    long now = 20 - ::syscall(SYS_getpriority, PRIO_PROCESS, 0);  // the system call's scale is 40 to 1
    long next = now + steps < lowest ? now + steps : lowest;
    ::syscall(SYS_setpriority, PRIO_PROCESS, 0, next);
    sched_param none{};
    ::syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &none);
}

// It mounts its own file system afterwards, which a rule about files would forbid: Landlock has none here.
REAGENT_BARE long restrict_here(const restriction& r) {
    long rules = ::syscall(landlock_create_ruleset, &r, r.size, 0);
    if (rules < 0) return rules;
    long result = ::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (result >= 0) result = ::syscall(landlock_restrict_self, rules, 0);
    ::syscall(SYS_close, rules);
    return result;
}

// On the memory of the guardian, which stands still meanwhile.
REAGENT_BARE int start(void* given) {
    auto& p = *static_cast<start_plan*>(given);
    unsigned long defaults[4] = {};  // struct sigaction of the kernel, with SIG_DFL
    for (int n = 1; n <= 64; ++n) ::syscall(SYS_rt_sigaction, n, defaults, nullptr, 8);
    step_back();
    p.result.dropping = p.drop_root;
    if (p.drop_root && (!done(p, ::syscall(SYS_setgroups, 0, nullptr)) || !done(p, become_unprivileged()))) return 127;
    p.result.dropping = false;
    if (p.landlock.any() && !done(p, restrict_here(p.landlock))) return 127;
    if (!done(p, ::syscall(SYS_setpgid, 0, 0)) || !done(p, ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)))
        return 127;
    if (::syscall(SYS_getppid) != p.guardian) return 127;  // it died before the line above
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

template <int N>
REAGENT_BARE void close_all_but(int (&kept)[N]) {
    for (int i = 0; i < N; ++i)
        for (int k = i + 1; k < N; ++k)
            if (kept[k] < kept[i]) {
                int other = kept[i];
                kept[i] = kept[k], kept[k] = other;
            }
    int from = 0;
    for (int fd : kept) {
        if (fd > from) ::syscall(SYS_close_range, from, fd - 1, 0);
        from = fd + 1;
    }
    ::syscall(SYS_close_range, from, ~0U, 0);
}

// Whether one of the first `count` has something to tell; waits for it.
REAGENT_BARE void wait_for(pollfd* fds, int count) {
    while (::syscall(SYS_ppoll, fds, count, nullptr, nullptr, 8) < 0 && errno == EINTR) {
    }
}

// Nobody but the guardian fetches them, so a number read here cannot have come to mean another process.
REAGENT_BARE void kill_children(int list) {
    char text[4096];
    long size = ::syscall(SYS_pread64, list, text, sizeof text, 0);
    int id = 0;
    for (long i = 0; i < size; ++i) {
        if (text[i] >= '0' && text[i] <= '9') {
            id = id * 10 + (text[i] - '0');
            continue;
        }
        // Root without CAP_KILL may not; as the same user it may.
        if (id > 0 && ::syscall(SYS_kill, id, SIGKILL) < 0 && errno == EPERM && become_unprivileged() >= 0)
            ::syscall(SYS_kill, id, SIGKILL);
        id = 0;
    }
}

// Each death may bring new children, which were its own; a parent that is fetched has passed them on already.
REAGENT_BARE void end_all_children(int list) {
    timespec pause{0, 500'000};
    for (;;) {
        kill_children(list);
        long fetched;
        do fetched = ::syscall(SYS_wait4, -1, nullptr, WNOHANG | __WALL, nullptr);
        while (fetched > 0);
        if (fetched < 0 && errno == ECHILD) return;
        ::syscall(SYS_nanosleep, &pause, nullptr);
        if (pause.tv_nsec < 50'000'000) pause.tv_nsec *= 2;
    }
}

// Out of reach of the host's terminal and of what is typed there, without a session of its own: Linux schedules a
// session as one (autogroups, sched(7)), and where many processes of one fail to fork and sleep for a moment, nobody
// else had a processor for seconds (seen on 6.18). Within the host's session the host has its share, and ends them.
REAGENT_BARE bool leave_terminal(start_plan& p) {
    ::syscall(SYS_setpgid, 0, 0);
    long terminal = ::syscall(SYS_openat, AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
    if (terminal < 0) return errno == ENXIO || errno == ENOENT || errno == ENODEV || done(p, terminal);
    const bool left = done(p, ::syscall(SYS_ioctl, terminal, TIOCNOTTY, 0));
    ::syscall(SYS_close, terminal);
    return left;
}

REAGENT_BARE bool prepare(start_plan& p, int& children) {
    ::syscall(SYS_prctl, PR_SET_NAME, "reagent-guard", 0, 0, 0);  // not the host's: who kills by name kills only one
    if (!leave_terminal(p)) return false;
    ::syscall(SYS_chdir, "/");
    p.guardian = static_cast<pid_t>(::syscall(SYS_getpid));
    children = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/children", O_RDONLY | O_CLOEXEC, 0));
    return done(p, children) && done(p, ::syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

}  // namespace

// In a user namespace of the host there may be no such user.
REAGENT_BARE long become_unprivileged() {
    for (unsigned id : {unprivileged_user, nobody})
        if (::syscall(SYS_setresgid, id, id, id) >= 0) return ::syscall(SYS_setresuid, id, id, id);
    return -1;
}

REAGENT_BARE int guard(void* given) {
    auto& p = *static_cast<start_plan*>(given);
    int children = -1, program = -1;
    if (prepare(p, children)) {
        long id = ::clone(start, p.stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &p, &program);
        if (done(p, id)) p.result.program = static_cast<pid_t>(id);
    }
    ::syscall(SYS_write, p.report, &p.result, sizeof p.result);
    if (program >= 0) {
        int own[] = {children, program, p.host, p.leash};
        close_all_but(own);
        // Until the host has the program too, its number must stay its own.
        pollfd fds[]{{p.host, POLLIN, 0}, {p.leash, POLLIN, 0}, {program, POLLIN, 0}};
        wait_for(fds, 2);
        char byte;
        if (!fds[0].revents && ::syscall(SYS_read, p.leash, &byte, 1) == 1 && byte == 'h') wait_for(fds, 3);
        end_all_children(children);
    }
    ::syscall(SYS_exit_group, 0);
    return 0;
}

}  // namespace reagent::sandbox::detail
