#pragma once

#include <reagent/optimize/few_shot.hpp>

namespace reagent {

struct simba_options {
    std::size_t bsize = 32;          ///< examples of a minibatch; all where the training data has fewer
    std::size_t num_candidates = 6;  ///< runs of each example, and about as many new programs, in each step
    std::size_t max_steps = 8;
    std::size_t max_demos = 4;  ///< of each predictor; 0: rules only
    double temperature_for_sampling = 0.2,
           temperature_for_candidates = 0.2;  ///< the larger, the more is drawn from weaker programs
};

/// Climbs on minibatches. Each example runs several times, by programs of a pool and with answers of their own (half as
/// often, where all goes well); where the scores spread most, a new program learns from it: its best run becomes a
/// demonstration, or the prompt model compares the best and the worst run and advises every predictor, as a rule behind
/// its instructions. New programs are scored on the same minibatch: on half of it first, and the better half of them on
/// all. The best of each step are compared at the end on the validation data (default: the training data). Source:
/// DSPy 3.4.1, `dspy.SIMBA`.
class simba final : public optimizer {
public:
    explicit simba(simba_options how = {}) : how_{how} {}
    std::string_view name() const override { return "simba"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    simba_options how_;
};

struct infer_rules_options : bootstrap_few_shot_options {
    std::size_t num_candidates = 10;  ///< sets of rules that are scored
    std::size_t num_rules = 10;       ///< in each
    double temperature = 1.0;         ///< of the proposals
};

/// Demonstrations as `bootstrap_few_shot` makes them, and rules behind the instructions of every predictor, which the
/// prompt model induces from the training examples and from what went wrong with them. Several sets are scored on the
/// validation data (default: half of the training data, which then trains with the rest); the best is kept. Source:
/// DSPy 3.4.1, `dspy.InferRules`.
class infer_rules final : public optimizer {
public:
    explicit infer_rules(infer_rules_options how = {}) : how_{how} {}
    std::string_view name() const override { return "infer_rules"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    infer_rules_options how_;
};

}  // namespace reagent
