#pragma once

#include <reagent/tools/sql.hpp>

#include <set>

namespace reagent::sql {

/// A policy and a schema, made ready for looking names up.
struct rules {
    rules(const policy& p, const schema& s);
    rules(const rules&) = delete;

    bool allows_table(const std::string& table_schema, const std::string& table) const;
    bool allows_schema(const std::string& name) const { return schemas.contains(name); }
    bool allows_function(const std::string& name) const { return functions->contains(name); }
    const std::set<std::string>* denied(const std::string& table) const;

    const policy& given;
    std::set<std::string> tables, schemas, own_functions;
    const std::set<std::string>* functions;                       // the policy's, or the harmless ones
    std::map<std::string, std::set<std::string>> denied_columns;  // by table, without its schema
    std::map<std::string, std::vector<std::string>> columns;
    std::string table_list;  // for messages
};

std::string lower(std::string_view s);

/// A name as both dialects take it whatever it holds: "a""b".
std::string identifier(std::string_view name);

/// The harmless functions of a dialect.
const std::set<std::string>& harmless_functions(dialect d);

void check_postgres(std::string_view statement, const rules& r, verdict& v);
void check_sqlite(std::string_view statement, const rules& r, verdict& v);

/// Adds a violation, but not the same twice.
void add(verdict& v, reason code, std::size_t position, std::string message);

}  // namespace reagent::sql
