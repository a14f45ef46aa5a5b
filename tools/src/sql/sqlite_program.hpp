#pragma once

#include <reagent/tools/sql.hpp>

#include <sqlite3.h>

#include <functional>
#include <map>
#include <memory>
#include <set>

namespace reagent::sql::sqlite {

using prepared = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

/// Compiles the first statement of a text. @param rest what follows it
/// @return null with `rc` SQLITE_OK when there is none
prepared compile(sqlite3* db, const std::string& text, int& rc, std::string_view* rest = nullptr, unsigned flags = 0);

/// Calls `row` for each row of a statement of ours. @return whether all went well
bool each(sqlite3* db, const std::string& sql, const std::function<void(sqlite3_stmt*)>& row);
std::string text(sqlite3_stmt* s, int column);

/// The tables and indexes of a database by the page where their tree begins.
struct layout {
    struct tree {
        std::string table;                      ///< as the database writes it
        std::vector<std::string> columns{};  ///< by their number in a record; "" for an expression
        std::string key{};                   ///< the column that the key of a table's tree is, an INTEGER PRIMARY KEY; "" where it is none
    };
    std::map<int, tree> trees{};
};
layout layout_of(sqlite3* db);

/// What a compiled statement does, read from its program. Source: sqlite.org/opcode.html
struct program {
    struct access {
        int page;           ///< of the tree
        int column;         ///< its number in a record; `rowid` for the key, `none` where only the tree is opened
        static constexpr int rowid = -1, none = -2;
        friend auto operator<=>(const access&, const access&) = default;
    };
    std::set<access> accesses{};
    std::map<int, std::size_t> opened{};          ///< how often the tree at a page is
    std::size_t operations = 0;
    std::size_t derived_tables = 0;               ///< subqueries in FROM and what else is computed before it is read
    bool reads_other_databases = false;           ///< the temporary one, or what is attached
    std::optional<std::uint64_t> most_rows{};     ///< where the program's shape tells
};

/// @throws std::runtime_error when SQLite does not show the program
program program_of(sqlite3* db, std::string_view statement);

constexpr std::size_t most_expanded = 256 * 1024;  // bytes; SQLite takes some 50 for each of them

/// How many bytes the statement has when what WITH defines stands in the place of each use: SQLite does that before anything can stop it. Never less
/// than the real number, whatever quotes, comments and names hold; more where the text is not plain.
std::size_t expanded_size(std::string_view statement);

}  // namespace reagent::sql::sqlite
