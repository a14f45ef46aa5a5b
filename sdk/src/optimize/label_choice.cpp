#include "label_choice.hpp"

#include <reagent/optimize/demonstrations.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace reagent {
namespace {

constexpr std::size_t most_in_pool = 400;

// The value of the last output that an example labels, as text; "" for none.
std::string class_of(const predictor& p, const example& e) {
    for (auto f = p.signature().outputs.rbegin(); f != p.signature().outputs.rend(); ++f)
        if (const auto* v = e.find(f->name)) return dump_json(*v);
    return {};
}

class label_chooser {
public:
    label_chooser(study& s, const predictor& p, std::vector<std::size_t> pool, const std::vector<std::size_t>& shown)
        : s_{s}, pool_{std::move(pool)}, own_(pool_.size(), 0.0), other_(pool_.size(), 0.0) {
        for (auto i : pool_) classes_.push_back(class_of(p, s.train()[i]));
        const std::set<std::string> known{classes_.begin(), classes_.end()};
        by_class_ = known.size() > 1 && 4 * known.size() <= pool_.size() && !known.contains("");
        for (auto i : shown) take(i, class_of(p, s.train()[i]));
    }

    // The best of these places in the pool.
    std::size_t best_of(const std::vector<std::size_t>& open) const {
        std::size_t fewest = std::string::npos, best = open.front();
        if (by_class_)
            for (auto at : open) fewest = std::min(fewest, taken_of(classes_[at]));
        double most = -1e300;
        for (auto at : open) {
            if (by_class_ && taken_of(classes_[at]) != fewest) continue;
            if (double worth = worth_of(at); worth > most) most = worth, best = at;
        }
        return best;
    }

    void take(std::size_t at) { take(pool_[at], classes_[at]); }

private:
    std::size_t taken_of(const std::string& c) const {
        auto found = taken_.find(c);
        return found == taken_.end() ? 0 : found->second;
    }

    void take(std::size_t example, const std::string& its_class) {
        ++taken_[its_class];
        for (std::size_t i = 0; i < pool_.size(); ++i) {
            auto& near = !by_class_ || classes_[i] == its_class ? own_[i] : other_[i];
            near = std::max(near, s_.similarity(pool_[i], example));
        }
    }

    double worth_of(std::size_t at) const {
        double worth = 0;
        for (std::size_t i = 0; i < pool_.size(); ++i) {
            if (by_class_ && i == at) continue;  // it would be its own nearest
            const double near = s_.similarity(pool_[i], pool_[at]);
            if (!by_class_) {
                worth += std::max(0.0, near - own_[i]);
                continue;
            }
            const bool same = classes_[i] == classes_[at];
            const double own = same ? std::max(own_[i], near) : own_[i],
                         other = same ? other_[i] : std::max(other_[i], near);
            worth += (own > other ? 1 : 0) + 0.3 * (own - other);
        }
        return worth;
    }

    study& s_;
    const std::vector<std::size_t> pool_;
    std::vector<std::string> classes_;
    std::vector<double> own_,
        other_;  // how near the nearest demonstration of an example's own class is, and of another
    std::map<std::string, std::size_t> taken_;
    bool by_class_ = false;
};

}  // namespace

void add_labels(study& s, std::vector<json::object>& demos, const predictor& p, std::vector<std::size_t> pool,
                const std::vector<std::size_t>& shown, std::size_t wanted, dice& random) {
    if (demos.size() >= wanted || pool.empty()) return;
    random.shuffle(pool);
    if (pool.size() > most_in_pool) pool.resize(most_in_pool);
    const std::size_t eligible = std::max(wanted - demos.size(), pool.size() * 3 / 4);
    std::map<std::size_t, json::object> made;  // by place in the pool
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < pool.size() && open.size() < eligible; ++i)
        if (auto demo = labeled_demo(p, s.train()[pool[i]])) {
            made[i] = std::move(*demo);
            open.push_back(i);
        }
    label_chooser chooser{s, p, std::move(pool), shown};
    while (demos.size() < wanted && !open.empty()) {
        const std::size_t best = chooser.best_of(open);
        chooser.take(best);
        demos.push_back(std::move(made[best]));
        open.erase(std::find(open.begin(), open.end(), best));
    }
}

}  // namespace reagent
