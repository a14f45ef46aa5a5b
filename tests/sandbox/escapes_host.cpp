// Reading and changing what belongs to the host: descriptors, memory, environment, files, network.
#include "escapes.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

extern char** environ;

namespace {

std::string process_folder(const surroundings& s) { return "/proc/" + std::to_string(s.host_pid); }

std::string inherited_descriptors(const surroundings&) {
    std::string got;
    for (int fd = 3; fd < 1024; ++fd)
        if (::fcntl(fd, F_GETFD) >= 0) got += "descriptor " + std::to_string(fd) + " ";
    return got;
}

std::string environment_of_host(const surroundings& s) {
    for (const auto& who : {process_folder(s), "/proc/" + std::to_string(::getppid()), std::string{"/proc/1"}})
        if (text_of(who + "/environ").find("REAGENT_ESCAPE_SECRET") != std::string::npos)
            return "the host's environment";
    return {};
}

std::string own_environment(const surroundings&) {
    std::string got;
    for (char** v = environ; *v; ++v)
        if (std::string entry{*v}; entry != "GIVEN=this" && !entry.starts_with("PWD=")) got += entry + " ";
    return got;
}

std::string memory_of_host(const surroundings& s) {
    for (int pid : {s.host_pid, ::getppid()}) {
        if (pid <= 1) continue;
        if (int fd = ::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDWR); fd >= 0)
            return "the host's memory";
        if (!text_of("/proc/" + std::to_string(pid) + "/maps").empty()) return "the host's memory map";
    }
    return {};
}

std::string processes_of_others(const surroundings&) {
    DIR* proc = ::opendir("/proc");
    int others = 0;
    while (auto* entry = proc ? ::readdir(proc) : nullptr)
        if (int pid = std::atoi(entry->d_name); pid > 1 && pid != ::getpid()) ++others;
    return others > 0 ? std::to_string(others) + " other processes" : "";
}

std::string root_and_folder_of_host(const surroundings& s) {
    for (const auto& who : {process_folder(s), std::string{"/proc/1"}})
        for (const char* through :
             {"/root/etc/passwd", "/root/etc/shadow", "/root/root", "/cwd/../etc/passwd", "/root/../../etc/passwd"})
            if (::access((who + through).c_str(), F_OK) == 0) return who + through;
    return {};
}

std::string descriptors_by_pidfd(const surroundings& s) {
    for (int pid : {s.host_pid, ::getppid()}) {
        int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
        for (int fd = 0; handle >= 0 && fd < 300; ++fd)
            if (::syscall(438 /* pidfd_getfd */, handle, fd, 0) >= 0) return "a descriptor of the host";
    }
    return {};
}

std::string init_is_out_of_reach(const surroundings&) {
    for (const char* file :
         {"/proc/1/mem", "/proc/1/status", "/proc/1/fd", "/proc/1/task/1/mem", "/proc/self/../1/mem", "/proc/1/root"})
        if (::access(file, F_OK) == 0) return file;
    return {};
}

std::string password_files(const surroundings&) {
    for (const char* file : {"/etc/shadow", "/etc/sudoers", "/etc/ssl/private", "/root/.bashrc", "/root", "/home",
                             "/var", "/run", "/srv", "/boot", "/sys/class"})
        if (::access(file, F_OK) == 0) return file;
    return {};
}

std::string files_of_host(const surroundings& s) {
    if (::access(("/tmp/" + s.tag).c_str(), F_OK) == 0) return "a file in the host's /tmp";
    if (::access(("/dev/shm/" + s.tag).c_str(), F_OK) == 0) return "shared memory of the host";
    return {};
}

std::string writes_outside(const surroundings& s) {
    for (const std::string folder : {"/", "/usr", "/usr/local", "/usr/bin", "/etc", "/dev", "/dev/shm", "/var/tmp",
                                     "/proc", "/proc/sys", "/home", "/run", s.folder.c_str()}) {
        std::string file = folder + "/" + s.tag + "-out";
        if (::open(file.c_str(), O_CREAT | O_WRONLY, 0600) >= 0 || ::mkdir(file.c_str(), 0700) == 0)
            return "wrote " + file;
    }
    if (::open((s.folder + "/secret").c_str(), O_WRONLY) >= 0) return "opened a readable file for writing";
    return {};
}

std::string leaves_files(const surroundings& s) {
    for (const char* folder : {"/tmp", "/dev/shm", "/var/tmp", "."})
        ::close(::open((std::string{folder} + "/" + s.tag + "-left").c_str(), O_CREAT | O_WRONLY, 0600));
    return {};
}

std::string reaches(int domain, const sockaddr* address, socklen_t size) {
    int fd = ::socket(domain, SOCK_STREAM, 0);
    if (fd >= 0 && ::connect(fd, address, size) == 0) return "connected";
    return {};
}

std::string network(const surroundings& s) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(s.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return reaches(AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

std::string abstract_socket(const surroundings& s) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string name = "reagent-" + std::to_string(s.port);
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    return reaches(AF_UNIX, reinterpret_cast<sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
}

std::string socket_in_readable_folder(const surroundings& s) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (s.folder + "/listener").c_str(), sizeof address.sun_path - 1);
    return reaches(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

// A datagram needs no connection: an address with what is sent is enough.
std::string datagrams(const surroundings& s) {
    sockaddr_un file{}, abstract{};
    file.sun_family = abstract.sun_family = AF_UNIX;
    std::strncpy(file.sun_path, (s.folder + "/datagrams").c_str(), sizeof file.sun_path - 1);
    std::string name = "reagent-datagrams-" + std::to_string(s.port);
    std::memcpy(abstract.sun_path + 1, name.data(), name.size());
    socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    for (int type : {SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM}) {
        int ends[2];
        if (::socketpair(AF_UNIX, type, 0, ends) != 0) continue;
        for (auto [address, length] :
             {std::pair{&file, static_cast<socklen_t>(sizeof file)}, std::pair{&abstract, size}}) {
            if (::sendto(ends[0], "x", 1, 0, reinterpret_cast<sockaddr*>(address), length) >= 0)
                return "sent to the host";
            iovec part{const_cast<char*>("x"), 1};
            msghdr m{};
            m.msg_name = address, m.msg_namelen = length, m.msg_iov = &part, m.msg_iovlen = 1;
            if (::sendmsg(ends[0], &m, 0) >= 0) return "sent a message to the host";
        }
        if (type == SOCK_STREAM && ::send(ends[0], "x", 1, 0) != 1) return "no pair of sockets at all";
    }
    return {};
}

// The host waits for them when it opens or locks the file itself.
std::string leases_and_locks(const surroundings& s) {
    int fd = ::open((s.folder + "/secret").c_str(), O_RDONLY), folder = ::open(s.folder.c_str(), O_RDONLY);
    if (fd < 0 || folder < 0) return "the readable folder cannot be read";
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0 || ::flock(fd, LOCK_SH | LOCK_NB) == 0) return "locked a readable file";
    if (::fcntl(fd, F_SETLEASE, F_RDLCK) == 0) return "a lease of a readable file";
    ::signal(SIGIO, SIG_IGN);
    if (::fcntl(folder, F_NOTIFY, DN_CREATE) == 0) return "is told of changes in a readable folder";
    if (::fcntl(fd, F_SETOWN, ::getpid()) == 0 || ::fcntl(fd, F_SETSIG, SIGUSR1) == 0) return "signals from files";
    return {};
}

std::string other_sockets(const surroundings&) {
    for (int domain : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, 38 /* ALG */, 40 /* VSOCK */})
        for (int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET})
            if (::socket(domain, type, 0) >= 0) return "a socket of family " + std::to_string(domain);
    int ends[2];
    if (::socketpair(AF_INET, SOCK_STREAM, 0, ends) == 0) return "an internet socketpair";
    return {};
}

std::string input_is_changed(const surroundings&) {
    // stdin is the host's memory: opened anew, it must not be writable.
    int fd = ::open("/proc/self/fd/0", O_RDWR);
    if (fd >= 0 && (::pwrite(fd, "changed", 7, 0) > 0 || ::ftruncate(fd, 1 << 20) == 0)) return "changed its input";
    void* mapped = fd >= 0 ? ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (mapped != MAP_FAILED) return "mapped its input for writing";
    return {};
}

std::string raises_limits(const surroundings& s) {
    for (auto what : {RLIMIT_NPROC, RLIMIT_AS, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_CPU, RLIMIT_CORE}) {
        rlimit now{}, more{};
        ::getrlimit(what, &now);
        more.rlim_cur = more.rlim_max = now.rlim_max == RLIM_INFINITY ? now.rlim_max : now.rlim_max + 100;
        if (now.rlim_max == RLIM_INFINITY || ::setrlimit(what, &more) == 0) return "limit " + std::to_string(what);
    }
    rlimit none{0, 0};
    if (s.host_pid > 1 && ::prlimit(s.host_pid, RLIMIT_NOFILE, &none, nullptr) == 0) return "the host's limits";
    return {};
}

std::string priorities(const surroundings& s) {
    if (::setpriority(PRIO_PROCESS, 0, -10) == 0) return "a higher priority";
    if (::setpriority(PRIO_PROCESS, static_cast<id_t>(s.host_pid), 19) == 0) return "the host's priority";
    return {};
}

}  // namespace

const std::vector<escape> host_escapes{{"inherited_descriptors", inherited_descriptors},
                                       {"environment_of_host", environment_of_host},
                                       {"own_environment", own_environment},
                                       {"memory_of_host", memory_of_host},
                                       {"processes_of_others", processes_of_others},
                                       {"root_and_folder_of_host", root_and_folder_of_host},
                                       {"descriptors_by_pidfd", descriptors_by_pidfd},
                                       {"init_is_out_of_reach", init_is_out_of_reach},
                                       {"password_files", password_files},
                                       {"files_of_host", files_of_host},
                                       {"writes_outside", writes_outside},
                                       {"leaves_files", leaves_files},
                                       {"network", network},
                                       {"abstract_socket", abstract_socket},
                                       {"socket_in_readable_folder", socket_in_readable_folder},
                                       {"datagrams", datagrams},
                                       {"leases_and_locks", leases_and_locks},
                                       {"other_sockets", other_sockets},
                                       {"input_is_changed", input_is_changed},
                                       {"raises_limits", raises_limits},
                                       {"priorities", priorities}};
