#pragma once

#include <reagent/watch/sample.hpp>

#include <span>

namespace reagent {

struct drift_options {
    double least_stability =
        0.1;  ///< a shift of numbers and categories below this is no drift, however sure it is (`population_stability`)
    double least_rank =
        0.55;  ///< of texts, likewise: how often a text of the window looks newer than one of the reference
};

/// One thing that was looked at in inputs and outputs.
struct drift_finding {
    std::string what{};  ///< "inputs.message: words"
    std::string test{};  ///< "smirnov", "chi_square" or "text"
    double statistic = 0, p_value = 1;
    double size = 0;  ///< of the shift: population stability, of texts the share of `rank_test`
    bool drifted = false;
};
json::object to_json(const drift_finding& f);

/// Whether a window of samples differs from a reference: failures; of each field, texts by length and words, or as
/// categories where they repeat, numbers by value (a confidence, for example), lists by length. What is tested how is
/// decided by the reference alone. Each test gets the same part of the level, so that samples of one and the same
/// distribution are called drifted with a probability of at most the level. Private values that were left out are not
/// looked at.
std::vector<drift_finding> find_drift(std::span<const sample> reference, std::span<const sample> window, double level,
                                      const drift_options& options = {});

}  // namespace reagent
