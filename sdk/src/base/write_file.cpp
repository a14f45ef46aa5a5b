#include <reagent/base/write_file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

namespace reagent {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* what, int error = errno) {
    throw std::system_error{error, std::generic_category(), what};
}

// In the same folder, for a rename within one file system; hidden; cut, since names have at most 255 bytes. The name is
// nobody else's: O_EXCL decides.
fs::path temporary_for(const fs::path& file) {
    static std::atomic<std::uint64_t> count{0};
    std::string name = file.filename().string().substr(0, 200);
    return file.parent_path() /
           ("." + name + "." + std::to_string(::getpid()) + "." + std::to_string(count++) + ".tmp");
}

// A mode for the group is kept only where the group is.
void keep_owner_and_mode(int fd, const struct stat& old) {
    struct stat now{};
    if (::fstat(fd, &now) != 0) fail("looking at the new file");
    mode_t mode = old.st_mode & 07777;
    if ((old.st_uid != now.st_uid || old.st_gid != now.st_gid) && ::fchown(fd, old.st_uid, old.st_gid) != 0 &&
        old.st_gid != now.st_gid)
        mode &= ~static_cast<mode_t>(S_IRWXG);
    if (::fchmod(fd, mode) != 0) fail("keeping the mode");
}

// A device, or a pipe: a named one that nobody reads would be waited for without end.
int open_special(const fs::path& file) {
    constexpr std::chrono::milliseconds patience{5000}, pause{50};
    for (std::chrono::milliseconds waited{0};; waited += pause) {
        int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd >= 0) {
            int flags = ::fcntl(fd, F_GETFL);
            if (flags < 0 || ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
                int error = errno;
                ::close(fd);
                fail("opening", error);
            }
            return fd;
        }
        if (errno != ENXIO) fail("opening");
        if (waited >= patience) fail("nobody reads from this pipe");
        std::this_thread::sleep_for(pause);
    }
}

void sync(int fd) {
    while (::fsync(fd) != 0)
        if (errno != EINTR) fail("bringing it to the disk");
}

void sync_folder(const fs::path& folder) {
    int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES) return;  // a folder that may be written and not read; there is no other way to it
    if (fd < 0) fail("opening the folder");
    int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (error != 0 && error != EINVAL)
        fail("bringing the folder to the disk", error);  // EINVAL: a file system without it
}

}  // namespace

file_replacement::file_replacement(const fs::path& file, unsigned mode) : file_{file} {
    struct stat old{};
    bool there = ::stat(file_.c_str(), &old) == 0;
    if (there && S_ISDIR(old.st_mode)) fail("opening", EISDIR);
    if (there && !S_ISREG(old.st_mode)) {
        fd_ = open_special(file_);
        return;
    }
    std::error_code ec;
    if (fs::is_symlink(file_, ec)) {
        if (!there) fail("following a link that leads to nothing", ENOENT);
        file_ = fs::canonical(file_);
    }
    do {
        temporary_ = temporary_for(file_);
        fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, there ? 0600 : mode);
    } while (fd_ < 0 && errno == EEXIST);
    if (fd_ < 0) {
        temporary_.clear();
        fail("making a file beside it");
    }
    try {
        if (there) keep_owner_and_mode(fd_, old);
    } catch (...) {
        give_up();
        throw;
    }
}

file_replacement::~file_replacement() { give_up(); }

void file_replacement::give_up() noexcept {
    if (fd_ >= 0) ::close(fd_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    fd_ = -1;
    temporary_.clear();
}

void file_replacement::write(std::string_view text) {
    while (!text.empty()) {
        auto n = ::write(fd_, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("writing");
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

void file_replacement::commit() {
    if (temporary_.empty()) {  // no regular file
        int fd = fd_;
        fd_ = -1;
        if (::close(fd) != 0) fail("closing");
        return;
    }
    sync(fd_);
    int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0) fail("closing");
    if (::rename(temporary_.c_str(), file_.c_str()) != 0) fail("giving it its name");
    temporary_.clear();
    sync_folder(file_.parent_path());
}

void sweep_temporaries(const fs::path& folder) {
    constexpr auto old = std::chrono::hours{1};
    std::error_code ec;
    for (const auto& f : fs::directory_iterator{folder, ec}) {
        std::string name = f.path().filename().string();
        if (!name.starts_with('.') || !name.ends_with(".tmp") || f.is_symlink(ec) || !f.is_regular_file(ec)) continue;
        auto changed = f.last_write_time(ec);
        if (!ec && fs::file_time_type::clock::now() - changed > old) fs::remove(f.path(), ec);
    }
}

void write_file(const fs::path& file, std::string_view text) {
    file_replacement f{file};
    f.write(text);
    f.commit();
}

}  // namespace reagent
