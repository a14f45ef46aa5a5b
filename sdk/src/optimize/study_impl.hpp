#pragma once

#include <reagent/lm/answer_log.hpp>
#include <reagent/optimize/study.hpp>

#include "../module/word_vectors.hpp"

namespace reagent {

struct study::impl {
    runtime& rt;
    const program_function& call;
    dataset train, validation;
    const metric& m;
    const compile_options& options;
    answer_log& log;
    std::vector<const predictor*> predictors;
    parameters start, teacher_start, best;
    std::optional<double> best_score{};
    std::vector<double> best_rows{};  // what the best scored on each example
    std::unique_ptr<const word_vectors> words{};
    std::vector<float> similarities{};
    json::array candidates{};
    json::object extra{};
    std::size_t errors = 0, successes = 0;
    std::string stopped{}, first_error{}, first_prompt_error{};

    evaluation evaluate_with(const dataset& data, run_options run, bool histories,
                             std::function<void(std::size_t, run_options&)> vary = {});
    void count(study& s, const evaluation& e);
    bool tells_of_failure(const std::string& words) const;
    void throw_if_all_failed() const;
};

}  // namespace reagent
