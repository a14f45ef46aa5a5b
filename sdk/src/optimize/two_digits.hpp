#pragma once

#include <cmath>

namespace reagent::detail {

/// A score as it is shown and compared: differences below a hundredth are none.
inline double two_digits(double d) { return std::round(d * 100) / 100; }

}  // namespace reagent::detail
