#pragma once

#include <cstddef>

namespace reagent::detail {

/// The dot product, by the widest instructions that this processor has.
using dot_function = float (*)(const float* a, const float* b, std::size_t n);
dot_function dot_product();

}  // namespace reagent::detail
