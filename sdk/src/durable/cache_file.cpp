#include "cache_file.hpp"

#include "../base/private_file.hpp"
#include "store/sqlite_files.hpp"

#include <reagent/deadline.hpp>
#include <reagent/error.hpp>

#include <fcntl.h>
#include <openssl/sha.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <thread>

namespace reagent::decorators {
namespace {

constexpr std::chrono::milliseconds busy_timeout{10'000};

std::string check_of(const std::string& key, const std::string& value) {
    std::string both = key + value, sum(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(both.data()), both.size(),
           reinterpret_cast<unsigned char*>(sum.data()));
    return sum.substr(0, 8);
}

std::string column(sqlite3_stmt* s, int i) {
    const void* data = sqlite3_column_blob(s, i);
    return data ? std::string{static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(s, i))}
                : std::string{};
}

void bind_blob(sqlite3_stmt* s, int i, const std::string& value) {
    sqlite3_bind_blob64(s, i, value.data(), value.size(), SQLITE_TRANSIENT);
}

}  // namespace

cache_file::cache_file(const cache_options& options) : options_{options} {
    try {
        options_.file = detail::sqlite_path(options_.file);
    } catch (const detail::database_error& e) {
        throw lm_error{lm_errc::unavailable,
                       "the cache \"" + options_.file + "\" cannot be used: " + e.what() + "; choose another file"};
    }
    open();
}
cache_file::~cache_file() { close(); }

void cache_file::close() {
    for (auto** s : {&find_, &store_, &drop_}) {
        sqlite3_finalize(*s);
        *s = nullptr;
    }
    sqlite3_close(db_);
    db_ = nullptr;
}

bool cache_file::run(const char* sql) { return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }

sqlite3_stmt* cache_file::prepare(const char* sql) {
    sqlite3_stmt* s = nullptr;
    sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, nullptr);
    return s;
}

int cache_file::try_open(std::string& why) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    detail::make_private_file(options_.file);
    bool ready = sqlite3_open_v2(options_.file.c_str(), &db_, flags, nullptr) == SQLITE_OK;
    if (ready) sqlite3_busy_timeout(db_, static_cast<int>(busy_timeout.count()));
    ready = ready && run("PRAGMA journal_mode = WAL") && run("PRAGMA synchronous = NORMAL") &&
            run("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, value BLOB NOT NULL, sum BLOB NOT NULL, "
                "made INTEGER NOT "
                "NULL) WITHOUT ROWID") &&
            run("CREATE INDEX IF NOT EXISTS answers_made ON answers (made)");
    if (ready) {
        find_ = prepare("SELECT value, sum, made FROM answers WHERE key = ?1 AND made >= ?2");
        store_ = prepare("INSERT OR REPLACE INTO answers (key, value, sum, made) VALUES (?1, ?2, ?3, ?4)");
        drop_ = prepare("DELETE FROM answers WHERE key = ?1");
        if (find_ && store_ && drop_) return SQLITE_OK;
    }
    int code = db_ ? sqlite3_errcode(db_) : SQLITE_NOMEM;
    why = db_ ? sqlite3_errmsg(db_) : "out of memory";
    close();
    return code == SQLITE_OK ? SQLITE_ERROR : code;
}

void cache_file::open() {
    std::string why;
    auto is_broken = [](int code) { return code == SQLITE_NOTADB || code == SQLITE_CORRUPT; };
    int code = try_open(why);
    // Who turns a new file into one that many write to keeps the others out, without SQLite waiting for it.
    auto until = clock::now() + busy_timeout;
    while ((code & 0xff) == SQLITE_BUSY && clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
        code = try_open(why);
    }
    if (is_broken(code)) {
        // Of several processes that see it one sets it aside; the others find the new one.
        int lock = ::open((options_.file + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, detail::owners_only);
        if (lock >= 0 && ::flock(lock, LOCK_EX) == 0) {
            code = try_open(why);
            if (is_broken(code) && set_aside()) code = try_open(why);
        }
        if (lock >= 0) ::close(lock);
    }
    if (code != SQLITE_OK)
        throw lm_error{lm_errc::unavailable,
                       "the cache \"" + options_.file + "\" cannot be used: " + why +
                           "; choose another file, or delete it when it holds nothing that you need"};
}

bool cache_file::set_aside() {
    std::string to = options_.file + ".broken";
    for (int n = 2; ::access(to.c_str(), F_OK) == 0 && n < 100; ++n)
        to = options_.file + ".broken-" + std::to_string(n);
    for (const char* beside : {"-wal", "-shm"}) ::rename((options_.file + beside).c_str(), (to + beside).c_str());
    return ::rename(options_.file.c_str(), to.c_str()) == 0;
}

std::optional<cache_file::entry> cache_file::find(const std::string& key) {
    std::lock_guard lock{mutex_};
    std::int64_t now = std::time(nullptr), oldest = options_.max_age.count() > 0 ? now - options_.max_age.count() : 0;
    bind_blob(find_, 1, key);
    sqlite3_bind_int64(find_, 2, oldest);
    std::optional<entry> found;
    bool broken = false;
    if (sqlite3_step(find_) == SQLITE_ROW) {
        found = {column(find_, 0),
                 std::chrono::seconds{std::max<std::int64_t>(0, now - sqlite3_column_int64(find_, 2))}};
        broken = column(find_, 1) != check_of(key, found->value);
    }
    sqlite3_reset(find_);
    if (!broken) return found;
    bind_blob(drop_, 1, key);
    sqlite3_step(drop_);
    sqlite3_reset(drop_);
    return {};
}

void cache_file::store(const std::string& key, const std::string& value) {
    std::lock_guard lock{mutex_};
    bind_blob(store_, 1, key);
    bind_blob(store_, 2, value);
    bind_blob(store_, 3, check_of(key, value));
    sqlite3_bind_int64(store_, 4, std::time(nullptr));
    sqlite3_step(store_);  // a full disk or a broken file costs the entry, not the answer
    sqlite3_reset(store_);
    if (++stored_ % 64 == 1) trim_to_size();
}

// Deletes the oldest tenth while there is too much.
void cache_file::trim_to_size() {
    auto* size = prepare("SELECT COALESCE(SUM(LENGTH(value)), 0), COUNT(*) FROM answers");
    for (int round = 0; size && round < 20; ++round) {
        sqlite3_reset(size);
        if (sqlite3_step(size) != SQLITE_ROW) break;
        auto bytes = static_cast<std::uint64_t>(sqlite3_column_int64(size, 0));
        auto count = sqlite3_column_int64(size, 1);
        if (bytes <= options_.max_file_bytes || count == 0) break;
        sqlite3_reset(size);
        std::string sql = "DELETE FROM answers WHERE key IN (SELECT key FROM answers ORDER BY made LIMIT " +
                          std::to_string(count / 10 + 1) + ")";
        if (!run(sql.c_str())) break;
    }
    sqlite3_finalize(size);
}

std::unique_ptr<answer_file> open_answer_file(const cache_options& options) {
    return std::make_unique<cache_file>(options);
}

}  // namespace reagent::decorators
