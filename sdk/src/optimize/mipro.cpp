#include <reagent/optimize/instructions.hpp>
#include <reagent/optimize/tpe.hpp>

#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "numbers.hpp"
#include "proposer.hpp"
#include "two_digits.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace reagent {
namespace {

struct mipro_plan {
    std::size_t instructions, demo_sets, trials, most_validation;
    bool zero_shot;
};

// Source of the numbers: DSPy 3.3.1, MIPROv2's `auto` modes.
mipro_plan plan_of(const mipro_options& how, std::size_t predictors) {
    mipro_plan p{};
    p.zero_shot = how.max_bootstrapped_demos == 0 && how.max_labeled_demos == 0;
    std::size_t n = how.num_candidates.value_or(10);
    p.most_validation = 1'000;
    if (how.effort) {
        const std::size_t sizes[]{6, 12, 18}, data[]{100, 300, 1'000};
        n = sizes[static_cast<int>(*how.effort)];
        if (p.zero_shot) n += n / 6;  // one choice less for each predictor needs fewer trials
        n = how.num_candidates.value_or(n);
        p.most_validation = data[static_cast<int>(*how.effort)];
    }
    p.instructions = p.zero_shot || !how.effort ? n : std::max<std::size_t>(4, n / 2);
    p.demo_sets = p.zero_shot ? 1 : n;
    double choices = static_cast<double>(predictors) * (p.zero_shot ? 1 : 2);
    double enough =
        std::max(2 * choices * std::log2(std::max<double>(2, static_cast<double>(n))), 1.5 * static_cast<double>(n));
    p.trials = how.num_trials.value_or(static_cast<std::size_t>(enough));
    return p;
}

// What one choice of every predictor's instructions and demonstrations has come to.
struct tried {
    double sum = 0;
    std::size_t times = 0;
    bool whole = false;
    double mean() const { return sum / static_cast<double>(times); }
};

// Instructions of a predictor with what they came to, the best last; those as they are without.
std::vector<std::string> attempts_of(const std::vector<std::string>& all, std::size_t predictor,
                                     const std::map<std::vector<std::size_t>, tried>& known) {
    std::vector<std::pair<double, std::string>> scored;
    std::vector<std::string> shown;
    for (std::size_t i = 1; i < all.size(); ++i) {
        double sum = 0, times = 0;
        for (const auto& [combination, t] : known)
            if (combination[predictor] == i) sum += t.mean(), ++times;
        if (times > 0)
            scored.emplace_back(sum / times, all[i]);
        else
            shown.push_back(all[i] + not_this_again);
    }
    std::stable_sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [score, text] : scored)
        shown.push_back(text + " (score " + python_float(detail::two_digits(score)) + ")");
    return shown;
}

// The lists that are searched: for each predictor its instructions and sets of demonstrations, the first of both as it
// is.
struct search_space {
    parameters base;
    std::vector<std::vector<std::string>> instructions;
    std::vector<std::size_t> most_instructions;  // how many they may become
    std::vector<std::vector<std::vector<json::object>>> demos;
    std::vector<std::vector<std::shared_ptr<const demo_selector>>>
        selectors;  // of each set: chosen for each call, in place of those

    std::vector<std::size_t> sizes() const {
        std::vector<std::size_t> all = most_instructions;
        for (const auto& d : demos) all.push_back(d.size());
        return all;
    }
    double combinations() const {
        double n = 1;
        for (auto s : sizes()) n *= static_cast<double>(s);
        return n;
    }
    parameters at(study& s, const std::vector<std::size_t>& combination) const {
        parameters p = base;
        for (std::size_t i = 0; i < s.predictors().size(); ++i) {
            const auto& path = s.predictors()[i]->predictor_path();
            auto chosen = combination[i];
            if (chosen > 0) p.predictors[path].instructions = instructions[i][chosen];
            auto set = combination[s.predictors().size() + i];
            auto& own = p.predictors[path];
            own.selector = selectors[i][set];
            own.demos = demos[i][set];
        }
        return p;
    }
};

constexpr std::size_t last_looks = 2;

using combination = std::vector<std::size_t>;  // a choice of `search_space`

class mipro_search {
public:
    mipro_search(study& s, const mipro_options& how)
        : s_{s}, how_{how}, n_{s.predictors().size()}, plan_{plan_of(how, n_)}, data_{drawn_validation()} {
        mini_ = how.minibatch && data_.size() > 50 && how.minibatch_size < data_.size();
    }

    void run() {
        collect_demos();
        collect_grounds();
        tpe_.emplace(space_.sizes(), tpe_options{.seed = s_.options().seed});
        s_.tell("as it is: " + python_float(score_whole(combination(2 * n_, 0))));
        for (std::size_t trial = 1; trial <= plan_.trials; ++trial) {
            if (is_full(*s_.best_score())) {
                s_.tell("the best so far has the full score, which no trial can better");
                break;
            }
            if (!try_one(trial)) trial = plan_.trials;
            if (mini_ && is_time_for_all(trial)) score_promising();
        }
        // A trial's score has luck in it: so that one lucky sample does not decide, others that looked well are scored
        // on all data, too.
        for (std::size_t more = 0; mini_ && more < last_looks && !is_full(*s_.best_score()); ++more) score_promising();
    }

private:
    // The validation data, or four fifths of the training data, cut to what the plan allows.
    dataset drawn_validation() {
        if (s_.validation().empty()) {
            const auto& all = s_.train();
            if (all.size() < 2)
                throw program_error{program_errc::mismatch,
                                    "mipro needs validation data, or at least two training examples"};
            std::size_t most = std::min<std::size_t>(1'000, std::max<std::size_t>(1, all.size() * 4 / 5));
            auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() - most);
            s_.use({all.begin(), middle}, {middle, all.end()});
        }
        dataset data = s_.validation();
        if (data.size() > plan_.most_validation) {
            s_.random(1).shuffle(data);
            data.resize(plan_.most_validation);
        }
        return data;
    }

    // Sets of demonstrations: the program's own, labels, and what bootstrapping finds in other orders. Failures on the
    // way are kept.
    void collect_demos() {
        space_.demos.resize(n_);
        space_.selectors.resize(n_);
        space_.base = s_.start();
        if (plan_.zero_shot)
            for (auto& [path, own] : space_.base.predictors) {
                own.demos.clear();
                own.selector = nullptr;
            }
        add_demos(space_.base);
        for (std::size_t set = 1; set < std::max<std::size_t>(2, plan_.demo_sets); ++set) {
            if (set == 1 && !plan_.zero_shot) {
                add_demos(with_labels(s_, how_.max_labeled_demos, set));
                continue;
            }
            shown_.push_back(bootstrapped(set));
            if (plan_.zero_shot) break;  // for the proposer only
            add_demos(shown_.back());
        }
        if (!plan_.zero_shot && how_.nearest > 0)
            add_demos(with_nearest(s_, labeled_pools(s_, in_order(std::min<std::size_t>(s_.train().size(), 2'000))),
                                   how_.nearest));
    }

    void add_demos(const parameters& p) {
        for (std::size_t i = 0; i < n_; ++i) {
            const auto* own = p.find(s_.predictors()[i]->predictor_path());
            space_.demos[i].push_back(own ? own->demos : std::vector<json::object>{});
            space_.selectors[i].push_back(own ? own->selector : nullptr);
        }
    }

    parameters bootstrapped(std::size_t set) {
        bootstrap_size size{how_.max_bootstrapped_demos, how_.max_labeled_demos, 1, how_.metric_threshold};
        if (plan_.zero_shot) size = {3, 0, 1, how_.metric_threshold};
        auto order = in_order(s_.train().size());
        if (set > 2) {
            dice own = s_.random(100 + set);
            own.shuffle(order);
            size.bootstrapped = 1 + own.below(std::max<std::size_t>(1, size.bootstrapped));
        }
        auto made = bootstrap_demos(s_, order, size, 100 + set);
        for (auto& f : made.failures) failures_.push_back(std::move(f));
        return with_demos(s_, made, size, 100 + set);
    }

    // What proposals are grounded in. What goes wrong in the training data reaches the proposer; of the validation data
    // it sees nothing.
    void collect_grounds() {
        if (failures_.size() < most_failures_shown / 2) {
            dataset probe = s_.train();
            s_.random(2).shuffle(probe);
            if (probe.size() > 12) probe.resize(12);
            auto seen = failures_in(s_.score(probe, space_.base), probe, s_.random(3));
            failures_.insert(failures_.end(), seen.begin(), seen.end());
        }
        if (failures_.size() > most_failures_shown) failures_.resize(most_failures_shown);
        summary_ = summary_of_data(s_);
        structure_ = structure_of(s_);
        if (!summary_.empty()) s_.report("data_summary", json::value(json::string(summary_)));
        for (const predictor* p : s_.predictors()) {
            space_.instructions.push_back({p->open_instructions(s_.start().find(p->predictor_path()))});
            space_.most_instructions.push_back(plan_.instructions);
        }
    }

    proposal_ground ground(std::size_t i, std::size_t k) const {
        const predictor& p = *s_.predictors()[i];
        const auto& all = space_.instructions[i];
        proposal_ground g;
        g.data = summary_;
        g.program = structure_;
        g.step = described(p);
        g.instructions = all.front();
        g.failures = failures_;
        if (!shown_.empty())
            if (const auto* own = shown_[k % shown_.size()].find(p.predictor_path()))
                g.demos = shown_demos(own->demos, 3);
        g.tip = tip(k - 1);
        g.attempts = attempts_of(all, i, known_);
        return g;
    }

    // Proposals are made when the search first wants them, so that each sees what those before came to. A model that
    // proposes the same again is asked again, and shown what there is. False: it knows nothing new.
    bool propose_another(std::size_t i) {
        const auto& path = s_.predictors()[i]->predictor_path();
        auto& all = space_.instructions[i];
        for (std::size_t round = 0; round < 3; ++round)
            for (auto& text : propose(s_, {ground(i, all.size() + round)}, how_.init_temperature,
                                      10'000 * (i + 1) + 100 * round + all.size())) {
                if (std::find(all.begin(), all.end(), text) != all.end()) continue;
                s_.tell(path + ", instructions " + std::to_string(all.size()) + ": " + cut(text, 80));
                all.push_back(std::move(text));
                s_.report("instructions of " + path, json::array(all.begin(), all.end()));
                return true;
            }
        return false;
    }

    combination next_choice() {
        auto choice = tpe_->ask();
        for (std::size_t i = 0; i < n_; ++i) {
            auto& all = space_.instructions[i];
            if (choice[i] < all.size()) continue;
            choice[i] = all.size();
            if (propose_another(i)) continue;
            tpe_->shrink(i, space_.most_instructions[i] = all.size());
            choice[i] = all.size() - 1;
        }
        return choice;
    }

    // False: every combination has been tried.
    bool try_one(std::size_t trial) {
        auto choice = next_choice();
        const std::string said = "trial " + std::to_string(trial) + " of " + std::to_string(plan_.trials) + ": ";
        if (known_.contains(choice)) return static_cast<double>(known_.size()) < space_.combinations();
        if (mini_) {
            auto [score, examples] = score_sample(choice, trial);
            s_.tell(said + "about " + python_float(score) + ", from " + std::to_string(examples) + " examples");
        } else {
            double score = score_whole(choice);
            s_.tell(said + python_float(score) + ", best " + python_float(*s_.best_score()));
        }
        return true;
    }

    double score_whole(const combination& choice) {
        auto candidate = space_.at(s_, choice);
        auto result = s_.race(data_, candidate);
        learn(choice, result.seen.score).whole = true;
        if (result.complete) s_.offer(candidate, result.seen);
        note(choice, result.seen.score, result.seen.rows.size(), result.complete);
        return result.seen.score;
    }

    struct sampled {
        double score;
        std::size_t examples;
    };
    sampled score_sample(const combination& choice, std::size_t trial) {
        auto drawn = in_order(data_.size());
        s_.random(1'000 + trial).shuffle(drawn);
        drawn.resize(how_.minibatch_size);
        double promised = 0;
        for (const auto& [c, t] : known_)
            if (!t.whole) promised = std::max(promised, (t.mean() - *s_.best_score()) / 100);
        auto seen = s_.compare_with_best(data_, drawn, space_.at(s_, choice), promised, 1);
        const double score = detail::two_digits(std::max(0.0, *s_.best_score() + 100 * mean_of(seen.gains)));
        learn(choice, score);
        note(choice, score, seen.gains.size(), false);
        return {score, seen.gains.size()};
    }

    tried& learn(const combination& choice, double score) {
        auto& k = known_[choice];
        k.sum += score, ++k.times;
        tpe_->tell(choice, score);
        return k;
    }

    void note(const combination& choice, double score, std::size_t examples, bool whole) {
        json::array chosen;
        for (auto c : choice) chosen.emplace_back(c);
        s_.note(
            json::object{{"choice", std::move(chosen)}, {"score", score}, {"examples", examples}, {"whole", whole}});
    }

    bool is_time_for_all(std::size_t trial) const {
        return trial % std::max<std::size_t>(1, how_.minibatch_full_eval_steps) == 0 || trial == plan_.trials;
    }

    // The best of what has been seen on samples only, and that promises to better the best, on all data.
    void score_promising() {
        const std::pair<const combination, tried>* promising = nullptr;
        for (const auto& k : known_)
            if (!k.second.whole && k.second.mean() > *s_.best_score() &&
                (!promising || k.second.mean() > promising->second.mean()))
                promising = &k;
        if (!promising) return;
        auto score = score_whole(combination(promising->first));
        s_.tell("the best of them on all " + std::to_string(data_.size()) + ": " + python_float(score) + ", best " +
                python_float(*s_.best_score()));
    }

    study& s_;
    const mipro_options& how_;
    const std::size_t n_;
    const mipro_plan plan_;
    const dataset data_;
    bool mini_ = false;
    search_space space_;
    std::vector<std::string> failures_;
    std::vector<parameters> shown_;  // what proposals see
    std::string summary_, structure_;
    std::map<combination, tried> known_;
    std::optional<categorical_tpe> tpe_;
};

}  // namespace

optimizer::work mipro::plan(std::size_t predictors, std::size_t train, std::size_t validation) const {
    auto p = plan_of(how_, predictors);
    std::size_t data = std::min(validation ? validation : train * 4 / 5, p.most_validation);
    bool mini = how_.minibatch && data > 50;
    std::size_t whole = mini ? p.trials / std::max<std::size_t>(1, how_.minibatch_full_eval_steps) + 2 : p.trials + 1;
    std::size_t runs = whole * data + (mini ? p.trials * std::min(data, how_.minibatch_size) : 0);
    std::size_t tries = std::max<std::size_t>(1, p.zero_shot ? 1 : p.demo_sets - 2) *
                        std::min(train, 4 * std::max<std::size_t>(3, how_.max_bootstrapped_demos));
    return {runs + tries + std::min<std::size_t>(train, 12), 3 + predictors * p.instructions};
}

void mipro::search(study& s) const { mipro_search{s, how_}.run(); }

}  // namespace reagent
