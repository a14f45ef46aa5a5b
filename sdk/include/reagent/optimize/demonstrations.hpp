#pragma once

#include <reagent/optimize/study.hpp>

namespace reagent {

/// Demonstrations from runs of the teacher that the metric passed.
struct bootstrapped {
    std::map<std::string, std::vector<json::object>> demos{};  ///< by predictor path
    std::vector<std::size_t> used{};                           ///< examples of the training data they were made from
    std::size_t tried = 0;                                     ///< runs that began
    std::size_t ran = 0;                                       ///< runs that came to an end, whether they passed or not
    std::vector<std::string> failures{};  ///< examples that did not pass, with the reasons, for proposals
};

struct bootstrap_size {
    std::size_t bootstrapped = 4, labeled = 16, rounds = 1;
    std::optional<double> threshold{};  ///< a run passes from here on; none: any score above 0
};

/// Runs the teacher on training examples until as many as wanted have passed.
/// @param order indexes into the training data
bootstrapped bootstrap_demos(study& s, const std::vector<std::size_t>& order, const bootstrap_size& size,
                             std::uint64_t purpose);

/// The start with these demonstrations, filled up with labeled examples that they were not made from.
parameters with_demos(study& s, const bootstrapped& made, const bootstrap_size& size, std::uint64_t purpose);

/// The start with labeled examples for demonstrations.
parameters with_labels(study& s, std::size_t k, std::uint64_t purpose);

/// Labeled examples of every predictor, by its path. @param order indexes into the training data
std::map<std::string, std::vector<json::object>> labeled_pools(study& s, const std::vector<std::size_t>& order);

/// The start with demonstrations chosen for each call: the `k` of these pools that are nearest to it. @param with null:
/// by words
parameters with_nearest(study& s, std::map<std::string, std::vector<json::object>> pools, std::size_t k,
                        const embedder* with = nullptr);

/// What an example says of a predictor's fields; nothing when it labels none of the outputs.
std::optional<json::object> labeled_demo(const predictor& p, const example& e);

/// One demonstration for each predictor from a run that passed; of several calls of one, the last: it knew most.
std::map<std::string, json::object> demos_of(const journal& history);

/// An example that did not pass, as a proposer is shown it.
std::string described_failure(const example& e, const evaluation_row& row);

std::size_t demos_in(const parameters& p);

}  // namespace reagent
