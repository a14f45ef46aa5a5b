#pragma once

#include "words.hpp"

#include <optional>

namespace reagent::offline {

struct column {
    std::string name, type;
    std::vector<std::string> values;  // all that occur, where they are few
    std::string references, referenced_column;

    bool numeric() const;
    bool date() const;
    bool key() const { return !references.empty() || name == "id"; }
    bool text() const { return !numeric() && !date() && !key(); }
};

struct table {
    std::string name;
    std::vector<column> columns;

    const column* find(std::string_view column_name) const;
    const column* label() const;  // what people call a row: its name or title, else its id
    const column* only_date() const;
    /// Rows are events: they refer to other tables and have one date.
    bool event() const;
};

/// The tables in a tool's description: `- orders(id INTEGER, status TEXT: 'open' | 'paid', customer_id INTEGER ->
/// customers.id)`.
std::vector<table> read_tables(const std::string& description);

/// A step from a table to one beside it: `here` of the one equals `there` of the other.
struct step {
    const table* to = nullptr;
    const column *here = nullptr, *there = nullptr;
    bool up = false;  // to the one row that this row refers to
};

/// The only shortest way, of at most two steps; nothing when there is none or more than one.
std::optional<std::vector<step>> way(const std::vector<table>& tables, const table& from, const table& to);
/// The same, by references only: at most one row of `to` belongs to a row of `from`.
std::optional<std::vector<step>> way_up(const std::vector<table>& tables, const table& from, const table& to);

}  // namespace reagent::offline
