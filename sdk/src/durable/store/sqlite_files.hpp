#pragma once

#include <reagent/durable/journal_store.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "database.hpp"

struct sqlite3;

namespace reagent::detail {

/// A file's name without "." and "..", by SQLite's own rules: it takes "none/../runs.db" for "runs.db" where the system
/// finds nothing, and the one that looks at a file's mode and state has to look where SQLite writes.
/// @throws database_error where it names a folder ("runs/", "runs/."), of which SQLite would make a file beside it
std::string sqlite_path(const std::string& file);

/// What a file is, before it is opened for work. Nothing is created or changed.
/// @throws database_error when it is not what `access` wants: no database, one of something else, an empty one
void check_sqlite_file(const std::string& file, journal_access access);

/// The files of an open database: itself, its log and the index of that. SQLite goes on writing into files that were
/// deleted or moved away, where nobody finds it again. Used by the connection's thread.
class sqlite_files {
public:
    /// @param given the file's name as the user has it
    void opened(sqlite3* db, const std::string& given);

    /// Within a transaction that writes, and again when it is committed: what is written stands where it will be looked
    /// for.
    /// @throws database_error when a file was deleted, replaced or cut
    void check(sqlite3* db);

    /// Before any statement: the log's index is memory that is mapped from its file, and touching what was cut from
    /// that ends the process.
    /// @throws database_error when it was cut, from then on always
    void check_index();
    bool index_is_lost() const { return index_lost_; }

private:
    struct file {
        std::string path{};
        std::uint64_t device = 0, inode = 0;
        std::int64_t bytes = 0;
    };
    void watch(const std::string& path);
    static database_error lost(const file& f, const std::string& what);
    std::vector<file> all_;
    std::size_t index_ = SIZE_MAX;  // of the log's index in `all_`
    bool index_lost_ = false;
};

/// The size of a file; -1: it is not there.
std::int64_t file_bytes(const std::string& path);

/// A file's name as the address that SQLite opens.
std::string sqlite_uri(const std::string& file);

}  // namespace reagent::detail
