#pragma once

#include <cstddef>
#include <memory>
#include <vector>

/// hnswlib as a program uses it by itself: with its own SIMD, nothing around it.
class bare_hnswlib {
public:
    bare_hnswlib(const std::vector<std::vector<float>>& vectors, unsigned threads);
    ~bare_hnswlib();
    std::vector<std::size_t> nearest(const std::vector<float>& query, std::size_t k, std::size_t effort) const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};
