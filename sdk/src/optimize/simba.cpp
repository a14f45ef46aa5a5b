#include <reagent/optimize/simba.hpp>

#include <reagent/optimize/demonstrations.hpp>
#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "numbers.hpp"
#include "proposer.hpp"
#include "simba_steps.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace reagent {
namespace {

class simba_search {
public:
    simba_search(study& s, const simba_options& how)
        : s_{s},
          how_{how},
          size_{std::min(std::max<std::size_t>(1, how.bsize), s.train().size())},
          data_{s.random(401)},
          draws_{s.random(402)} {
        pool_.push_back({std::make_shared<const parameters>(s.start()), {}, "as it is"});
        winners_.push_back(0);
    }

    void run() {
        for (step_ = 1; step_ <= std::max<std::size_t>(1, how_.max_steps) && !is_solved_; ++step_) {
            climb();
            s_.settle_on(*pool_[winners_.back()].with);  // what a limit leaves, before anything was scored on all data
        }
        choose();
    }

private:
    struct program {
        std::shared_ptr<const parameters> with{};
        std::vector<double> scores{};
        std::string how{};
    };

    std::vector<std::size_t> next_batch() {
        std::vector<std::size_t> batch;
        if (open_.size() < size_) {
            open_ = in_order(s_.train().size());
            data_.shuffle(open_);
        }
        batch.assign(open_.end() - static_cast<std::ptrdiff_t>(size_), open_.end());
        open_.resize(open_.size() - size_);
        return batch;
    }

    // The best of the pool, and the program as it is.
    std::vector<std::size_t> top() const {
        auto sorted = in_order(pool_.size());
        std::stable_sort(sorted.begin(), sorted.end(),
                         [&](auto a, auto b) { return mean_of(pool_[a].scores) > mean_of(pool_[b].scores); });
        sorted.resize(std::min(sorted.size(), std::max<std::size_t>(1, how_.num_candidates)));
        if (std::find(sorted.begin(), sorted.end(), 0u) == sorted.end()) sorted.back() = 0;
        return sorted;
    }

    std::size_t drawn(double temperature) {
        const auto those = top();
        std::vector<double> scores;
        for (auto p : those) scores.push_back(mean_of(pool_[p].scores));
        return those[softmax_draw(scores, temperature, draws_)];
    }

    void climb() {
        const auto batch = next_batch();
        evaluation seen;
        std::vector<std::size_t> examples;
        const std::size_t rounds = std::max<std::size_t>(1, how_.num_candidates), first = (rounds + 1) / 2;
        sample(batch, 0, first, seen, examples);
        sample(left_to_learn(batch, seen, examples), first, rounds, seen, examples);
        s_.tell("step " + std::to_string(step_) + " of " + std::to_string(how_.max_steps) + ": " +
                python_float(seen.score) + " over " + std::to_string(seen.rows.size()) + " runs");
        is_solved_ = is_full(seen.score) && batch.size() == s_.train().size();
        auto made = new_programs(seen, examples);
        if (!made.empty()) keep(std::move(made), batch);
    }

    // Runs of each example, from one round to another, added to what was seen.
    void sample(const std::vector<std::size_t>& batch, std::size_t from, std::size_t to, evaluation& seen,
                std::vector<std::size_t>& examples) {
        std::vector<study::trial> trials;
        for (std::size_t r = from; r < to; ++r)
            for (std::size_t e : batch) {
                const std::size_t round = (step_ - 1) * how_.num_candidates + r + 1;
                trials.push_back({&s_.train()[e], pool_[drawn(how_.temperature_for_sampling)].with, round});
            }
        if (trials.empty()) return;
        auto more = s_.try_all(trials);
        for (auto& row : more.rows) {
            examples.push_back(batch[row.index % batch.size()]);
            row.index = seen.rows.size();
            seen.rows.push_back(std::move(row));
        }
        std::vector<double> scores;
        for (const auto& row : seen.rows) scores.push_back(row.score);
        seen.score = 100 * mean_of(scores);
    }

    // Where every run went well there is nothing to tell apart.
    static std::vector<std::size_t> left_to_learn(const std::vector<std::size_t>& batch, const evaluation& seen,
                                                  const std::vector<std::size_t>& examples) {
        std::set<std::size_t> failed;
        for (const auto& row : seen.rows)
            if (row.score < 1) failed.insert(examples[row.index]);
        std::vector<std::size_t> left;
        for (std::size_t e : batch)
            if (failed.contains(e)) left.push_back(e);
        return left;
    }

    std::vector<program> new_programs(const evaluation& seen, const std::vector<std::size_t>& examples) {
        std::vector<double> all;
        for (const auto& row : seen.rows) all.push_back(row.score);
        const double low = percentile(all, 0.1), high = percentile(all, 0.9);
        const auto buckets = buckets_of(seen.rows, examples);
        std::vector<program> made;
        std::vector<const simba_bucket*> asked;
        std::vector<std::size_t> places;  // of programs that wait for advice
        for (const auto& b : buckets) {
            if (made.size() > how_.num_candidates) break;
            parameters with = without_some_demos(*pool_[drawn(how_.temperature_for_candidates)].with);
            const bool by_demo = how_.max_demos > 0 && draws_.below(2) == 0;
            if (by_demo ? b.best <= low && b.spread <= 0
                        : b.spread <= 0 || (b.best <= low && b.runs.back()->score >= high))
                continue;
            if (by_demo) {
                if (!append_demos(with, *b.runs.front())) continue;
            } else {
                asked.push_back(&b);
                places.push_back(made.size());
            }
            made.push_back(
                {std::make_shared<const parameters>(std::move(with)), {}, by_demo ? "a demonstration" : "advice"});
        }
        const auto advice = advise(s_, asked, draw_);
        draw_ += asked.size();
        for (std::size_t i = 0; i < places.size(); ++i) {
            auto with = advice[i] ? advised(*made[places[i]].with, *advice[i]) : nullptr;
            made[places[i]].with = std::move(with);
        }
        std::erase_if(made, [](const program& p) { return !p.with; });
        return made;
    }

    parameters without_some_demos(parameters p) {
        std::size_t most = 0;
        for (const auto& [path, own] : p.predictors) most = std::max(most, own.demos.size());
        const std::size_t limit = how_.max_demos > 0 ? how_.max_demos : 3;
        std::size_t gone = poisson_draw(static_cast<double>(most) / static_cast<double>(limit), draws_);
        if (most >= limit) gone = std::max<std::size_t>(gone, most - limit + 1);
        std::set<std::size_t> places;
        for (std::size_t i = 0; i < std::min(gone, most); ++i) places.insert(draws_.below(most));
        if (most >= limit)
            for (std::size_t i = 0; most - places.size() >= limit; ++i) places.insert(i);
        for (auto& [path, own] : p.predictors)
            for (auto at = places.rbegin(); at != places.rend(); ++at)
                if (*at < own.demos.size()) own.demos.erase(own.demos.begin() + static_cast<std::ptrdiff_t>(*at));
        return p;
    }

    static bool append_demos(parameters& p, const evaluation_row& best) {
        if (!best.history || !best.error.empty()) return false;
        auto demos = demos_of(*best.history);
        for (auto& [path, demo] : demos) {
            p.predictors[path].selector = nullptr;
            p.predictors[path].demos.push_back(std::move(demo));
        }
        return !demos.empty();
    }

    std::shared_ptr<const parameters> advised(const parameters& base,
                                              const std::map<std::string, std::string>& advice) const {
        auto with = std::make_shared<parameters>(base);
        bool any = false;
        for (const predictor* p : s_.predictors()) {
            const auto said = advice.find(p->predictor_path());
            if (said == advice.end()) continue;
            auto& own = with->predictors[p->predictor_path()];
            own.instructions = p->open_instructions(&own) + "\n\n" + said->second;
            any = true;
        }
        return any ? with : nullptr;
    }

    // New programs on half of the minibatch, the better half of them on the rest; the best of them wins the step.
    void keep(std::vector<program> made, const std::vector<std::size_t>& batch) {
        const std::size_t half = batch.size() < 8 ? batch.size() : (batch.size() + 1) / 2;
        score(made, {batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(half)});
        std::stable_sort(made.begin(), made.end(),
                         [](const auto& a, const auto& b) { return mean_of(a.scores) > mean_of(b.scores); });
        std::vector<program> finals{made.begin(), made.begin() + static_cast<std::ptrdiff_t>((made.size() + 1) / 2)};
        if (half < batch.size()) score(finals, {batch.begin() + static_cast<std::ptrdiff_t>(half), batch.end()});
        std::copy(finals.begin(), finals.end(), made.begin());
        std::size_t best = 0;
        for (std::size_t i = 0; i < finals.size(); ++i)
            if (mean_of(made[i].scores) > mean_of(made[best].scores)) best = i;
        winners_.push_back(pool_.size() + best);
        s_.note(json::object{{"kind", made[best].how},
                             {"step", step_},
                             {"score", 100 * mean_of(made[best].scores)},
                             {"examples", batch.size()}});
        for (auto& p : made) pool_.push_back(std::move(p));
    }

    void score(std::vector<program>& programs, const std::vector<std::size_t>& examples) {
        std::vector<study::trial> trials;
        for (const auto& p : programs)
            for (std::size_t e : examples) trials.push_back({&s_.train()[e], p.with, 0});
        const auto seen = s_.try_all(trials);
        for (const auto& row : seen.rows) programs[row.index / examples.size()].scores.push_back(row.score);
    }

    // Of the winners some, evenly over the steps, on all data.
    void choose() {
        const auto& data = s_.validation().empty() ? s_.train() : s_.validation();
        const std::size_t most = std::min(winners_.size(), how_.num_candidates + 1);
        std::vector<std::size_t> chosen;
        for (std::size_t i = 0; i < most; ++i) {
            const std::size_t at = most > 1 ? i * (winners_.size() - 1) / (most - 1) : winners_.size() - 1;
            if (chosen.empty() || chosen.back() != winners_[at]) chosen.push_back(winners_[at]);
        }
        std::reverse(chosen.begin(),
                     chosen.end());  // the last learned most: what is clearly behind it is not scored to its end
        for (std::size_t c : chosen) {
            const auto result = s_.race(data, *pool_[c].with);
            if (result.complete) s_.offer(*pool_[c].with, result.seen);
            s_.note(json::object{{"kind", pool_[c].how},
                                 {"score", result.seen.score},
                                 {"examples", result.seen.rows.size()},
                                 {"complete", result.complete}});
            s_.tell("of all data (" + pool_[c].how + "): " + python_float(result.seen.score) +
                    (result.complete ? "" : ", clearly behind the best"));
        }
    }

    study& s_;
    const simba_options& how_;
    const std::size_t size_;
    dice data_, draws_;
    std::vector<std::size_t> open_;
    std::vector<program> pool_;
    std::vector<std::size_t> winners_;
    std::size_t step_ = 0;
    bool is_solved_ = false;
    std::uint64_t draw_ = 1;
};

}  // namespace

optimizer::work simba::plan(std::size_t, std::size_t train, std::size_t validation) const {
    const std::size_t batch = std::min(how_.bsize, train);
    return {how_.max_steps * batch * (2 * how_.num_candidates + 1) +
                (how_.num_candidates + 1) * (validation ? validation : train),
            how_.max_steps * (how_.num_candidates + 1)};
}

void simba::search(study& s) const { simba_search{s, how_}.run(); }

}  // namespace reagent
