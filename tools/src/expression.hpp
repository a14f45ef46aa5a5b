#pragma once

#include <boost/multiprecision/cpp_dec_float.hpp>

#include <string_view>

namespace reagent::ready {

/// Decimal digits rather than a double's binary ones: 0.1 + 0.2 is 0.3, and whole numbers stay whole far beyond 2^53.
using decimal = boost::multiprecision::number<boost::multiprecision::cpp_dec_float<100>, boost::multiprecision::et_off>;

struct expression_value {
    decimal value;
    bool exact = true;     ///< false where a step had more than 95 digits, which were rounded
    bool rounded = false;  ///< a quotient, a root or the like is part of it; its last digits are noise
};

/// Numbers, + - * / ^ %, comparisons, && || ?:, parentheses, `_pi`, `_e` and the usual functions, with C's precedence;
/// ^ binds tightest and to the right, % is "per cent" and stands behind a number.
/// @throws std::invalid_argument for what is no expression, std::domain_error for what has no finite value
expression_value evaluate(std::string_view expression);

}  // namespace reagent::ready
