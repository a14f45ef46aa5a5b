#include "rows.hpp"

#include <reagent/retrieve/error.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

namespace reagent::detail {
namespace {

[[noreturn]] void fail(const std::filesystem::path& file, const char* what, int error = errno) {
    throw retrieve_error{retrieve_errc::unwritable, file.string() + ": " + what + ": " + std::strerror(error)};
}

// A regular file: nobody writes to a pipe that stands in its place.
struct open_file {
    open_file(const std::filesystem::path& file, int flags)
        : fd{::open(file.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0666)} {
        if (fd < 0) fail(file, "opening");
        struct stat s {};
        if (::fstat(fd, &s) == 0 && (S_ISREG(s.st_mode) || S_ISDIR(s.st_mode))) return;
        ::close(fd);
        throw retrieve_error{retrieve_errc::corrupt, file.string() + " is damaged: it is no regular file"};
    }
    ~open_file() { ::close(fd); }
    int fd;
};

}  // namespace

mapped_rows::mapped_rows(const std::filesystem::path& file, std::size_t rows, std::size_t dimensions)
    : rows_{rows}, dimensions_{dimensions}, bytes_{rows * dimensions * sizeof(float)} {
    if (bytes_ == 0) return;
    open_file f{file, O_RDONLY};
    struct stat s {};
    if (::fstat(f.fd, &s) != 0) fail(file, "looking at it");
    if (static_cast<std::uint64_t>(s.st_size) < bytes_)
        throw retrieve_error{
            retrieve_errc::corrupt,
            file.string() + " is damaged: it has " + std::to_string(s.st_size) + " bytes of " + std::to_string(bytes_)};
    void* at = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, f.fd, 0);
    if (at == MAP_FAILED) fail(file, "mapping");
    base_ = static_cast<const float*>(at);
}

mapped_rows::~mapped_rows() {
    if (base_) ::munmap(const_cast<float*>(base_), bytes_);
}

std::uint32_t mapped_rows::checksum() const {
    return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(base_), bytes_));
}

row_appender::row_appender(const std::filesystem::path& file, std::size_t rows, std::size_t dimensions,
                           std::uint32_t checksum)
    : file_{file},
      rows_{rows},
      dimensions_{dimensions},
      written_{rows * dimensions * sizeof(float)},
      checksum_{checksum} {
    fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (fd_ < 0) fail(file, "opening");
    struct stat s {};
    if (::fstat(fd_, &s) == 0 && S_ISREG(s.st_mode)) return;
    ::close(fd_);
    throw retrieve_error{retrieve_errc::corrupt, file.string() + " is damaged: it is no regular file"};
}

row_appender::~row_appender() { ::close(fd_); }

void row_appender::append(const std::vector<float>& row) {
    waiting_.insert(waiting_.end(), row.begin(), row.end());
    ++rows_;
    if (waiting_.size() >= std::size_t{1} << 18) flush();
}

void row_appender::flush() {
    const char* from = reinterpret_cast<const char*>(waiting_.data());
    std::size_t left = waiting_.size() * sizeof(float);
    checksum_ = static_cast<std::uint32_t>(::crc32_z(checksum_, reinterpret_cast<const Bytef*>(from), left));
    while (left > 0) {
        const auto n = ::pwrite(fd_, from, left, static_cast<off_t>(written_));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail(file_, "writing");
        from += n;
        left -= static_cast<std::size_t>(n);
        written_ += static_cast<std::uint64_t>(n);
    }
    waiting_.clear();
}

void row_appender::sync() {
    flush();
    while (::fsync(fd_) != 0)
        if (errno != EINTR) fail(file_, "bringing it to the disk");
}

std::uint32_t checksum_of_file(const std::filesystem::path& file) {
    open_file f{file, O_RDONLY};
    std::vector<char> buffer(1 << 20);
    uLong sum = 0;
    for (;;) {
        const auto n = ::read(f.fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail(file, "reading");
        if (n == 0) return static_cast<std::uint32_t>(sum);
        sum = ::crc32_z(sum, reinterpret_cast<const Bytef*>(buffer.data()), static_cast<std::size_t>(n));
    }
}

void sync_file(const std::filesystem::path& file) {
    open_file f{file, O_RDONLY};
    if (::fsync(f.fd) != 0 && errno != EINVAL) fail(file, "bringing it to the disk");
}

}  // namespace reagent::detail
