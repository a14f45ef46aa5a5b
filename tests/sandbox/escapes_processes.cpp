// Outliving the sandbox, and not letting run() return.
#include "escapes.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

namespace {

void ignore_signals() {
    for (int n = 1; n < 65; ++n) ::signal(n, SIG_IGN);
}

void close_output() {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
}

// A leader of its group cannot leave it, but join that of a child.
void change_group() {
    pid_t child = ::fork();
    if (child == 0) {
        ::setpgid(0, 0);
        linger();
    }
    ::setpgid(child, child);
    ::setpgid(0, child);
}

std::string new_process_group(const surroundings&) {
    change_group();
    linger();
}

std::string group_without_output(const surroundings&) {
    change_group();
    close_output();
    linger();
}

std::string double_fork(const surroundings&) {
    if (::fork() == 0) {
        ::setpgid(0, 0);
        if (::fork() == 0) {
            ignore_signals();
            close_output();
            linger();
        }
        ::_exit(0);
    }
    ::wait(nullptr);
    return {};
}

std::string double_fork_holds_output(const surroundings&) {
    if (::fork() == 0) {
        ::setpgid(0, 0);
        if (::fork() == 0) linger();
        ::_exit(0);
    }
    ::wait(nullptr);
    return {};
}

std::string stops_itself(const surroundings&) {
    ::kill(::getpid(), SIGSTOP);
    linger();
}

std::string stopped_family(const surroundings&) {
    for (int i = 0; i < 5; ++i)
        if (::fork() == 0) {
            ::setpgid(0, 0);
            for (;;) ::kill(::getpid(), SIGSTOP);
        }
    for (;;) ::kill(::getpid(), SIGSTOP);
}

std::string ignores_every_signal(const surroundings&) {
    ignore_signals();
    linger();
}

std::string floods_output(const surroundings&) {
    std::string block(1 << 16, 'x');
    ::fcntl(1, F_SETPIPE_SZ, 1 << 20);
    for (;;)
        for (int fd : {1, 2})
            if (::write(fd, block.data(), block.size()) < 0) ::_exit(0);
}

// Always a new process, so that a list of processes is old before it is used.
std::string hops_from_fork_to_fork(const surroundings&) {
    for (;;) {
        if (::fork() > 0) ::_exit(0);
        ::setpgid(0, 0);
    }
}

std::string hops_while_parent_waits(const surroundings&) {
    if (::fork() == 0)
        for (;;) {
            if (::fork() > 0) ::_exit(0);
            ::setpgid(0, 0);
        }
    linger();
}

std::string waits_in_vfork(const surroundings&) {
    if (::vfork() == 0)
        for (;;) ::pause();
    return {};
}

std::string kills_everything(const surroundings& s) {
    if (::kill(s.host_pid, 0) == 0 || errno == EPERM) return "sees the host";  // and would take the machine along
    ::kill(-1, SIGKILL);
    ::kill(1, SIGKILL);
    ::kill(-::getppid(), SIGKILL);
    return {};
}

std::string kills_the_host(const surroundings& s) {
    ::kill(s.host_pid, SIGKILL);
    ::kill(::getppid(), SIGKILL);
    return {};
}

std::string signal_by_file_owner(const surroundings& s) {
    int ends[2];
    if (::pipe(ends) != 0) return {};
    if (::fcntl(ends[0], F_SETOWN, s.host_pid) != 0) return {};
    ::fcntl(ends[0], F_SETSIG, SIGKILL);
    ::fcntl(ends[0], F_SETFL, O_ASYNC);
    if (::write(ends[1], "x", 1) != 1) return {};
    return {};  // the host's death is what would be seen
}

std::string clone_parent_leaves(const surroundings&) {
    // A sibling instead of a child: it would belong to whoever waits for us.
    static char stack[65536];
    ::clone([](void*) -> int { linger(); }, stack + sizeof stack, CLONE_PARENT | SIGCHLD, nullptr);
    return {};
}

}  // namespace

const std::vector<escape> process_escapes{{"new_process_group", new_process_group},
                                          {"group_without_output", group_without_output},
                                          {"double_fork", double_fork},
                                          {"double_fork_holds_output", double_fork_holds_output},
                                          {"stops_itself", stops_itself},
                                          {"stopped_family", stopped_family},
                                          {"ignores_every_signal", ignores_every_signal},
                                          {"floods_output", floods_output},
                                          {"hops_from_fork_to_fork", hops_from_fork_to_fork},
                                          {"hops_while_parent_waits", hops_while_parent_waits},
                                          {"waits_in_vfork", waits_in_vfork},
                                          {"kills_everything", kills_everything},
                                          {"kills_the_host", kills_the_host},
                                          {"signal_by_file_owner", signal_by_file_owner},
                                          {"clone_parent_leaves", clone_parent_leaves}};
