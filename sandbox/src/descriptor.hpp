#pragma once

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

/// A descriptor numbered 16 or higher, so that dup onto the numbers which a child gets overwrites none that is still to be copied.
descriptor out_of_the_way(descriptor d);

/// An unnamed file in memory with this text, at its start, that nobody can change any more.
descriptor sealed_file(const char* name, const std::string& text);

struct pipe_ends {
    descriptor read, write;
    pipe_ends();
};

}  // namespace reagent::sandbox::detail
