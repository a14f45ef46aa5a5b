#pragma once

#include <cstddef>
#include <numeric>
#include <vector>

namespace reagent {

inline double mean_of(const std::vector<double>& values) {  // 0 for none
    return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

inline std::vector<std::size_t> in_order(std::size_t n) {  // 0 to n - 1
    std::vector<std::size_t> all(n);
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
}

}  // namespace reagent
