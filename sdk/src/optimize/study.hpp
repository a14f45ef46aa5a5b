#pragma once

#include <reagent/lm/answer_log.hpp>
#include <reagent/lm/embedder.hpp>
#include <reagent/optimize/optimizer.hpp>

#include "../module/word_vectors.hpp"
#include "dice.hpp"

namespace reagent {

/// Ends a search with the best so far: a limit is reached, or too much has failed.
struct search_stopped {};

/// One compilation under way: runs the program with candidates, counts, remembers the best. Used by one thread.
class study {
public:
    study(runtime& rt, const module& root, const program_function& call, const dataset& train, const dataset& validation, const metric& m,
          const compile_options& o, answer_log& log);

    /// Other data to work with than what was given.
    void use(dataset train, dataset validation) { train_ = std::move(train), validation_ = std::move(validation), words_.reset(); }
    const dataset& train() const { return train_; }
    const dataset& validation() const { return validation_; }  ///< may be empty
    /// How much the inputs of two training examples have in common, from 0 to 1.
    double similarity(std::size_t a, std::size_t b);

    const std::vector<const predictor*>& predictors() const { return predictors_; }
    const parameters& start() const { return start_; }
    const parameters& teacher_start() const { return teacher_start_; }
    const compile_options& options() const { return options_; }
    dice random(std::uint64_t purpose) const { return dice{options_.seed * 1'000'003 + purpose}; }

    void tell(const std::string& what) const {
        if (options_.on_progress) options_.on_progress(what);
    }

    /// The student on every example; counted, and stopped by the limits. @throws search_stopped; what a run threw, when all failed
    evaluation score(const dataset& data, const parameters& with);

    /// A candidate beside the best so far, example by example, which is less noisy than comparing means. After a quarter and a half: what
    /// is clearly behind is not looked at to its end.
    struct comparison_by_parts {
        std::vector<double> gains;  ///< of each example that was tried, in that order
        bool behind = false;
    };
    /// @param order indexes of the examples, all of them among those that the best was offered with
    /// @param others what it has to gain at least, as a mean
    /// @param errors by how many standard errors it has to be below that to be behind
    comparison_by_parts compare_with_best(const dataset& data, const std::vector<std::size_t>& order, const parameters& with, double others,
                                          double errors);

    /// As `score`, but given up when the candidate is clearly behind the best so far; then the score is an estimate.
    struct race_result {
        evaluation seen;
        bool complete = true;
    };
    race_result race(const dataset& data, const parameters& with);

    /// The teacher, with the runs' journals. @param round 0, or each further try of the same, with answers of its own
    evaluation teach(const dataset& data, const parameters& with, std::size_t round);

    /// A module other than the program, on the prompt model. @throws search_stopped
    template <class Module>
    void ask_prompt_model(const Module& work) {
        run_options run;
        run.lm = options_.prompt_model ? options_.prompt_model : options_.run.lm;
        run.around = log_.hook();
        try {
            rt_.run(std::move(run), work);
        } catch (const std::exception& e) {
            ++errors_;  // a failure of the model costs its proposals, never the search
            tell(std::string{"the prompt model failed: "} + e.what());
        }
        check();
    }

    std::vector<std::vector<float>> embed(const embedder& with, std::vector<std::string> texts);

    /// A candidate and what it came to on the data that candidates are compared on: kept when it is better than all before.
    bool offer(const parameters& candidate, const evaluation& e);
    /// What is best without a score.
    void settle_on(parameters p) { best_ = std::move(p); }
    void note(json::object candidate) { candidates_.push_back(std::move(candidate)); }
    void report(std::string_view key, json::value what) { extra_[key] = std::move(what); }

    const parameters& best() const { return best_; }
    std::optional<double> best_score() const { return best_score_; }

    void stop(std::string why);
    [[noreturn]] void stop_now(std::string why) {
        stop(std::move(why));
        throw search_stopped{};
    }

private:
    friend class optimizer;
    evaluation evaluate_with(const dataset& data, run_options run, bool histories);
    void check();  // throws when a limit is reached
    void count(const evaluation& e);
    void throw_if_all_failed() const;

    runtime& rt_;
    const program_function& call_;
    dataset train_, validation_;
    const metric& metric_;
    const compile_options& options_;
    answer_log& log_;
    std::vector<const predictor*> predictors_;
    parameters start_, teacher_start_, best_;
    std::optional<double> best_score_;
    std::unique_ptr<const word_vectors> words_;
    std::vector<float> similarities_;
    std::vector<double> best_rows_;  // what the best scored on each example
    json::array candidates_;
    json::object extra_;
    std::size_t errors_ = 0, successes_ = 0;
    std::string stopped_, first_error_;
};

/// Demonstrations from runs of the teacher that the metric passed.
struct bootstrapped {
    std::map<std::string, std::vector<json::object>> demos{};  ///< by predictor path
    std::vector<std::size_t> used{};                           ///< examples of the training data they were made from
    std::vector<std::string> failures{};                       ///< examples that did not pass, with the reasons, for proposals
};

struct bootstrap_size {
    std::size_t bootstrapped = 4, labeled = 16, rounds = 1;
    std::optional<double> threshold{};
};

/// @param order indexes into the training data
bootstrapped bootstrap_demos(study& s, const std::vector<std::size_t>& order, const bootstrap_size& size, std::uint64_t purpose);

/// The start with these demonstrations, filled up with labeled examples that they were not made from.
parameters with_demos(study& s, const bootstrapped& made, const bootstrap_size& size, std::uint64_t purpose);

/// The start with labeled examples for demonstrations.
parameters with_labels(study& s, std::size_t k, std::uint64_t purpose);

/// What an example says of a predictor's fields; nothing when it labels none of the outputs.
std::optional<json::object> labeled_demo(const predictor& p, const example& e);

/// One demonstration for each predictor from a run that passed; of several calls of one, the last: it knew most.
std::map<std::string, json::object> demos_of(const journal& history);

/// An example that did not pass, as a proposer is shown it.
std::string described_failure(const example& e, const evaluation_row& row);

std::size_t demos_in(const parameters& p);

double mean_of(const std::vector<double>& values);  ///< 0 for none

/// Indexes 0 to n - 1.
std::vector<std::size_t> in_order(std::size_t n);

}  // namespace reagent
