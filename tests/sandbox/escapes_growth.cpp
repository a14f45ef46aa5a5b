// Using more than it may. The limits of the suite: 32 processes, 64 MB of memory, 8 MB of disk, 2 MB a file, 500 files,
// 1 s of CPU.
#include "escapes.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace {

constexpr long mega = 1 << 20;

std::string got(long n, const char* what) { return std::to_string(n) + what; }

std::string many_forks(const surroundings&) {
    int n = 0;
    for (int i = 0; i < 300; ++i) {
        pid_t child = ::fork();
        if (child == 0) linger();
        n += child > 0;
    }
    ::usleep(2'500'000);
    return got(n, " processes were there for seconds");
}

std::string many_threads(const surroundings&) {
    int n = 0;
    pthread_attr_t small;
    ::pthread_attr_init(&small);
    ::pthread_attr_setstacksize(&small, 16384);
    pthread_t id;
    for (int i = 0; i < 300; ++i) n += ::pthread_create(&id, &small, [](void*) -> void* { linger(); }, nullptr) == 0;
    ::usleep(2'500'000);
    return got(n, " threads were there for seconds");
}

std::string fork_bomb(const surroundings&) {
    for (;;) ::fork();
}

// In a session of its own this kept a machine of Linux 6.18 to itself for up to 18 seconds.
std::string bomb_of_failing_forks(const surroundings&) {
    for (;;)
        if (::fork() < 0) ::usleep(10);
}

std::string bomb_in_its_own_session(const surroundings& s) {
    if (::fork() != 0) linger();
    if (::setsid() >= 0) return "a session of its own";
    return bomb_of_failing_forks(s);
}

long written(const std::string& file, long most) {
    static const std::string block(65536, 'x');
    int fd = ::open(file.c_str(), O_CREAT | O_WRONLY, 0600);
    long n = 0;
    while (fd >= 0 && n < most) {
        auto w = ::write(fd, block.data(), block.size());
        if (w <= 0) break;
        n += w;
    }
    ::close(fd);
    return n;
}

std::string one_big_file(const surroundings& s) {
    ::signal(SIGXFSZ, SIG_IGN);
    long n = written("/tmp/" + s.tag, 20 * mega);
    return n > 2 * mega ? got(n, " bytes in a file") : "";
}

std::string many_big_files(const surroundings& s) {
    ::signal(SIGXFSZ, SIG_IGN);
    long n = 0;
    for (int i = 0; i < 300; ++i) n += written("/tmp/" + s.tag + "-" + std::to_string(i), mega);
    return n > 9 * mega ? got(n, " bytes in files") : "";
}

std::string files_by_mapping(const surroundings& s) {
    long n = 0;
    for (int i = 0; i < 30; ++i) {
        int fd = ::open(("/tmp/" + s.tag + "-" + std::to_string(i)).c_str(), O_CREAT | O_RDWR, 0600);
        if (fd < 0 || ::ftruncate(fd, mega) != 0) break;
        pid_t child = ::fork();  // a full file system is a SIGBUS
        if (child == 0) {
            void* m = ::mmap(nullptr, mega, PROT_WRITE, MAP_SHARED, fd, 0);
            if (m != MAP_FAILED) std::memset(m, 'x', mega);
            ::_exit(m == MAP_FAILED ? 1 : 0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) n += mega;
        ::close(fd);
    }
    return n > 9 * mega ? got(n, " bytes in mapped files") : "";
}

std::string deleted_files(const surroundings& s) {
    ::signal(SIGXFSZ, SIG_IGN);
    long n = 0;
    std::string block(65536, 'x');
    for (int i = 0; i < 50; ++i) {
        std::string name = "/tmp/" + s.tag + std::to_string(i);
        int fd = ::open(name.c_str(), O_CREAT | O_RDWR, 0600);
        ::unlink(name.c_str());
        for (int k = 0; k < 16 && fd >= 0; ++k)
            if (auto w = ::write(fd, block.data(), block.size()); w > 0) n += w;
    }
    return n > 9 * mega ? got(n, " bytes in deleted files") : "";
}

std::string endless_files(const surroundings& s) {
    long n = 0;
    for (; n < 200'000; ++n)
        if (::mkdir(("/tmp/" + s.tag + std::to_string(n)).c_str(), 0700) != 0) break;
    // Faster than samples: what counts is that it does not go on for long.
    return n == 200'000 ? got(n, " folders") : "";
}

std::string memory_of_one(const surroundings&) {
    long n = 0;
    for (; n < 400; ++n) {
        auto* m = static_cast<char*>(::mmap(nullptr, mega, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (m == MAP_FAILED) break;
        std::memset(m, 1, mega);
    }
    return n > 64 ? got(n, " MB") : "";
}

std::string memory_of_many(const surroundings&) {
    for (int i = 0; i < 20; ++i)
        if (::fork() == 0) {
            for (int k = 0; k < 40; ++k) {
                auto* m = static_cast<char*>(
                    ::mmap(nullptr, mega, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                if (m != MAP_FAILED) std::memset(m, 1, mega);
            }
            linger();
        }
    ::usleep(2'500'000);
    return "800 MB were held for seconds";
}

// Pages of shared memory stay when nobody has them mapped, and are in nobody's count.
std::string memory_of_nobody(const surroundings&) {
    if (::mmap(nullptr, mega, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return "shared memory";
    if (::mmap(nullptr, mega, PROT_READ | PROT_WRITE, 3 /* SHARED_VALIDATE */ | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return "shared memory";
    int zero = ::open("/dev/zero", O_RDWR);
    if (zero >= 0 && ::mmap(nullptr, mega, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0) != MAP_FAILED)
        return "a shared /dev/zero";
    void* m = ::mmap(nullptr, mega, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED || ::madvise(m, mega, MADV_DONTNEED) != 0) return "no memory at all";
    return ::madvise(m, mega, 21 /* PAGEOUT */) == 0 ? "may push memory out to swap" : "";
}

void* hold_forty_megabytes(void*) {
    ::usleep(200'000);  // the first thread has ended by then
    auto* m =
        static_cast<char*>(::mmap(nullptr, 40 * mega, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (m != MAP_FAILED) std::memset(m, 1, 40 * mega);
    linger();
}

std::string memory_of_dead_leaders(const surroundings&) {
    for (int i = 0; i < 6; ++i)
        if (::fork() == 0) {
            pthread_t id;
            pthread_attr_t small;
            ::pthread_attr_init(&small);
            ::pthread_attr_setstacksize(&small, 65536);
            if (::pthread_create(&id, &small, hold_forty_megabytes, nullptr) != 0) ::_exit(1);
            ::syscall(SYS_exit, 0);
        }
    ::usleep(4'000'000);
    return "240 MB were held for seconds";
}

std::string memory_of_sockets(const surroundings&) {
    for (int i = 0; i < 10; ++i)
        if (::fork() == 0) {
            static const std::string block(65536, 'x');
            for (int ends[2]; ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0;)
                for (int end : ends)
                    while (::send(end, block.data(), block.size(), MSG_DONTWAIT) > 0) {
                    }
            linger();
        }
    ::usleep(4'000'000);
    return "the buffers of 600 sockets were full for seconds";
}

std::string bigger_buffers(const surroundings&) {
    int ends[2], size = 1 << 30, before = 0, after = 0;
    socklen_t length = sizeof before;
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return "no pair of sockets at all";
    ::getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &before, &length);
    for (int option : {SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE})
        if (::setsockopt(ends[0], SOL_SOCKET, option, &size, sizeof size) == 0) return "a buffer of its own size";
    ::getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &after, &length);
    return after > before ? "a bigger buffer" : "";
}

std::string memory_without_a_limit(const surroundings&) {
    std::string all;
    if (::syscall(SYS_memfd_create, "m", 0) >= 0) all += "memfd ";
    if (::syscall(447 /* memfd_secret */, 0) >= 0) all += "memfd_secret ";
    if (::syscall(SYS_shmget, 0, 100 * mega, 01600) >= 0) all += "shmget ";
    if (::syscall(SYS_msgget, 0, 01600) >= 0) all += "msgget ";
    if (::syscall(SYS_semget, 0, 100, 01600) >= 0) all += "semget ";
    if (::syscall(SYS_mq_open, "/q", O_CREAT | O_RDWR, 0600, nullptr) >= 0) all += "mq_open ";
    if (int fd = ::open("/dev/shm/m", O_CREAT | O_RDWR, 0600); fd >= 0) all += "/dev/shm ";
    return all;
}

std::string locked_memory(const surroundings&) {
    void* m = ::mmap(nullptr, 40 * mega, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return m != MAP_FAILED && ::mlock(m, 40 * mega) == 0 ? "40 MB of locked memory" : "";
}

std::string many_descriptors(const surroundings&) {
    int n = 0;
    while (n < 1000 && ::dup(0) >= 0) ++n;
    return n > 64 ? got(n, " descriptors") : "";
}

void burn() {
    for (;;) asm volatile("");
}

std::string cpu_of_one(const surroundings&) { burn(), std::abort(); }

// Each process has a limit of its own; their sum is what counts.
std::string cpu_of_many(const surroundings&) {
    for (int i = 0; i < 8; ++i)
        if (::fork() == 0) burn();
    linger();
}

std::string cpu_of_the_dead(const surroundings&) {
    for (;;) {
        pid_t child = ::fork();
        if (child == 0) {
            ::alarm(1);
            burn();
        }
        ::waitpid(child, nullptr, 0);
    }
}

// Nobody fetches them, so nobody is told what they used.
std::string cpu_of_the_unfetched(const surroundings&) {
    ::signal(SIGCHLD, SIG_IGN);
    for (;;) {
        pid_t child = ::fork();
        if (child == 0) {
            auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{300};
            while (std::chrono::steady_clock::now() < until) {
            }
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
    }
}

}  // namespace

const std::vector<escape> growth_escapes{{"many_forks", many_forks},
                                         {"many_threads", many_threads},
                                         {"fork_bomb", fork_bomb},
                                         {"bomb_of_failing_forks", bomb_of_failing_forks},
                                         {"bomb_in_its_own_session", bomb_in_its_own_session},
                                         {"memory_of_nobody", memory_of_nobody},
                                         {"memory_of_dead_leaders", memory_of_dead_leaders},
                                         {"memory_of_sockets", memory_of_sockets},
                                         {"bigger_buffers", bigger_buffers},
                                         {"cpu_of_the_unfetched", cpu_of_the_unfetched},
                                         {"one_big_file", one_big_file},
                                         {"many_big_files", many_big_files},
                                         {"files_by_mapping", files_by_mapping},
                                         {"deleted_files", deleted_files},
                                         {"endless_files", endless_files},
                                         {"memory_of_one", memory_of_one},
                                         {"memory_of_many", memory_of_many},
                                         {"memory_without_a_limit", memory_without_a_limit},
                                         {"locked_memory", locked_memory},
                                         {"many_descriptors", many_descriptors},
                                         {"cpu_of_one", cpu_of_one},
                                         {"cpu_of_many", cpu_of_many},
                                         {"cpu_of_the_dead", cpu_of_the_dead}};
