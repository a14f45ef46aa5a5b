#include <reagent/optimize/instructions.hpp>
#include <reagent/optimize/tpe.hpp>

#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "numbers.hpp"
#include "proposer.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace reagent {
namespace {

constexpr std::size_t most_failures_shown = 6;
constexpr std::size_t most_in_vain = 6;  // proposals that are known already or unreadable, before a round asks for no more

// Some of the rows that did not reach the full score, drawn by seed.
std::vector<std::string> failures_in(const evaluation& e, const dataset& data, dice random) {
    std::vector<std::size_t> bad;
    for (std::size_t i = 0; i < e.rows.size(); ++i)
        if (!e.rows[i].error.empty() || e.rows[i].score < 1) bad.push_back(i);
    random.shuffle(bad);
    std::vector<std::string> shown;
    for (auto i : bad) {
        if (shown.size() == most_failures_shown) break;
        shown.push_back(described_failure(data[e.rows[i].index], e.rows[i]));
    }
    return shown;
}

// Every example was right; metrics are from 0 to 1.
bool is_full(double score) { return score >= 100; }

void keep_some(std::vector<std::string>& all, std::size_t most) {
    if (all.size() > most) all.resize(most);
}

}  // namespace

// --- copro -----------------------------------------------------------------------------------------------------------

optimizer::work copro::plan(std::size_t predictors, std::size_t train, std::size_t) const {
    std::size_t tries = how_.depth * how_.breadth;
    return {predictors * tries * train, predictors * tries};
}

namespace {

// The turn of one predictor: rounds of proposals, each scored on the training data.
class copro_turn {
public:
    copro_turn(study& s, const copro_options& how, const predictor& p, std::string structure, std::vector<std::string>& failures,
               std::uint64_t& rollout)
        : s_{s}, how_{how}, p_{p}, structure_{std::move(structure)}, failures_{failures}, rollout_{rollout} {
        attempts_.push_back({p.open_instructions(s.best().find(p.predictor_path())), *s.best_score()});
    }

    void round(std::size_t number) {
        number_ = number;
        if (draws_one_ && spent_ + 1 + few() > budget()) return;
        std::size_t wanted = how_.breadth - (number == 1 && how_.breadth > 1 ? 1 : 0);  // the first round tries what is there, too
        auto made = propose_many(s_, ground(number > 1 ? attempts_.size() : 0), wanted, how_.fill_breadth, how_.init_temperature, rollout_);
        rollout_ += 1'000;
        draws_one_ = made.one_by_one && !how_.fill_breadth;
        if (draws_one_)
            one_by_one(std::move(made.texts), wanted);
        else
            for (auto& text : made.texts)
                if (!is_known(text)) score(std::move(text));
        rollout_ += 1'000;
    }

private:
    struct attempt {
        std::string instructions;
        double score;
    };

    // On how many examples a proposal is looked at first, and what the whole turn may cost, where one completion comes for a request: a
    // little less than a proposal a round that is scored on all examples.
    std::size_t few() const { return std::min(s_.train().size(), std::max<std::size_t>(6, s_.train().size() / 10)); }
    std::size_t budget() const { return std::max(1 + s_.train().size(), how_.depth * (1 + s_.train().size()) * 9 / 10); }

    // What the proposer sees, with the best of the first `shown` attempts.
    proposal_ground ground(std::size_t shown) const {
        proposal_ground g;
        g.program = structure_;
        g.step = described(p_);
        g.instructions = p_.open_instructions(s_.start().find(p_.predictor_path()));
        g.failures = failures_;
        std::vector<attempt> sorted{attempts_.begin(), attempts_.begin() + static_cast<std::ptrdiff_t>(shown)};
        std::stable_sort(sorted.begin(), sorted.end(), [](const attempt& a, const attempt& b) { return a.score < b.score; });
        for (std::size_t i = sorted.size() > how_.breadth ? sorted.size() - how_.breadth : 0; i < sorted.size(); ++i)
            g.attempts.push_back(sorted[i].instructions + " (score " + python_float(sorted[i].score) + ")");
        return g;
    }

    bool is_known(const std::string& text) const {
        return std::any_of(attempts_.begin(), attempts_.end(), [&](const attempt& a) { return a.instructions == text; });
    }

    parameters with(const std::string& text) const {
        parameters candidate = s_.best();
        candidate.predictors[p_.predictor_path()].instructions = text;
        return candidate;
    }

    std::size_t score(std::string text) {
        auto candidate = with(text);
        auto result = s_.race(s_.train(), candidate);
        bool better = result.complete && s_.offer(candidate, result.seen);
        if (better) failures_ = failures_in(result.seen, s_.train(), s_.random(41 + rollout_));
        tell(text, result.seen.score, result.seen.rows.size(), result.complete, better);
        remember(std::move(text), result.seen.score);
        return result.seen.rows.size();
    }

    void remember(std::string text, double score) {
        for (auto& a : attempts_)
            if (a.instructions == text) return void(a.score = score);
        attempts_.push_back({std::move(text), score});
    }

    void tell(const std::string& text, double score, std::size_t examples, bool complete, bool better) {
        const auto& path = p_.predictor_path();
        s_.note(json::object{{"predictor", path},
                             {"round", number_},
                             {"instructions", text},
                             {"score", score},
                             {"examples", examples},
                             {"complete", complete}});
        s_.tell(path + ", round " + std::to_string(number_) + " of " + std::to_string(how_.depth) + ": " + (complete ? "" : "about ") +
                python_float(score) + (better ? ", the best so far: " : ": ") + cut(text, 80));
    }

    // Where one completion comes for a request: each proposal is looked at on a few examples, and the next one is asked for with what that
    // came to; the most promising is scored on all.
    void one_by_one(std::vector<std::string> texts, std::size_t wanted) {
        const auto& data = s_.train();
        const std::size_t few = this->few(), whole = data.size() - few;
        const std::size_t allowance = budget() * number_ / how_.depth;  // what earlier rounds left included
        ++spent_;
        auto drawn = in_order(data.size());
        s_.random(42 + rollout_).shuffle(drawn);
        drawn.resize(few);
        std::map<std::string, double> promising;  // gain on the few
        const std::size_t rest = number_ == how_.depth ? whole : whole / 2;
        auto can = [&](std::size_t more) { return spent_ + more <= allowance; };
        for (std::size_t asked = 1, in_vain = 0;;) {
            for (auto& text : texts) {
                if (is_known(text)) {
                    ++in_vain;
                    continue;
                }
                auto seen = s_.compare_with_best(data, drawn, with(text), 0, 1);
                spent_ += seen.gains.size();
                double gain = mean_of(seen.gains), about = std::max(0.0, std::round(100 * (*s_.best_score() + 100 * gain)) / 100);
                tell(text, about, seen.gains.size(), false, false);
                remember(text, about);
                if (gain > 0) promising[text] = gain;
            }
            texts.clear();
            if (in_vain >= most_in_vain || ++asked > wanted || !can(1 + few + (promising.empty() ? 0 : rest))) break;
            auto further = ground(attempts_.size());
            further.tip = tip(asked - 1);
            texts = propose(s_, {further}, how_.init_temperature, rollout_++);
            ++spent_;
            if (texts.empty()) ++in_vain;
        }
        while (!promising.empty()) {
            auto best =
                std::max_element(promising.begin(), promising.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
            if (spent_ + whole > budget()) break;
            std::string text = best->first;
            promising.erase(best);
            auto rows = score(std::move(text));
            spent_ += rows - std::min(rows, few);
            if (rows == data.size() || !can(whole / 2)) break;
        }
    }

    study& s_;
    const copro_options& how_;
    const predictor& p_;
    const std::string structure_;
    std::vector<std::string>& failures_;
    std::uint64_t& rollout_;
    std::vector<attempt> attempts_;
    bool draws_one_ = false;
    std::size_t number_ = 0, spent_ = 0;
};

}  // namespace

void copro::search(study& s) const {
    const std::string structure = s.predictors().size() > 1 ? structure_of(s) : "";
    auto as_it_is = s.score(s.train(), s.start());
    s.offer(s.start(), as_it_is);
    s.tell("as it is: " + python_float(as_it_is.score));
    auto failures = failures_in(as_it_is, s.train(), s.random(40));
    std::uint64_t rollout = 0;
    for (const predictor* p : s.predictors()) {
        copro_turn turn{s, how_, *p, structure, failures, rollout};
        for (std::size_t round = 1; round <= how_.depth && !is_full(*s.best_score()); ++round) turn.round(round);
    }
}

// --- mipro -----------------------------------------------------------------------------------------------------------

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
    double enough = std::max(2 * choices * std::log2(std::max<double>(2, static_cast<double>(n))), 1.5 * static_cast<double>(n));
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

double two_digits(double d) { return std::round(d * 100) / 100; }

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
    for (const auto& [score, text] : scored) shown.push_back(text + " (score " + python_float(two_digits(score)) + ")");
    return shown;
}

// The lists that are searched: for each predictor its instructions and sets of demonstrations, the first of both as it is.
struct search_space {
    parameters base;
    std::vector<std::vector<std::string>> instructions;
    std::vector<std::size_t> most_instructions;  // how many they may become
    std::vector<std::vector<std::vector<json::object>>> demos;

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
            if (set > 0) own.selector = nullptr;
            own.demos = demos[i][set];
        }
        return p;
    }
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

void mipro::search(study& s) const {
    const std::size_t n = s.predictors().size();
    auto how = plan_of(how_, n);
    dice random = s.random(1);

    if (s.validation().empty()) {
        if (s.train().size() < 2)
            throw program_error{program_errc::mismatch, "mipro needs validation data, or at least two training examples"};
        std::size_t most = std::min<std::size_t>(1'000, std::max<std::size_t>(1, s.train().size() * 4 / 5)),
                    cut_at = s.train().size() - most;
        auto middle = s.train().begin() + static_cast<std::ptrdiff_t>(cut_at);
        s.use({s.train().begin(), middle}, {middle, s.train().end()});
    }
    dataset data = s.validation();
    if (data.size() > how.most_validation) {
        random.shuffle(data);
        data.resize(how.most_validation);
    }
    const bool mini = how_.minibatch && data.size() > 50 && how_.minibatch_size < data.size();

    // 1. Sets of demonstrations.
    search_space space;
    space.demos.resize(n);
    auto add_set = [&](const parameters& p) {
        for (std::size_t i = 0; i < n; ++i) {
            const auto* own = p.find(s.predictors()[i]->predictor_path());
            space.demos[i].push_back(own ? own->demos : std::vector<json::object>{});
        }
    };
    parameters begin = s.start();
    if (how.zero_shot)
        for (auto& [path, own] : begin.predictors) {
            own.demos.clear();
            own.selector = nullptr;
        }
    add_set(begin);
    space.base = begin;
    std::vector<std::string> failures;
    std::vector<parameters> shown;  // what proposals see
    for (std::size_t set = 1; set < std::max<std::size_t>(2, how.demo_sets); ++set) {
        bootstrap_size size{how_.max_bootstrapped_demos, how_.max_labeled_demos, 1, how_.metric_threshold};
        if (how.zero_shot) size = {3, 0, 1, how_.metric_threshold};
        auto order = in_order(s.train().size());
        if (set == 1 && !how.zero_shot) {
            add_set(with_labels(s, how_.max_labeled_demos, set));
            continue;
        }
        if (set > 2) {
            dice own = s.random(100 + set);
            own.shuffle(order);
            size.bootstrapped = 1 + own.below(std::max<std::size_t>(1, size.bootstrapped));
        }
        auto made = bootstrap_demos(s, order, size, 100 + set);
        for (auto& f : made.failures) failures.push_back(std::move(f));
        auto p = with_demos(s, made, size, 100 + set);
        shown.push_back(p);
        if (how.zero_shot) break;
        add_set(p);
    }

    // 2. Proposals of instructions. What goes wrong in the training data reaches the proposer; of the validation data it sees nothing.
    auto worst = failures;
    if (worst.size() < most_failures_shown / 2) {
        dataset probe = s.train();
        s.random(2).shuffle(probe);
        if (probe.size() > 12) probe.resize(12);
        auto seen = failures_in(s.score(probe, begin), probe, s.random(3));
        worst.insert(worst.end(), seen.begin(), seen.end());
    }
    keep_some(worst, most_failures_shown);
    const std::string summary = summary_of_data(s), structure = structure_of(s);
    if (!summary.empty()) s.report("data_summary", json::value(json::string(summary)));
    for (const predictor* p : s.predictors()) {
        space.instructions.push_back({p->open_instructions(s.start().find(p->predictor_path()))});
        space.most_instructions.push_back(how.instructions);
    }
    std::map<std::vector<std::size_t>, tried> known;
    // Proposals are made when the search first wants them, so that each sees what those before came to. A model that proposes the same
    // again is asked again, and shown what there is. False: it knows nothing new.
    auto propose_another = [&](std::size_t i) {
        const predictor& p = *s.predictors()[i];
        auto& all = space.instructions[i];
        for (std::size_t round = 0; round < 3; ++round) {
            const std::size_t k = all.size() + round;
            proposal_ground g;
            g.data = summary;
            g.program = structure;
            g.step = described(p);
            g.instructions = all.front();
            g.failures = worst;
            if (!shown.empty())
                if (const auto* own = shown[k % shown.size()].find(p.predictor_path())) g.demos = shown_demos(own->demos, 3);
            g.tip = tip(k - 1);
            g.attempts = attempts_of(all, i, known);
            for (auto& text : propose(s, {std::move(g)}, how_.init_temperature, 10'000 * (i + 1) + 100 * round + all.size()))
                if (std::find(all.begin(), all.end(), text) == all.end()) {
                    s.tell(p.predictor_path() + ", instructions " + std::to_string(all.size()) + ": " + cut(text, 80));
                    all.push_back(std::move(text));
                    s.report("instructions of " + p.predictor_path(), json::array(all.begin(), all.end()));
                    return true;
                }
        }
        return false;
    };

    // 3. The search.
    categorical_tpe tpe{space.sizes(), {.seed = s.options().seed}};
    auto note = [&](const std::vector<std::size_t>& combination, const evaluation& e, bool whole, bool complete) {
        json::array chosen;
        for (auto c : combination) chosen.emplace_back(c);
        s.note(json::object{{"choice", std::move(chosen)}, {"score", e.score}, {"examples", e.rows.size()}, {"whole", whole && complete}});
    };
    auto score_whole = [&](const std::vector<std::size_t>& combination) {
        auto candidate = space.at(s, combination);
        auto& k = known[combination];
        k.whole = true;
        auto result = s.race(data, candidate);
        const auto& e = result.seen;
        k.sum += e.score, ++k.times;
        tpe.tell(combination, e.score);
        if (result.complete) s.offer(candidate, e);
        note(combination, e, true, result.complete);
        return e.score;
    };
    auto first = score_whole(std::vector<std::size_t>(2 * n, 0));
    s.tell("as it is: " + python_float(first));
    for (std::size_t trial = 1; trial <= how.trials; ++trial) {
        if (is_full(*s.best_score())) {
            s.tell("the best so far has the full score, which no trial can better");
            break;
        }
        auto combination = tpe.ask();
        for (std::size_t i = 0; i < n; ++i) {
            auto& all = space.instructions[i];
            if (combination[i] < all.size()) continue;
            combination[i] = all.size();
            if (propose_another(i)) continue;
            tpe.shrink(i, space.most_instructions[i] = all.size());
            combination[i] = all.size() - 1;
        }
        std::string said = "trial " + std::to_string(trial) + " of " + std::to_string(how.trials) + ": ";
        if (known.contains(combination)) {
            if (static_cast<double>(known.size()) >= space.combinations()) trial = how.trials;  // all have been tried
        } else if (!mini) {
            double score = score_whole(combination);
            s.tell(said + python_float(score) + ", best " + python_float(*s.best_score()));
        } else {
            auto drawn = in_order(data.size());
            s.random(1'000 + trial).shuffle(drawn);
            drawn.resize(how_.minibatch_size);
            double promised = 0;
            for (const auto& [c, t] : known)
                if (!t.whole) promised = std::max(promised, (t.mean() - *s.best_score()) / 100);
            auto seen = s.compare_with_best(data, drawn, space.at(s, combination), promised, 1);
            evaluation e;
            e.score = two_digits(std::max(0.0, *s.best_score() + 100 * mean_of(seen.gains)));
            e.rows.resize(seen.gains.size());
            auto& k = known[combination];
            k.sum += e.score, ++k.times;
            tpe.tell(combination, e.score);
            note(combination, e, false, true);
            s.tell(said + "about " + python_float(e.score) + ", from " + std::to_string(seen.gains.size()) + " examples");
        }
        if (!mini || (trial % std::max<std::size_t>(1, how_.minibatch_full_eval_steps) != 0 && trial != how.trials)) continue;
        const std::vector<std::size_t>* promising = nullptr;
        for (const auto& [c, t] : known)
            if (!t.whole && t.mean() > *s.best_score() && (!promising || t.mean() > known[*promising].mean())) promising = &c;
        if (!promising) continue;
        auto result = score_whole(std::vector<std::size_t>(*promising));
        s.tell("the best of them on all " + std::to_string(data.size()) + ": " + python_float(result) + ", best " +
               python_float(*s.best_score()));
    }
}

}  // namespace reagent
