#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

namespace reagent::detail {

/// The mode of a new file that holds what was asked and answered.
inline constexpr unsigned owners_only = 0600;

/// Makes an empty file that only its owner may read, unless something of that name, or where a link of that name leads
/// to, is there. What it cannot make, whoever opens the file tells.
inline void make_private_file(const std::string& file) {
    if (file.empty() || file == ":memory:") return;  // names of SQLite for no file
    if (int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, owners_only); fd >= 0) ::close(fd);
}

}  // namespace reagent::detail
