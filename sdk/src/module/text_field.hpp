#pragma once

#include <reagent/signature/signature.hpp>

#include <boost/json/object.hpp>

namespace reagent::detail {

/// A field of type `str`, for what modules add to signatures.
inline signature_field text_field(std::string name, std::string description) {
    return make_field(std::move(name), "str", schema{json::object{{"type", "string"}}}, std::move(description));
}

}  // namespace reagent::detail
