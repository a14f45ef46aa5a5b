#include "support/cases.hpp"

#include <reagent/optimize/tpe.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <set>

using namespace reagent;
using namespace reagent::test;

namespace {

// As tests/interop/optuna_facts.py computes them.
double pseudo(std::uint64_t a, std::uint64_t b, std::uint64_t c = 0) {
    return static_cast<double>((a * 7919 + b * 104729 + c * 1299709 + 12345) * 2654435761ULL % (1ULL << 32)) /
           4294967296.0;
}

double value(const std::string& name, const std::vector<std::size_t>& x) {
    double sum = 0;
    if (name == "separable")
        for (std::size_t i = 0; i < x.size(); ++i) sum += pseudo(i, x[i]) / static_cast<double>(x.size());
    else if (name == "pairs")
        for (std::size_t i = 0; i + 1 < x.size(); ++i)
            sum += pseudo(i, x[i], x[i + 1]) / static_cast<double>(x.size() - 1);
    else
        for (auto v : x) sum += (v == 3) / static_cast<double>(x.size());
    return sum;
}

double best_of(const std::string& name, std::size_t choices, std::size_t values, std::size_t trials,
               std::uint64_t seed) {
    categorical_tpe tpe{std::vector<std::size_t>(choices, values), {.seed = seed}};
    double best = 0;
    for (std::size_t t = 0; t < trials; ++t) {
        auto x = tpe.ask();
        double v = value(name, x);
        best = std::max(best, v);
        tpe.tell(std::move(x), v);
    }
    return best;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tpe)

BOOST_AUTO_TEST_CASE(it_finds_what_optuna_finds_and_more_than_chance) {
    const json::value facts = read_json("optimize/optuna.json");
    const auto trials = facts.at("trials").to_number<std::size_t>(), seeds = facts.at("seeds").to_number<std::size_t>();
    for (const auto& [key, f] : facts.at("functions").as_object()) {
        std::string name{key};
        double sum = 0, square = 0;
        for (std::uint64_t s = 0; s < seeds; ++s) {
            double b = best_of(name, f.at("choices").to_number<std::size_t>(), f.at("values").to_number<std::size_t>(),
                               trials, s);
            sum += b, square += b * b;
        }
        auto n = static_cast<double>(seeds);
        double mean = sum / n, error = std::sqrt(std::max(0.0, square / n - mean * mean) / n);
        double theirs = f.at("tpe").at("mean").to_number<double>(),
               their_error = f.at("tpe").at("standard_error").to_number<double>();
        double random = f.at("random").at("mean").to_number<double>(),
               noise = std::sqrt(error * error + their_error * their_error);
        BOOST_TEST_MESSAGE(name << ": " << mean << " +- " << error << ", Optuna " << theirs << " +- " << their_error
                                << ", random " << random);
        BOOST_TEST(mean >= theirs - 2 * noise, name << " " << mean);
        BOOST_TEST(mean > random, name << " " << mean);
    }
}

BOOST_AUTO_TEST_CASE(the_same_seed_asks_the_same) {
    std::set<std::vector<std::vector<std::size_t>>> ways;
    for (std::uint64_t seed : {5, 5, 6}) {
        categorical_tpe t{{3, 4, 1}, {.seed = seed}};
        std::vector<std::vector<std::size_t>> way;
        for (int i = 0; i < 30; ++i) {
            way.push_back(t.ask());
            BOOST_TEST(way.back()[0] < 3u);
            BOOST_TEST(way.back()[1] < 4u);
            BOOST_TEST(way.back()[2] == 0u);
            t.tell(way.back(), static_cast<double>(way.back()[0]));
        }
        ways.insert(way);
    }
    BOOST_TEST(ways.size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
