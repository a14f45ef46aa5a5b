#pragma once

#include <reagent/evaluate/evaluation.hpp>
#include <reagent/watch/sample.hpp>

#include <span>

namespace reagent {

/// How good an answer of live traffic is, from 0 to 1: the score that feedback gives it; else the metric on its labels;
/// else what the judge says. A failure is 0 where an answer would have had a score.
struct sample_quality {
    metric on_labels{};  ///< none: labels say nothing
    metric judge{};  ///< a metric that needs no labels, as `metric_named("rubric:...")`; none: samples without labels
                     ///< have no score
    run_options run{};              ///< of the judge: its model, its budget
    std::size_t most_judged = 100;  ///< of one call of `scores_of`; the rest has no score
    std::size_t concurrency = 8;
};

/// The score of each sample; none: nobody can tell. A metric or a judge that throws leaves its sample without one.
/// Blocks.
std::vector<std::optional<double>> scores_of(runtime& rt, std::span<const sample> samples, const sample_quality& q);

}  // namespace reagent
