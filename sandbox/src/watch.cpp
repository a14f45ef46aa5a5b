#include "watch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_set>
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

void add_children(pid_t of, std::vector<pid_t>& to, std::unordered_set<pid_t>& seen) {
    std::string tasks = folder_of(of) + "/task";
    std::unique_ptr<DIR, closes> folder{::opendir(tasks.c_str())};
    while (auto* entry = folder ? ::readdir(folder.get()) : nullptr) {
        if (entry->d_name[0] == '.') continue;
        std::string children = text_of(tasks + "/" + entry->d_name + "/children");
        const char* at = children.c_str();
        for (char* end; long id = std::strtol(at, &end, 10); at = end)
            if (seen.insert(static_cast<pid_t>(id)).second) to.push_back(static_cast<pid_t>(id));
    }
}

struct use {
    pid_t id = 0, with_memory = 0;  // a process, and its thread that tells of its memory
    std::uint64_t own_ticks = 0, childrens_ticks = 0, threads = 0, started = 0, resident_pages = 0;
};

// Fields as numbered in proc_pid_stat(5); the name, field 2, may hold anything and ends with the last parenthesis.
// Nothing when there is no such process any more.
std::optional<use> told_by(pid_t id) {
    std::string stat = text_of(folder_of(id) + "/stat");
    auto name_end = stat.rfind(')');
    if (name_end == stat.npos || name_end + 2 >= stat.size()) return std::nullopt;
    const char* at = stat.c_str() + name_end + 4;  // ") S "
    use u{.id = id, .with_memory = id};
    for (int field = 4; field <= 24; ++field) {
        char* end = nullptr;
        auto signed_value = std::strtoll(at, &end, 10);
        auto value = signed_value > 0 ? static_cast<std::uint64_t>(signed_value) : 0;
        at = end;
        if (field == 14 || field == 15) u.own_ticks += value;
        if (field == 16 || field == 17) u.childrens_ticks += value;
        if (field == 20) u.threads = value;
        if (field == 22) u.started = value;
        if (field == 24) u.resident_pages = value;
    }
    return u;
}

// A process whose first thread has ended tells of no memory, though its other threads have it.
std::optional<use> use_of(pid_t id) {
    auto u = told_by(id);
    if (!u || u->resident_pages != 0 || u->threads < 2) return u;
    std::unique_ptr<DIR, closes> folder{::opendir((folder_of(id) + "/task").c_str())};
    while (auto* entry = folder ? ::readdir(folder.get()) : nullptr)
        if (auto t = entry->d_name[0] == '.' ? std::nullopt : told_by(std::atoi(entry->d_name));
            t && t->resident_pages != 0) {
            u->resident_pages = t->resident_pages;
            u->with_memory = t->id;
            break;
        }
    return u;
}

// What is shared is counted once (proportionally); dear, so asked for only when the simple sum is too high.
std::uint64_t proportional_bytes(pid_t id, std::uint64_t otherwise) {
    std::string rollup = text_of(folder_of(id) + "/smaps_rollup");
    auto at = rollup.find("\nPss:");
    return at == rollup.npos ? otherwise : std::strtoull(rollup.c_str() + at + 5, nullptr, 10) * 1024;
}

// What the buffers of the sockets can hold: how much they do hold nobody tells.
std::uint64_t bytes_of_sockets(pid_t of) {
    static const auto each = [] {
        auto told = std::strtoull(text_of("/proc/sys/net/core/wmem_default").c_str(), nullptr, 10);
        return told != 0 ? told : 212'992;
    }();
    std::string told = text_of(folder_of(of) + "/net/sockstat");
    constexpr std::string_view before = "sockets: used ";
    return told.starts_with(before) ? std::strtoull(told.c_str() + before.size(), nullptr, 10) * each : 0;
}

// The folder itself is one.
std::uint64_t used_beyond_root(std::uint64_t used) { return used > 0 ? used - 1 : 0; }

}  // namespace

struct watch::sample {
    std::vector<use> all;
    std::uint64_t threads = 0, resident_pages = 0;
};

void watch::check() {
    if (::access("/proc/thread-self/children", R_OK) != 0)
        throw unavailable{
            "no program can be isolated here: /proc/thread-self/children cannot be read; mount /proc, on a kernel "
            "built with "
            "CONFIG_PROC_CHILDREN"};
}

bool watch::too_many_files() {
    if (!folder_) {
        // Before the namespace is set up, the folder found here is another one.
        descriptor f{::open((folder_of(init_) + "/root/tmp").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
        struct statfs kind {};
        if (!f || ::fstatfs(f.fd, &kind) != 0 || kind.f_type != TMPFS_MAGIC) return false;
        auto pages = (limits_.disk_bytes + static_cast<std::uint64_t>(kind.f_bsize) - 1) /
                     static_cast<std::uint64_t>(kind.f_bsize);
        if (kind.f_blocks != pages) return false;
        folder_ = std::move(f);
    }
    struct statvfs now {};
    return ::fstatvfs(folder_.fd, &now) == 0 && used_beyond_root(now.f_files - now.f_ffree) > limits_.files;
}

watch::sample watch::take() const {
    sample s;
    std::vector<pid_t> ids{init_};
    std::unordered_set<pid_t> seen{init_};
    for (std::size_t i = 0; i < ids.size() && ids.size() < 100'000; ++i) {
        if (auto u = use_of(ids[i])) {
            s.threads += std::max<std::uint64_t>(u->threads, 1);
            s.resident_pages += u->resident_pages;
            s.all.push_back(*u);
        }
        add_children(ids[i], ids, seen);
    }
    return s;
}

// A sample takes a while, in which some may end and others begin: asked twice, it is no accident.
bool watch::too_many_processes(const sample& s) const {
    auto most = limits_.processes + 1ull;  // process 1 is not the program
    return s.threads > most && take().threads > most;
}

// Two sums, each too small for some: what a parent has fetched (SIGCHLD is not ignored) is told by the parent, and what
// samples have seen of those who have gone is remembered.
bool watch::too_long(const sample& s) {
    static const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    std::uint64_t told = 0, seen = 0;
    decltype(alive_) now;
    for (const auto& u : s.all) {
        told += u.own_ticks + u.childrens_ticks;
        seen += u.own_ticks;
        now[{u.id, u.started}] = u.own_ticks;
        alive_.erase({u.id, u.started});
    }
    for (const auto& [who, ticks] : alive_) of_the_dead_ += ticks;
    alive_ = std::move(now);
    auto used = std::max(told, seen + of_the_dead_), most = static_cast<std::uint64_t>(limits_.cpu_time.count());
    return used / per_second > most || (used / per_second == most && used % per_second > 0);
}

// To add up the pages of many large processes takes longer than a program may live.
bool watch::too_much_memory(const sample& s, std::chrono::steady_clock::time_point until) const {
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    auto sockets = bytes_of_sockets(init_);
    if (s.resident_pages * page + sockets <= limits_.memory_bytes) return false;
    std::uint64_t exact = sockets;
    for (const auto& u : s.all) {
        if (std::chrono::steady_clock::now() >= until) return false;
        exact += proportional_bytes(u.with_memory, u.resident_pages * page);
    }
    return exact > limits_.memory_bytes;
}

// A number may have come to mean another process by now: only one of the same namespace is meant.
void watch::signal_all(const sample& s, int number) const {
    auto space = [](pid_t id, struct stat& found) { return ::stat((folder_of(id) + "/ns/pid").c_str(), &found) == 0; };
    struct stat own {
    }, other{};
    if (!space(init_, own)) return;
    for (const auto& u : s.all) {
        if (u.id == init_) continue;
        descriptor p{static_cast<int>(::syscall(SYS_pidfd_open, u.id, 0))};
        if (p && space(u.id, other) && own.st_ino == other.st_ino && own.st_dev == other.st_dev)
            ::syscall(SYS_pidfd_send_signal, p.fd, number, nullptr, 0);
    }
}

bool watch::stop() const {
    std::size_t before = 0;
    for (int tries = 0; tries < 20; ++tries) {
        auto s = take();
        if (tries > 0 && s.all.size() == before) return true;  // whoever was there at the first look was stopped then
        before = s.all.size();
        signal_all(s, SIGSTOP);
    }
    return false;
}

void watch::go_on() const { signal_all(take(), SIGCONT); }

std::string watch::exceeded(std::chrono::steady_clock::time_point until) {
    if (too_many_files()) return "files";
    auto s = take();
    if (too_many_processes(s)) return "processes";
    if (too_long(s)) return "cpu_time";
    return too_much_memory(s, until) ? "memory_bytes" : "";
}

}  // namespace reagent::sandbox::detail
