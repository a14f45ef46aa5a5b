#pragma once

#include <reagent/optimize/few_shot.hpp>

namespace reagent {

struct copro_options {
    std::size_t breadth = 10;       ///< instructions tried in each round, for each predictor
    std::size_t depth = 3;          ///< rounds
    double init_temperature = 1.4;  ///< of the proposals
    /// Where the prompt model draws only one completion for a request: ask until there are `breadth` of them, and score
    /// each. Else a round costs less than one proposal that is scored on all examples: it looks at several on a tenth
    /// of them, and scores the best on all.
    bool fill_breadth = false;
};

/// Rewrites instructions round by round: a model proposes, the metric scores on the training data, and the next
/// proposals see what was tried with its scores and examples that failed. Predictors take turns, each with the others'
/// best so far. The program as it is takes part, so the result never scores below it. Source: Yang et al., "Large
/// Language Models as Optimizers", 2023; DSPy 3, `dspy.COPRO`.
class copro final : public optimizer {
public:
    explicit copro(copro_options how = {}) : how_{how} {}
    std::string_view name() const override { return "copro"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    copro_options how_;
};

enum class mipro_effort { light, medium, heavy };

struct mipro_options {
    /// How much to try: 6, 12 or 18 instructions and sets of demonstrations (without demonstrations 7, 14 or 21
    /// instructions), on at most 100, 300 or 1,000 validation examples; trials from their number. None: as the next two
    /// fields say.
    std::optional<mipro_effort> effort = mipro_effort::light;
    std::optional<std::size_t> num_candidates{};
    std::optional<std::size_t> num_trials{};

    std::size_t max_bootstrapped_demos = 4;  ///< both 0: instructions only, the program keeps no demonstration
    std::size_t max_labeled_demos = 4;
    std::size_t nearest =
        4;  ///< one set of demonstrations more: so many labeled examples, chosen for each call; 0: not
    std::optional<double> metric_threshold{};
    bool minibatch = true;            ///< trials on part of the validation set, where that has more than 50 examples
    std::size_t minibatch_size = 25;  ///< DSPy: 35; here trials are compared example by example, which needs fewer
    std::size_t minibatch_full_eval_steps = 5;  ///< after so many trials the best of them is scored on the whole set
    double init_temperature = 1.0;              ///< of the proposals
};

/// Searches instructions and demonstrations together. Sets of demonstrations are bootstrapped; then a tree-structured
/// Parzen estimator chooses combinations. Instructions are proposed when it first wants them, from a summary of the
/// data, the structure of the program, demonstrations, a tip, examples that failed with the reasons, and the scores of
/// earlier proposals. Combinations are scored on minibatches, the best of them on the whole validation set (default:
/// four fifths of the training set, which then trains with the rest). Source: Opsahl-Ong et al., "Optimizing
/// Instructions and Demonstrations for Multi-Stage Language Model Programs", 2024; DSPy 3, `dspy.MIPROv2`.
class mipro final : public optimizer {
public:
    explicit mipro(mipro_options how = {}) : how_{how} {}
    std::string_view name() const override { return "mipro"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    mipro_options how_;
};

}  // namespace reagent
