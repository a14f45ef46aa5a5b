#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

namespace reagent::detail {

/// Makes an empty file that only its owner may read, unless something of that name is there: for what holds prompts
/// and answers. What it cannot make, whoever opens the file tells.
inline void make_private_file(const std::string& file) {
    if (file.empty() || file == ":memory:") return;  // names of SQLite for no file
    if (int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); fd >= 0) ::close(fd);
}

}  // namespace reagent::detail
