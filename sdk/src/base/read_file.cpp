#include <reagent/base/read_file.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace reagent {
namespace {

constexpr int patience = 5'000;  // milliseconds

[[noreturn]] void fail(int error, const char* what) { throw std::system_error{error, std::generic_category(), what}; }

struct descriptor {
    int fd;
    ~descriptor() { ::close(fd); }
};

int opened(const std::filesystem::path& file, pipes how) {
    if (how == pipes::read && file == "-") return ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    return ::open(file.c_str(),
                  O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);  // without it a pipe's other end is waited for
}

// One of a shell, or the standard input: its writer is there already, and may take its time.
bool is_of_a_shell(const std::filesystem::path& file) {
    auto name = file.native();
    return name == "-" || name.starts_with("/dev/fd/") || name.starts_with("/proc/self/fd/") || name == "/dev/stdin";
}

void check_kind(mode_t mode, pipes how, bool by_name) {
    if (S_ISREG(mode)) return;
    if (S_ISDIR(mode)) fail(EISDIR, "opening");
    bool pipe = S_ISFIFO(mode) || S_ISSOCK(mode) || (S_ISCHR(mode) && !by_name);  // a terminal as standard input
    if (!pipe) fail(EINVAL, "it is a device, not a file");
    if (how == pipes::refused) fail(EINVAL, "it is a pipe, not a file");
}

// `seen` bytes are what the file system told, and no more than a hint.
std::string read_all(int fd, std::uint64_t most, std::uint64_t seen) {
    std::string text(static_cast<std::size_t>(std::min(seen, most)) + 1, '\0');
    std::size_t done = 0;
    for (;;) {
        if (done == text.size())
            text.resize(std::min<std::uint64_t>(std::max<std::uint64_t>(2 * done, 65'536), most + 1));
        auto n = ::read(fd, text.data() + done, text.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail(errno, "reading");
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
        if (done > most) fail(EFBIG, ("it has more than " + std::to_string(most) + " bytes").c_str());
    }
    text.resize(done);
    return text;
}

}  // namespace

std::string read_file(const std::filesystem::path& file, std::uint64_t most, pipes how) {
    descriptor d{opened(file, how)};
    if (d.fd < 0) fail(errno, "opening");
    struct stat about {};
    if (::fstat(d.fd, &about) != 0) fail(errno, "looking at it");
    check_kind(about.st_mode, how, file != "-");
    if (!S_ISREG(about.st_mode) && !is_of_a_shell(file)) {
        pollfd wanted{d.fd, POLLIN, 0};
        if (::poll(&wanted, 1, patience) == 0) fail(ETIMEDOUT, "nobody writes into this pipe");
    }
    // The standard input was not opened here, and its flags are everybody's who shares it.
    if (file != "-" && ::fcntl(d.fd, F_SETFL, 0) != 0) fail(errno, "waiting for it");
    auto size = S_ISREG(about.st_mode) ? static_cast<std::uint64_t>(std::max<off_t>(about.st_size, 0)) : 0;
    if (size > most) fail(EFBIG, ("it has more than " + std::to_string(most) + " bytes").c_str());
    return read_all(d.fd, most, size);
}

void check_regular_file(const std::filesystem::path& file) {
    struct stat about {};
    if (::stat(file.c_str(), &about) != 0) fail(errno, "opening");
    check_kind(about.st_mode, pipes::refused, true);
}

}  // namespace reagent
