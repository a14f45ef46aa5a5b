#include <reagent/optimize/instructions.hpp>

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

constexpr std::size_t most_in_vain =
    6;  // proposals that are known already or unreadable, before a round asks for no more

}  // namespace

optimizer::work copro::plan(std::size_t predictors, std::size_t train, std::size_t) const {
    std::size_t tries = how_.depth * how_.breadth;
    return {predictors * tries * train, predictors * tries};
}

namespace {

// The turn of one predictor: rounds of proposals, each scored on the training data.
class copro_turn {
public:
    copro_turn(study& s, const copro_options& how, const predictor& p, std::string structure,
               std::vector<std::string>& failures, std::uint64_t& rollout)
        : s_{s}, how_{how}, p_{p}, structure_{std::move(structure)}, failures_{failures}, rollout_{rollout} {
        attempts_.push_back({p.open_instructions(s.best().find(p.predictor_path())), *s.best_score()});
    }

    void round(std::size_t number) {
        number_ = number;
        if (draws_one_ && spent_ + 1 + few() > budget()) return;
        std::size_t wanted =
            how_.breadth - (number == 1 && how_.breadth > 1 ? 1 : 0);  // the first round tries what is there, too
        auto made = propose_many(s_, ground(number > 1 ? attempts_.size() : 0), wanted, how_.fill_breadth,
                                 how_.init_temperature, rollout_);
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

    // On how many examples a proposal is looked at first, and what the whole turn may cost, where one completion comes
    // for a request: a little less than a proposal a round that is scored on all examples.
    std::size_t few() const { return std::min(s_.train().size(), std::max<std::size_t>(6, s_.train().size() / 10)); }
    std::size_t budget() const {
        return std::max(1 + s_.train().size(), how_.depth * (1 + s_.train().size()) * 9 / 10);
    }

    // What the proposer sees, with the best of the first `shown` attempts.
    proposal_ground ground(std::size_t shown) const {
        proposal_ground g;
        g.program = structure_;
        g.step = described(p_);
        g.instructions = p_.open_instructions(s_.start().find(p_.predictor_path()));
        g.failures = failures_;
        std::vector<attempt> sorted{attempts_.begin(), attempts_.begin() + static_cast<std::ptrdiff_t>(shown)};
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const attempt& a, const attempt& b) { return a.score < b.score; });
        for (std::size_t i = sorted.size() > how_.breadth ? sorted.size() - how_.breadth : 0; i < sorted.size(); ++i)
            g.attempts.push_back(sorted[i].instructions + " (score " + python_float(sorted[i].score) + ")");
        return g;
    }

    bool is_known(const std::string& text) const {
        return std::any_of(attempts_.begin(), attempts_.end(),
                           [&](const attempt& a) { return a.instructions == text; });
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
        s_.tell(path + ", round " + std::to_string(number_) + " of " + std::to_string(how_.depth) + ": " +
                (complete ? "" : "about ") + python_float(score) + (better ? ", the best so far: " : ": ") +
                cut(text, 80));
    }

    // Where one completion comes for a request: each proposal is looked at on a few examples, and the next one is asked
    // for with what that came to; the most promising is scored on all.
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
                double gain = mean_of(seen.gains),
                       about = std::max(0.0, std::round(100 * (*s_.best_score() + 100 * gain)) / 100);
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
            auto best = std::max_element(promising.begin(), promising.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
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

}  // namespace reagent
