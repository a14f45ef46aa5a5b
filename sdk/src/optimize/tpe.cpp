#include <reagent/optimize/tpe.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace reagent {
namespace {

// A mixture of one product kernel for each observation, and one that knows nothing. Newer bad observations count in
// full, older ones less (Optuna's default weights: the last 25 count 1, the others from 1/n up).
class mixture {
public:
    mixture(const std::vector<std::size_t>& choices, std::vector<const std::vector<std::size_t>*> kernels)
        : choices_{choices}, kernels_{std::move(kernels)} {
        const std::size_t n = kernels_.size();
        weights_.assign(n + 1, 1.0);
        if (n >= 25)
            for (std::size_t i = 0; i + 25 < n; ++i)
                weights_[i] = 1.0 / static_cast<double>(n) + (1.0 - 1.0 / static_cast<double>(n)) *
                                                                 static_cast<double>(i) /
                                                                 std::max(1.0, static_cast<double>(n - 25) - 1.0);
        double sum = 0;
        for (double w : weights_) sum += w;
        for (double& w : weights_) w /= sum;
    }

    // How much of a kernel's weight is at a value: 1 at its own, and a prior spread over all.
    double at(std::size_t kernel, std::size_t choice, std::size_t value) const {
        const auto many = static_cast<double>(choices_[choice]);
        if (kernel == kernels_.size()) return 1 / many;
        const double prior = 1.0 / static_cast<double>(kernels_.size() + 1);
        return ((*kernels_[kernel])[choice] == value ? 1 + prior : prior) / (1 + prior * many);
    }

    double log_density(const std::vector<std::size_t>& combination) const {
        double density = 0;
        for (std::size_t k = 0; k < weights_.size(); ++k) {
            double product = weights_[k];
            for (std::size_t c = 0; c < choices_.size(); ++c) product *= at(k, c, combination[c]);
            density += product;
        }
        return std::log(density);
    }

    template <class Uniform>
    std::vector<std::size_t> draw(Uniform uniform) const {
        auto pick = [&](auto weight, std::size_t n) {
            double left = uniform();
            for (std::size_t i = 0; i + 1 < n; ++i)
                if ((left -= weight(i)) < 0) return i;
            return n - 1;
        };
        std::size_t k = pick([&](std::size_t i) { return weights_[i]; }, weights_.size());
        std::vector<std::size_t> combination;
        for (std::size_t c = 0; c < choices_.size(); ++c)
            combination.push_back(pick([&](std::size_t v) { return at(k, c, v); }, choices_[c]));
        return combination;
    }

private:
    const std::vector<std::size_t>& choices_;
    std::vector<const std::vector<std::size_t>*> kernels_;
    std::vector<double> weights_;
};

}  // namespace

categorical_tpe::categorical_tpe(std::vector<std::size_t> choices, tpe_options options)
    : choices_{std::move(choices)}, options_{options}, random_{options.seed} {
    for (auto& c : choices_) c = std::max<std::size_t>(1, c);
}

double categorical_tpe::uniform() { return static_cast<double>(random_() >> 11) * 0x1.0p-53; }
std::size_t categorical_tpe::below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

bool categorical_tpe::is_fresh(const std::vector<std::size_t>& combination) const {
    return std::none_of(seen_.begin(), seen_.end(), [&](const observation& o) { return o.combination == combination; });
}

std::vector<std::size_t> categorical_tpe::ask() {
    std::vector<std::size_t> best;
    if (seen_.size() < options_.startup_trials) {
        for (std::size_t n = 0; best.empty() || (n < options_.candidates && !is_fresh(best)); ++n) {
            best.clear();
            for (auto c : choices_) best.push_back(below(c));
        }
        return best;
    }
    std::vector<std::size_t> order(seen_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return seen_[a].score > seen_[b].score; });
    auto good = std::min<std::size_t>(25, (seen_.size() + 9) / 10);
    auto in_time = [&](std::size_t from, std::size_t to) {
        std::vector<std::size_t> part(order.begin() + static_cast<std::ptrdiff_t>(from),
                                      order.begin() + static_cast<std::ptrdiff_t>(to));
        std::sort(part.begin(), part.end());
        std::vector<const std::vector<std::size_t>*> kernels;
        for (auto i : part) kernels.push_back(&seen_[i].combination);
        return kernels;
    };
    mixture below_{choices_, in_time(0, good)}, above{choices_, in_time(good, order.size())};
    // What is new goes before what is known, whatever either promises.
    std::pair<bool, double> most{false, -std::numeric_limits<double>::infinity()};
    for (std::size_t n = 0; n < std::max<std::size_t>(1, options_.candidates); ++n) {
        auto candidate = below_.draw([this] { return uniform(); });
        std::pair gain{is_fresh(candidate), below_.log_density(candidate) - above.log_density(candidate)};
        if (best.empty() || gain > most) most = gain, best = std::move(candidate);
    }
    return best;
}

void categorical_tpe::tell(std::vector<std::size_t> combination, double score) {
    seen_.push_back({std::move(combination), score});
}

}  // namespace reagent
