#include "statistics.hpp"

#include <reagent/schema/render.hpp>

#include <boost/json.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <map>
#include <random>

namespace reagent {
namespace {

// Not by long double, whose tables Boost.Math would fill before main: under valgrind, which has no such numbers, that
// ends the program.
using students_t =
    boost::math::students_t_distribution<double,
                                         boost::math::policies::policy<boost::math::policies::promote_double<false>>>;

}  // namespace

void find_interval(evaluation& e) {
    auto n = static_cast<double>(e.rows.size());
    if (e.rows.empty()) return;
    double mean = 0, square = 0;
    bool binary = true;
    for (const auto& r : e.rows) {
        mean += r.score / n;
        binary = binary && (r.score == 0 || r.score == 1);
    }
    for (const auto& r : e.rows) square += (r.score - mean) * (r.score - mean);
    if (binary) {  // Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927
        const double z = 1.959963984540054;
        double middle = (mean + z * z / (2 * n)) / (1 + z * z / n);
        double half = z / (1 + z * z / n) * std::sqrt(mean * (1 - mean) / n + z * z / (4 * n * n));
        e.low = points(std::max(0.0, middle - half));
        e.high = points(std::min(1.0, middle + half));
        return;
    }
    double half = 0;
    if (e.rows.size() > 1) half = boost::math::quantile(students_t{n - 1}, 0.975) * std::sqrt(square / (n - 1) / n);
    e.low = points(mean - half);
    e.high = points(mean + half);
}

std::string shown_cell(const json::value* v) {
    if (!v || v->is_null()) return {};
    return v->is_structured() ? dump_json(*v) : python_str(*v);
}

std::chrono::microseconds evaluation::latency(double percentile) const {
    if (rows.empty()) return {};
    std::vector<std::chrono::microseconds> all;
    for (const auto& r : rows) all.push_back(r.duration);
    std::sort(all.begin(), all.end());
    auto at =
        static_cast<std::size_t>(std::clamp(percentile, 0.0, 100.0) / 100 * static_cast<double>(all.size() - 1) + 0.5);
    return all[at];
}

std::vector<slice> slices(const evaluation& e, const dataset& data, const std::string& field) {
    std::map<std::string, std::pair<double, std::size_t>> sums;
    for (const auto& r : e.rows) {
        auto& [sum, count] = sums[shown_cell(data.at(r.index).find(field))];
        sum += r.score;
        ++count;
    }
    std::vector<slice> all;
    for (const auto& [value, s] : sums)
        all.push_back({value, points(s.first / static_cast<double>(s.second)), s.second});
    return all;
}

comparison compare(const evaluation& before, const evaluation& after) {
    std::map<std::size_t, double> old;
    for (const auto& r : before.rows) old.emplace(r.index, r.score);
    comparison c;
    std::vector<double> differences;
    for (const auto& r : after.rows) {
        auto found = old.find(r.index);
        if (found == old.end()) continue;
        double d = r.score - found->second;
        differences.push_back(d);
        if (d > 0) c.fixed.push_back(r.index);
        if (d < 0) c.broken.push_back(r.index);
    }
    if (differences.empty()) return c;
    double sum = 0;
    for (double d : differences) sum += d;
    c.difference = points(sum / static_cast<double>(differences.size()));
    std::mt19937_64 random{1};
    constexpr int draws = 10'000;
    int as_large = 0;
    for (int i = 0; i < draws; ++i) {
        double flipped = 0;
        std::uint64_t bits = 0;
        for (std::size_t k = 0; k < differences.size(); ++k) {
            if (k % 64 == 0) bits = random();
            flipped += (bits >> (k % 64)) & 1 ? differences[k] : -differences[k];
        }
        as_large += std::abs(flipped) >= std::abs(sum) - 1e-12;
    }
    c.p_value = (as_large + 1.0) / (draws + 1.0);
    return c;
}

}  // namespace reagent
