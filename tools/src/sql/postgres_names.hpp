#pragma once

#include "postgres_tree.hpp"

#include <algorithm>
#include <unordered_map>

namespace reagent::sql::postgres {

/// The columns of a relation, as far as they are sure to exist.
struct column_list {
    std::vector<std::string_view> names{};
    bool exact = false;  ///< all of them, in their order
    bool fewer = false;  ///< a rewriting leaves some out, so that the others have other places
    bool has(std::string_view name) const { return std::find(names.begin(), names.end(), name) != names.end(); }
};

/// A name without what a server may fold in it: PostgreSQL writes letters beyond ASCII in lower case where its encoding
/// has one byte for each, and the parser here does not.
std::string unfolded(std::string_view name);

/// What a FROM clause makes visible under a name.
struct relation {
    std::string_view name{};
    column_list columns{};
    std::vector<std::string_view>
        denied{};                        ///< columns that must not be read: then its row and its * must not be either
    std::size_t weight = 1;              ///< references to columns that one of its columns stands for
    std::optional<std::size_t> table{};  ///< its number in findings::tables
    std::size_t query = 0;               ///< the number of the query that has it in its FROM
    bool is_sensitive() const { return !denied.empty(); }
    bool denies(std::string_view column) const;
};

/// The relations and the names of a statement. Names are judged when all relations are known: each is held against all
/// relations that it might reach, those in the FROM of any query that it stands in, however deep. Which of them
/// PostgreSQL would take is not asked.
class names {
public:
    names(const rules& r, use how, verdict& v, findings* found) : rules_{r}, how_{how}, verdict_{v}, found_{found} {}
    names(const names&) = delete;

    /// A query: what stands in it has a number from its own to the last of those within it.
    class query {
    public:
        explicit query(names& n);
        ~query();
        query(const query&) = delete;

    private:
        names& names_;
        std::size_t outer_, own_;
    };

    const relation* add(relation r);  ///< to the query that is being read
    void refer(PgQuery__ColumnRef& c) { references_.push_back({&c, nullptr, {}, query_}); }
    void refer(const PgQuery__AIndirection& a) { references_.push_back({nullptr, &a, {}, query_}); }
    void compare(std::string_view column) {
        references_.push_back({nullptr, nullptr, column, query_});
    }  ///< as USING does
    std::size_t references() const { return references_.size(); }

    /// The * of a relation. @return whether it may be read
    bool wildcard(const relation& r, int position);

    void judge();

private:
    // One of three: a column, (x).f, a column that is compared.
    struct reference {
        PgQuery__ColumnRef* column;
        const PgQuery__AIndirection* indirection;
        std::string_view compared;
        std::size_t query;  // the number of the query that it stands in
    };
    using relations = std::vector<const relation*>;

    void report(reason code, int position, std::string message);
    void deny_column(std::string_view column, int position);
    bool reaches(std::size_t query, const relation& r) const {
        return r.query <= query && query <= last_within_[r.query];
    }
    bool is_denied(std::string_view column, std::size_t query) const;
    relations reached(std::string_view name, std::size_t query) const;
    void column(PgQuery__ColumnRef& c, std::size_t query);
    bool field(const relation& r, std::string_view name, const relations& candidates, int position);
    void no_column(const std::string& of, std::string_view name, const relations& candidates, int position);
    void plain_name(std::string_view name, std::size_t query, int position);
    void attribute(const PgQuery__AIndirection& a, std::size_t query);
    bool is_field(const node& of, std::string_view name, std::size_t query) const;

    const rules& rules_;
    use how_;
    verdict& verdict_;
    findings* found_;
    std::vector<std::unique_ptr<relation>> all_;
    std::unordered_map<std::string, relations> named_;  // by their unfolded names
    relations sensitive_;
    std::vector<reference> references_;
    std::vector<std::size_t> last_within_;  // by query: the last one that stands in it
    std::size_t query_ = 0;
    bool all_exact_ = true;  // every relation's columns are known
};

std::string quoted(std::string_view name);  ///< for messages

}  // namespace reagent::sql::postgres
