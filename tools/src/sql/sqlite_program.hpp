#pragma once

#include <reagent/tools/sql.hpp>

#include <sqlite3.h>

#include <functional>
#include <map>
#include <memory>
#include <set>

namespace reagent::sql::sqlite {

using prepared = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

/// Lets SQLite's memory in this process grow by no more than some bytes while it lives: what would take more fails with
/// SQLITE_NOMEM. SQLite looks at no other limit while it puts aliases, CTEs and subqueries into what uses them. The
/// limit is the process's (sqlite3_hard_heap_limit64), so that it is kept for a short time; several may live at once.
/// Thread-safe.
class memory_leash {
public:
    explicit memory_leash(std::size_t bytes);
    ~memory_leash();
    memory_leash(const memory_leash&) = delete;
};
constexpr std::size_t most_memory_to_compile = 32 * 1024 * 1024;

/// Compiles the first statement of a text. @param rest what follows it
/// @return null with `rc` SQLITE_OK when there is none
prepared compile(sqlite3* db, const std::string& text, int& rc, std::string_view* rest = nullptr, unsigned flags = 0);

/// Calls `row` for each row of a statement of ours. @return whether all went well
bool each(sqlite3* db, const std::string& sql, const std::function<void(sqlite3_stmt*)>& row);
std::string text(sqlite3_stmt* s, int column);

/// The tables and indexes of a database by the page where their tree begins.
struct layout {
    struct tree {
        std::string table;                   ///< as the database writes it
        std::vector<std::string> columns{};  ///< by their number in a record; "" for an expression
        std::string
            key{};  ///< the column that the key of a table's tree is, an INTEGER PRIMARY KEY; "" where it is none
    };
    std::map<int, tree> trees{};
};
layout layout_of(sqlite3* db);

/// What a compiled statement does, read from its program. Source: sqlite.org/opcode.html
struct program {
    struct access {
        int page;    ///< of the tree
        int column;  ///< its number in a record; `rowid` for the key, `none` where only the tree is opened
        static constexpr int rowid = -1, none = -2;
        friend auto operator<=>(const access&, const access&) = default;
    };
    std::set<access> accesses{};
    bool reads_other_databases = false;        ///< the temporary one, or what is attached
    std::optional<std::uint64_t> most_rows{};  ///< where the program's shape tells
};

/// @throws std::runtime_error when SQLite does not show the program
program program_of(sqlite3* db, std::string_view statement);

constexpr std::size_t most_expanded = 256 * 1024;  // bytes; SQLite takes some 50 for each of them

/// How many bytes the statement has when what WITH defines stands in the place of each use: SQLite does that before
/// anything can stop it. Never less than the real number, whatever quotes, comments and names hold; more where the text
/// is not plain.
std::size_t expanded_size(std::string_view statement);

}  // namespace reagent::sql::sqlite
