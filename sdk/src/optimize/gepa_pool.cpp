#include "gepa_pool.hpp"

#include <reagent/schema/render.hpp>

#include "numbers.hpp"
#include "two_digits.hpp"

#include <boost/json.hpp>

#include <cmath>

namespace reagent {
namespace {

// By how much two standard errors of the mean reach, from the differences of the examples.
double twice_error_of(const std::vector<double>& gains) {
    const double mean = mean_of(gains);
    double square = 0;
    for (double g : gains) square += (g - mean) * (g - mean);
    const auto n = static_cast<double>(gains.size());
    return 2 * std::sqrt(square / (n - 1) / n);
}

}  // namespace

gepa_pool::gepa_pool(study& s, const gepa_options& how, std::size_t budget)
    : s_{s},
      how_{how},
      components_{components_of(s.predictors(), how.components)},
      validation_{s.validation().empty() ? s.train() : s.validation()},
      same_data_{s.validation().empty()},
      budget_{budget},
      order_{in_order(validation_.size())},
      parents_{s.random(201)} {
    s.random(202).shuffle(order_);
}

std::vector<std::size_t> gepa_pool::front() const {
    std::vector<std::vector<double>> scores;
    for (const auto& c : all_) scores.push_back(c.scores);
    const auto wins = wins_on_front(scores);
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < wins.size(); ++i)
        if (wins[i] > 0) found.push_back(i);
    return found;
}

std::size_t gepa_pool::draw_parent() {
    std::vector<std::vector<double>> scores;
    for (const auto& c : all_) scores.push_back(c.scores);
    const auto wins = wins_on_front(scores);
    const std::size_t one = drawn_by_weight(wins, parents_), other = drawn_by_weight(wins, parents_);
    return all_[other].score > all_[one].score ? other : one;
}

void gepa_pool::run(const std::vector<wanted>& runs) {
    std::vector<study::trial> trials;
    std::vector<std::pair<gepa_candidate*, std::size_t>> places;
    std::set<std::pair<gepa_candidate*, std::size_t>> asked;
    for (const auto& w : runs)
        for (std::size_t e : w.examples) {
            if (w.of->seen.contains(e) || !asked.insert({w.of, e}).second) continue;
            trials.push_back({&s_.train()[e], w.of->with, 0});
            places.emplace_back(w.of, e);
        }
    if (trials.empty()) return;
    spent_ += trials.size();
    auto made = s_.try_all(trials);
    for (std::size_t i = 0; i < made.rows.size(); ++i) {
        auto& row = made.rows[i];
        places[row.index].first->seen[places[row.index].second] = std::move(row);
    }
}

std::vector<double> gepa_pool::scores_on(const parameters& with, const std::vector<std::size_t>& examples) {
    std::vector<study::trial> trials;
    const auto shared = std::make_shared<const parameters>(with);
    for (std::size_t e : examples) trials.push_back({&validation_[e], shared, 0});
    spent_ += trials.size();
    std::vector<double> scores;
    const auto made = s_.try_all(trials);
    for (const auto& row : made.rows) {
        scores.push_back(row.score);
        if (how_.track_best_outputs) keep_best_output(examples[row.index], row, all_.size());
    }
    return scores;
}

void gepa_pool::keep_best_output(std::size_t example, const evaluation_row& row, std::size_t candidate) {
    if (!row.error.empty()) return;
    auto& best = best_outputs_[example];
    if (!best.empty() && best.at("score").as_double() >= row.score) return;
    best = json::object{{"example", example}, {"score", row.score}, {"candidate", candidate}, {"outputs", row.outputs}};
}

bool gepa_pool::validate(gepa_candidate c, std::map<std::size_t, double> known) {
    validated_.insert(pieces_of(*c.with));
    if (same_data_)
        for (const auto& [e, row] : c.seen) {
            known[e] = row.score;
            if (how_.track_best_outputs) keep_best_output(e, row, all_.size());
        }
    const std::size_t n = order_.size();
    const gepa_candidate* best = nullptr;
    for (const auto& other : all_)
        if (!best || other.score > best->score) best = &other;
    for (std::size_t upto : {how_.race && best ? (n + 3) / 4 : n, how_.race && best ? n / 2 : n, n}) {
        std::vector<std::size_t> part;
        for (std::size_t i = 0; i < upto; ++i)
            if (!known.contains(order_[i])) part.push_back(order_[i]);
        if (!part.empty()) {
            const auto scores = scores_on(*c.with, part);
            for (std::size_t i = 0; i < part.size(); ++i) known[part[i]] = scores[i];
        }
        if (known.size() == n || known.size() < 6) continue;
        std::vector<double> gains;
        for (const auto& [e, score] : known) gains.push_back(score - best->scores[e]);
        if (mean_of(gains) + twice_error_of(gains) >= 0) continue;
        c.score = detail::two_digits(best->score + 100 * mean_of(gains));
        note(c, known.size(), false);
        s_.tell(c.how + ": clearly behind the best after " + std::to_string(known.size()) + " examples");
        return false;
    }
    evaluation whole;
    for (const auto& [e, score] : known) {
        c.scores.push_back(score);
        evaluation_row row;
        row.index = e;
        row.score = score;
        whole.rows.push_back(std::move(row));
    }
    c.score = whole.score = detail::two_digits(100 * mean_of(c.scores));
    const bool better = s_.offer(*c.with, whole);
    note(c, n, true);
    s_.tell("candidate " + std::to_string(all_.size()) + " (" + c.how + "): " + python_float(c.score) +
            (better ? ", the best so far" : ""));
    all_.push_back(std::move(c));
    return true;
}

bool gepa_pool::was_validated(const parameters& p) const { return validated_.contains(pieces_of(p)); }

std::map<std::size_t, evaluation_row> gepa_pool::remembered(const parameters& p) const {
    auto found = rejected_.find(pieces_of(p));
    return found == rejected_.end() ? std::map<std::size_t, evaluation_row>{} : found->second;
}

std::vector<std::string> gepa_pool::pieces_of(const parameters& p) const {
    std::vector<std::string> pieces;
    for (const auto& c : components_) pieces.push_back(c.text(p));
    for (const predictor* one : s_.predictors()) {
        json::array demos;
        if (const auto* own = p.find(one->predictor_path()))
            for (const auto& d : own->demos) demos.push_back(d);
        pieces.push_back(dump_json(json::value(std::move(demos))));
    }
    return pieces;
}

parameters gepa_pool::merged(const parameters& first, const parameters& second,
                             const std::vector<bool>& from_second) const {
    parameters p = first;
    for (std::size_t i = 0; i < components_.size(); ++i)
        if (from_second[i]) components_[i].set(p, components_[i].text(second));
    for (std::size_t i = 0; i < s_.predictors().size(); ++i) {
        if (!from_second[components_.size() + i]) continue;
        const auto& path = s_.predictors()[i]->predictor_path();
        const auto* other = second.find(path);
        p.predictors[path].demos = other ? other->demos : std::vector<json::object>{};
        p.predictors[path].selector = other ? other->selector : nullptr;
    }
    return p;
}

void gepa_pool::note(const gepa_candidate& c, std::size_t examples, bool complete) const {
    json::array parents;
    for (auto p : c.parents) parents.emplace_back(p);
    json::object changed;
    for (const auto& one : components_) {
        const std::string text = one.text(*c.with);
        if (text != one.text(s_.start())) changed[one.key()] = text;
    }
    json::object said{{"kind", c.how},
                      {"parents", std::move(parents)},
                      {"score", c.score},
                      {"examples", examples},
                      {"complete", complete}};
    if (complete) said["id"] = all_.size();
    if (!changed.empty()) said["texts"] = std::move(changed);
    s_.note(std::move(said));
}

void gepa_pool::report() const {
    s_.report("metric_calls", json::value(spent_));
    json::array winners;
    for (auto c : front()) winners.emplace_back(c);
    s_.report("pareto_front", std::move(winners));
    if (best_outputs_.empty()) return;
    json::array outputs;
    for (const auto& [e, best] : best_outputs_) outputs.push_back(best);
    s_.report("best_outputs", std::move(outputs));
}

}  // namespace reagent
