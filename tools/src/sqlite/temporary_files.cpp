#include "temporary_files.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <stdexcept>
#include <vector>

namespace reagent::sqlite {

struct temporary_files::state {
    sqlite3_vfs vfs{};
    sqlite3_vfs* base = nullptr;
    std::size_t left = 0;  // bytes that may still be used
};

namespace {

// SQLite hands out the memory and knows nothing of C++: it is built in `open` and destroyed in `close`.
struct file {
    sqlite3_file head;
    temporary_files::state* of;
    std::vector<char>* bytes;
};

file& self(sqlite3_file* f) { return *reinterpret_cast<file*>(f); }

int resize(file& f, std::size_t size) {
    std::size_t now = f.bytes->size();
    if (size > now && size - now > f.of->left) return SQLITE_FULL;
    try {
        f.bytes->resize(size);
    } catch (const std::bad_alloc&) {
        return SQLITE_NOMEM;
    }
    f.of->left = f.of->left + now - size;
    return SQLITE_OK;
}

int close(sqlite3_file* f) {
    self(f).of->left += self(f).bytes->size();
    delete self(f).bytes;
    return SQLITE_OK;
}

int read(sqlite3_file* f, void* to, int amount, sqlite3_int64 offset) {
    const auto& bytes = *self(f).bytes;
    auto wanted = static_cast<std::size_t>(amount), begin = std::min(static_cast<std::size_t>(offset), bytes.size());
    auto there = std::min(wanted, bytes.size() - begin);
    if (there) std::memcpy(to, bytes.data() + begin, there);
    if (there == wanted) return SQLITE_OK;
    std::memset(static_cast<char*>(to) + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* f, const void* from, int amount, sqlite3_int64 offset) {
    auto begin = static_cast<std::size_t>(offset), end = begin + static_cast<std::size_t>(amount);
    if (end > self(f).bytes->size())
        if (int rc = resize(self(f), end); rc != SQLITE_OK) return rc;
    std::memcpy(self(f).bytes->data() + begin, from, static_cast<std::size_t>(amount));
    return SQLITE_OK;
}

int truncate(sqlite3_file* f, sqlite3_int64 size) {
    return static_cast<std::size_t>(size) < self(f).bytes->size() ? resize(self(f), static_cast<std::size_t>(size))
                                                                  : SQLITE_OK;
}

int file_size(sqlite3_file* f, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(self(f).bytes->size());
    return SQLITE_OK;
}

int nothing(sqlite3_file*, int) { return SQLITE_OK; }
int not_locked(sqlite3_file*, int* locked) {
    *locked = 0;
    return SQLITE_OK;
}
int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return 0; }

constexpr sqlite3_io_methods methods{1,       close,   read,       write,   truncate,    nothing,         file_size,
                                     nothing, nothing, not_locked, control, sector_size, characteristics, nullptr,
                                     nullptr, nullptr, nullptr,    nullptr, nullptr};

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* f, int flags, int* out_flags) {
    auto* s = static_cast<temporary_files::state*>(vfs->pAppData);
    constexpr int temporary =
        SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_SUBJOURNAL;
    if (!(flags & temporary)) return s->base->xOpen(s->base, name, f, flags, out_flags);
    auto* bytes = new (std::nothrow) std::vector<char>;
    f->pMethods = nullptr;
    if (!bytes) return SQLITE_NOMEM;
    self(f).of = s;
    self(f).bytes = bytes;
    f->pMethods = &methods;
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
}

}  // namespace

temporary_files::temporary_files(std::size_t max_bytes) : state_{std::make_unique<state>()} {
    static std::atomic<unsigned long> count{0};
    name_ = "reagent-" + std::to_string(++count);
    state_->base = sqlite3_vfs_find(nullptr);
    if (!state_->base) throw std::runtime_error{"SQLite has no file system"};
    state_->left = max_bytes;
    state_->vfs = *state_->base;
    state_->vfs.pNext = nullptr;
    state_->vfs.zName = name_.c_str();
    state_->vfs.szOsFile = std::max<int>(state_->base->szOsFile, sizeof(file));
    state_->vfs.pAppData = state_.get();
    state_->vfs.xOpen = open;
    if (sqlite3_vfs_register(&state_->vfs, 0) != SQLITE_OK) throw std::bad_alloc{};
}

temporary_files::~temporary_files() { sqlite3_vfs_unregister(&state_->vfs); }

}  // namespace reagent::sqlite
