#pragma once

#include <reagent/optimize/optimizer.hpp>
#include <reagent/optimize/reflection.hpp>

namespace reagent {

enum class gepa_effort { light, medium, heavy };

struct gepa_options {
    /// How much to try: 6, 12 or 18 candidates' worth of runs. None: one of the next two says.
    std::optional<gepa_effort> effort = gepa_effort::light;
    std::optional<std::size_t>
        max_metric_calls{};  ///< runs of the program that are scored; before `effort`. Dollars: `compile_options`
    std::optional<std::size_t> max_full_evals{};  ///< times all training and validation examples; likewise

    std::size_t reflection_minibatch_size =
        3;  ///< examples that a parent and its child are compared on before all validation data
    std::size_t proposals_at_once = 1;  ///< children made side by side: faster, each knowing less of the others
    component_choice components{};      ///< which texts are rewritten
    bool all_components = false;        ///< each child with all of them rewritten; else one after the other
    bool skip_perfect_score = true;     ///< no reflection on a minibatch that went well
    double temperature = 1.0;           ///< of the proposals
    component_proposer proposer{};      ///< none: `propose_by_reflection`

    bool use_merge = true;                  ///< of two lineages that changed different texts
    std::size_t max_merge_invocations = 5;  ///< that reached an evaluation

    /// A second ancestor besides the program as it is: with demonstrations, as `bootstrap_few_shot` makes them. Both 0:
    /// none, as in the paper.
    std::size_t max_bootstrapped_demos = 4, max_labeled_demos = 16;
    std::optional<double>
        metric_threshold{};  ///< a run becomes a demonstration from here on; default: any score above 0

    bool race = true;  ///< what is clearly behind the best (by two standard errors) is not validated to its end
    bool track_best_outputs =
        false;  ///< the report says what was best on each validation example, by whichever candidate
};

/// Evolves a program's texts by reflection. A candidate is kept with its score on every validation example. Parents are
/// drawn from the candidates that no other equals wherever they are best, by how often they are best. A parent runs on
/// a few training examples; a model reads what it was given, what it did, an agent's steps, and the metric's feedback,
/// and rewrites a text; the child is kept when it does better on these examples, and then validated. Two lineages that
/// changed different texts are merged. Needs labels only where the metric does. Source: Agrawal et al., "GEPA:
/// Reflective Prompt Evolution Can Outperform Reinforcement Learning", 2025 (arXiv 2507.19457).
class gepa final : public optimizer {
public:
    explicit gepa(gepa_options how = {}) : how_{std::move(how)} {}
    std::string_view name() const override { return "gepa"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    gepa_options how_;
};

}  // namespace reagent
