#pragma once

#include <reagent/lm/embedder.hpp>
#include <reagent/optimize/dice.hpp>
#include <reagent/optimize/optimizer.hpp>

namespace reagent {

class answer_log;

/// Ends a search with the best so far: a limit is reached, or too much has failed. An optimizer lets it pass.
struct search_stopped {};

/// One compilation under way, as `optimizer::search` gets it: runs the program with candidates, counts what that costs,
/// keeps to the limits and remembers the best. What was asked before, also by a search that was killed, is answered
/// from the study's state. Used by one thread; every call that runs something blocks.
class study {
public:
    study(const study&) = delete;
    ~study();

    const dataset& train() const;
    const dataset& validation() const;  ///< may be empty
    /// Other data to work with than what was given.
    void use(dataset train, dataset validation);
    /// How much the inputs of two training examples have in common, from 0 to 1.
    double similarity(std::size_t a, std::size_t b);

    const std::vector<const predictor*>& predictors()
        const;                        ///< of the program; their paths are the keys of its parameters
    const parameters& start() const;  ///< what the student begins with
    const parameters& teacher_start() const;
    const compile_options& options() const;
    /// Random choices of the seed. @param purpose tells independent choices apart
    dice random(std::uint64_t purpose) const;

    void tell(const std::string& what) const;  ///< to `compile_options::on_progress`

    /// The student on every example. @throws search_stopped; what a run threw, when all failed
    evaluation score(const dataset& data, const parameters& with);

    /// A candidate beside the best so far, example by example, which is less noisy than comparing means. After a
    /// quarter and a half: what is clearly behind is not looked at to its end.
    struct comparison_by_parts {
        std::vector<double> gains;  ///< of each example that was tried, in that order
        bool behind = false;
    };
    /// @param order indexes of the examples, all of them among those that the best was offered with
    /// @param others what it has to gain at least, as a mean
    /// @param errors by how many standard errors it has to be below that to be behind
    /// @throws search_stopped
    comparison_by_parts compare_with_best(const dataset& data, const std::vector<std::size_t>& order,
                                          const parameters& with, double others, double errors);

    /// As `score`, but given up when the candidate is clearly behind the best so far; then the score is an estimate.
    struct race_result {
        evaluation seen;
        bool complete = true;
    };
    /// @throws search_stopped
    race_result race(const dataset& data, const parameters& with);

    /// One run of the student: an example, and what to run it with.
    struct trial {
        const example* on = nullptr;
        std::shared_ptr<const parameters> with{};
        std::size_t round = 0;  ///< each further try of the same, with an answer of its own
    };
    /// All of them at once, with the runs' journals in the rows, in that order. @throws search_stopped
    evaluation try_all(const std::vector<trial>& trials);

    /// The teacher on every example, with the runs' journals in the rows.
    /// @param round 0, or each further try of the same, with answers of its own @throws search_stopped
    evaluation teach(const dataset& data, const parameters& with, std::size_t round);

    /// Runs a module other than the program on the prompt model. When the model fails it costs what the module was to
    /// find, never the search. @throws search_stopped
    template <class Module>
    void ask_prompt_model(const Module& work) {
        try {
            threads().run(prompt_run(), work);
        } catch (const std::exception& e) {
            prompt_model_failed(e);
        }
        check();
    }

    std::vector<std::vector<float>> embed(const embedder& with, std::vector<std::string> texts);

    /// A candidate and what it came to on the data that candidates are compared on: kept when it is better than all
    /// before.
    /// @return whether it is
    bool offer(const parameters& candidate, const evaluation& e);
    /// What is best without a score.
    void settle_on(parameters p);
    const parameters& best() const;
    std::optional<double> best_score() const;        ///< from 0 to 100; none before the first offer
    const std::vector<double>& best_scores() const;  ///< of the best on each example it was offered with
    usage spent() const;                             ///< until now

    void note(json::object candidate);                    ///< one more of the report's "candidates"
    void report(std::string_view key, json::value what);  ///< a member of the report

    /// Ends the search after what is under way; the report says why.
    void stop(std::string why);
    [[noreturn]] void stop_now(std::string why);

private:
    friend class optimizer;
    study(runtime& rt, const module& root, const program_function& call, const dataset& train,
          const dataset& validation, const metric& m, const compile_options& o, answer_log& log);
    runtime& threads() const;
    run_options prompt_run() const;
    void prompt_model_failed(const std::exception& e);
    void check();  // throws when a limit is reached

    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace reagent
