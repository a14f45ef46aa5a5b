#pragma once

#include <exception>
#include <string>

namespace reagent::detail {

/// "" when nothing failed.
std::string text_of(const std::exception_ptr& failure);

}  // namespace reagent::detail
