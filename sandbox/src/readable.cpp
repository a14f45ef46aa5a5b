#include "readable.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace reagent::sandbox::detail {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    throw std::invalid_argument{"sandbox: readable: \"" + path + "\" " + why};
}

struct mount {
    std::string point, type;
};

// Octal escapes stand for blanks (proc_pid_mountinfo(5)).
std::string unescaped(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] == '\\' && i + 3 < text.size()) {
            out += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
            i += 3;
        } else
            out += text[i];
    return out;
}

std::vector<mount> mounts() {
    std::ifstream in{"/proc/self/mountinfo"};
    std::vector<mount> all;
    for (std::string line; std::getline(in, line);) {
        std::istringstream fields{line};
        std::string field, point, type;
        for (int i = 0; i < 5; ++i) fields >> point;
        while (fields >> field && field != "-") {
        }
        if (fields >> type) all.push_back({unescaped(point), type});
    }
    if (all.empty()) throw std::runtime_error{"sandbox: /proc/self/mountinfo cannot be read; mount /proc"};
    return all;
}

// A kernel's own views are without a device too, so what keeps files without one is listed: an unknown one is refused.
bool keeps_files(const std::string& type) {
    for (const char* known : {"tmpfs", "ramfs", "rootfs",   "overlay", "overlayfs", "aufs",  "nfs",
                              "nfs4",  "cifs",  "smb3",     "9p",      "virtiofs",  "fuse",  "fuseblk",
                              "zfs",   "ceph",  "ecryptfs", "vboxsf",  "afs",       "btrfs", "bcachefs"})
        if (type == known) return true;
    if (type.starts_with("fuse.")) return true;
    std::ifstream in{"/proc/filesystems"};
    for (std::string line; std::getline(in, line);)
        if (line == "\t" + type) return true;
    return false;
}

bool is_or_holds(const std::string& folder, const std::string& path) {
    return path == folder || folder == "/" || path.starts_with(folder + "/");
}

void check_kind(const std::string& path, const std::string& real) {
    switch (fs::status(real).type()) {
        case fs::file_type::regular:
        case fs::file_type::directory: return;
        case fs::file_type::fifo: refuse(path, "is a pipe, which the program could write to; name a file or a folder");
        case fs::file_type::socket: refuse(path, "is a socket; name a file or a folder");
        default: refuse(path, "is neither a file nor a folder");
    }
}

void check_mounts(const std::string& path, const std::string& real, const std::vector<mount>& all) {
    const mount* around = nullptr;
    auto check = [&](const mount& m) {
        if (!keeps_files(m.type))
            refuse(path, "would show " + m.point + ", a file system of type " + m.type +
                             " and no place of ordinary files (the host's processes, devices or kernel); name the "
                             "folder that is needed");
    };
    for (const auto& m : all) {
        if (is_or_holds(m.point, real) && (!around || m.point.size() >= around->point.size()))
            around = &m;  // the later one lies on top
        if (m.point != real && is_or_holds(real, m.point)) check(m);
    }
    if (around) check(*around);
}

void check_place(const std::string& path, const std::string& place) {
    for (const char* never : {"/proc", "/sys", "/dev"})
        if (place == "/" || is_or_holds(never, place))
            refuse(path, "would show the host's processes and devices; name the folder that is needed");
    if (place == "/tmp") refuse(path, "is where the program's own folder stands; name what is needed below it");
}

shown shown_by(const std::string& path, const std::vector<mount>& mounted) {
    fs::path given{path};
    if (!given.is_absolute() || path.find('\0') != path.npos) refuse(path, "is no absolute path");
    if (std::find(given.begin(), given.end(), "..") != given.end())
        refuse(path, "holds \"..\"; name the folder itself");
    std::string place = given.lexically_normal().string();
    while (place.size() > 1 && place.ends_with('/')) place.pop_back();
    if (place.starts_with("//")) place.erase(0, 1);
    check_place(path, place);
    std::error_code ec;
    std::string real = fs::canonical(given, ec).string();
    if (ec) throw std::system_error{ec, "sandbox: readable: \"" + path + "\" cannot be shown"};
    check_place(path, real);
    check_kind(path, real);
    check_mounts(path, real, mounted);
    return {real, place};
}

}  // namespace

std::vector<shown> shown_by(const std::vector<std::string>& paths) {
    std::vector<shown> all;
    if (paths.empty()) return all;
    auto mounted = mounts();
    for (const auto& path : paths) all.push_back(shown_by(path, mounted));
    return all;
}

}  // namespace reagent::sandbox::detail
