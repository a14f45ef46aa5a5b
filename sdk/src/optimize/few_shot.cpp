#include <reagent/optimize/few_shot.hpp>

#include <reagent/module/nearest_demos.hpp>
#include <reagent/schema/render.hpp>

#include <reagent/optimize/demonstrations.hpp>

#include "numbers.hpp"

#include <boost/json.hpp>

namespace reagent {
namespace {

bootstrap_size size_of(const bootstrap_few_shot_options& how) {
    return {how.max_bootstrapped_demos, how.max_labeled_demos, std::max<std::size_t>(1, how.max_rounds),
            how.metric_threshold};
}

// Every example that may be shown, as `knn_few_shot` bounds them.
std::vector<std::size_t> pool_for_nearest(study& s) {
    auto order = in_order(s.train().size());
    const std::size_t most = knn_few_shot_options{}.max_pool;
    if (order.size() > most) {
        s.random(0).shuffle(order);
        order.resize(most);
    }
    return order;
}

void note_candidate(study& s, std::size_t n, std::size_t all, const std::string& kind, const study::race_result& r) {
    s.note(json::object{
        {"kind", kind}, {"score", r.seen.score}, {"examples", r.seen.rows.size()}, {"complete", r.complete}});
    s.tell("candidate " + std::to_string(n + 1) + " of " + std::to_string(all) + " (" + kind +
           "): " + python_float(r.seen.score) +
           (r.complete ? "" : " after " + std::to_string(r.seen.rows.size()) + " examples, clearly behind the best"));
}

}  // namespace

void labeled_few_shot::search(study& s) const { s.settle_on(with_labels(s, how_.k, 0)); }

optimizer::work bootstrap_few_shot::plan(std::size_t, std::size_t train, std::size_t) const {
    return {std::max<std::size_t>(1, how_.max_rounds) * train, 0};
}

void bootstrap_few_shot::search(study& s) const {
    auto size = size_of(how_);
    auto made = bootstrap_demos(s, in_order(s.train().size()), size, 0);
    s.settle_on(with_demos(s, made, size, 0));
    if (made.used.size() < size.bootstrapped)
        s.tell("only " + std::to_string(made.used.size()) + " of " + std::to_string(size.bootstrapped) +
               " demonstrations: " + (made.ran > 0 ? "no further example passed the metric" : "no run came to an end"));
}

optimizer::work bootstrap_random_search::plan(std::size_t, std::size_t train, std::size_t validation) const {
    std::size_t data = validation ? validation : train, candidates = how_.num_candidate_programs + 3;
    return {(candidates + (how_.nearest > 0 ? 1 : 0)) * data +
                (candidates - 2) * std::min<std::size_t>(train, 4 * how_.max_bootstrapped_demos),
            0};
}

void bootstrap_random_search::search(study& s) const {
    const auto& data = s.validation().empty() ? s.train() : s.validation();
    // An example of the training data would be shown with its own label.
    const bool nearest = how_.nearest > 0 && !s.validation().empty();
    const std::size_t all = how_.num_candidate_programs + 3 + (nearest ? 1 : 0);
    for (std::size_t n = 0; n < all; ++n) {
        parameters candidate;
        std::string kind;
        auto size = size_of(how_);
        if (n == 0) {
            kind = "as it is";
            candidate = s.start();
        } else if (n == 1) {
            kind = "labels";
            candidate = with_labels(s, how_.max_labeled_demos, 0);
        } else if (n == how_.num_candidate_programs + 3) {
            kind = "the nearest " + std::to_string(how_.nearest);
            candidate = with_nearest(s, labeled_pools(s, pool_for_nearest(s)), how_.nearest);
        } else {
            auto order = in_order(s.train().size());
            if (n > 2) {
                dice random = s.random(n);
                random.shuffle(order);
                size.bootstrapped = 1 + random.below(how_.max_bootstrapped_demos);
            }
            kind = "bootstrapped, " + std::to_string(size.bootstrapped);
            candidate = with_demos(s, bootstrap_demos(s, order, size, n), size, n);
        }
        auto result = s.race(data, candidate);
        if (result.complete) s.offer(candidate, result.seen);
        note_candidate(s, n, all, kind, result);
        if (how_.stop_at_score && s.best_score() && *s.best_score() >= *how_.stop_at_score) return;
    }
}

optimizer::work knn_few_shot::plan(std::size_t, std::size_t train, std::size_t) const {
    return {how_.bootstrap ? train : 0, 0};
}

void knn_few_shot::search(study& s) const {
    auto order = in_order(s.train().size());
    dice random = s.random(0);
    if (order.size() > how_.max_pool) {
        random.shuffle(order);
        order.resize(how_.max_pool);
    }
    auto pools = how_.bootstrap ? bootstrap_demos(s, order, {.bootstrapped = order.size(), .labeled = how_.k}, 0).demos
                                : labeled_pools(s, order);
    s.settle_on(with_nearest(s, std::move(pools), how_.k, how_.embedder.get()));
}

optimizer::work ensemble::plan(std::size_t, std::size_t train, std::size_t) const {
    return {how_.size * std::min<std::size_t>(train, 4 * how_.max_bootstrapped_demos), 0};
}

void ensemble::search(study& s) const {
    parameters best;
    for (std::size_t n = 0; n < std::max<std::size_t>(1, how_.size); ++n) {
        auto order = in_order(s.train().size());
        dice random = s.random(n);
        if (n > 0) random.shuffle(order);
        auto size = size_of(how_);
        auto member = with_demos(s, bootstrap_demos(s, order, size, n), size, n);
        if (n == 0) best = member;
        best.members.push_back(std::make_shared<const parameters>(std::move(member)));
        s.settle_on(best);
        s.tell("member " + std::to_string(n + 1) + " of " + std::to_string(how_.size));
    }
}

}  // namespace reagent
