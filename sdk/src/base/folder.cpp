#include <reagent/base/folder.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace reagent {
namespace {

namespace fs = std::filesystem;

struct descriptor {
    int fd = -1;
    ~descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

int open_by_kernel(int root, const fs::path& path, int flags) {
    open_how how{};
    how.flags = static_cast<unsigned>(flags);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    for (int attempt = 0;; ++attempt) {
        int fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
        // EAGAIN: something was renamed while ".." was resolved.
        if (fd >= 0 || (errno != EINTR && !(errno == EAGAIN && attempt < 100))) return fd;
    }
}

int open_stepwise(int root, const fs::path& path, int flags) {
    descriptor at{::fcntl(root, F_DUPFD_CLOEXEC, 0)};
    if (at.fd < 0) return -1;
    fs::path next = path.lexically_normal();
    if (next.is_absolute() || *next.begin() == "..") {
        errno = EXDEV;
        return -1;
    }
    for (auto part = next.begin(); part != next.end(); ++part) {
        if (part->empty() || *part == ".") continue;
        bool last = std::next(part) == next.end() || (std::next(part)->empty() && std::next(part, 2) == next.end());
        int fd = ::openat(at.fd, part->c_str(), O_NOFOLLOW | (last ? flags : O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (fd < 0) {
            struct stat info {};
            if (errno == ENOTDIR && ::fstatat(at.fd, part->c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISLNK(info.st_mode))
                errno = ELOOP;
            return -1;
        }
        ::close(std::exchange(at.fd, fd));
        struct stat info {};
        if ((flags & O_PATH) && last && ::fstat(fd, &info) == 0 &&
            S_ISLNK(info.st_mode)) {  // O_PATH opens the link itself
            errno = ELOOP;
            return -1;
        }
    }
    if (next == ".") return ::openat(root, ".", flags);
    return std::exchange(at.fd, -1);
}

folder_error refused(int error) {
    if (error == EXDEV) return folder_error{"it lies outside of the folder"};
    if (error == ELOOP) return folder_error{"its links lead in a circle, or to no file at all"};
    return folder_error{std::strerror(error)};
}

struct closes {
    void operator()(DIR* d) const { ::closedir(d); }
};

}  // namespace

folder::folder(const fs::path& root, resolution how)
    : root_{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}, how_{how} {
    if (root_ < 0) throw folder_error{std::strerror(errno)};
}

folder::~folder() { ::close(root_); }

int folder::open(const fs::path& path, int flags) const {
    flags |= O_CLOEXEC;
    if (how_ == resolution::kernel) {
        int fd = open_by_kernel(root_, path, flags);
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    }
    int fd = open_stepwise(root_, path, flags);
    if (fd < 0 && errno == ELOOP) errno = EXDEV;  // here every link is refused
    return fd;
}

folder::content folder::read(const fs::path& path, std::size_t max_bytes) const {
    if (path.empty() || path.native().find('\0') != std::string::npos) throw folder_error{"give the name of a file"};
    if (path.is_absolute()) throw folder_error{"give a path relative to the folder, as notes/today.txt"};
    // Looked at first: opening a device may do something.
    struct stat seen {
    }, info{};
    descriptor look{open(path, O_PATH)};
    if (look.fd < 0) throw refused(errno);
    if (::fstat(look.fd, &seen) != 0) throw refused(errno);
    if (!S_ISREG(seen.st_mode)) throw folder_error{S_ISDIR(seen.st_mode) ? "it is a folder" : "it is no regular file"};
    descriptor file{open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)};
    if (file.fd < 0 || ::fstat(file.fd, &info) != 0) throw refused(errno);
    if (!S_ISREG(info.st_mode)) throw folder_error{"it is no regular file"};
    content found{.text = {}, .size = static_cast<std::uint64_t>(info.st_size)};
    char part[65536];
    while (found.text.size() < max_bytes) {
        auto n = ::read(file.fd, part, std::min(sizeof part, max_bytes - found.text.size()));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw refused(errno);
        if (n == 0) break;
        found.text.append(part, static_cast<std::size_t>(n));
    }
    found.size = std::max<std::uint64_t>(found.size, found.text.size());
    return found;
}

std::vector<fs::path> folder::files(std::size_t max_files, const std::function<bool(const fs::path&)>& wanted,
                                    const std::function<void(const fs::path&)>& too_deep) const {
    constexpr std::size_t max_depth = 64;
    std::vector<fs::path> found;
    std::vector<std::pair<fs::path, std::size_t>> open_folders{{".", 0}};
    std::size_t looked_at = 0;
    while (!open_folders.empty()) {
        auto [where, depth] = std::move(open_folders.back());
        open_folders.pop_back();
        int fd = open(where, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        std::unique_ptr<DIR, closes> entries{fd >= 0 ? ::fdopendir(fd) : nullptr};
        if (!entries && fd >= 0) ::close(fd);
        while (auto* e = entries ? ::readdir(entries.get()) : nullptr) {
            std::string_view name{e->d_name};
            if (name == "." || name == "..") continue;
            if (++looked_at > max_files * 100)
                throw folder_error{"it has more than " + std::to_string(max_files * 100) + " entries"};
            struct stat info {};
            if (::fstatat(::dirfd(entries.get()), e->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
            fs::path path = where == "." ? fs::path{name} : where / name;
            if (S_ISDIR(info.st_mode)) {
                if (depth == max_depth && too_deep) {
                    too_deep(path);
                    continue;
                }
                if (depth == max_depth)
                    throw folder_error{"it has folders more than " + std::to_string(max_depth) + " levels deep"};
                open_folders.emplace_back(std::move(path), depth + 1);
            } else if ((S_ISREG(info.st_mode) || S_ISLNK(info.st_mode)) && wanted(path)) {
                if (found.size() == max_files)
                    throw folder_error{"it has more than " + std::to_string(max_files) + " such files"};
                found.push_back(std::move(path));
            }
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace reagent
