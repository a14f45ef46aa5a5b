#pragma once

#include <reagent/signature/signature.hpp>

namespace reagent::detail {

/// A schema as a part of a larger document: its `$defs` move to `shared`, under names that begin with `name`, and what
/// refers to them refers to them there. @param at where `shared` stands, as "#/components/schemas/"
json::value moved_schema(json::value document, const std::string& name, const std::string& at, json::object& shared);

}  // namespace reagent::detail
