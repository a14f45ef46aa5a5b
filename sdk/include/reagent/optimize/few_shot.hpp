#pragma once

#include <reagent/evaluate/evaluation.hpp>
#include <reagent/module/saved_program.hpp>

namespace reagent {

/// What every optimizer is given.
struct compile_options {
    run_options run{};                                       ///< of the student: model, adapter, and the parameters it begins with
    language_model teacher{};                                ///< runs the program for demonstrations; none: the student's own
    std::shared_ptr<const parameters> teacher_parameters{};  ///< what the teacher begins with; none: the student's
    std::size_t concurrency = 8;
    std::uint64_t seed = 0;
    std::size_t max_errors = 10;                                 ///< runs that may fail while demonstrations are made or candidates scored
    std::function<void(const std::string& what)> on_progress{};  ///< a line for each thing done; on the caller's thread
};

/// What an optimizer made, and how.
struct compiled {
    parameters best{};
    std::optional<double> score{};  ///< of `best` on the validation set, from 0 to 100, where the optimizer looked
    json::object report{};          ///< candidates with their scores, calls, seconds
    reagent::usage usage{};
};

struct labeled_few_shot_options {
    std::size_t k = 16;  ///< demonstrations of each predictor
};

/// Examples of the training set as demonstrations, drawn by seed. Only fields that a predictor has; a predictor none of whose outputs is
/// labeled gets none. Calls no model. Source: DSPy 3, `dspy.LabeledFewShot`.
compiled labeled_few_shot(const module& program, const dataset& train, const labeled_few_shot_options& how = {},
                          const compile_options& options = {});

struct bootstrap_few_shot_options {
    std::size_t max_bootstrapped_demos = 4;    ///< made from runs that the metric passed
    std::size_t max_labeled_demos = 16;        ///< together with those
    std::size_t max_rounds = 1;                ///< tries of an example, each with an answer of its own from the model
    std::optional<double> metric_threshold{};  ///< a run passes from here on; default: any score above 0
};

/// Demonstrations of every predictor from runs of the teacher that the metric passed, an agent's steps included; the rest is filled up with
/// labeled examples. While an example is tried it is no demonstration of its own. Examples are tried in the order of the training set, as
/// many at once as demonstrations are still missing, so the number of threads changes neither the result nor the calls. Source: Khattab et
/// al., "DSPy: Compiling Declarative Language Model Calls into Self-Improving Pipelines", 2023; DSPy 3, `dspy.BootstrapFewShot`.
compiled bootstrap_few_shot(runtime& rt, const module& program, const program_function& call, const dataset& train, const metric& m,
                            const bootstrap_few_shot_options& how = {}, const compile_options& options = {});

struct bootstrap_random_search_options : bootstrap_few_shot_options {
    std::size_t num_candidate_programs = 16;  ///< besides the program as it is, with labels only, and bootstrapped in order
};

/// Several sets of demonstrations, each bootstrapped from the training set in another order and of another size, scored on the validation
/// set; the best is taken, of equal ones the first. Source: DSPy 3, `dspy.BootstrapFewShotWithRandomSearch`.
compiled bootstrap_random_search(runtime& rt, const module& program, const program_function& call, const dataset& train,
                                 const dataset& validation, const metric& m, const bootstrap_random_search_options& how = {},
                                 const compile_options& options = {});

}  // namespace reagent
