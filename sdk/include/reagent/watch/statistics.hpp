#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace reagent {

/// What a test of two samples says.
struct two_sample_result {
    double statistic = 0;
    double p_value = 1;  ///< that samples of one and the same distribution differ that much
};

/// How far a distribution has moved: 0 not at all, below 0.1 hardly, above 0.25 much. Half an observation is added to
/// each category, so that one that is new or gone does not make it infinite. Source: Siddiqi, "Credit Risk Scorecards",
/// 2006.
double population_stability(std::span<const std::size_t> before, std::span<const std::size_t> after);

/// Of numbers, which are counted between the quantiles of `before`. 0 where one of them is empty.
double population_stability(std::span<const double> before, std::span<const double> after, std::size_t bins = 10);

/// Kolmogorov and Smirnov's two-sided test. Exact, ties included, where the sizes multiplied are at most 4 million,
/// else by the limit. Numbers that are not finite are left out. Source: Hodges, "The significance probability of the
/// Smirnov two-sample test", 1957; ties: Schröer and Trenkler, "Exact and randomization distributions of
/// Kolmogorov-Smirnov tests", 1995.
two_sample_result smirnov_test(std::vector<double> a, std::vector<double> b);

/// Pearson's chi-square test of homogeneity. Categories of which fewer than 5 are expected in one of the samples count
/// as one. Source: Cochran, "Some methods for strengthening the common chi-square tests", 1954.
two_sample_result chi_square_test(std::span<const std::size_t> a, std::span<const std::size_t> b);

/// Wilcoxon, Mann and Whitney's test whether `b` tends to be larger than `a` (one-sided), by the normal limit with ties
/// and continuity corrected. `statistic`: the share of pairs in which it is, ties counted half; 0.5: no difference.
two_sample_result rank_test(std::span<const double> a, std::span<const double> b);

/// Whether texts come from one and the same distribution: a kernel test on their words. Half of each sample learns
/// which words tell them apart (the witness function of the maximum mean discrepancy over TF-IDF vectors), the other
/// half is ranked by it, so that the level does not depend on what was learned. `statistic`: as of `rank_test`. Source:
/// Kübler and others, "A Witness Two-Sample Test", AISTATS 2022.
two_sample_result text_test(std::span<const std::string> a, std::span<const std::string> b);

/// The share of `level` that the `look`th (from 1) of any number of looks may spend: all together spend no more than
/// `level`.
double level_of_look(double level, std::size_t look);

}  // namespace reagent
