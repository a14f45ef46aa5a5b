#pragma once

#include <reagent/lm/embedder.hpp>
#include <reagent/optimize/optimizer.hpp>

namespace reagent {

struct labeled_few_shot_options {
    std::size_t k = 16;  ///< demonstrations of each predictor
};

/// Examples of the training set as demonstrations, chosen so that every other example is similar to one of them; of
/// classes so that they come in turn, and most examples are nearest to one of their own class. Which ones may be chosen
/// is drawn by seed. Only fields that a predictor has; a predictor none of whose outputs is labeled gets none. Calls no
/// model. Source: DSPy 3, `dspy.LabeledFewShot`.
class labeled_few_shot final : public optimizer {
public:
    explicit labeled_few_shot(labeled_few_shot_options how = {}) : how_{how} {}
    std::string_view name() const override { return "labeled_few_shot"; }

private:
    work plan(std::size_t, std::size_t, std::size_t) const override { return {}; }
    void search(study& s) const override;
    labeled_few_shot_options how_;
};

struct bootstrap_few_shot_options {
    std::size_t max_bootstrapped_demos = 4;    ///< made from runs that the metric passed
    std::size_t max_labeled_demos = 16;        ///< together with those
    std::size_t max_rounds = 1;                ///< tries of an example, each with an answer of its own from the model
    std::optional<double> metric_threshold{};  ///< a run passes from here on; default: any score above 0
};

/// Demonstrations of every predictor from runs of the teacher that the metric passed, an agent's steps included; the
/// rest is filled up with labeled examples, as `labeled_few_shot` chooses them. While an example is tried it is no
/// demonstration of its own. Examples are tried in the order of the training set, as many at once as demonstrations are
/// still missing, so the number of threads changes neither the result nor the calls. Source: Khattab et al., "DSPy:
/// Compiling Declarative Language Model Calls into Self-Improving Pipelines", 2023; DSPy 3, `dspy.BootstrapFewShot`.
class bootstrap_few_shot final : public optimizer {
public:
    explicit bootstrap_few_shot(bootstrap_few_shot_options how = {}) : how_{how} {}
    std::string_view name() const override { return "bootstrap_few_shot"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    bootstrap_few_shot_options how_;
};

struct bootstrap_random_search_options : bootstrap_few_shot_options {
    std::size_t num_candidate_programs =
        16;                   ///< besides the program as it is, with labels only, and bootstrapped in order
    std::size_t nearest = 4;  ///< one candidate more: so many labeled examples, chosen for each call; 0: not. Needs
                              ///< validation data
    std::optional<double> stop_at_score{};  ///< from 0 to 100: the first candidate that reaches it is taken at once
};

/// Several sets of demonstrations, each bootstrapped from the training set in another order and of another size, scored
/// on the validation set (default: the training set); the best is taken, of equal ones the first. A candidate that is
/// clearly behind is not scored to its end. Source: DSPy 3, `dspy.BootstrapFewShotWithRandomSearch`.
class bootstrap_random_search final : public optimizer {
public:
    explicit bootstrap_random_search(bootstrap_random_search_options how = {}) : how_{how} {}
    std::string_view name() const override { return "bootstrap_random_search"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    bootstrap_random_search_options how_;
};

struct knn_few_shot_options {
    std::size_t k = 3;            ///< demonstrations of each call
    std::size_t max_pool = 2000;  ///< examples to choose from, drawn by seed where there are more
    bool bootstrap = false;       ///< run the program on them, and choose from what the metric passed
    std::shared_ptr<const reagent::embedder> embedder{};  ///< none: the words that texts share
};

/// Demonstrations that are chosen for each call: those whose inputs are nearest to the call's own. Without an embedder
/// near means sharing rare words (TF-IDF, cosine). The pool is kept in the saved program. Source: DSPy 3,
/// `dspy.KNNFewShot`.
class knn_few_shot final : public optimizer {
public:
    explicit knn_few_shot(knn_few_shot_options how = {}) : how_{std::move(how)} {}
    std::string_view name() const override { return "knn_few_shot"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    knn_few_shot_options how_;
};

struct ensemble_options : bootstrap_few_shot_options {
    std::size_t size = 3;  ///< members; each is bootstrapped from the training set in another order
};

/// Several parameter sets, all of which run; the output that most of them agree on is the answer (`as_ensemble`). They
/// are the `members` of what is compiled, and are saved with it. Source: DSPy 3, `dspy.Ensemble` with `dspy.majority`.
class ensemble final : public optimizer {
public:
    explicit ensemble(ensemble_options how = {}) : how_{how} {}
    std::string_view name() const override { return "ensemble"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    ensemble_options how_;
};

}  // namespace reagent
