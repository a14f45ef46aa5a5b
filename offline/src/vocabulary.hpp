#pragma once

#include "plan.hpp"

namespace reagent::offline {

/// A value that occurs in a column.
struct known_value {
    const table* in = nullptr;
    const column* of = nullptr;
    std::string text;
};

/// The words that have a meaning for these tables: names of tables and columns, a few synonyms of each, and values.
class vocabulary {
public:
    /// @param found values of columns whose values are not listed, as the database gave them
    vocabulary(const std::vector<table>& tables, std::vector<known_value> found);

    const std::vector<table>& tables() const { return tables_; }

    /// The longest match at `at`; its number of words is put into `length`.
    const table* noun(const std::vector<word>& w, std::size_t at, std::size_t& length) const;
    std::vector<known_value> values(const std::vector<word>& w, std::size_t at, std::size_t& length) const;
    /// The columns of a table by that name, its own or a synonym.
    const column* column_of(const table& t, const std::vector<word>& w, std::size_t at, std::size_t& length) const;

    const table* people() const;  // whom "who" asks for: the only table of persons
    /// The only number column of that sense in a table; the only table of events that has one.
    const column* money(const table& t) const;
    const column* units(const table& t) const;
    const table* sales() const;  // events with money
    const table* stock() const;  // what is kept of things
    const column* stocked(const table& t) const;

private:
    struct entry {
        std::vector<word> words;
        known_value value;
    };
    const std::vector<table>& tables_;
    std::vector<entry> values_;
};

}  // namespace reagent::offline
