#pragma once

#include <reagent/evaluate/metrics.hpp>
#include <reagent/module/program.hpp>
#include <reagent/run/runtime.hpp>

namespace reagent {

struct evaluation_progress {
    std::size_t done = 0, all = 0, errors = 0;
    double score = 0;  ///< of those that are done, from 0 to 100
    reagent::usage usage{};
    std::chrono::milliseconds elapsed{};
};

struct evaluate_options {
    run_options run{};            ///< of every example: model, parameters, limits
    std::size_t concurrency = 8;  ///< examples at work at the same time
    double failure_score = 0;     ///< of an example whose run or metric threw
    std::size_t max_errors = 10;  ///< more than this end the evaluation
    bool keep_histories = true;   ///< keep every run's journal; false: memory does not grow with the runs
    std::function<void(std::size_t example, run_options&)>
        vary{};  ///< changes one example's options; called before its run begins
    std::function<void(const evaluation_progress&)>
        on_progress{};  ///< called on the caller's thread, at most every 100 ms and at the end
};

/// One example's result.
struct evaluation_row {
    std::size_t index = 0;  ///< of the example in the dataset
    json::object outputs{};
    double score = 0;
    std::string feedback{};
    std::map<std::string, std::string> feedback_by{};  ///< on single predictors, by path
    std::string error{};                               ///< why there is no score; "" when there is
    std::size_t violations = 0;                        ///< assertions and suggestions that failed
    reagent::usage usage{};                            ///< of the run, what the metric used left out
    reagent::usage metric_usage{};                     ///< what the metric used: a judge's calls
    std::chrono::microseconds duration{};
    std::shared_ptr<const journal> history{};  ///< of its run
};

/// What came of an evaluation.
struct evaluation {
    double score = 0;          ///< mean of all rows times 100, to two digits; source: DSPy 3.3.1, `dspy.Evaluate`
    double low = 0, high = 0;  ///< 95% confidence interval of it: Wilson's for scores of 0 and 1, else Student's t
    std::vector<evaluation_row> rows{};  ///< in the order of the dataset
    std::size_t errors = 0;
    bool stopped = false;           ///< too many errors: rows that were not tried are missing
    reagent::usage usage{};         ///< of the program
    reagent::usage metric_usage{};  ///< of the metric
    std::chrono::milliseconds elapsed{};

    std::chrono::microseconds latency(double percentile) const;  ///< of one example; percentile from 0 to 100
};

/// Runs a program on every example, each in a run of its own, and scores it. Blocks; not to be called from a task.
/// @param data examples with inputs
/// @throws program_error(mismatch) when an example has no inputs
evaluation evaluate(runtime& rt, const program_function& program, const dataset& data, const metric& m,
                    const evaluate_options& options);

/// The mean score of each value of an example's field: value as text, score from 0 to 100, number of examples.
struct slice {
    std::string value;
    double score = 0;
    std::size_t examples = 0;
};
std::vector<slice> slices(const evaluation& e, const dataset& data, const std::string& field);

/// Two evaluations on the same examples.
struct comparison {
    double difference = 0;  ///< after minus before, in points
    double p_value =
        1;  ///< that no difference would look like this: paired sign-flip test, 10,000 draws, always the same
    std::vector<std::size_t> fixed{}, broken{};  ///< examples whose score rose, fell
};
comparison compare(const evaluation& before, const evaluation& after);

json::object to_json(const evaluation& e, const dataset& data);

/// What `to_json` wrote, as far as `compare` needs it: scores by example. @throws program_error(bad_document) naming
/// the place
evaluation evaluation_from_json(const json::value& document);

/// Bytes that are no UTF-8 are written as U+FFFD.
std::string to_csv(const evaluation& e, const dataset& data);
struct page_extras {
    const evaluation* before = nullptr;  ///< compared with: what got fixed, what broke, and whether it is noise
    std::vector<std::string> slices{};   ///< fields by whose values the score is told
};

/// One page that needs nothing else: sortable rows, each with a link to its trace. Bytes that are no UTF-8 are shown as
/// U+FFFD.
std::string to_html(const evaluation& e, const dataset& data, const std::string& title, const page_extras& more = {});

/// The function, voting where the run's parameters have members: each runs the program, and the outputs whose last
/// field most of them share are the result.
program_function as_ensemble(program_function program, majority_options how = {});

/// What evaluation calls of a module: its inputs by name in, its outputs by name out; an ensemble's members vote. The
/// module must outlive it.
template <class Module>
program_function as_program(const Module& m) {
    static_assert(detail::called_by_name<Module> || detail::typed_program<Module>,
                  "reagent: a program is a module with `forward(run&, input) const -> task<output>`, where input and "
                  "output are structs, or "
                  "with `call(run&, json::object) const -> task<json::object>`");
    if constexpr (detail::called_by_name<Module> || detail::typed_program<Module>)
        return as_ensemble([&m](run& r, const json::object& inputs) -> task<json::object> {
            if constexpr (std::derived_from<Module, module>) detail::check_parameters(m, r.parameters());
            return detail::call_by_name(m, r, inputs);
        });
    else
        return {};
}

/// As above, for a module, with a metric that may be any callable that `make_metric` takes.
template <program_type Module, class Metric>
evaluation evaluate(runtime& rt, const Module& m, const dataset& data, Metric metric,
                    const evaluate_options& options = {}) {
    detail::check_parameters(m, options.run);
    return evaluate(rt, as_program(m), data, as_metric(std::move(metric)), options);
}
template <class Module>
program_function as_program(const Module&& m) {
    static_assert(!std::is_class_v<Module>,
                  "reagent: as_program refers to its module, and this one would be gone; name it first");
    return as_program(m);
}

}  // namespace reagent
