#pragma once

#include <reagent/optimize/gepa.hpp>
#include <reagent/optimize/study.hpp>

#include "pareto.hpp"

#include <map>
#include <set>

namespace reagent {

struct gepa_candidate {
    std::shared_ptr<const parameters> with{};
    std::vector<std::size_t> parents{};
    std::string how{};                             // it came to be
    std::vector<double> scores{};                  // by validation example
    double score = 0;                              // their mean, from 0 to 100
    std::size_t turn = 0;                          // of the components
    std::map<std::size_t, evaluation_row> seen{};  // by training example
};

/// The candidates of a search, with what they came to, and the runs that this took.
class gepa_pool {
public:
    gepa_pool(study& s, const gepa_options& how, std::size_t budget);

    const std::vector<gepa_candidate>& all() const { return all_; }
    gepa_candidate& at(std::size_t i) { return all_[i]; }
    std::size_t draw_parent();               ///< by wins, twice: the better of the two
    std::vector<std::size_t> front() const;  ///< candidates that win somewhere
    const dataset& validation() const { return validation_; }

    /// A run that is known costs nothing.
    struct wanted {
        gepa_candidate* of = nullptr;
        std::vector<std::size_t> examples{};  ///< of the training data
    };
    void run(const std::vector<wanted>& runs);
    bool has_room(std::size_t runs) const { return spent_ + runs <= budget_; }
    std::size_t spent() const { return spent_; }
    void spend(std::size_t runs) { spent_ += runs; }

    /// Scores it on the validation data, and keeps it unless it is clearly behind.
    /// @param known scores of some of the validation examples
    /// @return whether it is kept
    bool validate(gepa_candidate c, std::map<std::size_t, double> known = {});
    std::vector<double> scores_on(const parameters& with, const std::vector<std::size_t>& validation_examples);

    /// Whether these parameters were looked at on validation data.
    bool was_validated(const parameters& p) const;
    /// What a child that was not accepted came to: the same proposed again is judged by that, too.
    void remember(const gepa_candidate& c) { rejected_[pieces_of(*c.with)] = c.seen; }
    std::map<std::size_t, evaluation_row> remembered(const parameters& p) const;
    std::vector<std::string> pieces_of(const parameters& p) const;  ///< texts, and demonstrations of each predictor
    /// The first's parameters, with some pieces of the second's.
    parameters merged(const parameters& first, const parameters& second, const std::vector<bool>& from_second) const;

    const std::vector<component>& components() const { return components_; }
    void report() const;

private:
    void keep_best_output(std::size_t example, const evaluation_row& row, std::size_t candidate);
    void note(const gepa_candidate& c, std::size_t examples, bool complete) const;

    study& s_;
    const gepa_options& how_;
    const std::vector<component> components_;
    const dataset validation_;
    const bool same_data_;  // validation is the training data
    const std::size_t budget_;
    std::size_t spent_ = 0;
    std::vector<std::size_t> order_;  // in which validation examples are looked at
    std::vector<gepa_candidate> all_;
    std::set<std::vector<std::string>> validated_;
    std::map<std::vector<std::string>, std::map<std::size_t, evaluation_row>> rejected_;
    std::map<std::size_t, json::object> best_outputs_;
    dice parents_;
};

}  // namespace reagent
