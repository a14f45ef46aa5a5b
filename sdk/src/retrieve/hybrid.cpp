#include <reagent/retrieve/hybrid.hpp>

#include <reagent/module/parallel.hpp>

#include "around.hpp"

#include <cmath>
#include <map>
#include <set>
#include <string_view>

namespace reagent {

std::vector<passage> fused(const std::vector<std::vector<passage>>& lists, const std::vector<double>& weights,
                           double constant) {
    if (lists.size() != weights.size())
        throw retrieve_error{retrieve_errc::bad_options, "each list that is fused has a weight"};
    std::vector<passage> all;
    std::map<std::string, std::size_t> places;
    for (std::size_t l = 0; l < lists.size(); ++l) {
        std::set<std::string_view> seen;
        for (const auto& p : lists[l]) {
            const auto rank = seen.size();  // an id counts once, where it stands first
            if (!seen.insert(p.id).second) continue;
            const auto [known, is_new] = places.try_emplace(p.id, all.size());
            if (is_new) {
                all.push_back(p);
                all.back().score = 0;
            }
            all[known->second].score += weights[l] / (constant + static_cast<double>(rank) + 1);
        }
    }
    std::stable_sort(all.begin(), all.end(), [](const passage& a, const passage& b) { return a.score > b.score; });
    return all;
}

namespace {

class hybrid_retriever final : public retriever {
public:
    hybrid_retriever(std::vector<weighted_retriever> of, hybrid_options o) : of_{std::move(of)}, options_{o} {
        if (of_.empty()) throw retrieve_error{retrieve_errc::no_retriever, "a hybrid has retrievers"};
        if (!(options_.constant >= 0))
            throw retrieve_error{retrieve_errc::bad_options, "the constant of a hybrid is 0 or more"};
        for (const auto& one : of_) {
            if (!one.from) throw retrieve_error{retrieve_errc::no_retriever, "a hybrid has retrievers"};
            if (!std::isfinite(one.weight) || one.weight <= 0)
                throw retrieve_error{retrieve_errc::bad_options, "the weight of a retriever is a positive number"};
        }
    }

    task<std::vector<passage>> retrieve(run& r, retrieval what) const override {
        const std::size_t k = what.k;
        what.k = detail::deeper(k, options_.depth);
        std::vector<std::size_t> indexes(of_.size());
        for (std::size_t i = 0; i < indexes.size(); ++i) indexes[i] = i;
        auto ask = [this, &what](run& branch, std::size_t i) { return of_[i].from->retrieve(branch, what); };
        const auto lists = co_await parallel_map(r, std::move(indexes), ask);
        std::vector<double> weights;
        for (const auto& one : of_) weights.push_back(one.weight);
        auto found = fused(lists, weights, options_.constant);
        if (found.size() > k) found.resize(k);
        co_return found;
    }

    std::string name() const override {
        std::string names;
        for (const auto& one : of_) names += (names.empty() ? "" : ", ") + one.from->name();
        return "hybrid(" + names + ")";
    }
    flow_flags flow() const override {
        flow_flags all;
        for (const auto& one : of_) {
            const auto f = one.from->flow();
            all = {all.untrusted || f.untrusted, all.private_data || f.private_data, all.acts || f.acts};
        }
        return all;
    }
    std::vector<const module*> parts() const override {
        std::vector<const module*> all;
        for (const auto& one : of_)
            for (const auto* part : one.from->parts())
                if (std::find(all.begin(), all.end(), part) == all.end()) all.push_back(part);
        return all;
    }

private:
    std::vector<weighted_retriever> of_;
    hybrid_options options_;
};

}  // namespace

std::shared_ptr<const retriever> hybrid(std::vector<weighted_retriever> of, hybrid_options options) {
    return std::make_shared<const hybrid_retriever>(std::move(of), options);
}

}  // namespace reagent
