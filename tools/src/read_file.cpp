#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include <boost/json.hpp>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace reagent::ready {
namespace {

namespace fs = std::filesystem;

struct descriptor {
    int fd = -1;
    ~descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

// The kernel resolves the path and refuses to leave the root (openat2(2), RESOLVE_BENEATH): no race, no symbolic link
// out. Where the call is missing, every component is opened by itself, following no link at all.
int open_beneath(int root, const fs::path& path) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    int fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    descriptor at{::dup(root)};
    for (const auto& part : path) {
        if (part == "." || part.empty()) continue;
        if (part == "..") {
            errno = EXDEV;
            return -1;
        }
        int next = ::openat(at.fd, part.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (next < 0) return -1;
        ::close(at.fd);
        at.fd = next;
    }
    return std::exchange(at.fd, -1);
}

json::value read(const fs::path& root, std::size_t max_bytes, const std::string& path) {
    auto fail = [&](const std::string& why) { return std::runtime_error{"\"" + path + "\" cannot be read: " + why}; };
    if (path.find('\0') != path.npos || path.empty()) throw fail("give the name of a file");
    if (fs::path{path}.is_absolute()) throw fail("give a path relative to the folder, as notes/today.txt");
    descriptor folder{::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder.fd < 0) throw fail(std::strerror(errno));
    descriptor file{open_beneath(folder.fd, path)};
    if (file.fd < 0) throw fail(errno == EXDEV || errno == ELOOP ? "it lies outside of the folder" : std::strerror(errno));
    struct stat info {};
    if (::fstat(file.fd, &info) != 0) throw fail(std::strerror(errno));
    if (!S_ISREG(info.st_mode)) throw fail(S_ISDIR(info.st_mode) ? "it is a folder" : "it is no regular file");
    std::string text(max_bytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        auto n = ::read(file.fd, text.data() + size, text.size() - size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw fail(std::strerror(errno));
        if (n == 0) break;
        size += static_cast<std::size_t>(n);
    }
    text.resize(size);
    if (text.find('\0') != text.npos) throw fail("it is no text file");
    if (size > max_bytes) {
        text.resize(max_bytes);
        text += "\n[cut here: the file has " + std::to_string(info.st_size) + " bytes]";
    }
    return json::value(json::string(text));
}

}  // namespace

tool read_file(const fs::path& root, std::size_t max_bytes) {
    std::error_code ec;
    if (!fs::is_directory(root, ec)) throw tool_error{tool_errc::bad_configuration, "\"" + root.string() + "\" is no folder"};
    fs::path absolute = fs::absolute(root);
    auto call = [absolute, max_bytes](std::string path) { return read(absolute, max_bytes, path); };
    return detail::make_tool(
        "read_file", "Returns the text of a file.", call, {{"path", "relative to the folder, as notes/today.txt"}},
        {.read_only = true, .max_result_bytes = max_bytes + 200, .flow = flow_flags{.untrusted = true, .private_data = true}});
}

}  // namespace reagent::ready
