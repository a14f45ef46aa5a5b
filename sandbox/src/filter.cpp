#include "filter.hpp"

#include <seccomp.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <initializer_list>
#include <memory>
#include <new>

#ifdef __clang__
#pragma clang diagnostic ignored "-Wc99-extensions"  // libseccomp's macros are compound literals
#endif

namespace reagent::sandbox::detail {
namespace {

// By name, so that one list serves every architecture and every version of the headers; a name that libseccomp does not
// know is not allowed. What is allowed for some arguments only follows below.
constexpr const char* allowed[] = {
    // Files.
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
    "fchownat", "fdatasync", "fgetxattr", "flistxattr", "getxattr", "lgetxattr", "listxattr", "llistxattr", "fstat",
    "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "lchown", "link", "linkat",
    "lseek", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2", "pread64", "preadv", "preadv2",
    "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "rename", "renameat",
    "renameat2", "rmdir", "sendfile", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync_file_range",
    "tee", "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "write", "writev",
    // Waiting and pipes.
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
    "pipe", "pipe2", "poll", "ppoll", "pselect6", "select", "signalfd", "signalfd4", "timerfd_create",
    "timerfd_gettime", "timerfd_settime",
    // What goes through a socketpair.
    "getpeername", "getsockname", "getsockopt", "recvfrom", "recvmsg", "sendmsg", "shutdown",
    // Memory. No memfd_create and no System V memory: it would count against no limit.
    "brk", "get_mempolicy", "mincore", "mlock", "mlock2", "mprotect", "mremap", "msync", "munlock", "munmap",
    "membarrier",
    // Processes and threads of its own.
    "arch_prctl", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_waitv", "get_robust_list",
    "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid",
    "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid", "kill", "pidfd_open", "pidfd_send_signal",
    "prlimit64", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity",
    "sched_getparam", "sched_getscheduler", "sched_setaffinity", "sched_yield", "set_robust_list", "set_tid_address",
    "setpgid", "setpriority", "setrlimit", "sigaltstack", "tgkill", "times", "tkill", "vfork", "wait4", "waitid",
    // Changing to oneself is allowed; the namespace has no other user.
    "setfsgid", "setfsuid", "setgid", "setregid", "setresgid", "setresuid", "setreuid", "setuid",
    // Time, and what the machine is.
    "alarm", "capget", "clock_getres", "clock_gettime", "clock_nanosleep", "getcpu", "getitimer", "getrandom",
    "gettimeofday", "nanosleep", "pause", "restart_syscall", "setitimer", "sysinfo", "time", "timer_create",
    "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "uname"};

// Refused rather than missing, which says more to who reads the error.
constexpr const char* refused[] = {
    "accept",
    "accept4",
    "acct",
    "add_key",
    "bind",
    "bpf",
    "chroot",
    "connect",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "flock",  // a lock of a readable file would hold up the host
    "fsopen",
    "init_module",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_load",
    "keyctl",
    "listen",
    "memfd_create",
    "memfd_secret",
    "mount",
    "mount_setattr",
    "move_mount",
    "name_to_handle_at",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "setsid",  // a bomb in a session of its own has the machine for itself (guardian.cpp)
    "settimeofday",
    "clock_settime",
    "shmget",
    "socket",
    "swapon",
    "syslog",
    "umount2",
    "unshare",
    "userfaultfd",
    "vmsplice"};

// As on a file system without them: their space is bounded by no limit of a tmpfs on older kernels.
constexpr const char* not_supported[] = {"fremovexattr", "fsetxattr",   "lremovexattr",
                                         "lsetxattr",    "removexattr", "setxattr"};

constexpr unsigned namespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
constexpr unsigned long terminal_reads[] = {TCGETS,  TIOCGWINSZ, TIOCGPGRP, FIONREAD,
                                            FIONBIO, FIOCLEX,    FIONCLEX,  FIOASYNC};
constexpr int harmless_prctl[] = {
    PR_SET_NAME,     PR_GET_NAME,         PR_SET_PDEATHSIG,    PR_GET_PDEATHSIG,
    PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_GET_SECCOMP,
    PR_CAPBSET_READ, PR_GET_TIMERSLACK,   PR_SET_TIMERSLACK,   0x53564d41 /* PR_SET_VMA: names of anonymous memory */};

// No owner and no signal: they reach for other processes; no lease and no notice: they hold up who opens a readable
// file.
constexpr int harmless_fcntl[] = {F_DUPFD,           F_GETFD,
                                  F_SETFD,           F_GETFL,
                                  F_SETFL,           F_GETLK,
                                  F_SETLK,           F_SETLKW,
                                  F_GETOWN,          F_GETSIG,
                                  F_GETLEASE,        F_OFD_GETLK,
                                  F_OFD_SETLK,       F_OFD_SETLKW,
                                  F_DUPFD_CLOEXEC,   F_SETPIPE_SZ,
                                  F_GETPIPE_SZ,      F_ADD_SEALS,
                                  F_GET_SEALS,       F_GET_RW_HINT,
                                  F_SET_RW_HINT,     F_GET_FILE_RW_HINT,
                                  F_SET_FILE_RW_HINT};
constexpr int refused_fcntl[] = {F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY};
// No sizes of buffers: they are the kernel's memory.
constexpr int harmless_socket_options[] = {SO_PASSCRED, SO_RCVTIMEO, SO_SNDTIMEO, 66 /* SO_RCVTIMEO_NEW */,
                                           67 /* SO_SNDTIMEO_NEW */};

struct releases {
    void operator()(scmp_filter_ctx c) const { seccomp_release(c); }
};

class filter {
public:
    filter() : context_{seccomp_init(SCMP_ACT_ERRNO(ENOSYS))} {
        if (!context_) throw std::bad_alloc{};
        check(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
        check(
            seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));  // a tree of comparisons instead of a list
    }

    void add(std::uint32_t action, const char* name) {
        if (int call = seccomp_syscall_resolve_name(name); call >= 0)
            check(seccomp_rule_add_array(context_.get(), action, call, 0, nullptr));
    }

    void add(std::uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> when) {
        if (int call = seccomp_syscall_resolve_name(name); call >= 0)
            check(
                seccomp_rule_add_array(context_.get(), action, call, static_cast<unsigned>(when.size()), when.begin()));
    }

    void allow(const char* name, scmp_arg_cmp when) { add(SCMP_ACT_ALLOW, name, {when}); }

    descriptor exported() {
        descriptor file{::memfd_create("filter", MFD_CLOEXEC)};
        if (!file) fail("memfd_create");
        no_file_size_signal while_writing;
        check(seccomp_export_bpf(context_.get(), file.fd));
        ::lseek(file.fd, 0, SEEK_SET);
        return out_of_the_way(std::move(file));
    }

private:
    static void check(int result) {
        if (result != 0) fail("seccomp filter", -result);
    }
    std::unique_ptr<void, releases> context_;
};

// Shared memory without a file is not in the count of who has mapped and left it (MADV_DONTNEED), and what is pushed
// out to swap is not in that of resident memory.
void add_memory(filter& f) {
    constexpr std::uint32_t kind = MAP_SHARED | MAP_PRIVATE | 0xc;  // MAP_TYPE on every architecture that matters
    for (std::uint32_t shared : {MAP_SHARED, 0x03 /* MAP_SHARED_VALIDATE */}) {
        f.allow("mmap", SCMP_A3_32(SCMP_CMP_MASKED_EQ, kind | MAP_ANONYMOUS, shared));
        f.add(SCMP_ACT_ERRNO(EPERM), "mmap",
              {SCMP_A3_32(SCMP_CMP_MASKED_EQ, kind | MAP_ANONYMOUS, shared | MAP_ANONYMOUS)});
    }
    for (std::uint32_t anonymous : {0, MAP_ANONYMOUS})
        f.allow("mmap", SCMP_A3_32(SCMP_CMP_MASKED_EQ, kind | MAP_ANONYMOUS, MAP_PRIVATE | anonymous));
    constexpr std::uint32_t cold = 20, page_out = 21;
    f.allow("madvise", SCMP_A2_32(SCMP_CMP_LT, cold));
    f.allow("madvise", SCMP_A2_32(SCMP_CMP_GT, page_out));
}

// Pairs of streams only: a datagram socket of a pair sends to any socket that has a name, those of the host too.
void add_sockets(filter& f) {
    for (int flags : {0, +SOCK_CLOEXEC, +SOCK_NONBLOCK, SOCK_CLOEXEC | SOCK_NONBLOCK})
        f.add(SCMP_ACT_ALLOW, "socketpair",
              {SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX),
               SCMP_A1_32(SCMP_CMP_EQ, static_cast<std::uint32_t>(SOCK_STREAM | flags))});
    f.allow("sendto", SCMP_A4_64(SCMP_CMP_EQ, 0));  // without an address
    for (auto option : harmless_socket_options)
        f.add(SCMP_ACT_ALLOW, "setsockopt",
              {SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET), SCMP_A2_32(SCMP_CMP_EQ, static_cast<std::uint32_t>(option))});
}

}  // namespace

descriptor allowed_calls() {
    filter f;
    for (const char* name : allowed) f.add(SCMP_ACT_ALLOW, name);
    for (const char* name : refused) f.add(SCMP_ACT_ERRNO(EPERM), name);
    for (const char* name : not_supported) f.add(SCMP_ACT_ERRNO(EOPNOTSUPP), name);
    // The flags of clone3 lie in memory, which a filter cannot read: without it the C library uses clone.
    f.allow("clone", SCMP_A0_32(SCMP_CMP_MASKED_EQ, namespaces, 0));
    for (auto request : terminal_reads) f.allow("ioctl", SCMP_A1_32(SCMP_CMP_EQ, static_cast<std::uint32_t>(request)));
    for (auto option : harmless_prctl) f.allow("prctl", SCMP_A0_32(SCMP_CMP_EQ, static_cast<std::uint32_t>(option)));
    for (auto operation : harmless_fcntl)
        f.allow("fcntl", SCMP_A1_32(SCMP_CMP_EQ, static_cast<std::uint32_t>(operation)));
    for (auto operation : refused_fcntl)
        f.add(SCMP_ACT_ERRNO(EPERM), "fcntl", {SCMP_A1_32(SCMP_CMP_EQ, static_cast<std::uint32_t>(operation))});
    add_memory(f);
    add_sockets(f);
    f.allow("personality", SCMP_A0_32(SCMP_CMP_EQ, 0xffffffffu));  // asks only
    for (std::uint32_t kind : {0u, static_cast<unsigned>(S_IFREG), static_cast<unsigned>(S_IFIFO)}) {
        f.allow("mknod", SCMP_A1_32(SCMP_CMP_MASKED_EQ, S_IFMT, kind));
        f.allow("mknodat", SCMP_A2_32(SCMP_CMP_MASKED_EQ, S_IFMT, kind));
    }
    return f.exported();
}

}  // namespace reagent::sandbox::detail
