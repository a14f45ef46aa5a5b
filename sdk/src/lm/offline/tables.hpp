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
};

struct table {
    std::string name;
    std::vector<column> columns;

    const column* find(std::string_view column_name) const;
    const column* label() const;  // what people call a row: its name or title, else its id
};

/// The tables in a tool's description: `- orders(id INTEGER, status TEXT: 'open' | 'paid', customer_id INTEGER -> customers.id)`.
std::vector<table> read_tables(const std::string& description);

/// A SELECT that answers the question, or nothing when it does not seem to be about these tables.
std::optional<std::string> write_query(const std::vector<table>& tables, const std::string& question);

}  // namespace reagent::offline
