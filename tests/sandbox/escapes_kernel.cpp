// Namespaces, privileges and the kernel's insides.
#include "escapes.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string>

namespace {

struct call {
    const char* name;
    long number;
    long a = 0, b = 0, c = 0, d = 0, e = 0;
};

// The first of some system calls that succeeds.
std::string any_of(std::initializer_list<call> calls) {
    for (const auto& x : calls)
        if (::syscall(x.number, x.a, x.b, x.c, x.d, x.e) >= 0) return x.name;
    return {};
}

long address(const void* p) { return static_cast<long>(reinterpret_cast<std::intptr_t>(p)); }

std::string unshares(const surroundings&) {
    for (int kind : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
                     CLONE_NEWCGROUP, 0x80 /* time */, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET})
        if (::unshare(kind) == 0) return "a namespace of its own (" + std::to_string(kind) + ")";
    return {};
}

std::string clones_into_namespaces(const surroundings&) {
    static char stack[65536];
    for (int kind : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET})
        if (::clone([](void*) -> int { return 0; }, stack + sizeof stack, kind | SIGCHLD, nullptr) > 0)
            return "a child in a new namespace";
    return {};
}

std::string clone3_into_namespaces(const surroundings&) {
    std::uint64_t arguments[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0};
    long child = ::syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0) ::_exit(0);
    return child > 0 ? "a child in a new namespace" : "";
}

std::string joins_namespaces(const surroundings& s) {
    for (const std::string who : {std::string{"/proc/1"}, "/proc/" + std::to_string(s.host_pid)})
        for (const char* kind : {"/ns/user", "/ns/mnt", "/ns/pid", "/ns/net", "/ns/ipc", "/ns/uts"})
            if (int fd = ::open((who + kind).c_str(), O_RDONLY); fd >= 0 && ::setns(fd, 0) == 0) return who + kind;
    return {};
}

// Harmless where it succeeds: on a folder of its own, values as they are.
std::string mounts(const surroundings& s) {
    std::string folder = "/tmp/" + s.tag + "-mount";
    ::mkdir(folder.c_str(), 0700);
    std::string got;
    if (::mount("none", folder.c_str(), "tmpfs", 0, nullptr) == 0) got = "mounted a tmpfs";
    if (::mount("/usr", folder.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0) got = "bound /usr";
    while (::umount2(folder.c_str(), MNT_DETACH) == 0) got += " and unmounted it";
    ::rmdir(folder.c_str());
    if (!got.empty()) return got;
    return any_of({{"fsopen", 430, address("tmpfs")}, {"open_tree", 428, AT_FDCWD, address("/"), 1}});
}

std::string changes_root(const surroundings&) { return ::chroot("/tmp") == 0 ? "chroot" : ""; }

std::string traces(const surroundings& s) {
    for (int pid : {1, ::getppid(), s.host_pid})
        if (pid > 0 && (::ptrace(PTRACE_ATTACH, pid, 0, 0) == 0 || ::ptrace(PTRACE_SEIZE, pid, 0, 0) == 0))
            return "traces " + std::to_string(pid);
    return ::ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 ? "may be traced" : "";
}

std::string reads_other_memory(const surroundings& s) {
    char there[16];
    iovec to{there, sizeof there}, from{reinterpret_cast<void*>(0x400000), sizeof there};
    for (int pid : {1, ::getppid(), s.host_pid, ::getpid()}) {
        from.iov_base = pid == ::getpid() ? there : from.iov_base;
        if (::process_vm_readv(pid, &to, 1, &from, 1, 0) >= 0) return "process_vm_readv of " + std::to_string(pid);
        if (::process_vm_writev(pid, &to, 1, &from, 1, 0) >= 0) return "process_vm_writev of " + std::to_string(pid);
    }
    return {};
}

std::string kernel_insides(const surroundings&) {
    char block[256] = {};
    return any_of({{"io_uring_setup", 425, 8, address(block)},
                   {"bpf", SYS_bpf, 0, address(block), 48},
                   {"perf_event_open", SYS_perf_event_open, address(block), 0, -1, -1, 0},
                   {"userfaultfd", SYS_userfaultfd, 1},
                   {"kcmp", SYS_kcmp, ::getpid(), ::getpid(), 0, 0, 0},
                   {"fanotify_init", SYS_fanotify_init, 0, 0},
                   {"syslog", SYS_syslog, 10, 0, 0},
                   {"landlock_create_ruleset", 444, 0, 0, 1},
                   {"init_module", SYS_init_module, address(block), 10, address("")}});
}

std::string keyrings(const surroundings&) {
    return any_of({{"add_key", SYS_add_key, address("user"), address("k"), address("v"), 1, -4},
                   {"keyctl", SYS_keyctl, 0, -4, 1},
                   {"keyctl", SYS_keyctl, 0, -3, 1}});
}

std::string files_by_handle(const surroundings&) {
    char handle[256] = {};
    *reinterpret_cast<unsigned*>(handle) = 128;
    int mount = 0;
    return any_of(
        {{"name_to_handle_at", SYS_name_to_handle_at, AT_FDCWD, address("/usr"), address(handle), address(&mount)},
         {"open_by_handle_at", SYS_open_by_handle_at, AT_FDCWD, address(handle), O_RDONLY}});
}

std::string devices(const surroundings& s) {
    for (const char* device : {"/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/vda", "/dev/sda", "/dev/fuse",
                               "/dev/loop-control", "/dev/net/tun", "/dev/vsock"})
        if (::access(device, F_OK) == 0) return device;
    if (::mknod(("/tmp/" + s.tag + "-d").c_str(), S_IFBLK | 0600, static_cast<dev_t>(254) << 8) == 0)
        return "made a device";
    return {};
}

std::string becomes_root(const surroundings&) {
    if (::setuid(0) == 0 || ::setresuid(0, 0, 0) == 0 || ::syscall(SYS_setuid, 0) == 0) return "user 0";
    gid_t group = 0;
    if (::syscall(SYS_setgroups, 1, &group) == 0) return "group 0";
    if (::getuid() == 0) return "is user 0";
    std::string status = text_of("/proc/self/status");
    for (const char* set : {"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
                            "NoNewPrivs:\t1", "Seccomp:\t2"})
        if (status.find(set) == status.npos) return std::string{"not "} + set;
    return {};
}

std::string gains_by_setuid_program(const surroundings& s) {
    // A copy with the bit set, and a system's own: neither may change who we are.
    std::string copy = "/tmp/" + s.tag + "-suid";
    ::chmod(copy.c_str(), 04755);
    for (const char* program : {"/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount", "/usr/bin/newgrp"}) {
        struct stat info {};
        if (::stat(program, &info) == 0 && info.st_uid == 0)
            return std::string{program} + " belongs to a user 0 in here";
    }
    return {};
}

std::string kernel_settings(const surroundings&) {
    for (const char* file :
         {"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/modprobe",
          "/proc/sys/user/max_user_namespaces", "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/hostname"})
        if (::open(file, O_WRONLY) >= 0) return file;
    return {};
}

std::string machine_settings(const surroundings&) {
    char name[256] = {};
    timespec now{};
    ::gethostname(name, sizeof name - 1);
    ::clock_gettime(CLOCK_REALTIME, &now);
    timeval the_same{now.tv_sec, now.tv_nsec / 1000};
    if (::sethostname(name, std::strlen(name)) == 0) return "the host's name";
    if (::settimeofday(&the_same, nullptr) == 0 || ::clock_settime(CLOCK_REALTIME, &now) == 0) return "the clock";
    return any_of({{"reboot", SYS_reboot, 0xfee1dead, 672274793, 0 /* Ctrl-Alt-Del is a signal */}});
}

std::string types_into_terminal(const surroundings&) {
    for (const char* terminal : {"/dev/tty", "/dev/console", "/proc/self/fd/0", "/proc/self/fd/1"})
        if (int fd = ::open(terminal, O_RDWR | O_NOCTTY | O_NONBLOCK); fd >= 0) {
            char c = '\n';
            if (::ioctl(fd, TIOCSTI, &c) == 0 || ::ioctl(fd, TIOCLINUX, &c) == 0) return terminal;
        }
    return ::ioctl(0, TIOCSTI, "x") == 0 ? "stdin" : "";
}

#if defined(__x86_64__)
// The 32-bit table has other numbers: a filter that does not look at the architecture lets them through.
std::string thirty_two_bit_calls(const surroundings&) {
    pid_t child = ::fork();
    if (child == 0) {
        long result = 359;  // socket(AF_UNIX, SOCK_STREAM, 0)
        asm volatile("int $0x80" : "+a"(result) : "b"(1L), "c"(1L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
        ::_exit(result >= 0 && result < 1024 ? 7 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? "a 32-bit socket" : "";
}

std::string x32_calls(const surroundings&) {
    pid_t child = ::fork();
    if (child == 0)
        ::_exit(::syscall(0x40000000L | SYS_socket, 1, 1, 0) >= 0 || ::syscall(0x40000000L | SYS_getpid) > 0 ? 7 : 0);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? "an x32 call" : "";
}
#endif

std::string namespace_by_ioctl(const surroundings&) {
    // NS_GET_USERNS and NS_GET_PARENT lead from a namespace to the one around it.
    for (const char* kind : {"/proc/self/ns/pid", "/proc/self/ns/user", "/proc/self/ns/net"})
        if (int fd = ::open(kind, O_RDONLY); fd >= 0 && (::ioctl(fd, 0xb701) >= 0 || ::ioctl(fd, 0xb702) >= 0))
            return "the namespace around";
    return {};
}

}  // namespace

const std::vector<escape> kernel_escapes {
    {"unshares", unshares}, {"clones_into_namespaces", clones_into_namespaces},
        {"clone3_into_namespaces", clone3_into_namespaces}, {"joins_namespaces", joins_namespaces}, {"mounts", mounts},
        {"changes_root", changes_root}, {"traces", traces}, {"reads_other_memory", reads_other_memory},
        {"kernel_insides", kernel_insides}, {"keyrings", keyrings}, {"files_by_handle", files_by_handle},
        {"devices", devices}, {"becomes_root", becomes_root}, {"gains_by_setuid_program", gains_by_setuid_program},
        {"kernel_settings", kernel_settings}, {"machine_settings", machine_settings},
        {"types_into_terminal", types_into_terminal},
#if defined(__x86_64__)
        {"thirty_two_bit_calls", thirty_two_bit_calls}, {"x32_calls", x32_calls},
#endif
    {
        "namespace_by_ioctl", namespace_by_ioctl
    }
};
