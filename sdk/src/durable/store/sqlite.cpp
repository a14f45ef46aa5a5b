#include "../../base/private_file.hpp"
#include "database.hpp"
#include "sqlite_files.hpp"

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <vector>

namespace reagent::detail {
namespace {

// A connection that must not be closed any more: its memory stays until the process ends, known by this list and so no
// leak.
void leave_open(sqlite3* db) {
    static std::mutex mutex;
    static auto& all = *new std::vector<sqlite3*>;
    std::lock_guard lock{mutex};
    all.push_back(db);
}

// What is not there yet may be.
bool may_be_written(const std::string& path) {
    return path.empty() || path == ":memory:" || ::access(path.c_str(), W_OK) == 0 || errno == ENOENT;
}

std::string folder_of(const std::string& file) {
    if (file.empty() || file == ":memory:") return {};
    auto folder = std::filesystem::path{file}.parent_path().string();
    return folder.empty() ? "." : folder;
}

std::string read_only(const std::string& path) {
    struct stat s{};
    const bool own = ::stat(path.c_str(), &s) == 0 && s.st_uid == ::geteuid();
    return own ? path + " is read-only; make it writable (chmod u+w) where it is to be written to"
               : path + " belongs to another user, and this one may not write it";
}

class sqlite_database final : public database {
public:
    sqlite_database(const std::string& file, const journal_store_options& o)
        : file_{sqlite_path(file)},
          reads_{o.access == journal_access::read},
          clock_{o.clock ? o.clock : std::make_shared<const machine_clock>()} {
        check_sqlite_file(file_, o.access);
        const bool may_write = may_be_written(file_) && may_be_written(folder_of(file_));
        only_looks_ = reads_ && !may_write;
        // SQLite would make a log and its index beside it all the same, of the same mode, for others to trip over
        if (!reads_ && !may_be_written(file_)) throw database_error{read_only(file_), false};
        patience_ms_ =
            static_cast<int>(std::clamp<std::int64_t>(o.patience.count(), 0, 1000));  // then the store tries again
        connect(o.access == journal_access::create ? SQLITE_OPEN_CREATE : 0);
        // Source: sqlite.org/wal.html and sqlite.org/pragma.html#pragma_synchronous: in WAL mode NORMAL loses no
        // transaction when a process dies, FULL none when the power fails either.
        if (reads_)
            execute("PRAGMA query_only = 1");
        else {
            execute("PRAGMA journal_mode = WAL");
            execute(o.survive_power_failure ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        }
    }

    // Who only reads leaves a log that somebody else has left as it is, and no empty one.
    ~sqlite_database() override {
        if (files_.index_is_lost()) {  // closing would touch it
            for (auto& [text, s] : statements_) static_cast<void>(s.release());
            leave_open(db_.release());
            return;
        }
        if (reads_ && file_bytes(file_ + "-wal") > 0)
            sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }

    using database::run;
    std::vector<sql_row> run(std::string_view text, const std::vector<sql_value>& values = {}) override {
        if (!only_looks_ || !sqlite3_get_autocommit(db_.get())) return run_once(text, values);
        // Pages of before and after what a writer did in the middle are no state of the store.
        constexpr int most_tries = 100;
        for (int tries = 1;; ++tries) {
            if (seen_ != state_of_files()) connect(0);
            const bool last = tries == most_tries;
            try {
                auto rows = run_once(text, values);
                if (!alone_ || seen_ == state_of_files()) return rows;
                if (last) throw database_error{"it is written to all the time; try again", true};
            } catch (const database_error&) {
                if (last || seen_ == state_of_files()) throw;
            }
        }
    }

    std::vector<sql_row> run_once(std::string_view text, const std::vector<sql_value>& values) {
        files_.check_index();
        sqlite3_stmt* s = prepared(text);
        struct reset {
            sqlite3_stmt* s;
            ~reset() {
                sqlite3_reset(s);
                sqlite3_clear_bindings(s);
            }
        } at_end{s};
        std::deque<std::string> repaired;
        for (std::size_t i = 0; i < values.size(); ++i) {
            int at = sqlite3_bind_parameter_index(s, ("$" + std::to_string(i + 1)).c_str());
            if (auto* n = std::get_if<std::int64_t>(&values[i]))
                sqlite3_bind_int64(s, at, *n);
            else if (auto* t = std::get_if<std::string_view>(&values[i])) {
                auto good = bindable(*t, repaired.emplace_back());
                sqlite3_bind_text64(s, at, good.data() ? good.data() : "", good.size(), SQLITE_STATIC, SQLITE_UTF8);
            }
        }
        std::vector<sql_row> rows;
        int rc;
        while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
            sql_row row;
            for (int i = 0; i < sqlite3_column_count(s); ++i) {
                if (sqlite3_column_type(s, i) == SQLITE_NULL) {
                    row.emplace_back();
                    continue;
                }
                auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(s, i));
                row.emplace_back(std::string{bytes, static_cast<std::size_t>(sqlite3_column_bytes(s, i))});
            }
            rows.push_back(std::move(row));
        }
        if (rc != SQLITE_DONE) throw failure(rc);
        return rows;
    }

    using database::begin;
    void begin() override {
        run(std::string_view{"BEGIN IMMEDIATE"});
        if (!watched_) files_.opened(db_.get(), file_);  // from the first transaction on they are there
        watched_ = true;
        files_.check(db_.get());
    }
    void commit() override {
        run(std::string_view{"COMMIT"});
        files_.check(db_.get());
    }
    void roll_back() noexcept override {
        if (!files_.index_is_lost() && !sqlite3_get_autocommit(db_.get()))
            sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }

    const char* now_ms() const override { return "reagent_now()"; }
    const char* skip_locked() const override { return ""; }  // a writer is alone
    const char* lock_row() const override { return ""; }
    bool is_postgres() const override { return false; }
    std::string name() const override { return "the SQLite file \"" + file_ + "\""; }

private:
    // Whoever may not write the file would leave a log and its index beside it that its owner may not write. So it is
    // opened as one that nobody writes, and anew when it has changed; while somebody writes, the log and its index are
    // there and are used as they are.
    void connect(int create) {
        statements_.clear();
        db_.reset();
        seen_ = state_of_files();
        sqlite3* raw = nullptr;
        alone_ = only_looks_ && file_bytes(file_ + "-wal") <= 0;
        const std::string name = only_looks_ ? sqlite_uri(file_) + (alone_ ? "?immutable=1" : "?mode=ro") : file_;
        const int how = only_looks_ ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE | create;
        if (how & SQLITE_OPEN_CREATE) make_private_file(file_);
        int rc = sqlite3_open_v2(name.c_str(), &raw, how | SQLITE_OPEN_NOMUTEX, nullptr);
        db_.reset(raw);
        if (rc != SQLITE_OK) throw failure(rc);
        sqlite3_busy_timeout(raw, patience_ms_);
        sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
        execute("PRAGMA mmap_size = 0");  // whatever SQLite was built with: a mapped file that is cut ends the process
        auto now = [](sqlite3_context* to, int, sqlite3_value**) {
            auto t = static_cast<const machine_clock*>(sqlite3_user_data(to))->wall().time_since_epoch();
            sqlite3_result_int64(to, std::chrono::duration_cast<std::chrono::milliseconds>(t).count());
        };
        int r = sqlite3_create_function(raw, "reagent_now", 0, SQLITE_UTF8, const_cast<machine_clock*>(clock_.get()),
                                        now, nullptr, nullptr);
        if (r != SQLITE_OK) throw failure(r);
    }

    struct file_state {
        std::int64_t bytes = -1, seconds = 0, nanoseconds = 0, log_bytes = -1;
        bool operator==(const file_state&) const = default;
    };
    file_state state_of_files() const {
        struct stat s{};
        if (::stat(file_.c_str(), &s) != 0) return {};
        return {s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec, file_bytes(file_ + "-wal")};
    }

    // What of the file, its folder, its log and the index of that cannot be written.
    std::string what_is_in_the_way() const {
        for (const auto& path : {file_, folder_of(file_)})
            if (!may_be_written(path)) return read_only(path);
        for (const char* end : {"-wal", "-shm"})
            if (!may_be_written(file_ + end))
                return read_only(file_ + end) + "; or have whoever opened the file close it, and remove " + file_ +
                       "-wal and " + file_ + "-shm when nobody has it open and the first of them is empty";
        return {};
    }

    static constexpr const char* full_disk =
        "the disk is full; make room and resume what stopped, nothing that was stored is lost";

    void execute(const char* setting) {
        if (int r = sqlite3_exec(db_.get(), setting, nullptr, nullptr, nullptr); r != SQLITE_OK) throw failure(r);
    }

    // SQLite tells of a full disk as an error of reading or writing where it cannot make the index of its log.
    bool is_disk_full() const {
        std::error_code ec;
        auto left = std::filesystem::space(std::filesystem::absolute(file_, ec).parent_path(), ec);
        return !ec && left.available < 64 * 1024;
    }

    std::string why_io_failed(const std::string& said) const {
        if (is_disk_full()) return full_disk;
        rlimit files{};
        if (::getrlimit(RLIMIT_FSIZE, &files) == 0 && files.rlim_cur != RLIM_INFINITY &&
            static_cast<rlim_t>(std::max(file_bytes(file_), file_bytes(file_ + "-wal"))) + 64 * 1024 >= files.rlim_cur)
            return "files of this process may not grow beyond " + std::to_string(files.rlim_cur) +
                   " bytes; raise that limit (ulimit -f) and resume what stopped, nothing that was stored is lost";
        return "reading or writing failed: " + said +
               "; see that its disk and file system are well (dmesg), nothing that was stored is lost";
    }

    database_error failure(int rc) const {
        std::string said = db_ ? sqlite3_errmsg(db_.get()) : "out of memory";
        switch (rc & 0xff) {
            case SQLITE_BUSY:
            case SQLITE_LOCKED:
                return {"another process keeps it locked; find out which (fuser " + file_ + ") and end it", true};
            case SQLITE_FULL: return {full_disk, false};
            case SQLITE_CORRUPT:
                return {"it is damaged (" + said +
                            "); keep it, and recover what is in it with `sqlite3 FILE .recover | sqlite3 NEW`",
                        false};
            case SQLITE_NOTADB: return {"it is no SQLite database", false};
            case SQLITE_CANTOPEN:
                if (auto why = what_is_in_the_way(); !why.empty()) return {why, false};
                return {"it cannot be opened; does the folder exist, and may you write there?", false};
            case SQLITE_READONLY:
                if (auto why = what_is_in_the_way(); !why.empty()) return {why, false};
                return {
                    "it is read-only; writing needs the right to write the file and its folder (see `ls -ld`), and a "
                    "file system that "
                    "takes it",
                    false};
            case SQLITE_IOERR: return {why_io_failed(said), false};
            default: return {said, false};
        }
    }

    sqlite3_stmt* prepared(std::string_view text) {
        auto found = statements_.find(text);
        if (found == statements_.end()) {
            sqlite3_stmt* raw = nullptr;
            int rc = sqlite3_prepare_v3(db_.get(), text.data(), static_cast<int>(text.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
            if (rc != SQLITE_OK) throw failure(rc);
            found = statements_.emplace(std::string{text}, statement{raw, sqlite3_finalize}).first;
        }
        return found->second.get();
    }

    using statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;
    struct closer {
        void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
    };
    std::string file_;
    bool reads_, watched_ = false;
    bool only_looks_ = false;  // may not write the file
    bool alone_ = false;       // and nobody was writing it when it was opened
    int patience_ms_ = 0;
    file_state seen_{};
    sqlite_files files_;
    std::shared_ptr<const machine_clock> clock_;
    std::unique_ptr<sqlite3, closer> db_;
    std::map<std::string, statement, std::less<>> statements_;
};

}  // namespace

std::unique_ptr<database> open_sqlite(const std::string& file, const journal_store_options& options) {
    return std::make_unique<sqlite_database>(file, options);
}

}  // namespace reagent::detail
