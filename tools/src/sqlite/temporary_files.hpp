#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <memory>
#include <string>

namespace reagent::sqlite {

/// Where SQLite keeps what a statement sorts, groups and materializes: in memory, up to a limit. Then the statement
/// fails with SQLITE_FULL. A virtual file system of SQLite's, registered as long as this lives; other files are those
/// of the default one. Source: sqlite.org/vfs.html, sqlite.org/tempfiles.html
class temporary_files {
public:
    explicit temporary_files(std::size_t max_bytes);
    ~temporary_files();
    temporary_files(const temporary_files&) = delete;

    const char* vfs_name() const { return name_.c_str(); }  ///< for sqlite3_open_v2

    struct state;

private:
    std::string name_;
    std::unique_ptr<state> state_;
};

}  // namespace reagent::sqlite
