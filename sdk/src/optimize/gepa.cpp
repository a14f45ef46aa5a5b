#include <reagent/optimize/gepa.hpp>

#include <reagent/evaluate/trajectory.hpp>
#include <reagent/optimize/demonstrations.hpp>
#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "gepa_pool.hpp"
#include "numbers.hpp"
#include "proposer.hpp"

#include <algorithm>
#include <cmath>

namespace reagent {
namespace {

constexpr std::size_t most_rounds_in_vain = 15;  // rounds without a text that was not tried before, until a search ends
constexpr std::size_t most_remembered = 3;       // failures of a parent that are shown besides its minibatch
constexpr std::size_t merge_sample = 5;          // validation examples that a merge is looked at first

// Runs that a search may make. Source of `auto`: DSPy 3.4.1, `dspy.GEPA.auto_budget`.
std::size_t budget_of(const gepa_options& how, std::size_t predictors, std::size_t train, std::size_t validation) {
    if (how.max_metric_calls) return *how.max_metric_calls;
    if (how.max_full_evals) return *how.max_full_evals * (train + validation);
    const std::size_t sizes[]{6, 12, 18}, n = sizes[static_cast<int>(how.effort.value_or(gepa_effort::light))];
    const std::size_t data = validation ? validation : train;
    const auto trials = static_cast<std::size_t>(std::max(
        4 * static_cast<double>(predictors) * std::log2(static_cast<double>(n)), 1.5 * static_cast<double>(n)));
    return data + 5 * n + 35 * trials + ((trials + 1) / 5 + 1) * data;
}

// Instructions come in turn with everything else, however many tools there are.
std::vector<std::size_t> turns_of(const std::vector<component>& all) {
    std::vector<std::size_t> instructions, others, turns;
    for (std::size_t i = 0; i < all.size(); ++i)
        (all[i].what == component::kind::instructions ? instructions : others).push_back(i);
    if (instructions.empty() || others.empty()) return in_order(all.size());
    for (std::size_t i = 0; i < std::max(instructions.size(), others.size()); ++i) {
        turns.push_back(instructions[i % instructions.size()]);
        turns.push_back(others[i % others.size()]);
    }
    return turns;
}

class gepa_search {
public:
    gepa_search(study& s, const gepa_options& how)
        : s_{s},
          how_{how},
          batch_{std::clamp<std::size_t>(how.reflection_minibatch_size, 1, s.train().size())},
          pool_{s, how, budget_of(how, s.predictors().size(), s.train().size(), s.validation().size())},
          turns_{turns_of(pool_.components())},
          order_{s.random(203)},
          merges_{s.random(204)} {
        if (s.predictors().size() > 1) structure_ = structure_of(s);
    }

    void run() {
        try {
            evolve();
        } catch (const search_stopped&) {
            pool_.report();
            throw;
        }
        pool_.report();
    }

private:
    struct birth {
        std::size_t parent = 0;
        std::vector<std::size_t> examples{};
        std::vector<std::size_t> components{};  // to be rewritten
        std::shared_ptr<const parameters> child{};
        std::string how{};
    };

    void evolve() {
        if (!pool_.has_room(pool_.validation().size()))
            throw program_error{program_errc::mismatch,
                                "the budget of gepa must at least allow one run on each of the " +
                                    std::to_string(pool_.validation().size()) + " validation examples"};
        pool_.validate({std::make_shared<const parameters>(s_.start()), {}, "as it is"});
        add_demonstrations();
        if (pool_.components().empty()) return s_.tell("there is no text to rewrite");
        std::size_t in_vain = 0;
        while (in_vain < most_rounds_in_vain && !is_full(*s_.best_score())) {
            if (merge_is_due_ && try_merge()) continue;
            auto births = conceive();
            if (births.empty()) return s_.tell("the budget of runs has no room for another round");
            in_vain = bring_up(births) ? 0 : in_vain + 1;
        }
        s_.tell(is_full(*s_.best_score()) ? "the best so far has the full score" : "nothing new is proposed any more");
    }

    void add_demonstrations() {
        if (how_.max_bootstrapped_demos + how_.max_labeled_demos == 0 || is_full(*s_.best_score())) return;
        auto order = in_order(s_.train().size());
        order.resize(std::min(order.size(), 4 * how_.max_bootstrapped_demos));
        if (!pool_.has_room(order.size() + pool_.validation().size())) return;
        const bootstrap_size size{how_.max_bootstrapped_demos,
                                  std::max(how_.max_labeled_demos, how_.max_bootstrapped_demos), 1,
                                  how_.metric_threshold};
        const auto made = bootstrap_demos(s_, order, size, 205);
        pool_.spend(made.tried);
        auto with = with_demos(s_, made, {size.bootstrapped, how_.max_labeled_demos, 1, {}}, 205);
        if (pool_.was_validated(with)) return;
        pool_.validate({std::make_shared<const parameters>(std::move(with)), {0}, "demonstrations"});
    }

    // The next examples of the training data; each comes once before one comes again.
    std::vector<std::size_t> next_minibatch() {
        std::vector<std::size_t> found;
        while (found.size() < batch_) {
            if (open_.empty()) {
                open_ = in_order(s_.train().size());
                order_.shuffle(open_);
            }
            if (std::find(found.begin(), found.end(), open_.back()) == found.end()) found.push_back(open_.back());
            open_.pop_back();
        }
        return found;
    }

    // Parents, run on minibatches of their own; nothing where the budget has no room for a child and its validation.
    std::vector<birth> conceive() {
        const std::size_t one = 2 * batch_ + pool_.validation().size();
        std::vector<birth> births;
        while (births.size() < std::max<std::size_t>(1, how_.proposals_at_once) &&
               pool_.has_room((births.size() + 1) * one))
            births.push_back({pool_.draw_parent(), next_minibatch()});
        std::vector<gepa_pool::wanted> runs;
        for (const auto& b : births) runs.push_back({&pool_.at(b.parent), b.examples});
        pool_.run(runs);
        return births;
    }

    // @return whether there was anything new to try
    bool bring_up(std::vector<birth>& births) {
        propose(births);
        std::erase_if(births, [](const birth& b) { return !b.child; });
        const std::size_t kept = pool_.all().size();
        bool fresh = false;
        std::vector<gepa_candidate> children;
        children.reserve(births.size());
        for (const auto& b : births)
            children.push_back(
                {.with = b.child, .parents = {b.parent}, .how = b.how, .seen = pool_.remembered(*b.child)});
        std::vector<gepa_pool::wanted> runs;
        for (std::size_t i = 0; i < births.size(); ++i) {
            fresh |= children[i].seen.empty();
            runs.push_back({&children[i], births[i].examples});
        }
        pool_.run(runs);
        for (std::size_t i = 0; i < births.size(); ++i) judge(births[i], std::move(children[i]));
        return fresh || pool_.all().size() > kept;
    }

    // On the minibatch, and on whatever else both ran on.
    void judge(const birth& b, gepa_candidate child) {
        const auto& parent = pool_.at(b.parent);
        std::vector<std::size_t> both;
        for (const auto& [e, row] : child.seen)
            if (parent.seen.contains(e)) both.push_back(e);
        const double before = sum_of(parent, both), after = sum_of(child, both);
        s_.tell(b.how + " from candidate " + std::to_string(b.parent) + ": " + python_float(after) + " of " +
                std::to_string(both.size()) + ", before " + python_float(before));
        if (after <= before || !pool_.has_room(pool_.validation().size()) || pool_.was_validated(*child.with))
            return pool_.remember(child);
        child.turn = parent.turn;
        if (pool_.validate(std::move(child))) merge_is_due_ = how_.use_merge;
    }

    static double sum_of(const gepa_candidate& c, const std::vector<std::size_t>& examples) {
        double sum = 0;
        for (std::size_t e : examples) sum += c.seen.at(e).score;
        return sum;
    }

    void propose(std::vector<birth>& births) {
        std::vector<reflection> material;
        for (auto& b : births) {
            if (how_.skip_perfect_score &&
                sum_of(pool_.at(b.parent), b.examples) >= static_cast<double>(b.examples.size()))
                continue;
            b.components = chosen_components(b);
            for (std::size_t c : b.components) material.push_back(material_for(b, pool_.components()[c]));
        }
        if (material.empty()) return;
        const auto texts = propose_components(s_, material, how_.proposer, how_.temperature, draw_);
        draw_ += material.size();
        std::size_t next = 0;
        for (auto& b : births) {
            auto child = std::make_shared<parameters>(*pool_.at(b.parent).with);
            for (std::size_t c : b.components) {
                const auto& text = texts[next++];
                if (!text) continue;
                pool_.components()[c].set(*child, *text);
                b.how += (b.how.empty() ? "reflection on " : ", ") + pool_.components()[c].key();
            }
            if (!b.how.empty() && !pool_.was_validated(*child)) b.child = std::move(child);
        }
    }

    // The next in turn that had a part in what went wrong; or all.
    std::vector<std::size_t> chosen_components(const birth& b) {
        auto& parent = pool_.at(b.parent);
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < turns_.size(); ++i) {
            const std::size_t c = turns_[(parent.turn + i) % turns_.size()];
            if (!had_a_part(pool_.components()[c], parent, b.examples)) continue;
            if (std::find(found.begin(), found.end(), c) == found.end()) found.push_back(c);
            if (how_.all_components) continue;
            parent.turn += i + 1;
            break;
        }
        return found;
    }

    bool had_a_part(const component& c, const gepa_candidate& parent, const std::vector<std::size_t>& examples) const {
        for (std::size_t e : examples) {
            const auto& row = parent.seen.at(e);
            if (!reflected(c, s_.train()[e], row)) continue;
            if (c.what != component::kind::tool) return true;
            const std::string tool = c.name.substr(0, c.name.find('.'));
            if (row.feedback.find(tool) != row.feedback.npos) return true;
            for (const auto& use : row.history ? tool_uses(*row.history) : std::vector<tool_use>{})
                if (use.tool == tool) return true;
        }
        return false;
    }

    reflection material_for(const birth& b, const component& subject) {
        const auto& parent = pool_.at(b.parent);
        reflection m{subject, subject.text(*parent.with), structure_, {}};
        auto show = [&](std::size_t e) {
            if (auto r = reflected(subject, s_.train()[e], parent.seen.at(e))) m.runs.push_back(std::move(*r));
        };
        for (std::size_t e : b.examples) show(e);
        std::size_t remembered = 0;
        for (const auto& [e, row] : parent.seen) {
            if (remembered == most_remembered) break;
            if (row.score >= 1 || std::find(b.examples.begin(), b.examples.end(), e) != b.examples.end()) continue;
            show(e);
            ++remembered;
        }
        return m;
    }

    // @return whether one was evaluated
    bool try_merge() {
        merge_is_due_ = false;
        if (merged_ >= how_.max_merge_invocations || !pool_.has_room(merge_sample + pool_.validation().size()))
            return false;
        std::vector<lineage> all;
        for (const auto& c : pool_.all()) all.push_back({c.parents, pool_.pieces_of(*c.with), c.score});
        for (const auto& m : possible_merges(all, pool_.front(), merges_)) {
            auto with = pool_.merged(*pool_.all()[m.first].with, *pool_.all()[m.second].with, m.from_second);
            if (pool_.was_validated(with)) continue;
            ++merged_;
            evaluate_merge(m, std::move(with));
            return true;
        }
        return false;
    }

    // A third each: where the one is better, where the other is, where they are equal.
    std::vector<std::size_t> merge_examples(const gepa_candidate& a, const gepa_candidate& b) {
        std::vector<std::size_t> kinds[3], found;
        auto drawn = in_order(pool_.validation().size());
        merges_.shuffle(drawn);
        for (std::size_t e : drawn)
            kinds[a.scores[e] > b.scores[e] ? 0 : a.scores[e] < b.scores[e] ? 1 : 2].push_back(e);
        for (std::size_t i = 0; i < drawn.size() && found.size() < merge_sample; ++i)
            for (const auto& kind : kinds)
                if (i < kind.size() && found.size() < merge_sample) found.push_back(kind[i]);
        return found;
    }

    void evaluate_merge(const merge_choice& m, parameters with) {
        const auto &a = pool_.all()[m.first], &b = pool_.all()[m.second];
        const auto examples = merge_examples(a, b);
        const auto scores = pool_.scores_on(with, examples);
        double sum = 0, of_a = 0, of_b = 0;
        std::map<std::size_t, double> known;
        for (std::size_t i = 0; i < examples.size(); ++i) {
            known[examples[i]] = scores[i];
            sum += scores[i], of_a += a.scores[examples[i]], of_b += b.scores[examples[i]];
        }
        const std::string how = "merge of " + std::to_string(m.first) + " and " + std::to_string(m.second);
        s_.tell(how + ": " + python_float(sum) + " of " + std::to_string(examples.size()) + ", before " +
                python_float(of_a) + " and " + python_float(of_b));
        if (sum < std::max(of_a, of_b)) return;
        pool_.validate({std::make_shared<const parameters>(std::move(with)), {m.first, m.second}, how},
                       std::move(known));
    }

    study& s_;
    const gepa_options& how_;
    const std::size_t batch_;
    gepa_pool pool_;
    const std::vector<std::size_t> turns_;
    std::string structure_;
    dice order_, merges_;
    std::vector<std::size_t> open_;
    bool merge_is_due_ = false;
    std::size_t merged_ = 0;
    std::uint64_t draw_ = 1;
};

}  // namespace

optimizer::work gepa::plan(std::size_t predictors, std::size_t train, std::size_t validation) const {
    const auto runs = budget_of(how_, predictors, train, validation);
    return {runs, runs / std::max<std::size_t>(1, how_.reflection_minibatch_size)};
}

void gepa::search(study& s) const { gepa_search{s, how_}.run(); }

}  // namespace reagent
