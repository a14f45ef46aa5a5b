#include "bubblewrap.hpp"

#include "descriptor.hpp"
#include "landlock.hpp"
#include "launch.hpp"
#include "readable.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>

namespace reagent::sandbox::detail {
namespace {

namespace fs = std::filesystem;

constexpr unsigned least_open_files = 12;  // what bubblewrap itself needs
constexpr const char* places[] = {"/usr/bin/bwrap", "/usr/local/bin/bwrap", "/run/current-system/sw/bin/bwrap"};

class arguments {
public:
    template <class... Texts>
    void add(const Texts&... texts) {
        ((text_.append(texts), text_.push_back('\0')), ...);
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

// /bin and its like are links into /usr, or folders where a distribution has not merged them.
void add_system(arguments& a) {
    a.add("--ro-bind", "/usr", "/usr");
    std::error_code ec;
    for (const char* folder : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
        if (fs::is_symlink(folder, ec))
            a.add("--symlink", fs::read_symlink(folder, ec).string(), folder);
        else if (fs::is_directory(folder, ec))
            a.add("--ro-bind", folder, folder);
    }
    for (const char* file : {"/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"})
        a.add("--ro-bind-try", file, file);
}

bool holds(const std::string& said, std::initializer_list<const char*> words) {
    for (const char* w : words)
        if (said.find(w) != said.npos) return true;
    return false;
}

// What the kernel and bubblewrap take of arguments. Source: execve(2), "Limits on size of arguments and environment";
// bubblewrap.c, MAX_ARGS.
void check_sizes(const command& c) {
    auto wrong = [](const std::string& why) { throw std::invalid_argument{"sandbox: " + why}; };
    constexpr std::size_t longest = 32 * 4096 - 1, most_of_bubblewrap = 9'000, begins_with = 4;  // bwrap --args 5 --
    std::string own = setup(c, channels{});
    auto used = begins_with + static_cast<std::size_t>(std::count(own.begin(), own.end(), '\0'));
    if (c.argv.size() > most_of_bubblewrap - std::min(most_of_bubblewrap, used))
        wrong("argv holds " + std::to_string(c.argv.size()) + " arguments; with these paths and variables at most " +
              std::to_string(most_of_bubblewrap - std::min(most_of_bubblewrap, used)) +
              " fit; write them to a file, or to its stdin");
    std::size_t bytes = c.argv[0].size() + 1;
    for (std::size_t i = 0; i < c.argv.size(); ++i) {
        if (c.argv[i].size() > longest)
            wrong("argv[" + std::to_string(i) + "] has " + std::to_string(c.argv[i].size()) + " bytes; at most " +
                  std::to_string(longest) + " fit; write it to a file, or to its stdin");
        bytes += c.argv[i].size() + 1 + sizeof(char*);
    }
    for (const auto& [name, value] : c.environment) {
        auto size = name.size() + 1 + value.size();
        if (size > longest)
            wrong("environment: \"" + name + "\" has " + std::to_string(size) + " bytes; at most " +
                  std::to_string(longest) + " fit");
        bytes += size + 1 + sizeof(char*);
    }
    constexpr std::size_t most_of_kernel = 6 * 1024 * 1024,
                          reserve = 16 * 1024;  // PWD, the program's interpreter, alignment
    auto most =
        std::min<std::size_t>(static_cast<std::size_t>(std::max(::sysconf(_SC_ARG_MAX), 128L * 1024)), most_of_kernel) -
        reserve;
    if (bytes > most)
        wrong("argv and environment have " + std::to_string(bytes) + " bytes together; at most " +
              std::to_string(most) + " fit (a quarter of RLIMIT_STACK); write them to a file, or to its stdin");
}

// The other layers are bubblewrap's to refuse.
void check_layers(const command& c) {
    const bool wanted = !c.without.contains(layer::landlock) && !c.may_lack.contains(layer::landlock);
    if (wanted && !restrictions().any())
        throw unavailable{"no program can be isolated here: the layer \"landlock\" is missing (this kernel has ABI " +
                          std::to_string(landlock_abi()) +
                          ", needed is 4: Linux 6.7, with landlock among its LSMs); name it in "
                          "`may_lack` to go without"};
}

}  // namespace

const char* bubblewrap() {
    for (const char* place : places)
        if (::access(place, X_OK) == 0) return place;
    throw unavailable{std::string{"no program can be isolated here: bubblewrap is missing ("} + places[0] +
                      "). Install it: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora)"};
}

void check(const command& c) {
    auto wrong = [](const std::string& why) { throw std::invalid_argument{"sandbox: " + why}; };
    if (c.argv.empty()) wrong("no program is given; argv[0] is its path");
    if (!c.argv[0].starts_with('/')) wrong("\"" + c.argv[0] + "\" is no absolute path of a program");
    for (const auto& a : c.argv)
        if (a.find('\0') != a.npos) wrong("an argument holds a zero byte");
    for (const auto& [name, value] : c.environment)
        if (name.empty() || name.find('=') != name.npos || name.find('\0') != name.npos ||
            value.find('\0') != value.npos)
            wrong("\"" + name + "\" cannot be a variable of the environment");
    if (auto pwd = c.environment.find("PWD"); pwd != c.environment.end() && pwd->second != "/tmp")
        wrong("environment: PWD is /tmp, the folder in which it starts");
    // The kernel mounts them one by one.
    constexpr std::size_t most = 512;
    if (c.readable.size() > most) wrong("readable holds more than 512 paths; name a folder that holds them");
    if (c.environment.size() > most) wrong("environment holds more than 512 variables");
    shown_by(c.readable);
    check_sizes(c);
    check_layers(c);
    const auto& l = c.limit;
    if (l.disk_bytes == 0 || l.processes == 0) wrong("limits: disk_bytes and processes are at least 1");
    if (l.disk_bytes > 1ull << 62) wrong("limits: disk_bytes is at most 2^62");
    if (l.open_files < least_open_files)
        wrong("limits: open_files is at least " + std::to_string(least_open_files) + "; with fewer no program starts");
    if (l.cpu_time.count() < 0) wrong("limits: cpu_time is negative");
}

std::string setup(const command& c, const channels& numbers) {
    arguments a;
    a.add("--unshare-user", "--unshare-uts", "--unshare-cgroup-try");
    auto add_layer = [&](layer l, const char* option) {
        if (!c.without.contains(l)) a.add(option);
    };
    add_layer(layer::user_namespaces, "--disable-userns");
    add_layer(layer::processes, "--unshare-pid");
    add_layer(layer::network, "--unshare-net");
    add_layer(layer::ipc, "--unshare-ipc");
    a.add("--uid", std::to_string(nobody), "--gid", std::to_string(nobody), "--hostname", "sandbox");
    a.add("--die-with-parent", "--cap-drop", "ALL");  // no --new-session: guardian.cpp
    add_system(a);
    // Process 1 is bubblewrap's own; what runs below it might write into its memory, and finds no way to it.
    a.add("--proc", "/proc", "--size", "4096", "--tmpfs", "/proc/1", "--remount-ro", "/proc/1", "--dev", "/dev");
    // It reads the same; but /dev/zero can be mapped, as memory that is in nobody's count.
    a.add("--dev-bind", "/dev/full", "/dev/zero", "--remount-ro", "/dev");
    a.add("--size", std::to_string(c.limit.disk_bytes), "--tmpfs", "/tmp");
    for (const auto& [source, place] : shown_by(c.readable)) a.add("--ro-bind", source, place);
    a.add("--remount-ro", "/", "--chdir", "/tmp");
    for (const auto& [name, value] : c.environment) a.add("--setenv", name, value);
    if (numbers.filter >= 0) a.add("--seccomp", std::to_string(numbers.filter));
    a.add("--json-status-fd", std::to_string(numbers.status));
    a.add("--block-fd", std::to_string(numbers.start), "--sync-fd", std::to_string(numbers.keep));
    return a.take();
}

void could_not_start(const command& c, const std::string& said) {
    std::string why = said.substr(0, 500);
    while (why.ends_with('\n')) why.pop_back();
    if (holds(said, {"execvp"})) {
        int error = holds(said, {"No such file"}) ? ENOENT
                    : holds(said, {"denied"})     ? EACCES
                    : holds(said, {"too long"})   ? E2BIG
                                                  : ENOEXEC;
        throw std::system_error{error, std::generic_category(), "sandbox: cannot start " + c.argv[0]};
    }
    if (holds(said, {"Can't find source path", "Can't mkdir", "Can't create file at"}))
        throw std::system_error{ENOENT, std::generic_category(),
                                "sandbox: a path in `readable` cannot be shown (" + why +
                                    "); a host that is root reads as user " + std::to_string(unprivileged_user) +
                                    " what everybody may"};
    throw unavailable{
        "no program can be isolated here: " + (why.empty() ? "bubblewrap ended without a word" : why) +
        ". Needed are bubblewrap 0.8 and user namespaces (sysctl user.max_user_namespaces above 0, on some systems "
        "kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0; in a container, a "
        "seccomp profile that allows unshare and mount)"};
}

}  // namespace reagent::sandbox::detail
