#include <reagent/sandbox/process.hpp>

#include <seccomp.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

namespace reagent::sandbox {
namespace {

struct descriptor {
    int fd = -1;
    descriptor() = default;
    descriptor(const descriptor&) = delete;
    ~descriptor() { close(); }
    void close() {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
};

struct pipe_ends {
    descriptor read, write;
    pipe_ends() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error{errno, std::generic_category(), "pipe"};
        read.fd = ends[0];
        write.fd = ends[1];
    }
};

// System calls that reach other machines, other processes or the kernel's insides. Made before the fork: building a
// filter allocates, which a child of a program with threads must not do.
struct filter {
    filter() : context{seccomp_init(SCMP_ACT_ALLOW)} {
        if (!context) throw std::system_error{ENOMEM, std::generic_category(), "seccomp"};
        for (int call : {SCMP_SYS(socket),
                         SCMP_SYS(socketpair),
                         SCMP_SYS(connect),
                         SCMP_SYS(bind),
                         SCMP_SYS(listen),
                         SCMP_SYS(ptrace),
                         SCMP_SYS(process_vm_readv),
                         SCMP_SYS(process_vm_writev),
                         SCMP_SYS(mount),
                         SCMP_SYS(umount2),
                         SCMP_SYS(bpf),
                         SCMP_SYS(perf_event_open),
                         SCMP_SYS(keyctl),
                         SCMP_SYS(add_key),
                         SCMP_SYS(request_key),
                         SCMP_SYS(kexec_load),
                         SCMP_SYS(init_module),
                         SCMP_SYS(finit_module),
                         SCMP_SYS(delete_module),
                         SCMP_SYS(unshare),
                         SCMP_SYS(setns),
                         SCMP_SYS(io_uring_setup),
                         SCMP_SYS(userfaultfd)})
            if (int rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), call, 0); rc != 0)
                throw std::system_error{-rc, std::generic_category(), "seccomp rule"};
    }
    ~filter() { seccomp_release(context); }
    scmp_filter_ctx context;
};

void limit(__rlimit_resource what, std::uint64_t value) {
    rlimit r{value, value};
    ::setrlimit(what, &r);
}

void append(std::string& to, const char* data, std::size_t n, std::uint64_t most, bool& truncated) {
    std::size_t room = to.size() < most ? static_cast<std::size_t>(most) - to.size() : 0;
    if (n > room) truncated = true;
    to.append(data, std::min(n, room));
}

}  // namespace

outcome run(const std::vector<std::string>& argv, const std::string& input, const limits& l) {
    if (argv.empty()) throw std::system_error{EINVAL, std::generic_category(), "no program given"};
    pipe_ends in, out, err, failed;
    filter seccomp;
    std::vector<char*> arguments;
    for (const auto& a : argv) arguments.push_back(const_cast<char*>(a.c_str()));
    arguments.push_back(nullptr);
    char* environment[] = {const_cast<char*>("PATH=/usr/bin:/bin"), const_cast<char*>("LANG=C.UTF-8"), nullptr};

    pid_t child = ::fork();
    if (child < 0) throw std::system_error{errno, std::generic_category(), "fork"};
    if (child == 0) {
        ::setpgid(0, 0);
        ::dup2(in.read.fd, 0);
        ::dup2(out.write.fd, 1);
        ::dup2(err.write.fd, 2);
        limit(RLIMIT_CPU, static_cast<std::uint64_t>(l.cpu_time.count()));
        limit(RLIMIT_AS, l.memory_bytes);
        limit(RLIMIT_FSIZE, l.file_bytes);
        limit(RLIMIT_NOFILE, l.open_files);
        limit(RLIMIT_CORE, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        int problem = -seccomp_load(seccomp.context);
        if (problem == 0) {
            ::execve(arguments[0], arguments.data(), environment);
            problem = errno;
        }
        [[maybe_unused]] auto written = ::write(failed.write.fd, &problem, sizeof problem);
        ::_exit(127);
    }
    ::setpgid(child, child);
    in.read.close();
    out.write.close();
    err.write.close();
    failed.write.close();

    outcome result;
    auto deadline = std::chrono::steady_clock::now() + l.wall_time;
    std::size_t sent = 0;
    ::fcntl(in.write.fd, F_SETFL, O_NONBLOCK);
    if (input.empty()) in.write.close();
    // A program that reads nothing must not kill the caller by SIGPIPE.
    sigset_t pipe_signal, before;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    while (out.read.fd >= 0 || err.read.fd >= 0) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        if (left <= 0) {
            result.timed_out = true;
            break;
        }
        std::array<pollfd, 3> fds{pollfd{out.read.fd, POLLIN, 0}, pollfd{err.read.fd, POLLIN, 0}, pollfd{in.write.fd, POLLOUT, 0}};
        if (::poll(fds.data(), fds.size(), static_cast<int>(std::min<long>(left, 1000))) < 0 && errno != EINTR) break;
        char buffer[16384];
        struct stream {
            descriptor* end;
            std::string* text;
            short events;
        };
        for (auto [end, text, events] : {stream{&out.read, &result.out, fds[0].revents}, stream{&err.read, &result.err, fds[1].revents}}) {
            if (end->fd < 0 || !(events & (POLLIN | POLLHUP | POLLERR))) continue;
            auto n = ::read(end->fd, buffer, sizeof buffer);
            if (n > 0)
                append(*text, buffer, static_cast<std::size_t>(n), l.output_bytes, result.truncated);
            else if (n == 0 || errno != EINTR)
                end->close();
        }
        if (in.write.fd >= 0 && (fds[2].revents & (POLLOUT | POLLERR))) {
            auto n = ::write(in.write.fd, input.data() + sent, input.size() - sent);
            if (n > 0) sent += static_cast<std::size_t>(n);
            if ((n < 0 && errno != EAGAIN && errno != EINTR) || sent == input.size()) in.write.close();
        }
    }
    in.write.close();
    // Whatever it has started goes with it; a child that closed its output is waited for until the deadline.
    int status = 0;
    while (!result.timed_out && ::waitpid(child, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > deadline)
            result.timed_out = true;
        else
            ::usleep(1000);
    }
    ::kill(-child, SIGKILL);
    if (result.timed_out) ::waitpid(child, &status, 0);
    timespec none{};
    while (::sigtimedwait(&pipe_signal, nullptr, &none) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

    int problem = 0;
    if (::read(failed.read.fd, &problem, sizeof problem) == static_cast<ssize_t>(sizeof problem))
        throw std::system_error{problem, std::generic_category(), "cannot start " + argv[0]};
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
    return result;
}

}  // namespace reagent::sandbox
