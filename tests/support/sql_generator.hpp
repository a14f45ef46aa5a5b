#pragma once

#include <reagent/tools/sql.hpp>

#include <random>
#include <string>
#include <vector>

namespace reagent::test {

/// Writes random statements over a small shop, near the border of what a policy allows: columns and tables that may be read stand
/// beside canaries, in every construct of the grammar that we know to expose columns.
class sql_generator {
public:
    sql_generator(sql::dialect d, std::uint64_t seed) : dialect_{d}, random_{seed} {}

    std::string statement();

    static sql::policy policy(sql::dialect d);
    static const sql::schema& tables();                ///< those that the policy allows, with all of their columns
    static std::vector<std::string> canary_columns();  ///< "customers.ssn"
    /// Makes the tables and fills them. @param canary stands in every value that must not be read
    static std::string script(const std::string& canary, std::size_t secret_rows);

private:
    bool postgres() const { return dialect_ == sql::dialect::postgres; }
    std::size_t upto(std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n}(random_); }
    bool chance(int percent) { return static_cast<int>(upto(99)) < percent; }
    const char* pick(std::initializer_list<const char*> list) { return *(list.begin() + upto(list.size() - 1)); }

    struct visible {
        std::string name;  // a table or an alias
        std::vector<std::string> columns;
    };

    std::string spelled(std::string name);  // another way to write an identifier
    std::string row();                      // something in scope, by its name
    std::string condition(int depth);
    std::string column();
    std::string table_name();
    std::string expression(int depth);
    std::string call(int depth);
    std::string select_item(int depth);
    std::string from_item(int depth);
    std::string join(int depth);
    std::string query(int depth);
    std::string core(int depth);
    std::string with(int depth);
    std::string alias();
    std::vector<std::string> columns_of(const std::string& table) const;

    sql::dialect dialect_;
    std::mt19937_64 random_;
    std::vector<visible> scope_;
    int aliases_ = 0;
    int budget_ = 0;  // bounds the size of a statement
};

}  // namespace reagent::test
