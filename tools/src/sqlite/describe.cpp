#include "describe.hpp"

#include "../sql/shown.hpp"
#include "guarded.hpp"

#include <reagent/error.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <set>

namespace reagent::sqlite {

using sql::identifier;
using sql::shown;
using sql::sqlite::each;
using sql::sqlite::text;

namespace {

constexpr std::size_t most_tables = 50;  // that are shown
constexpr int hidden = 1;  // a column of a virtual table that stands for itself. Source: PRAGMA table_xinfo

// " : 'open' | 'paid'", where a column has few values.
std::string values_of(sqlite3* db, const std::string& table, const std::string& column, std::size_t most) {
    std::vector<std::string> values;
    std::size_t bytes = 0;
    each(db,
         "SELECT DISTINCT " + identifier(column) + " FROM main." + identifier(table) + " WHERE " + identifier(column) +
             " IS NOT NULL ORDER BY 1 LIMIT " + std::to_string(most + 1),
         [&](sqlite3_stmt* v) {
             values.push_back(text(v, 0));
             bytes += values.back().size();
         });
    if (values.empty() || values.size() > most || bytes > 600) return {};
    std::string all = ":";
    for (std::size_t i = 0; i < values.size(); ++i) all += (i ? " | " : " ") + sql::shown_value(values[i]);
    return all;
}

}  // namespace

description describe(const std::filesystem::path& file, ready::sqlite_options& options) {
    database db = open(file);
    time_limit limit{db.get(), options.time_limit};
    description d;
    std::vector<std::string> tables;
    std::set<std::string> views, shadows;
    sql::schema generated;  // columns that are computed from others
    each(db.get(),
         "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
         "ORDER BY rowid",
         [&](sqlite3_stmt* t) { tables.push_back(text(t, 0)); });
    for (const auto& table : tables)
        each(db.get(), "PRAGMA main.table_xinfo(" + identifier(table) + ")", [&](sqlite3_stmt* c) {
            constexpr int computed_when_read = 2, computed_when_written = 3;
            int kind = sqlite3_column_int(c, 6);
            if (kind != hidden) d.columns[table].push_back(text(c, 1));
            if (kind == computed_when_read || kind == computed_when_written) generated[table].push_back(text(c, 1));
        });
    each(db.get(), "SELECT name FROM sqlite_schema WHERE type = 'view'",
         [&](sqlite3_stmt* v) { views.insert(text(v, 0)); });
    // What a full-text index keeps its data in. Source: sqlite.org/vtab.html, "Shadow Tables".
    each(db.get(), "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'",
         [&](sqlite3_stmt* s) { shadows.insert(text(s, 0)); });
    if (d.columns.empty())
        throw tool_error{tool_errc::bad_configuration, "the database \"" + file.string() + "\" has no tables" +
                                                           (options.policy ? ", so it does not fit its policy" : "")};
    if (!options.policy) {
        options.policy.emplace();
        for (const auto& [table, columns] : d.columns)
            if (!shadows.contains(table)) options.policy->allowed_tables.push_back(table);
    }
    auto& policy = *options.policy;
    policy.dialect = sql::dialect::sqlite;
    try {
        sql::validate(policy, d.columns);
    } catch (const schema_error& e) {
        throw tool_error{tool_errc::bad_configuration,
                         "the database \"" + file.string() + "\" does not fit its policy: " + e.what()};
    }
    // What is computed from a row with denied columns may show one.
    for (const auto& [table, columns] : generated) {
        bool any_denied = std::any_of(d.columns[table].begin(), d.columns[table].end(),
                                      [&](const auto& c) { return sql::denies_column(policy, table, c); });
        if (any_denied)
            for (const auto& c : columns) policy.denied_columns.push_back(table + "." + c);
    }
    std::size_t shown_tables = 0;
    for (const auto& table : tables) {
        if (!sql::allows_table(policy, table, "main") || ++shown_tables > most_tables) continue;
        std::map<std::string, std::string> references;
        each(db.get(), "PRAGMA main.foreign_key_list(" + identifier(table) + ")", [&](sqlite3_stmt* k) {
            references[text(k, 3)] = shown(text(k, 2)) + "." + (text(k, 4).empty() ? "rowid" : shown(text(k, 4)));
        });
        std::string columns;
        each(db.get(), "PRAGMA main.table_xinfo(" + identifier(table) + ")", [&](sqlite3_stmt* c) {
            std::string name = text(c, 1), type = text(c, 2);
            if (sqlite3_column_int(c, 6) == hidden || sql::denies_column(policy, table, name)) return;
            columns += (columns.empty() ? "" : ", ") + shown(name) + (type.empty() ? "" : " " + sql::shown_type(type));
            if (auto r = references.find(name); r != references.end()) columns += " -> " + r->second;
            if (sql::lists_column(policy, table, name) && !views.contains(table))
                columns += values_of(db.get(), table, name, options.listed_values);
        });
        d.text += "\n- " + shown(table) + "(" + columns + ")";
    }
    if (shown_tables > most_tables) d.text += "\n- and " + std::to_string(shown_tables - most_tables) + " more tables";
    return d;
}

}  // namespace reagent::sqlite
