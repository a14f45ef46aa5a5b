#include "guarded.hpp"

#include <reagent/base/read_file.hpp>
#include <reagent/error.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <random>
#include <system_error>

namespace reagent::sqlite {

using sql::identifier;
using sql::lower;
using sql::sqlite::each;
using sql::sqlite::program;
using sql::sqlite::text;

namespace {

json::value value_of(sqlite3_stmt* s, int i) {
    switch (sqlite3_column_type(s, i)) {
        case SQLITE_INTEGER: return static_cast<std::int64_t>(sqlite3_column_int64(s, i));
        case SQLITE_FLOAT: return sqlite3_column_double(s, i);
        case SQLITE_TEXT: return json::value(json::string(text(s, i)));
        case SQLITE_BLOB:
            return json::value(json::string("(" + std::to_string(sqlite3_column_bytes(s, i)) + " bytes)"));
        default: return nullptr;
    }
}

std::string random_name() {
    std::random_device source;
    std::string name = "reagent_";
    for (int i = 0; i < 4; ++i) {
        char part[9];
        std::snprintf(part, sizeof part, "%08x", static_cast<unsigned>(source()));
        name += part;
    }
    return name;
}

constexpr std::size_t most_memory_to_run =
    256 * 1024 * 1024;  // values, rows and caches; temporary files have a limit of their own

}  // namespace

database open(const std::filesystem::path& file, const char* vfs) {
    auto unusable = [&](const std::string& why) {
        return tool_error{tool_errc::bad_configuration,
                          "the database \"" + file.string() + "\" cannot be read: " + why};
    };
    try {
        check_regular_file(file);  // SQLite would wait for a pipe's writer, and takes a device for an empty database
    } catch (const std::system_error& e) {
        throw unusable(e.what());
    }
    sqlite3* raw = nullptr;
    int rc = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, vfs);
    database db{raw, sqlite3_close};
    if (rc == SQLITE_OK) rc = sqlite3_exec(db.get(), "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) throw unusable(raw ? sqlite3_errmsg(raw) : "out of memory");
    sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_limit(db.get(), SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
    sqlite3_limit(db.get(), SQLITE_LIMIT_SQL_LENGTH, 64 * 1024);
    sqlite3_limit(db.get(), SQLITE_LIMIT_ATTACHED, 0);
    return db;
}

time_limit::time_limit(sqlite3* db, std::chrono::milliseconds limit) : until{deadline_after(limit)} {
    sqlite3_progress_handler(
        db, 1000, [](void* self) { return clock::now() > static_cast<time_limit*>(self)->until ? 1 : 0; }, this);
}

guarded_database::guarded_database(const std::filesystem::path& file, const ready::sqlite_options& options,
                                   const sql::schema& columns)
    : options_{options},
      known_{columns},
      rules_{*options.policy, known_},
      temporary_{options.max_temporary_bytes},
      db_{open(file, temporary_.vfs_name())},
      time_{db_.get(), options.time_limit},
      layout_{sql::sqlite::layout_of(db_.get())} {
    put_views_in_front();
    sqlite3_exec(db_.get(), "PRAGMA query_only = ON", nullptr, nullptr, nullptr);
    sqlite3_limit(db_.get(), SQLITE_LIMIT_LENGTH,
                  static_cast<int>(std::min<std::size_t>(options_.max_value_bytes, 1'000'000'000)));
    std::size_t widest = 0;
    for (const auto& [table, list] : known_) widest = std::max(widest, list.size());
    sqlite3_limit(db_.get(), SQLITE_LIMIT_COLUMN, static_cast<int>(std::max<std::size_t>(200, 2 * widest)));
    each(db_.get(), "SELECT 1 FROM json_each('[]'), json_tree('[]')",
         [](sqlite3_stmt*) {});  // these ask the authorizer at their first use
    sqlite3_set_authorizer(
        db_.get(),
        [](void* self, int action, const char* a, const char* b, const char* in, const char* from) {
            return static_cast<const guarded_database*>(self)->see(action, a, b, in, from);
        },
        this);
}

void guarded_database::put_views_in_front() {
    for (const auto& [table, columns] : known_) {
        auto known = rules_.find("", lower(table));
        if (!known || known->denied.empty()) continue;
        source s{table, random_name()};
        std::string list;
        for (const auto& c : columns)
            if (!known->is_denied(lower(c))) list += (list.empty() ? "" : ", ") + identifier(c);
        if (list.empty()) list = "NULL AS \"_\"";
        std::string inner =
            "CREATE TEMP VIEW " + identifier(s.inner_view) + " AS SELECT " + list + " FROM main." + identifier(table);
        std::string outer =
            "CREATE TEMP VIEW " + identifier(table) + " AS SELECT * FROM temp." + identifier(s.inner_view);
        for (const auto& view : {inner, outer})
            if (sqlite3_exec(db_.get(), view.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
                throw std::runtime_error{std::string{"the database cannot be guarded: "} + sqlite3_errmsg(db_.get())};
        guarded_.emplace(lower(table), std::move(s));
    }
    // What the views of the file read, that the policy allows by their name. One that reads a denied column is none of
    // them.
    each(db_.get(), "SELECT name FROM main.sqlite_schema WHERE type = 'view'", [&](sqlite3_stmt* v) {
        std::string view = text(v, 0);
        if (!rules_.find("", lower(view))) return;
        try {
            std::set<std::pair<std::string, std::string>> reads;
            for (const auto& a :
                 sql::sqlite::program_of(db_.get(), "SELECT * FROM main." + identifier(view)).accesses) {
                auto place = place_of(a);
                if (rules_.denied_columns(place.table).contains(place.column)) return;
                reads.insert({place.table, place.column});
                reads.insert({place.table, ""});
            }
            views_.insert(lower(view));
            read_by_views_.merge(reads);
        } catch (const std::runtime_error&) {
            // A view that cannot be compiled cannot be read either.
        }
    });
}

guarded_database::place guarded_database::place_of(const program::access& a) const {
    auto tree = layout_.trees.find(a.page);
    if (tree == layout_.trees.end())
        throw std::runtime_error{"the statement was not run: it reads what is no table of the database"};
    const auto& t = tree->second;
    bool known = a.column >= 0 && static_cast<std::size_t>(a.column) < t.columns.size();
    if (known)
        return {lower(t.table), lower(t.columns[static_cast<std::size_t>(a.column)]),
                t.columns[static_cast<std::size_t>(a.column)].empty()};
    return {lower(t.table), a.column == program::access::rowid ? lower(t.key) : "", false};
}

// Source: sqlite.org/c3ref/c_alter_table.html (action codes). Everything that is not listed is denied.
int guarded_database::see(int action, const char* first, const char* second, const char* in, const char* from) const {
    auto name = [](const char* s) { return s ? lower(s) : std::string{}; };
    switch (action) {
        case SQLITE_SELECT:
        case SQLITE_RECURSIVE: return SQLITE_OK;
        case SQLITE_READ: return may_read(name(first), name(second), name(in), name(from)) ? SQLITE_OK : SQLITE_DENY;
        case SQLITE_FUNCTION:
            return rules_.allows_function(name(second)) || views_.contains(name(from)) ? SQLITE_OK : SQLITE_DENY;
        default: return SQLITE_DENY;
    }
}

bool guarded_database::may_read(const std::string& table, const std::string& column, const std::string& in,
                                const std::string& from) const {
    auto allowed = rules_.find("", table);
    if (allowed && allowed->is_denied(column)) return false;
    if (in == "temp")
        return std::any_of(guarded_.begin(), guarded_.end(),
                           [&](const auto& g) { return g.first == table || g.second.inner_view == table; });
    if (table == "json_each" || table == "json_tree") return rules_.allows_function(table);
    // Where no column is used, as by count(*), the view that it happens in is not told.
    if (column.empty() && (allowed || read_by_views_.contains({table, ""}))) return true;
    if (auto g = guarded_.find(table); g != guarded_.end())
        return from == g->second.inner_view || views_.contains(from);
    if (allowed || views_.contains(from)) return true;
    // A subquery none of whose columns is used is told as if it were a table.
    return column.empty() && !known_.contains(table) && !table.starts_with("sqlite_") && !table.starts_with("pragma_");
}

// What the program opens and reads, whatever the authorizer was asked about.
void guarded_database::look_at(const program& p) const {
    auto refuse = [](const std::string& what) {
        return std::runtime_error{"the statement was not run: it reads " + what};
    };
    if (p.reads_other_databases) throw refuse("another database");
    for (const auto& a : p.accesses) {
        auto place = place_of(a);
        auto denied = rules_.denied_columns(place.table);
        if (denied.contains(place.column) || (place.is_expression && !denied.empty()))
            throw refuse("a column of \"" + place.table + "\" that must not be read");
        if (!rules_.find("", place.table) && !read_by_views_.contains({place.table, place.column}))
            throw refuse("the table \"" + place.table + "\", which is not allowed");
    }
}

std::runtime_error guarded_database::failure(int rc) const {
    if (rc == SQLITE_INTERRUPT)
        return std::runtime_error{"the query took longer than " + std::to_string(options_.time_limit.count()) +
                                  " ms; make it simpler"};
    if (rc == SQLITE_AUTH)
        return std::runtime_error{
            "only reading is allowed: write one SELECT over the allowed tables and columns, each table by its own "
            "name, without \"main.\""};
    if (rc == SQLITE_TOOBIG)
        return std::runtime_error{"a value or a row has more than " + std::to_string(options_.max_value_bytes) +
                                  " bytes; select less of it"};
    if (rc == SQLITE_NOMEM) return std::runtime_error{"the query takes too much memory; make it simpler"};
    if (rc == SQLITE_FULL)
        return std::runtime_error{"the query sorts or keeps more than " + std::to_string(options_.max_temporary_bytes) +
                                  " bytes; select fewer rows or columns"};
    return std::runtime_error{sqlite3_errmsg(db_.get())};
}

program guarded_database::program_of(const std::string& statement) const {
    try {
        return sql::sqlite::program_of(db_.get(), statement);
    } catch (const std::runtime_error&) {
        throw failure(sqlite3_errcode(db_.get()));
    }
}

json::value guarded_database::run(const std::string& statement) {
    if (sql::sqlite::expanded_size(statement) > sql::sqlite::most_expanded)
        throw std::runtime_error{
            "the statement is too large when what WITH defines stands in each place that uses it; write a simpler one"};
    std::optional<sql::sqlite::memory_leash> leash{sql::sqlite::most_memory_to_compile};
    look_at(program_of(statement));
    int rc = SQLITE_OK;
    auto s = sql::sqlite::compile(db_.get(), statement, rc);
    if (rc != SQLITE_OK) throw failure(rc);
    if (!s) throw std::runtime_error{"the query is empty; write one SELECT statement"};
    if (!sqlite3_stmt_readonly(s.get())) throw failure(SQLITE_AUTH);
    leash.emplace(most_memory_to_run);
    json::array columns, rows;
    for (int i = 0; i < sqlite3_column_count(s.get()); ++i) columns.emplace_back(sqlite3_column_name(s.get(), i));
    bool more = false;
    std::size_t bytes = 0;
    while ((rc = sqlite3_step(s.get())) == SQLITE_ROW) {
        if (rows.size() == options_.max_rows || bytes > options_.max_bytes) {
            more = true;
            break;
        }
        json::array row;
        for (int i = 0; i < sqlite3_column_count(s.get()); ++i) {
            row.push_back(value_of(s.get(), i));
            bytes += static_cast<std::size_t>(sqlite3_column_bytes(s.get(), i)) + 8;
        }
        rows.push_back(std::move(row));
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) throw failure(rc);
    json::object result{{"columns", std::move(columns)}, {"rows", std::move(rows)}};
    if (more) result["note"] = "there are more rows; narrow the query or aggregate";
    return result;
}

}  // namespace reagent::sqlite
