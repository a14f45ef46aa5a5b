#include <reagent/watch/comparison.hpp>

#include <reagent/module/saved_program.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <random>

namespace reagent {
namespace {

constexpr std::size_t most_waiting = 1000;  // of one version without the other

// A difference from -1 to 1 as a number from 0 to 1.
double scaled(double difference) { return (difference + 1) / 2; }

void keep(std::deque<double>& all, double x) {
    all.push_back(x);
    if (all.size() > most_waiting) all.pop_front();
}

}  // namespace

canary_guard::canary_guard(double tolerance, double level)
    : scores_{scaled(-tolerance), level / 2}, failures_{scaled(-tolerance), level / 2} {}

void canary_guard::pair(waiting& w, fall_test& t) {
    for (; !w.first.empty() && !w.second.empty(); w.first.pop_front(), w.second.pop_front())
        t.add(scaled(w.second.front() - w.first.front()));
}

void canary_guard::first(bool failed, std::optional<double> score) {
    keep(failure_.first, failed ? 0 : 1);
    if (score) keep(score_.first, *score);
    pair(failure_, failures_), pair(score_, scores_);
}

bool canary_guard::second(bool failed, std::optional<double> score) {
    keep(failure_.second, failed ? 0 : 1);
    if (score) keep(score_.second, *score);
    pair(failure_, failures_), pair(score_, scores_);
    return is_worse();
}

std::string canary_guard::why() const {
    if (failures_.alarm())
        return "it fails more often; seen on " + std::to_string(failures_.count()) + " pairs of answers";
    if (scores_.alarm())
        return "its answers are worse; seen on " + std::to_string(scores_.count()) + " pairs of scored answers";
    return {};
}

json::object canary_guard::to_json() const {
    auto list = [](const std::deque<double>& d) { return json::array(d.begin(), d.end()); };
    return {
        {"scores", scores_.to_json()},
        {"failures", failures_.to_json()},
        {"waiting", json::array{list(score_.first), list(score_.second), list(failure_.first), list(failure_.second)}}};
}

canary_guard canary_guard::from_json(const json::value& v) {
    try {
        const auto& o = v.as_object();
        canary_guard g{fall_test::from_json(o.at("scores")), fall_test::from_json(o.at("failures"))};
        const auto& lists = o.at("waiting").as_array();
        std::size_t i = 0;
        for (auto* d : {&g.score_.first, &g.score_.second, &g.failure_.first, &g.failure_.second})
            for (const auto& x : lists.at(i++).as_array()) keep(*d, x.to_number<double>());
        return g;
    } catch (const std::exception& e) {
        throw program_error{program_errc::bad_document, std::string{"this is no state of a canary_guard: "} + e.what()};
    }
}

std::optional<std::size_t> promised_pairs(double first, double second, double tolerance, double level,
                                          std::size_t most) {
    constexpr std::size_t streams = 200;
    std::vector<std::size_t> needed;
    for (std::size_t s = 0; s < streams; ++s) {
        std::mt19937_64 random{s + 1};
        auto right = [&](double p) { return static_cast<double>(random() >> 11) * 0x1p-53 < p ? 1.0 : 0.0; };
        canary_guard g{tolerance, level};
        std::size_t n = 0;
        while (n < most && !g.is_worse()) {
            ++n;
            g.first(false, right(first));
            g.second(false, right(second));
        }
        needed.push_back(g.is_worse() ? n : most + 1);
    }
    std::nth_element(needed.begin(), needed.begin() + streams * 9 / 10, needed.end());
    if (needed[streams * 9 / 10] > most) return std::nullopt;
    return needed[streams * 9 / 10];
}

}  // namespace reagent
