#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <queue>
#include <vector>

namespace reagent::detail {

/// The dot product, by the widest instructions that this processor has.
using dot_function = float (*)(const float* a, const float* b, std::size_t n);
dot_function dot_product();

/// 0 where one of them points nowhere. Of vectors of different lengths only what both have is multiplied.
double cosine(const std::vector<float>& a, const std::vector<float>& b);

/// One of several vectors, demonstrations or passages, by its number.
template <class Score>
struct near_one {
    Score nearness;
    std::uint32_t row;
};

/// Nearest first; of equally near ones the one with the smaller number.
struct by_nearness {
    template <class Score>
    bool operator()(const near_one<Score>& a, const near_one<Score>& b) const {
        return a.nearness != b.nearness ? a.nearness > b.nearness : a.row < b.row;
    }
};

/// Keeps the `k` nearest of all that it is offered.
template <class Score>
class nearest_of {
public:
    explicit nearest_of(std::size_t k) : k_{k} {}

    void offer(near_one<Score> one) {
        if (best_.size() < k_)
            best_.push(one);
        else if (k_ > 0 && by_nearness{}(one, best_.top())) {
            best_.pop();
            best_.push(one);
        }
    }

    /// In the order of `by_nearness`; none are left.
    std::vector<near_one<Score>> take() {
        std::vector<near_one<Score>> all(best_.size());
        for (auto i = all.size(); i-- > 0; best_.pop()) all[i] = best_.top();
        return all;
    }

private:
    std::size_t k_;
    std::priority_queue<near_one<Score>, std::vector<near_one<Score>>, by_nearness> best_;  // the worst on top
};

}  // namespace reagent::detail
