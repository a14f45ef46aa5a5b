#pragma once

#include <reagent/tools/sql.hpp>

#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::test {

struct written {
    std::string text{};
    std::set<std::string> shapes{};  ///< names of the attackers' shapes in it; "at WHERE" is where one of them stands
    bool ordered = false;            ///< ends with an ORDER BY of all columns
    bool order_matters = false;      ///< what it answers depends on an order that it does not ask for
    std::size_t limit = 0;           ///< what the policy's `max_rows` is to be, or 0
};

/// How a shape is used: as an expression, as a query, or as the whole statement. `result` is the type of an expression.
enum class slot { expression, query, statement };
enum class type { number, text, truth, any };

/// A way in which a statement may get at what is not its own, as a template:
/// `{a~b}` is one of them, `@v` and the like are explained in sql_generator.cpp.
struct shape {
    std::string_view name;
    slot place;
    type result;
    std::string_view text;
};

const std::vector<shape>& postgres_shapes();
const std::vector<shape>& sqlite_shapes();

/// Writes random statements over the shop of sql_shop.hpp: mostly valid and honest ones, which run, around none to two
/// shapes of an attacker's.
class sql_generator {
public:
    sql_generator(sql::dialect d, std::uint64_t seed);

    written statement();

private:
    struct column {
        std::string name;
        type kind;
        bool denied = false;
    };
    struct relation {
        std::string name;
        std::vector<column> columns;
        std::string table{};      // the table whose row it is
        bool named_only = false;  // its columns have to be named with it
    };
    struct level {
        std::vector<relation> relations{};
        std::set<std::string> merged{};  // columns of USING and NATURAL
    };
    struct made {
        std::string text;
        std::vector<column> columns;
    };
    struct clauses {
        std::vector<std::string> items{};
        std::string distinct{}, from{}, where{}, group{}, having{}, window{}, order{}, limit{}, offset{};
    };
    struct reference {
        std::size_t level, relation, column;
    };
    using types = std::vector<type>;
    using names = std::map<char, std::string>;

    bool postgres() const { return dialect_ == sql::dialect::postgres; }
    std::size_t upto(std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n}(random_); }
    bool chance(int percent) { return static_cast<int>(upto(99)) < percent; }
    template <class List>
    const auto& one_of(const List& list) {
        return list[upto(std::size(list) - 1)];
    }
    std::string pick(std::initializer_list<const char*> list) { return *(list.begin() + upto(list.size() - 1)); }

    // names
    std::string spelled(const std::string& name);
    std::string alias();
    bool hidden(std::size_t level, std::size_t relation) const;
    bool unique(const reference& r) const;
    std::vector<reference> visible(type t, bool denied) const;
    std::string written_as(const reference& r);
    static relation table(const std::string& name);

    // expressions
    std::string literal(type t);
    std::string column_of(type t);
    std::string expression(type t, int depth);
    std::string number(int depth);
    std::string text(int depth);
    std::string truth(int depth);
    std::string aggregate(type t);
    std::string wrapped(const std::string& e, type from, type to);

    // queries
    made query(const types& wanted, int depth, bool top = false);
    made core(const types& wanted, int depth, bool top);
    void grouped(clauses& c, const types& wanted);
    std::string from(int depth);
    std::string from_item(int depth);
    std::string join(std::string left, std::size_t first, int depth);
    std::string with(int depth);
    std::string scalar_query(type t, int depth);

    // shapes
    std::string shape_expression(type t);
    std::string plain_statement();
    static std::string assembled(const clauses& c, const std::string& items);
    void in_role(clauses& c, const types& wanted);
    bool fill(std::string_view text, names& n, std::string& out);
    bool placeholder(char what, names& n, std::string& out);
    std::string victim(names& n);
    std::string disturbed(const std::string& statement);
    std::string swapped(const std::string& statement);

    sql::dialect dialect_;
    std::mt19937_64 random_;
    std::vector<level> scope_{};
    std::vector<relation> ctes_{};
    std::vector<const shape*> pending_{};
    written out_{};
    int aliases_ = 0, budget_ = 0;
};

}  // namespace reagent::test
