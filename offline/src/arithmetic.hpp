#pragma once

#include "words.hpp"

#include <optional>

namespace reagent::offline {

/// An expression over numbers and things that must be looked up first ("the number of orders from Oslo").
struct arithmetic {
    std::string expression;             // with {0}, {1}, ... for the things to look up
    std::vector<std::string> unknowns;  // their words
    int operators = 0;
};

/// Reads a question as arithmetic; nothing when its words make no expression.
std::optional<arithmetic> read_arithmetic(const std::string& question);

}  // namespace reagent::offline
