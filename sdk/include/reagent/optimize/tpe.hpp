#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace reagent {

struct tpe_options {
    std::size_t startup_trials = 10;  ///< drawn at random before the model is used
    std::size_t candidates = 24;      ///< drawn from the good ones' distribution, of which the most promising is taken
    std::uint64_t seed = 0;
};

/// Tree-structured Parzen estimator over several choices at once: which combination to try next, so that the score
/// becomes large. The observations are parted into good ones (the best tenth, at least one) and the others; a
/// combination is promising where the first are dense and the second are not; one that was not told of yet goes first.
/// Kernels span all choices together, so what belongs together is found together. Source: Bergstra et al., "Algorithms
/// for Hyper-Parameter Optimization", 2011; the kernels are those of Optuna's multivariate TPESampler.
class categorical_tpe {
public:
    /// @param choices number of values of each choice, each at least 1
    explicit categorical_tpe(std::vector<std::size_t> choices, tpe_options options = {});

    std::vector<std::size_t> ask();  ///< the combination to try next
    /// @param score the larger the better. A combination may be told of several times
    void tell(std::vector<std::size_t> combination, double score);
    /// A choice has fewer values than was thought. @pre nothing at `values` or above was told of
    void shrink(std::size_t choice, std::size_t values) { choices_.at(choice) = values ? values : 1; }

private:
    struct observation {
        std::vector<std::size_t> combination;
        double score;
    };
    bool is_fresh(const std::vector<std::size_t>& combination) const;
    double uniform();
    std::size_t below(std::size_t n);

    std::vector<std::size_t> choices_;
    tpe_options options_;
    std::vector<observation> seen_;
    std::mt19937_64 random_;
};

}  // namespace reagent
