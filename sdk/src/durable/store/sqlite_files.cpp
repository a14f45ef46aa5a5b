// What a file is before it is a store, and whether it still is where it was.
#include "sqlite_files.hpp"

#include "../../base/text.hpp"
#include "database.hpp"

#include <reagent/run/consent.hpp>

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>
#include <memory>

namespace reagent::detail {
namespace {

struct closer {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using connection = std::unique_ptr<sqlite3, closer>;

struct content {
    bool is_store = false;
    std::vector<std::string> tables{};  ///< of others
};

int each_row(sqlite3* db, const char* statement, const std::function<void(sqlite3_stmt*)>& row) {
    sqlite3_stmt* s = nullptr;
    int rc = sqlite3_prepare_v2(db, statement, -1, &s, nullptr);
    if (rc != SQLITE_OK) return rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) row(s);
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

std::string text_in(sqlite3_stmt* s) {
    auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(s, 0));
    return bytes ? std::string{bytes, static_cast<std::size_t>(sqlite3_column_bytes(s, 0))} : std::string{};
}

int look(const std::string& uri, content& found) {
    found = {};
    sqlite3* raw = nullptr;
    int rc = sqlite3_open_v2(uri.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
    connection db{raw};
    if (rc != SQLITE_OK) return rc;
    bool meta = false;
    rc = each_row(
        raw,
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        [&](auto* s) {
            std::string name = text_in(s);
            if (name == "reagent_meta") meta = true;
            if (!name.starts_with("reagent_")) found.tables.push_back(std::move(name));
        });
    if (rc != SQLITE_OK || !meta) return rc;
    return each_row(raw, "SELECT value FROM reagent_meta WHERE name IN ('format', 'traffic_format')",
                    [&](auto*) { found.is_store = true; });
}

std::string names_of(const std::vector<std::string>& tables) {
    std::string list;
    for (std::size_t i = 0; i < std::min<std::size_t>(tables.size(), 5); ++i)
        list += (i ? ", " : "") + cut(visible_name(tables[i]), 60);
    return list + (tables.size() > 5 ? ", ..." : "");
}

database_error no_database(int rc) {
    switch (rc & 0xff) {
        case SQLITE_NOTADB: return {"it is no SQLite database; nothing in it was changed", false};
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return {"another process keeps it locked", true};
        case SQLITE_CORRUPT:
            return {"it is damaged; keep it, and recover what is in it with `sqlite3 FILE .recover | sqlite3 NEW`",
                    false};
        default: return {std::string{"it cannot be read: "} + sqlite3_errstr(rc), false};
    }
}

}  // namespace

// A name as part of an address (RFC 3986, section 2.1): what SQLite would read as more than a name is escaped.
std::string sqlite_uri(const std::string& file) {
    std::string uri = "file:";
    for (unsigned char c : file) {
        bool plain = std::isalnum(c) || c == '/' || c == '.' || c == '-' || c == '_' || c == '~';
        if (plain)
            uri += static_cast<char>(c);
        else
            uri += std::string{'%'} + "0123456789ABCDEF"[c >> 4] + "0123456789ABCDEF"[c & 15];
    }
    return uri;
}

std::string sqlite_path(const std::string& file) {
    if (file.empty() || file == ":memory:") return file;
    const std::filesystem::path given{file};
    const auto last = given.filename();
    if (last.empty() || last == "." || last == "..") throw database_error{"it is the name of a folder", false};
    if (given.lexically_normal() == given && given.native().find("..") == std::string::npos) return file;
    auto* vfs = sqlite3_vfs_find(nullptr);
    if (!vfs) throw database_error{"SQLite knows no files", false};
    std::string full(static_cast<std::size_t>(vfs->mxPathname) + 1, '\0');
    // SQLITE_OK_SYMLINK: there was a link in it, which is followed
    if (int rc = vfs->xFullPathname(vfs, file.c_str(), vfs->mxPathname + 1, full.data()); (rc & 0xff) != SQLITE_OK)
        throw database_error{std::string{"its name cannot be used: "} + sqlite3_errstr(rc), false};
    return full.c_str();
}

std::int64_t file_bytes(const std::string& path) {
    struct stat s{};
    return ::stat(path.c_str(), &s) == 0 ? s.st_size : -1;
}

void check_sqlite_file(const std::string& file, journal_access access) {
    if (file.empty() || file == ":memory:") return;
    struct stat s{};
    const bool makes = access == journal_access::create;
    if (::stat(file.c_str(), &s) != 0) {
        if (makes) return;
        throw database_error{"there is no such file, and so no journals", false};
    }
    if (!S_ISREG(s.st_mode)) throw database_error{"it is no file", false};
    if (s.st_size == 0 && file_bytes(file + "-wal") <= 0) {
        if (makes) return;
        throw database_error{"it is empty: no journals were ever stored in it", false};
    }
    // As a file that nobody writes, which leaves nothing beside it. What it does not tell stands in the log, or is
    // being written.
    content found;
    int rc = look(sqlite_uri(file) + "?immutable=1", found);
    bool log = file_bytes(file + "-wal") > 0;
    if (!found.is_store && (log || (rc != SQLITE_OK && rc != SQLITE_NOTADB))) rc = look(sqlite_uri(file), found);
    if (found.is_store) return;
    if (rc != SQLITE_OK) throw no_database(rc);
    if (!found.tables.empty())
        throw database_error{"it is a database of something else, with " +
                                 std::string{found.tables.size() == 1 ? "the table " : "the tables "} +
                                 names_of(found.tables) +
                                 "; journals need a file of their own. Nothing in it was changed",
                             false};
    if (!makes) throw database_error{"it is an empty database: no journals were ever stored in it", false};
}

void sqlite_files::watch(const std::string& path) {
    struct stat s{};
    if (::stat(path.c_str(), &s) != 0) return;
    all_.push_back({path, s.st_dev, s.st_ino, s.st_size});
}

void sqlite_files::opened(sqlite3* db, const std::string& given) {
    all_.clear();
    const char* name = sqlite3_db_filename(db, "main");
    if (!name || !*name) return;  // in memory
    watch(name);
    int moved = 0;
    if (all_.empty() || (sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved))
        throw database_error{"its file was deleted or replaced while it was opened", true};
    std::error_code ec;
    auto by_user = std::filesystem::absolute(given, ec);  // a link may be led elsewhere
    if (!ec && by_user != name) watch(by_user);
    watch(std::string{name} + "-wal");
    auto before = all_.size();
    watch(std::string{name} + "-shm");
    index_ = all_.size() > before ? before : SIZE_MAX;
}

database_error sqlite_files::lost(const file& f, const std::string& what) {
    return {"its file " + visible_name(f.path) + " was " + what +
                " while it was in use. What is written now would be lost, so nothing more is done. Put the file back, "
                "or start again with "
                "another one: what was at work has to be looked at by hand",
            false};
}

void sqlite_files::check_index() {
    if (index_ >= all_.size()) return;
    const auto& f = all_[index_];
    auto bytes = file_bytes(f.path);
    if (bytes >= 0 && bytes < f.bytes) index_lost_ = true;
    if (index_lost_) throw lost(f, "cut to " + std::to_string(std::max<std::int64_t>(bytes, 0)) + " bytes");
}

void sqlite_files::check(sqlite3* db) {
    bool shrunk = false;
    for (const auto& f : all_) {
        struct stat s{};
        if (::stat(f.path.c_str(), &s) != 0) throw lost(f, "deleted or moved away");
        if (s.st_dev != f.device || s.st_ino != f.inode) throw lost(f, "replaced by another one");
        shrunk = shrunk || s.st_size < f.bytes;
    }
    if (!shrunk) {
        for (auto& f : all_) f.bytes = std::max(f.bytes, file_bytes(f.path));
        return;
    }
    // The next who opens an empty file throws its log away.
    if (file_bytes(all_.front().path) == 0) throw lost(all_.front(), "cut to 0 bytes");
    // VACUUM and a checkpoint by somebody else make files smaller too; then everything can be read.
    sqlite3_db_release_memory(db);
    std::string said;
    int rc = each_row(db, "PRAGMA quick_check(1)", [&](auto* s) { said = text_in(s); });
    if (rc == SQLITE_BUSY) return;
    for (auto& f : all_) {
        auto now = file_bytes(f.path);
        if (now < f.bytes && (rc != SQLITE_OK || said != "ok"))
            throw lost(f, "cut to " + std::to_string(now) + " bytes");
        f.bytes = now;
    }
}

}  // namespace reagent::detail
