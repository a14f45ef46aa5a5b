#pragma once

#include <reagent/evaluate/evaluation.hpp>

#include <cmath>
#include <string>

namespace reagent {

/// A mean of scores from 0 to 1 as a score of an evaluation: from 0 to 100, with two digits.
inline double points(double mean) { return std::round(mean * 10'000) / 100; }

/// Fills in the interval of 95% around the score: Wilson's where every row is right or wrong, else Student's.
void find_interval(evaluation& e);

/// A field's value as a table shows it.
std::string shown_cell(const json::value* v);

}  // namespace reagent
