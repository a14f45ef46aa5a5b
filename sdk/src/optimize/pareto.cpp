#include "pareto.hpp"

#include "numbers.hpp"

#include <algorithm>
#include <set>

namespace reagent {
namespace {

std::vector<std::set<std::size_t>> best_by_example(const std::vector<std::vector<double>>& scores) {
    std::vector<std::set<std::size_t>> best(scores.empty() ? 0 : scores.front().size());
    for (std::size_t e = 0; e < best.size(); ++e) {
        double most = scores.front()[e];
        for (const auto& s : scores) most = std::max(most, s[e]);
        for (std::size_t c = 0; c < scores.size(); ++c)
            if (scores[c][e] == most) best[e].insert(c);
    }
    return best;
}

std::set<std::size_t> ancestors_of(const std::vector<lineage>& all, std::size_t one) {
    std::set<std::size_t> found;
    std::vector<std::size_t> open = all[one].parents;
    while (!open.empty()) {
        const std::size_t next = open.back();
        open.pop_back();
        if (found.insert(next).second) open.insert(open.end(), all[next].parents.begin(), all[next].parents.end());
    }
    return found;
}

// The best ancestor of both that is better than neither.
std::optional<std::size_t> common_ancestor(const std::vector<lineage>& all, std::size_t a, std::size_t b) {
    const auto of_a = ancestors_of(all, a), of_b = ancestors_of(all, b);
    if (of_a.contains(b) || of_b.contains(a)) return {};
    std::optional<std::size_t> best;
    for (std::size_t c : of_a)
        if (of_b.contains(c) && all[c].score <= std::min(all[a].score, all[b].score) &&
            (!best || all[c].score > all[*best].score))
            best = c;
    return best;
}

}  // namespace

std::vector<std::size_t> wins_on_front(const std::vector<std::vector<double>>& scores) {
    auto best = best_by_example(scores);
    std::vector<double> totals;
    for (const auto& s : scores) totals.push_back(mean_of(s));
    auto weakest_first = in_order(scores.size());
    std::stable_sort(weakest_first.begin(), weakest_first.end(),
                     [&](std::size_t a, std::size_t b) { return totals[a] < totals[b]; });
    for (std::size_t c : weakest_first) {
        const bool needed = std::any_of(best.begin(), best.end(),
                                        [&](const auto& those) { return those.size() == 1 && those.contains(c); });
        if (needed) continue;
        for (auto& those : best) those.erase(c);
    }
    std::vector<std::size_t> wins(scores.size());
    for (const auto& those : best)
        for (std::size_t c : those) ++wins[c];
    return wins;
}

std::size_t drawn_by_weight(const std::vector<std::size_t>& weights, dice& random) {
    std::size_t at = random.below(std::accumulate(weights.begin(), weights.end(), std::size_t{0}));
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (at < weights[i]) return i;
        at -= weights[i];
    }
    return 0;
}

std::vector<merge_choice> possible_merges(const std::vector<lineage>& all, const std::vector<std::size_t>& front,
                                          dice& random) {
    std::vector<merge_choice> found;
    for (std::size_t i = 0; i < front.size(); ++i)
        for (std::size_t j = i + 1; j < front.size(); ++j) {
            const std::size_t a = front[i], b = front[j];
            const auto root = common_ancestor(all, a, b);
            if (!root) continue;
            merge_choice m{a, b, *root, {}};
            bool first_brings = false, second_brings = false;
            for (std::size_t p = 0; p < all[a].pieces.size(); ++p) {
                const auto &before = all[*root].pieces[p], &first = all[a].pieces[p], &second = all[b].pieces[p];
                const bool tie = all[a].score == all[b].score;
                bool from_second = second != before;
                if (first != before && second != before)
                    from_second = tie ? random.below(2) == 1 : all[b].score > all[a].score;
                m.from_second.push_back(from_second);
                if (first != second) (from_second ? second_brings : first_brings) = true;
            }
            if (first_brings && second_brings) found.push_back(std::move(m));
        }
    std::stable_sort(found.begin(), found.end(), [&](const merge_choice& x, const merge_choice& y) {
        return all[x.first].score + all[x.second].score > all[y.first].score + all[y.second].score;
    });
    return found;
}

}  // namespace reagent
