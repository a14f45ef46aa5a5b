#pragma once

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace reagent::sandbox::detail {

[[noreturn]] inline void fail(const std::string& what, int error = errno) {
    throw std::system_error{error, std::generic_category(), "sandbox: " + what};
}

struct descriptor {
    int fd = -1;
    descriptor() = default;
    explicit descriptor(int number) : fd{number} {}
    descriptor(descriptor&& other) noexcept : fd{std::exchange(other.fd, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd, other.fd);
        return *this;
    }
    ~descriptor() { close(); }
    void close() {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
    explicit operator bool() const { return fd >= 0; }
};

/// A descriptor numbered 16 or higher, so that dup onto the numbers which a child gets overwrites none that is still to
/// be copied.
descriptor out_of_the_way(descriptor d);

/// An unnamed file in memory with this text, at its start, that nobody can change any more.
/// @param name  of what it holds; errors say it
descriptor sealed_file(const char* name, const std::string& text);

/// While one lives, a write of this thread beyond the host's own limit of file sizes (RLIMIT_FSIZE) fails with EFBIG;
/// else it would be a signal, of which the host dies.
class no_file_size_signal {
public:
    no_file_size_signal();
    ~no_file_size_signal();
    no_file_size_signal(const no_file_size_signal&) = delete;
    no_file_size_signal& operator=(const no_file_size_signal&) = delete;

private:
    sigset_t before_;
    bool was_pending_;
};

struct pipe_ends {
    descriptor read, write;
    pipe_ends();
};

}  // namespace reagent::sandbox::detail
