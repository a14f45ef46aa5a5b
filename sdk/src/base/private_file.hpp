#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

namespace reagent::detail {

/// The mode of a new file that holds what was asked and answered.
inline constexpr unsigned owners_only = 0600;

/// Makes an empty file that only its owner may read, unless something of that name, or where a link of that name leads
/// to, is there. That is not opened: to close it would take the locks that this process has on it. What cannot be made,
/// whoever opens the file tells.
inline void make_private_file(std::string file) {
    constexpr int most_links = 16;
    if (file.empty() || file == ":memory:") return;  // names of SQLite for no file
    for (int links = 0; links < most_links; ++links) {
        const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, owners_only);
        if (fd >= 0) ::close(fd);
        struct stat there{};
        if (fd >= 0 || errno != EEXIST || ::stat(file.c_str(), &there) == 0) return;
        std::error_code ec;
        const auto to = std::filesystem::read_symlink(file, ec);
        if (ec) return;
        file = (std::filesystem::path{file}.parent_path() / to).string();
    }
}

}  // namespace reagent::detail
