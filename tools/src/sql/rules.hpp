#pragma once

#include <reagent/tools/sql.hpp>

#include <set>

namespace reagent::sql {

/// The part of `validate` that holds where a schema has some of the tables: a denied column that its table does not
/// have denies nothing.
void validate_denied_columns(const policy& p, const schema& columns);

/// A policy and a schema, made ready for looking names up. Both outlive it.
class rules {
public:
    rules(const policy& p, const schema& s);
    rules(const policy& p, schema&&) = delete;
    explicit rules(const policy& p);  ///< where no columns are known
    rules(const rules&) = delete;

    /// A table that may be read.
    struct table {
        std::string schema, name;
        const std::vector<std::string>* columns =
            nullptr;                     ///< all of them, in order; null where the schema does not tell
        std::set<std::string> denied{};  ///< columns that must not be read
        bool is_denied(std::string_view column) const { return denied.contains(std::string{column}); }
    };
    /// @param in the schema that it is named with, "" for none
    std::optional<table> find(std::string_view in, std::string_view name) const;

    /// What the policy denies of a table, known or not.
    std::set<std::string> denied_columns(const std::string& table) const;

    bool allows_schema(std::string_view name) const { return schemas_.contains(std::string{name}); }
    bool allows_function(std::string_view name) const { return functions_->contains(std::string{name}); }
    /// "public.orders" or "orders"; null where the schema does not tell
    const std::vector<std::string>* columns_of(const std::string& table) const;
    const schema& known() const { return *schema_; }
    const std::string& table_list() const { return table_list_; }  ///< for messages

    const policy& given;

private:
    const schema* schema_;
    schema folded_;  // SQLite's, in lower case
    std::set<std::string> tables_, denied_tables_, schemas_, own_functions_;
    const std::set<std::string>* functions_;                       // the policy's, or the harmless ones
    std::map<std::string, std::set<std::string>> denied_columns_;  // by table, without its schema; "" for every table
    std::string table_list_;
};

std::string lower(std::string_view s);

/// A name as both dialects take it whatever it holds: "a""b".
std::string identifier(std::string_view name);

/// A name of a policy as the dialect compares it.
std::string folded(dialect d, std::string_view name);

/// "customers" and "ssn" of "public.customers.ssn"; no table for "ssn" and "*.ssn".
struct column_name {
    std::string table, column;
};
column_name split_column(std::string_view name);

/// The harmless functions of a dialect.
const std::set<std::string>& harmless_functions(dialect d);
/// PostgreSQL's functions that may give several rows, and its aggregates.
const std::set<std::string>& set_returning_functions();
const std::set<std::string>& aggregate_functions();
/// PostgreSQL's types that a statement may cast to.
const std::set<std::string>& harmless_types();
/// The columns of listed functions of PostgreSQL that give rows: json_each -> key, value.
const std::map<std::string, std::vector<std::string>>& function_columns();

void check_postgres(std::string_view statement, const rules& r, verdict& v);
void check_sqlite(std::string_view statement, const rules& r, verdict& v);

/// The statement that runs in place of one that is allowed so; "" with the reason in `v` otherwise.
std::string rewritten_postgres(std::string_view statement, const rules& r, const safe_options& options, verdict& v);

/// What both dialects look at before a parser sees the statement. @return whether it may
bool check_text(std::string_view statement, const policy& p, verdict& v);

constexpr std::size_t most_violations = 50;

/// Adds a violation, but not the same twice, and no more than most_violations.
void add(verdict& v, reason code, std::size_t position, std::string message);

}  // namespace reagent::sql
