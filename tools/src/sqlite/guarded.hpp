#pragma once

#include "../sql/rules.hpp"
#include "../sql/sqlite_program.hpp"
#include "temporary_files.hpp"

#include <reagent/tools/ready.hpp>

#include <filesystem>

namespace reagent::sqlite {

using database = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

/// The file, opened for reading only. @param vfs null: the default one
/// @throws tool_error(bad_configuration)
database open(const std::filesystem::path& file, const char* vfs = nullptr);

/// Ends statements of a connection that are still at work when its time is over.
struct time_limit {
    time_limit(sqlite3* db, std::chrono::milliseconds limit);
    clock::time_point until;
};

/// A connection on which nothing but what a policy allows can be read, whoever wrote the statement and whether or not
/// it was checked.
///
/// In front of each table with denied columns stands a temporary view of the others; an authorizer lets the table be
/// read from inside of that view only, and other tables only where the policy allows them. The compiled program is
/// looked at besides: SQLite asks no authorizer about the columns that USING and NATURAL compare.
class guarded_database {
public:
    /// @param columns of all tables of the file
    guarded_database(const std::filesystem::path& file, const ready::sqlite_options& options,
                     const sql::schema& columns);

    /// Runs one statement. @throws std::runtime_error with what a model should read
    json::value run(const std::string& statement);

private:
    struct source {
        std::string table;
        std::string inner_view;  // whose name nobody knows
    };

    struct place {
        std::string table, column;  // in lower case; no column: only the table is opened
        bool is_expression;         // of an index, over whatever columns
    };

    place place_of(const sql::sqlite::program::access& a) const;
    void put_views_in_front();
    int see(int action, const char* first, const char* second, const char* in, const char* from) const;
    bool may_read(const std::string& table, const std::string& column, const std::string& in,
                  const std::string& from) const;
    sql::sqlite::program program_of(const std::string& statement) const;
    void look_at(const sql::sqlite::program& p) const;
    std::runtime_error failure(int rc) const;

    const ready::sqlite_options& options_;
    sql::schema known_;
    sql::rules rules_;
    temporary_files temporary_;
    database db_;
    time_limit time_;
    sql::sqlite::layout layout_;
    std::map<std::string, source> guarded_;                        // by table, in lower case
    std::set<std::string> views_;                                  // of the file that may be read, in lower case
    std::set<std::pair<std::string, std::string>> read_by_views_;  // table and column, in lower case
};

}  // namespace reagent::sqlite
