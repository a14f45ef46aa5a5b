#include <reagent/watch/sequential.hpp>
#include <reagent/watch/statistics.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <random>

using namespace reagent;

namespace {

double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

std::vector<double> lengths(std::mt19937_64& random, std::size_t n, double scale) {
    std::vector<double> all;
    for (std::size_t i = 0; i < n; ++i) all.push_back(std::floor(20 + 40 * scale * -std::log(1 - uniform(random))));
    return all;
}

std::vector<std::size_t> categories(std::mt19937_64& random, std::size_t n, double first) {
    std::vector<std::size_t> counts(4);
    for (std::size_t i = 0; i < n; ++i) ++counts[uniform(random) < first ? 0 : 1 + random() % 3];
    return counts;
}

std::vector<std::string> texts(std::mt19937_64& random, std::size_t n, double share_of_new) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < n; ++i) {
        std::string text;
        bool is_new = uniform(random) < share_of_new;
        for (int w = 0; w < 8; ++w) text += "w" + std::to_string(random() % 60 + (is_new && w % 4 == 0 ? 60 : 0)) + " ";
        all.push_back(text);
    }
    return all;
}

// Of streams of one distribution, the share in which the test rejects at 5%.
template <class Test>
double rejected(std::size_t streams, Test p_value) {
    std::size_t n = 0;
    for (std::size_t s = 0; s < streams; ++s) {
        std::mt19937_64 random{s + 1};
        n += p_value(random) <= 0.05;
    }
    return static_cast<double>(n) / static_cast<double>(streams);
}

// What a share of 5% may come to in so many streams: four standard errors more.
double allowed(std::size_t streams) { return 0.05 + 4 * std::sqrt(0.05 * 0.95 / static_cast<double>(streams)); }

}  // namespace

BOOST_AUTO_TEST_CASE(population_stability_is_that_of_the_textbook) {
    // Without the half that is added: (0.1 - 0.2) ln(0.1 / 0.2) + (0.9 - 0.8) ln(0.9 / 0.8) = 0.08109; large counts
    // come near it.
    std::vector<std::size_t> before{20'000, 80'000}, after{10'000, 90'000};
    BOOST_TEST(population_stability(before, after) == 0.08109, boost::test_tools::tolerance(0.001));
    BOOST_TEST(population_stability(before, before) == 0);
    std::vector<std::size_t> gone{100, 0};
    BOOST_TEST(std::isfinite(population_stability(before, gone)));
}

BOOST_AUTO_TEST_CASE(population_stability_of_numbers_is_counted_between_quantiles) {
    std::mt19937_64 random{1};
    auto a = lengths(random, 2000, 1), same = lengths(random, 2000, 1), longer = lengths(random, 2000, 2);
    BOOST_TEST(population_stability(a, same) < 0.05);
    BOOST_TEST(population_stability(a, longer) > 0.25);
    BOOST_TEST(population_stability(std::vector<double>(50, 3.0), std::vector<double>(50, 3.0)) == 0);
    BOOST_TEST(population_stability(std::vector<double>(50, 3.0), std::vector<double>(50, 9.0)) ==
               0);  // one bin: told by smirnov_test
}

BOOST_AUTO_TEST_CASE(smirnov_is_exact) {
    // All of a below all of b: 2 of the (3+3 choose 3) = 20 orders are as far apart.
    BOOST_TEST(smirnov_test({1, 2, 3}, {4, 5, 6}).p_value == 0.1, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(smirnov_test({1, 2, 3}, {4, 5, 6}).statistic == 1.0);
    // Ties: of {1,1,2,2} in pairs 6 ways, 2 of which part the ones from the twos.
    BOOST_TEST(smirnov_test({1, 1}, {2, 2}).p_value == 1.0 / 3, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(smirnov_test({1, 1, 1}, {1, 1}).p_value == 1.0);
    BOOST_TEST(smirnov_test({}, {1}).p_value == 1.0);
    BOOST_TEST(smirnov_test({1, 2, NAN}, {1, 2, INFINITY}).p_value == 1.0);
}

BOOST_AUTO_TEST_CASE(smirnov_of_large_samples_comes_near_the_exact_one) {
    std::mt19937_64 random{3};
    std::vector<double> a, b;
    for (int i = 0; i < 1990; ++i) a.push_back(uniform(random)), b.push_back(uniform(random) * 0.95);
    auto exact = smirnov_test(a, b);
    for (int i = 0; i < 30; ++i) a.push_back(uniform(random)), b.push_back(uniform(random) * 0.95);
    auto limit = smirnov_test(a, b);
    BOOST_TEST(exact.p_value / limit.p_value < 3);
    BOOST_TEST(limit.p_value / exact.p_value < 3);
}

BOOST_AUTO_TEST_CASE(chi_square_of_a_table) {
    // 2x2 table 10 20 / 20 10: chi-square 20/3, one degree of freedom.
    std::vector<std::size_t> a{10, 20}, b{20, 10};
    auto r = chi_square_test(a, b);
    BOOST_TEST(r.statistic == 20.0 / 3, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(r.p_value == std::erfc(std::sqrt(20.0 / 6)), boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(rare_categories_count_as_one) {
    std::vector<std::size_t> a{100, 1, 0, 2, 3}, b{100, 2, 2, 1, 3};
    auto r = chi_square_test(a, b);
    std::vector<std::size_t> merged_a{100, 6}, merged_b{100, 8};
    BOOST_TEST(r.statistic == chi_square_test(merged_a, merged_b).statistic);
    std::vector<std::size_t> one_a{50}, one_b{60};
    BOOST_TEST(chi_square_test(one_a, one_b).p_value == 1.0);
}

BOOST_AUTO_TEST_CASE(ranks_tell_the_larger_sample) {
    std::vector<double> a{1, 2, 3, 4, 5, 6, 7, 8}, b{11, 12, 13, 14, 15, 16, 17, 18};
    BOOST_TEST(rank_test(a, b).statistic == 1.0);
    BOOST_TEST(rank_test(a, b).p_value < 0.001);
    BOOST_TEST(rank_test(b, a).p_value > 0.999);
    BOOST_TEST(rank_test(a, std::vector<double>(3, 2.0)).statistic < 0.5);
    BOOST_TEST(rank_test(std::vector<double>(3, 2.0), std::vector<double>(3, 2.0)).p_value == 1.0);
}

BOOST_AUTO_TEST_CASE(tests_of_two_samples_keep_their_level) {
    constexpr std::size_t streams = 1000;
    BOOST_TEST(rejected(streams, [](auto& r) { return smirnov_test(lengths(r, 200, 1), lengths(r, 100, 1)).p_value; }) <
               allowed(streams));
    BOOST_TEST(rejected(streams, [](auto& r) {
                   auto a = categories(r, 200, 0.4), b = categories(r, 100, 0.4);
                   return chi_square_test(a, b).p_value;
               }) < allowed(streams));
    BOOST_TEST(rejected(streams, [](auto& r) {
                   auto a = texts(r, 100, 0), b = texts(r, 60, 0);
                   return text_test(a, b).p_value;
               }) < allowed(streams));
}

BOOST_AUTO_TEST_CASE(tests_of_two_samples_see_a_shift) {
    constexpr std::size_t streams = 100;
    BOOST_TEST(rejected(streams,
                        [](auto& r) { return smirnov_test(lengths(r, 400, 1), lengths(r, 200, 1.5)).p_value; }) > 0.8);
    BOOST_TEST(rejected(streams, [](auto& r) {
                   auto a = categories(r, 400, 0.4), b = categories(r, 200, 0.6);
                   return chi_square_test(a, b).p_value;
               }) > 0.8);
    BOOST_TEST(rejected(streams, [](auto& r) {
                   auto a = texts(r, 400, 0), b = texts(r, 200, 0.5);
                   return text_test(a, b).p_value;
               }) > 0.8);
}

BOOST_AUTO_TEST_CASE(looks_together_spend_the_level) {
    double sum = 0;
    for (std::size_t k = 1; k <= 100'000; ++k) sum += level_of_look(0.05, k);
    BOOST_TEST(sum < 0.05);
    BOOST_TEST(sum > 0.0499);
}

BOOST_AUTO_TEST_CASE(a_fall_test_that_is_looked_at_all_the_time_keeps_its_level) {
    constexpr std::size_t streams = 1000, long_enough = 1000;
    std::size_t alarms = 0;
    for (std::size_t s = 0; s < streams; ++s) {
        std::mt19937_64 random{s + 1};
        fall_test t{0.9, 0.05};
        for (std::size_t i = 0; i < long_enough && !t.alarm(); ++i) t.add(uniform(random) < 0.9);
        alarms += t.alarm();
    }
    BOOST_TEST(static_cast<double>(alarms) / streams < allowed(streams));
}

BOOST_AUTO_TEST_CASE(a_fall_is_noticed_early_and_late) {
    for (std::size_t good : {std::size_t{0}, std::size_t{2000}}) {
        std::mt19937_64 random{7};
        fall_test t{0.85, 0.05};
        for (std::size_t i = 0; i < good; ++i) t.add(uniform(random) < 0.9);
        BOOST_TEST(!t.alarm());
        for (std::size_t i = 0; i < 200; ++i) t.add(uniform(random) < 0.5);
        BOOST_TEST(t.alarm());
    }
}

BOOST_AUTO_TEST_CASE(a_fall_test_goes_on_from_its_state) {
    std::mt19937_64 random{9};
    fall_test whole{0.8, 0.01, 20}, parted{0.8, 0.01, 20};
    for (int i = 0; i < 3000; ++i) {
        double x = uniform(random) < (i < 2900 ? 0.82 : 0.2);
        whole.add(x), parted.add(x);
        if (i % 100 == 0) parted = fall_test::from_json(parted.to_json());
        BOOST_REQUIRE(whole.evidence() == parted.evidence());
    }
    BOOST_TEST(whole.alarm());
    BOOST_CHECK_THROW(fall_test::from_json(json::object{{"bound", 0.5}}), program_error);
    BOOST_CHECK_THROW((fall_test{1.5, 0.05}), std::invalid_argument);
    BOOST_CHECK_THROW((fall_test{0.5, 0}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(what_is_no_number_is_the_worst) {
    fall_test t{0.5, 0.05};
    for (int i = 0; i < 40; ++i) t.add(NAN);
    BOOST_TEST(t.alarm());
}

BOOST_AUTO_TEST_CASE(the_promise_is_kept) {
    auto promised = promised_samples(0.85, 0.6, 0.05);
    BOOST_REQUIRE(promised);
    std::size_t kept = 0;
    for (std::size_t s = 0; s < 500; ++s) {
        std::mt19937_64 random{s + 100'000};
        fall_test t{0.85, 0.05};
        for (std::size_t i = 0; i < *promised; ++i) t.add(uniform(random) < 0.6);
        kept += t.alarm();
    }
    BOOST_TEST(kept > 420);  // of 500; 9 of 10 is 450
    BOOST_TEST(*promised < 100);
    BOOST_TEST(!promised_samples(0.5, 0.6, 0.05, 200));
}
