#pragma once

#include "lexer.hpp"

#include <reagent/signature/signature.hpp>

#include <vector>

namespace reagent::detail {

/// A type as a signature writes it.
struct python_type {
    std::string name;  // as printed: "list", "Union", "Literal", "NoneType", "Item", "Ellipsis"
    std::vector<python_type> args;
    std::vector<json::value> values;  // of a Literal
    bool subscripted = false;

    std::string print() const;
    bool operator==(const python_type&) const = default;
};

/// Reads one type annotation, up to `,`, `=` or the end.
python_type parse_type(lexer& in, const named_types& types);

/// The JSON Schema of a type; definitions of named types are collected under `$defs`.
json::value schema_of_type(const python_type& t, const named_types& types);

field_kind kind_of(const python_type& t, const schema& shape);

}  // namespace reagent::detail
