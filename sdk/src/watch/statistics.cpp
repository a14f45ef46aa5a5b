#include <reagent/watch/statistics.hpp>

#include <boost/math/special_functions/gamma.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace reagent {
namespace {

// Without long double, as in evaluate/statistics.cpp.
using by_double = boost::math::policies::policy<boost::math::policies::promote_double<false>>;

constexpr double most_exact = 4'000'000;  // cells of the exact distribution

double total(std::span<const std::size_t> counts) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::size_t{0}));
}

std::vector<double> finite_and_sorted(std::vector<double> v) {
    std::erase_if(v, [](double x) { return !std::isfinite(x); });
    std::sort(v.begin(), v.end());
    return v;
}

// Kolmogorov's limit. Source: Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's distribution", 2003.
double kolmogorov_tail(double x) {
    if (x < 0.2) return 1;
    double sum = 0;
    for (int k = 1; k <= 100; ++k) sum += (k % 2 ? 2 : -2) * std::exp(-2.0 * k * k * x * x);
    return std::clamp(sum, 0.0, 1.0);
}

// The share of the orders of both samples, ties kept, whose statistic is at least `d`: paths through a grid that leave
// a band around the diagonal. `may_stand[i]`: behind `i` of the pooled values none equal follows, so that the statistic
// is looked at there. What is in the cells is the probability that a path that comes by has stayed inside.
double exact_tail(std::size_t n, std::size_t m, double d, const std::vector<bool>& looked_at) {
    const double slack = 1e-9;
    auto outside = [&](std::size_t i, std::size_t j) {
        return looked_at[i + j] && std::abs(static_cast<double>(i) / static_cast<double>(n) -
                                            static_cast<double>(j) / static_cast<double>(m)) >= d - slack;
    };
    std::vector<double> left(m + 1);  // of paths that come to (i, j): the share that left the band
    for (std::size_t i = 0; i <= n; ++i)
        for (std::size_t j = 0; j <= m; ++j) {
            if (outside(i, j))
                left[j] = 1;
            else if (i == 0 || j == 0)
                left[j] = i == 0 && j == 0 ? 0 : i == 0 ? left[j - 1] : left[j];
            else {
                double v = static_cast<double>(i) / static_cast<double>(i + j);
                left[j] = v * left[j] + (1 - v) * left[j - 1];
            }
        }
    return left[m];
}

}  // namespace

double population_stability(std::span<const std::size_t> before, std::span<const std::size_t> after) {
    const double k = static_cast<double>(before.size()), n = total(before) + k / 2, m = total(after) + k / 2;
    if (total(before) == 0 || total(after) == 0) return 0;
    double sum = 0;
    for (std::size_t i = 0; i < before.size() && i < after.size(); ++i) {
        double p = (static_cast<double>(before[i]) + 0.5) / n, q = (static_cast<double>(after[i]) + 0.5) / m;
        sum += (q - p) * std::log(q / p);
    }
    return sum;
}

double population_stability(std::span<const double> before, std::span<const double> after, std::size_t bins) {
    auto a = finite_and_sorted({before.begin(), before.end()}), b = finite_and_sorted({after.begin(), after.end()});
    if (a.empty() || b.empty() || bins < 2) return 0;
    std::vector<double> edges;
    for (std::size_t i = 1; i < bins; ++i) edges.push_back(a[i * a.size() / bins]);
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    auto counted = [&](const std::vector<double>& v) {
        std::vector<std::size_t> counts(edges.size() + 1);
        for (double x : v)
            ++counts[static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), x) - edges.begin())];
        return counts;
    };
    return population_stability(counted(a), counted(b));
}

two_sample_result smirnov_test(std::vector<double> a, std::vector<double> b) {
    a = finite_and_sorted(std::move(a)), b = finite_and_sorted(std::move(b));
    if (a.empty() || b.empty()) return {};
    const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
    std::vector<bool> looked_at(a.size() + b.size() + 1, false);
    double d = 0;
    for (std::size_t i = 0, j = 0; i < a.size() || j < b.size();) {
        double at = i == a.size() ? b[j] : j == b.size() ? a[i] : std::min(a[i], b[j]);
        while (i < a.size() && a[i] == at) ++i;
        while (j < b.size() && b[j] == at) ++j;
        looked_at[i + j] = true;
        d = std::max(d, std::abs(static_cast<double>(i) / n - static_cast<double>(j) / m));
    }
    if (d == 0) return {0, 1};
    if (n * m <= most_exact) return {d, std::min(1.0, exact_tail(a.size(), b.size(), d, looked_at))};
    return {d, kolmogorov_tail(d * std::sqrt(n * m / (n + m)))};
}

two_sample_result chi_square_test(std::span<const std::size_t> a, std::span<const std::size_t> b) {
    const double n = total(a), m = total(b), all = n + m;
    if (n == 0 || m == 0) return {};
    std::vector<std::pair<double, double>> kept;
    std::pair<double, double> rare{};
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
        double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        if ((x + y) * std::min(n, m) / all >= 5)
            kept.emplace_back(x, y);
        else
            rare.first += x, rare.second += y;
    }
    if ((rare.first + rare.second) * std::min(n, m) / all >= 5 || kept.empty())
        kept.push_back(rare);
    else  // too few of them even together: with the least of the others
        if (auto least =
                std::min_element(kept.begin(), kept.end(),
                                 [](const auto& x, const auto& y) { return x.first + x.second < y.first + y.second; });
            rare.first + rare.second > 0)
            least->first += rare.first, least->second += rare.second;
    if (kept.size() < 2) return {};
    double sum = 0;
    for (auto [x, y] : kept) {
        double in_a = (x + y) * n / all, in_b = (x + y) * m / all;
        sum += (x - in_a) * (x - in_a) / in_a + (y - in_b) * (y - in_b) / in_b;
    }
    return {sum, boost::math::gamma_q(static_cast<double>(kept.size() - 1) / 2, sum / 2, by_double{})};
}

two_sample_result rank_test(std::span<const double> a, std::span<const double> b) {
    if (a.empty() || b.empty()) return {0.5, 1};
    std::vector<std::pair<double, bool>> pooled;
    for (double x : a) pooled.emplace_back(x, false);
    for (double x : b) pooled.emplace_back(x, true);
    std::sort(pooled.begin(), pooled.end());
    const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size()), all = n + m;
    double ranks = 0, ties = 0;
    for (std::size_t i = 0; i < pooled.size();) {
        std::size_t end = i;
        double of_b = 0;
        for (; end < pooled.size() && pooled[end].first == pooled[i].first; ++end) of_b += pooled[end].second;
        double t = static_cast<double>(end - i);
        ranks += of_b * (static_cast<double>(i + end + 1) / 2);
        ties += t * t * t - t;
        i = end;
    }
    double u = ranks - m * (m + 1) / 2, variance = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
    if (!(variance > 0)) return {0.5, 1};
    double z = (u - n * m / 2 - 0.5) / std::sqrt(variance);
    return {u / (n * m), 0.5 * std::erfc(z / std::sqrt(2.0))};
}

double level_of_look(double level, std::size_t look) {
    const double k = static_cast<double>(std::max<std::size_t>(1, look));
    return level / (k * (k + 1));
}

}  // namespace reagent
