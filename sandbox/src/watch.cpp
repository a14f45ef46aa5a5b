#include "watch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace reagent::sandbox::detail {
namespace {

std::string text_of(const std::string& file) {
    descriptor in{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    std::string text;
    char part[4096];
    for (ssize_t n; in && (n = ::read(in.fd, part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(n));
    return text;
}

std::string folder_of(pid_t id) { return "/proc/" + std::to_string(id); }

struct closes {
    void operator()(DIR* d) const { ::closedir(d); }
};

void add_children(pid_t of, std::vector<pid_t>& to) {
    std::string tasks = folder_of(of) + "/task";
    std::unique_ptr<DIR, closes> folder{::opendir(tasks.c_str())};
    while (auto* entry = folder ? ::readdir(folder.get()) : nullptr) {
        if (entry->d_name[0] == '.') continue;
        std::string children = text_of(tasks + "/" + entry->d_name + "/children");
        const char* at = children.c_str();
        for (char* end; long id = std::strtol(at, &end, 10); at = end) to.push_back(static_cast<pid_t>(id));
    }
}

struct use {
    std::uint64_t ticks = 0, resident_pages = 0;
};

// Fields as numbered in proc_pid_stat(5); the name, field 2, may hold anything and ends with the last parenthesis.
use use_of(pid_t id) {
    std::string stat = text_of(folder_of(id) + "/stat");
    auto name_end = stat.rfind(')');
    if (name_end == stat.npos || name_end + 2 >= stat.size()) return {};
    const char* at = stat.c_str() + name_end + 4;  // ") S "
    use u;
    for (int field = 4; field <= 24; ++field) {
        char* end = nullptr;
        auto value = std::strtoll(at, &end, 10);
        at = end;
        if (field >= 14 && field <= 17 && value > 0) u.ticks += static_cast<std::uint64_t>(value);  // utime, stime and its dead children's
        if (field == 24 && value > 0) u.resident_pages = static_cast<std::uint64_t>(value);
    }
    return u;
}

// What is shared is counted once (proportionally); dear, so asked for only when the simple sum is too high.
std::uint64_t proportional_bytes(pid_t id, std::uint64_t otherwise) {
    std::string rollup = text_of(folder_of(id) + "/smaps_rollup");
    auto at = rollup.find("\nPss:");
    return at == rollup.npos ? otherwise : std::strtoull(rollup.c_str() + at + 5, nullptr, 10) * 1024;
}

}  // namespace

watch::watch(pid_t init, const limits& l) : init_{init}, limits_{l} {
    if (::access("/proc/thread-self/children", R_OK) != 0)
        throw unavailable{
            "no program can be isolated here: /proc/thread-self/children cannot be read; mount /proc, on a kernel built with "
            "CONFIG_PROC_CHILDREN"};
}

bool watch::too_many_files() {
    if (!folder_) {
        // Before the namespace is set up, the folder found here is another one.
        descriptor f{::open((folder_of(init_) + "/root/tmp").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
        struct statfs kind {};
        if (!f || ::fstatfs(f.fd, &kind) != 0 || kind.f_type != TMPFS_MAGIC) return false;
        auto pages = (limits_.disk_bytes + static_cast<std::uint64_t>(kind.f_bsize) - 1) / static_cast<std::uint64_t>(kind.f_bsize);
        if (kind.f_blocks != pages) return false;
        folder_ = std::move(f);
    }
    struct statvfs now {};
    return ::fstatvfs(folder_.fd, &now) == 0 && now.f_files - now.f_ffree > limits_.files + 1;
}

std::string watch::exceeded() {
    if (too_many_files()) return "files";
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                      ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    std::vector<pid_t> all{init_};
    std::vector<std::uint64_t> bytes;
    use sum;
    for (std::size_t i = 0; i < all.size() && all.size() < 100'000; ++i) {
        use u = use_of(all[i]);
        bytes.push_back(u.resident_pages * page);
        sum.ticks += u.ticks;
        sum.resident_pages += u.resident_pages;
        add_children(all[i], all);
    }
    if (sum.ticks > static_cast<std::uint64_t>(limits_.cpu_time.count()) * ticks) return "cpu_time";
    if (sum.resident_pages * page <= limits_.memory_bytes) return {};
    std::uint64_t exact = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) exact += proportional_bytes(all[i], bytes[i]);
    return exact > limits_.memory_bytes ? "memory_bytes" : "";
}

}  // namespace reagent::sandbox::detail
