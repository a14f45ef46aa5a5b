#pragma once

#include <reagent/lm/language_model.hpp>

#include <array>
#include <chrono>
#include <map>
#include <string>

namespace reagent::detail {

/// What /metrics tells of one path. Belongs to the server's thread.
struct route_metrics {
    static constexpr std::array<double, 13> bounds{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
    std::map<int, std::uint64_t> by_status{};
    std::array<std::uint64_t, bounds.size() + 1> buckets{};
    double seconds = 0;
    std::uint64_t requests = 0;

    void add(int status, std::chrono::microseconds took);
};

/// And of one program.
struct program_metrics {
    std::string name{}, version{};
    std::size_t at_work = 0, waiting = 0;
    std::uint64_t refused = 0, swaps = 0, refused_versions = 0;
    reagent::usage used{};
};

/// Source: Prometheus documentation, "Text-based format", version 0.0.4.
std::string metrics_text(const std::map<std::string, route_metrics, std::less<>>& routes,
                         const std::vector<program_metrics>& programs, std::size_t connections);

}  // namespace reagent::detail
