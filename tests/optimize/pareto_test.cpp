#include "../../sdk/src/optimize/pareto.hpp"
#include "../../sdk/src/optimize/simba_steps.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;

BOOST_AUTO_TEST_SUITE(pareto)

BOOST_AUTO_TEST_CASE(wins_are_counted_of_those_that_are_needed) {
    // The third equals others wherever it is best, and so does not count.
    const std::vector<std::vector<double>> scores{{1, 0, 0.5, 1}, {0, 1, 0.5, 0}, {0, 1, 0.5, 0}, {0, 0, 0, 0}};
    const auto wins = wins_on_front(scores);
    BOOST_TEST(wins[0] == 3u);
    BOOST_TEST(wins[1] + wins[2] == 2u);  // one of two that are the same is left
    BOOST_TEST(wins[3] == 0u);
    BOOST_TEST(wins_on_front({{0, 0}}) == (std::vector<std::size_t>{2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(parents_are_drawn_by_their_wins) {
    dice random{1};
    std::vector<int> drawn(3);
    for (int i = 0; i < 4'000; ++i) ++drawn[drawn_by_weight({1, 0, 3}, random)];
    BOOST_TEST(drawn[1] == 0);
    BOOST_TEST(std::abs(drawn[2] - 3'000) < 120);
}

BOOST_AUTO_TEST_CASE(a_merge_takes_what_each_side_changed) {
    const std::vector<lineage> all{{{}, {"a", "b", "c"}, 10}, {{0}, {"A", "b", "x"}, 30}, {{0}, {"a", "B", "y"}, 40}};
    dice random{1};
    const auto found = possible_merges(all, {1, 2}, random);
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST(found[0].ancestor == 0u);
    BOOST_TEST(found[0].from_second == (std::vector<bool>{false, true, true}),
               boost::test_tools::per_element());  // both changed: the better
}

BOOST_AUTO_TEST_CASE(no_merge_of_a_line_with_itself_nor_without_something_from_both_nor_from_a_better_ancestor) {
    dice random{1};
    const std::vector<lineage> line{{{}, {"a", "b"}, 1}, {{0}, {"A", "b"}, 2}, {{1}, {"A", "B"}, 3}};
    BOOST_TEST(possible_merges(line, {1, 2}, random).empty());
    const std::vector<lineage> one_sided{{{}, {"a", "b"}, 1}, {{0}, {"A", "b"}, 2}, {{0}, {"X", "b"}, 3}};
    BOOST_TEST(possible_merges(one_sided, {1, 2}, random).empty());
    const std::vector<lineage> better_before{{{}, {"a", "b"}, 9}, {{0}, {"A", "b"}, 2}, {{0}, {"a", "B"}, 3}};
    BOOST_TEST(possible_merges(better_before, {1, 2}, random).empty());
}

BOOST_AUTO_TEST_CASE(percentiles_lie_between_values) {
    BOOST_TEST(percentile({4, 1, 3, 2}, 0) == 1);
    BOOST_TEST(percentile({4, 1, 3, 2}, 1) == 4);
    BOOST_TEST(percentile({4, 1, 3, 2}, 0.5) == 2.5);
    BOOST_TEST(percentile({7}, 0.9) == 7);
}

BOOST_AUTO_TEST_CASE(draws_follow_their_weights) {
    dice random{5};
    int second = 0;
    double sum = 0;
    for (int i = 0; i < 4'000; ++i) {
        second += softmax_draw({0, 0.2}, 0.2, random) == 1;
        sum += static_cast<double>(poisson_draw(1.5, random));
    }
    BOOST_TEST(std::abs(second / 4'000.0 - 0.731) < 0.03);  // e / (1 + e)
    BOOST_TEST(std::abs(sum / 4'000 - 1.5) < 0.1);
}

BOOST_AUTO_TEST_CASE(buckets_with_the_widest_spread_come_first) {
    std::vector<evaluation_row> rows(6);
    const double scores[]{0.5, 1, 1, 0.5, 0, 1};
    for (std::size_t i = 0; i < 6; ++i) rows[i].index = i, rows[i].score = scores[i];
    const auto found = buckets_of(rows, {3, 8, 9, 3, 8, 9});
    BOOST_REQUIRE(found.size() == 3u);
    BOOST_TEST(found[0].example == 8u);
    BOOST_TEST(found[0].runs.front()->score == 1);
    BOOST_TEST(found[1].example == 9u);
}

BOOST_AUTO_TEST_SUITE_END()
