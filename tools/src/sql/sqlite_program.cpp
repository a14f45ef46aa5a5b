#include "sqlite_program.hpp"

#include "rules.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <stdexcept>

namespace reagent::sql::sqlite {
namespace {

// The limits of the process before the first leash.
struct {
    std::mutex mutex;
    std::size_t count = 0;
    sqlite3_int64 hard = 0, soft = 0;
} limits;

}  // namespace

memory_leash::memory_leash(std::size_t bytes) {
    std::lock_guard lock{limits.mutex};
    if (limits.count++ == 0) {
        limits.hard = sqlite3_hard_heap_limit64(-1);
        limits.soft = sqlite3_soft_heap_limit64(-1);
    }
    auto wanted = sqlite3_memory_used() + static_cast<sqlite3_int64>(bytes), now = sqlite3_hard_heap_limit64(-1);
    if (limits.count > 1) wanted = std::max(wanted, now);  // one that began earlier keeps what it has
    if (limits.hard > 0) wanted = std::min(wanted, limits.hard);
    sqlite3_hard_heap_limit64(wanted);
}

memory_leash::~memory_leash() {
    std::lock_guard lock{limits.mutex};
    if (--limits.count > 0) return;
    sqlite3_hard_heap_limit64(limits.hard);
    sqlite3_soft_heap_limit64(limits.soft);
}

prepared compile(sqlite3* db, const std::string& text, int& rc, std::string_view* rest, unsigned flags) {
    sqlite3_stmt* raw = nullptr;
    const char* tail = nullptr;
    rc = sqlite3_prepare_v3(db, text.c_str(), static_cast<int>(text.size() + 1), flags, &raw, &tail);
    if (rest)
        *rest = tail ? std::string_view{tail, static_cast<std::size_t>(text.c_str() + text.size() - tail)}
                     : std::string_view{};
    return {raw, sqlite3_finalize};
}

bool each(sqlite3* db, const std::string& sql, const std::function<void(sqlite3_stmt*)>& row) {
    int rc = SQLITE_OK;
    auto s = compile(db, sql, rc);
    if (rc != SQLITE_OK || !s) return false;
    while ((rc = sqlite3_step(s.get())) == SQLITE_ROW) row(s.get());
    return rc == SQLITE_DONE;
}

std::string text(sqlite3_stmt* s, int column) {
    const auto* t = sqlite3_column_text(s, column);
    return t ? std::string{reinterpret_cast<const char*>(t), static_cast<std::size_t>(sqlite3_column_bytes(s, column))}
             : std::string{};
}

layout layout_of(sqlite3* db) {
    layout all;
    struct named {
        std::string name, table;
        int page;
        bool index;
    };
    std::vector<named> found;
    each(db, "SELECT name, tbl_name, rootpage, type = 'index' FROM main.sqlite_schema WHERE rootpage > 0",
         [&](sqlite3_stmt* s) {
             found.push_back({text(s, 0), text(s, 1), sqlite3_column_int(s, 2), sqlite3_column_int(s, 3) != 0});
         });
    for (const auto& f : found) {
        layout::tree t{f.table};
        if (f.index) {
            each(db, "PRAGMA main.index_xinfo(" + identifier(f.name) + ")", [&](sqlite3_stmt* s) {
                constexpr int the_key = -1;
                t.columns.push_back(sqlite3_column_int(s, 1) == the_key ? "rowid" : text(s, 2));
            });
        } else {
            int keys = 0;
            each(db, "PRAGMA main.table_xinfo(" + identifier(f.name) + ")", [&](sqlite3_stmt* s) {
                constexpr int computed_when_read = 2;  // such a column is not stored
                if (sqlite3_column_int(s, 6) != computed_when_read) t.columns.push_back(text(s, 1));
                if (sqlite3_column_int(s, 5) == 0) return;
                t.key = ++keys == 1 && lower(text(s, 2)) == "integer" ? text(s, 1) : "";
            });
        }
        all.trees[f.page] = std::move(t);
    }
    // A table WITHOUT ROWID is stored as the tree of its primary key: key columns first, then the others.
    std::map<std::string, std::string> keys;
    each(db,
         "SELECT t.name, i.name FROM pragma_table_list t, pragma_index_list(t.name) i WHERE t.schema = 'main' AND t.wr "
         "= 1 AND i.origin = "
         "'pk'",
         [&](sqlite3_stmt* s) { keys[text(s, 0)] = text(s, 1); });
    for (const auto& f : found)
        if (auto key = keys.find(f.name); !f.index && key != keys.end()) {
            auto& t = all.trees[f.page];
            t.columns.clear();
            each(db, "PRAGMA main.index_xinfo(" + identifier(key->second) + ")",
                 [&](sqlite3_stmt* s) { t.columns.push_back(text(s, 2)); });
        }
    // An index ends with the table's key.
    std::map<std::string, std::string> keys_of_tables;
    for (const auto& f : found)
        if (!f.index) keys_of_tables[f.table] = all.trees[f.page].key;
    for (const auto& f : found) {
        auto& t = all.trees[f.page];
        if (!f.index) continue;
        t.key = keys_of_tables[f.table];
        if (!t.columns.empty() && t.columns.back() == "rowid" && !t.key.empty()) t.columns.back() = t.key;
    }
    return all;
}

namespace {

// Finds a place in a tree by comparing, so that it reads without a Column.
bool compares(std::string_view code) {
    static const std::set<std::string_view> all{"SeekGE", "SeekGT", "SeekLE", "SeekLT",   "IdxGE",      "IdxGT",
                                                "IdxLE",  "IdxLT",  "Found",  "NotFound", "NoConflict", "IfNoHope"};
    return all.contains(code);
}
constexpr int most_compared = 64;  // columns of an index

}  // namespace

program program_of(sqlite3* db, std::string_view statement) {
    struct operation {
        std::string code;
        int p1, p2, p3;
        std::string p4;
    };
    std::vector<operation> all;
    bool shown = each(db, "EXPLAIN " + std::string{statement}, [&](sqlite3_stmt* s) {
        all.push_back(
            {text(s, 1), sqlite3_column_int(s, 2), sqlite3_column_int(s, 3), sqlite3_column_int(s, 4), text(s, 5)});
    });
    if (!shown || all.empty()) throw std::runtime_error{"SQLite does not show what the statement does"};

    program p;
    std::map<int, std::set<int>> pages;  // of a cursor
    bool loops = false;                  // something may happen more than once
    std::size_t results = 0, single = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& o = all[i];
        if (o.code == "OpenRead" || o.code == "ReopenIdx" || o.code == "OpenWrite") {
            if (o.p3 != 0)
                p.reads_other_databases = true;
            else {
                pages[o.p1].insert(o.p2);
                p.accesses.insert({o.p2, program::access::none});
            }
        }
        if (o.code.starts_with("Open") || o.code == "VOpen" || o.code == "ReopenIdx" || o.code == "Yield") loops = true;
        if (o.code == "ResultRow") {
            ++results;
            if (i + 1 < all.size() && all[i + 1].code == "Halt") ++single;
        }
    }
    for (const auto& o : all) {
        auto of = pages.find(o.p1);
        if (of == pages.end()) continue;
        auto reads = [&](int column) {
            for (int page : of->second) p.accesses.insert({page, column});
        };
        if (o.code == "Column") reads(o.p2);
        if (o.code == "Rowid" || o.code == "IdxRowid" || o.code == "SeekRowid" || o.code == "NotExists")
            reads(program::access::rowid);
        if (!compares(o.code)) continue;
        // With as many columns of an index as P4 says; a table's own key otherwise, or a whole record.
        int columns = std::atoi(o.p4.c_str());
        if (columns == 0) reads(program::access::rowid);
        for (int i = 0; i < (columns ? columns : o.code.starts_with("Seek") ? 0 : most_compared); ++i) reads(i);
    }
    // A row after which the program ends is the only one; without a cursor and a coroutine each is given once.
    if (results == 1 && single == 1)
        p.most_rows = 1;
    else if (!loops)
        p.most_rows = results;
    return p;
}

namespace {

bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

// Where the word `word` stands in a text, all in lower case.
std::vector<std::size_t> places_of(std::string_view text, std::string_view word) {
    std::vector<std::size_t> all;
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
        bool begins = at == 0 || !is_name(text[at - 1]);
        bool ends = at + word.size() == text.size() || !is_name(text[at + word.size()]);
        if (begins && ends) all.push_back(at);
    }
    return all;
}

// How often a table of that name may be read: neither before a dot nor right behind AS does a name stand for a table.
std::size_t uses_of(std::string_view text, std::string_view name) {
    std::size_t n = 0;
    for (auto at : places_of(text, name)) {
        if (at + name.size() < text.size() && text[at + name.size()] == '.') continue;
        auto before = at;
        while (before > 0 && (text[before - 1] == ' ' || text[before - 1] == '\t')) --before;
        bool alias = before < at && before >= 2 && text.substr(before - 2, 2) == "as" &&
                     (before == 2 || !is_name(text[before - 3]));
        n += !alias;
    }
    return n;
}

// Whether what WITH defines may begin behind an AS: `(`, or a comment or a word that may stand before it.
bool may_define(std::string_view behind) {
    std::size_t i = 0;
    while (i < behind.size() && is_space(behind[i])) ++i;
    behind.remove_prefix(i);
    return behind.starts_with('(') || behind.starts_with("--") || behind.starts_with("/*") ||
           behind.starts_with("materialized") || behind.starts_with("not");
}

// The plain name that stands before `at`, over a plain list of columns; "" where anything else stands there.
std::string_view name_before(std::string_view text, std::size_t at, std::size_t& begin) {
    auto back = [&](std::size_t i) {
        while (i > 0 && is_space(text[i - 1])) --i;
        return i;
    };
    std::size_t end = back(at);
    if (end > 0 && text[end - 1] == ')') {
        --end;
        while (end > 0 && (is_name(text[end - 1]) || is_space(text[end - 1]) || text[end - 1] == ',')) --end;
        if (end == 0 || text[end - 1] != '(') return {};
        end = back(end - 1);
    }
    begin = end;
    while (begin > 0 && is_name(text[begin - 1])) --begin;
    // On a line with a comment the name may be part of it.
    auto line = text.rfind('\n', begin ? begin - 1 : 0);
    std::size_t from = line == text.npos ? 0 : line;
    if (text.substr(from, at - from).find("--") != text.npos) return {};
    return text.substr(begin, end - begin);
}

struct definition {
    std::string_view name;
    std::size_t begin, end;  // of its text, as far as the next one
    std::size_t size = 0;    // with all that it uses in place
    enum { unseen, under_way, done } state = unseen;
};

// Sums and products that stop at a number which is too large for anybody.
constexpr std::size_t enough = std::size_t{1} << 30;
std::size_t plus(std::size_t a, std::size_t b) { return std::min(enough, a + b); }
std::size_t times(std::size_t a, std::size_t b) { return a == 0 || b <= enough / a ? a * b : enough; }

std::size_t size_of(std::string_view text, std::vector<definition>& all, definition& d) {
    if (d.state == definition::done) return d.size;
    if (d.state == definition::under_way) return 0;  // what uses itself is not put into itself
    d.state = definition::under_way;
    std::size_t size = d.end - d.begin;
    auto inside = text.substr(d.begin, d.end - d.begin);
    for (auto& other : all)
        if (auto n = uses_of(inside, other.name)) size = plus(size, times(n, size_of(text, all, other)));
    d.size = size;
    d.state = definition::done;
    return size;
}

}  // namespace

std::size_t expanded_size(std::string_view statement) {
    std::string text = lower(statement);
    // Each level costs by the columns of those below.
    constexpr std::size_t most_selects = 150;
    if (places_of(text, "select").size() > most_selects) return enough;
    std::vector<definition> all;
    bool plain = places_of(text, "with").size() == 1;
    for (auto at : places_of(text, "as")) {
        if (!may_define(std::string_view{text}.substr(at + 2))) continue;
        std::size_t begin = at;
        auto name = name_before(text, at, begin);
        if (name.empty()) plain = false;
        all.push_back({name, begin, text.size()});
    }
    if (all.empty()) return text.size();
    for (std::size_t i = 0; i + 1 < all.size(); ++i) all[i].end = all[i + 1].begin;
    if (plain) {
        // The text behind a definition may be that of the query which uses it.
        std::size_t size = text.size();
        for (auto& d : all) {
            auto uses = uses_of(std::string_view{text}.substr(d.begin, d.end - d.begin), d.name);
            size = plus(size, times(std::max<std::size_t>(1, uses), size_of(text, all, d)));
        }
        return size;
    }
    // WITH inside of WITH, or names that are not plain: each may be used in each.
    std::size_t product = 1;
    for (const auto& d : all) {
        std::size_t uses = d.name.empty() ? places_of(text, "from").size() + places_of(text, "join").size() + 1
                                          : std::max<std::size_t>(1, uses_of(text, d.name)) - 1;
        product = times(product, std::max<std::size_t>(1, uses));
    }
    return times(product, text.size());
}

}  // namespace reagent::sql::sqlite
