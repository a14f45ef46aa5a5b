#pragma once

#include <reagent/evaluate/evaluation.hpp>
#include <reagent/lm/decorators.hpp>
#include <reagent/module/saved_program.hpp>

namespace reagent {

/// What every optimizer is given besides the program and its data.
struct compile_options {
    run_options run{};         ///< of the student: model, adapter, and the parameters it begins with
    language_model teacher{};  ///< runs the program for demonstrations; none: the student's own
    std::shared_ptr<const parameters> teacher_parameters{};  ///< what the teacher begins with; none: the student's
    language_model prompt_model{};                           ///< writes instructions; none: the student's own
    std::size_t concurrency = 8;                             ///< examples at work at the same time; changes no result
    std::uint64_t seed = 0;
    std::optional<std::size_t>
        max_errors{};  ///< runs that may fail before the search ends with the best so far; none: failures are skipped
    spending_limit limit{};  ///< on all calls; a search that reaches it ends with the best so far

    /// A folder for what models answered: a search that was killed goes on from there, to the same result. "": none
    std::filesystem::path state{};

    /// Scored once, when everything is decided. Examples that stand in the training or validation data too are told of
    /// in the report.
    dataset test{};
    bool measure =
        true;  ///< score the program on all data before and after, for the report; false: no calls but the search's
    std::size_t most_train_scored = 100;  ///< examples of the training data scored for the report, drawn by seed

    std::function<void(const std::string& what)> on_progress{};  ///< a line for each thing done; on the caller's thread
};

/// What a compilation will about cost, said before it starts.
struct compile_estimate {
    std::uint64_t calls = 0;          ///< at most, where every run makes as many calls as the program has predictors
    std::uint64_t tokens = 0;         ///< a guess: prompts at four bytes per token, 100 tokens an answer
    std::optional<double> dollars{};  ///< where the student's model is on the price list

    std::string text() const;  ///< "about 1,200 calls, 0.9 million tokens, $0.21"
};

/// What an optimizer made, and how.
struct compiled {
    parameters best{};
    std::optional<double>
        score{};  ///< of `best` on the data that candidates were compared on, from 0 to 100; none: nothing was compared
    json::object report{};  ///< optimizer, seed, candidates with scores, usage, and of train, validation and test
                            ///< "before", "after" and p-value
    reagent::usage usage{};
    bool stopped_early = false;  ///< a limit was reached, or too much failed; the report says which
};

class study;

/// Finds parameters for a program by a metric and examples. A value without state: one optimizer may compile many
/// programs.
///
///     rg::bootstrap_few_shot optimizer{{.max_bootstrapped_demos = 8}};
///     auto made = optimizer.compile(runtime, program, train, validation, rg::exact_match_of("intent"), {.run = lm});
///     rg::to_saved(program, made.best).save("compiled.json");
///
/// The same program, data, options and answers of the models give the same parameters, byte for byte, whatever the
/// number of threads.
class optimizer {
public:
    virtual ~optimizer() = default;
    virtual std::string_view name() const = 0;

    /// Blocks; not to be called from a task.
    /// @param validation what candidates are compared on; empty: the training data, or a part of it, as each optimizer
    /// says
    /// @throws program_error(mismatch) for examples without inputs, or of a test split (`split_examples` marks them);
    ///         program_error(unwritable) when the state cannot be kept; what a run threw, when every single one failed
    compiled compile(runtime& rt, const module& program, const program_function& call, const dataset& train,
                     const dataset& validation, const metric& m, const compile_options& options) const;

    /// As above, for a module that is a program, and any metric that `make_metric` takes.
    template <program_type Module, class Metric>
    compiled compile(runtime& rt, const Module& m, const dataset& train, const dataset& validation, Metric metric,
                     const compile_options& options) const {
        detail::check_parameters(m, options.run);
        return compile(rt, m, as_program(m), train, validation, as_metric(std::move(metric)), options);
    }

    compile_estimate estimate(const module& program, const dataset& train, const dataset& validation,
                              const compile_options& options) const;

protected:
    /// Runs of the whole program, and calls of the prompt model, that a search makes at most.
    struct work {
        std::uint64_t runs = 0, proposals = 0;
    };
    virtual work plan(std::size_t predictors, std::size_t train, std::size_t validation) const = 0;
    virtual void search(study& s) const = 0;

    /// For searches made of others.
    static work work_of(const optimizer& other, std::size_t predictors, std::size_t train, std::size_t validation) {
        return other.plan(predictors, train, validation);
    }
    static void search_with(const optimizer& other, study& s) { other.search(s); }
};

}  // namespace reagent
