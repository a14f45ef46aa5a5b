#pragma once

#include "../lm/decorators/answer_file.hpp"

#include <mutex>
#include <optional>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace reagent::decorators {

/// Answers in a SQLite file that many processes may share. Blocks; thread-safe. What is broken is a miss: a broken
/// entry is dropped, and a file that is no database is set aside as FILE.broken, nothing of it lost, and a new one
/// made.
class cache_file final : public answer_file {
public:
    /// @throws lm_error(unavailable) when the file cannot be made
    explicit cache_file(const cache_options& options);
    ~cache_file() override;
    cache_file(const cache_file&) = delete;

    std::optional<entry> find(const std::string& key) override;
    void store(const std::string& key, const std::string& value) override;

private:
    void open();
    /// @return SQLite's result code; `why` says more
    int try_open(std::string& why);
    bool set_aside();  ///< whether it is
    void close();
    bool run(const char* sql);
    sqlite3_stmt* prepare(const char* sql);
    void trim_to_size();

    std::mutex mutex_;
    cache_options options_;
    sqlite3* db_ = nullptr;
    sqlite3_stmt *find_ = nullptr, *store_ = nullptr, *drop_ = nullptr;
    unsigned stored_ = 0;
};

}  // namespace reagent::decorators
