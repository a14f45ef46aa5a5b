#include "descriptor.hpp"

#include <fcntl.h>
#include <sys/mman.h>

namespace reagent::sandbox::detail {

descriptor out_of_the_way(descriptor d) {
    if (d.fd >= 16) return d;
    descriptor moved{::fcntl(d.fd, F_DUPFD_CLOEXEC, 16)};
    if (!moved) fail("too many open files");
    return moved;
}

namespace {
bool pending(int signal) {
    sigset_t all;
    return ::sigpending(&all) == 0 && ::sigismember(&all, signal) == 1;
}
}  // namespace

no_file_size_signal::no_file_size_signal() : was_pending_{pending(SIGXFSZ)} {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &one, &before_);
}

no_file_size_signal::~no_file_size_signal() {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, SIGXFSZ);
    timespec now{};
    if (!was_pending_ && pending(SIGXFSZ)) ::sigtimedwait(&one, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

descriptor sealed_file(const char* name, const std::string& text) {
    descriptor file{::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!file) fail("memfd_create");
    no_file_size_signal while_writing;
    for (std::size_t done = 0; done < text.size();) {
        auto n = ::write(file.fd, text.data() + done, text.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EFBIG)
            fail(std::string{name} + " is larger than this process may write a file (RLIMIT_FSIZE); raise it");
        if (n < 0) fail("writing to memory");
        done += static_cast<std::size_t>(n);
    }
    ::lseek(file.fd, 0, SEEK_SET);
    if (::fcntl(file.fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        fail("sealing memory");
    return out_of_the_way(std::move(file));
}

pipe_ends::pipe_ends() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
    descriptor r{ends[0]}, w{ends[1]};
    read = out_of_the_way(std::move(r));
    write = out_of_the_way(std::move(w));
}

}  // namespace reagent::sandbox::detail
