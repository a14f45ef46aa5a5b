#pragma once

#include <reagent/optimize/study.hpp>

#include <optional>

namespace reagent {

/// The value below which this share of them lies, between two by the distance. @pre there are some
double percentile(std::vector<double> values, double share);

/// One of them, likelier the higher its score. @param scores from 0 to 1
std::size_t softmax_draw(const std::vector<double>& scores, double temperature, dice& random);

/// A number of demonstrations to let go, about one when there are as many as there may be. Poisson, by seed.
std::size_t poisson_draw(double mean, dice& random);

/// What several runs of one example came to, the best first.
struct simba_bucket {
    std::size_t example = 0;
    std::vector<const evaluation_row*> runs{};
    double spread = 0, best = 0, above_mean = 0;  ///< what buckets are ordered by
};

/// @param rows all runs, and of which example each is
std::vector<simba_bucket> buckets_of(const std::vector<evaluation_row>& rows, const std::vector<std::size_t>& examples);

/// Advice for the predictors, from a better and a worse run of an example; none where no run is better.
std::vector<std::optional<std::map<std::string, std::string>>> advise(study& s,
                                                                      const std::vector<const simba_bucket*>& buckets,
                                                                      std::uint64_t draw);

}  // namespace reagent
