#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace reagent {

/// Random choices that are the same on every machine: the standard's own distributions and shuffle are not.
class dice {
public:
    explicit dice(std::uint64_t seed) : random_{seed} {}
    std::size_t below(std::size_t n) { return n ? static_cast<std::size_t>(random_() % n) : 0; }
    template <class T>
    void shuffle(std::vector<T>& all) {
        for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[below(i)]);
    }

private:
    std::mt19937_64 random_;
};

}  // namespace reagent
