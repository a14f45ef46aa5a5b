// multi_hop on questions of two hops, one hop against two, as it is and compiled.
#include "support/reader.hpp"

#include <reagent/agents/multi_hop.hpp>
#include <reagent/evaluate/retrieval_metrics.hpp>
#include <reagent/optimize/few_shot.hpp>
#include <reagent/optimize/instructions.hpp>
#include <reagent/reagent.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdio>

using namespace reagent;
using namespace reagent::test;

namespace {

struct bench_set {
    explicit bench_set(std::uint64_t seed) {
        auto corpus = make_two_hop_corpus(seed, 220);
        passages = std::make_shared<const memory_bm25>(std::move(corpus.passages));
        auto q = corpus.questions.begin();
        train.assign(q, q + 60);
        validation.assign(q + 60, q + 120);
        test.assign(q + 120, corpus.questions.end());
    }
    std::shared_ptr<const memory_bm25> passages;
    dataset train, validation, test;
};

struct measured {
    evaluation answers, recall;
};

measured measure(runtime& rt, const multi_hop& program, const dataset& data, const parameters& with) {
    evaluate_options o;
    o.run.lm = language_model{std::make_shared<reader>()};
    o.run.parameters = std::make_shared<const parameters>(with);
    return {evaluate(rt, program, data, exact_match_of("answer"), o),
            evaluate(rt, program, data, retrieval_metric_of("gold", retrieval_measure::recall), o)};
}

compile_options by_reader() {
    compile_options o;
    o.run.lm = language_model{std::make_shared<reader>()};
    o.measure = false;
    return o;
}

void tell(const char* what, const measured& m, const measured& before) {
    char line[200];
    std::snprintf(line, sizeof line, "| %s | %.1f | %.1f | %.4f | %.4f |", what, m.answers.score, m.recall.score,
                  compare(before.answers, m.answers).p_value, compare(before.recall, m.recall).p_value);
    BOOST_TEST_MESSAGE(line);
}

// Better than before by more than luck, in answers and in recall.
void is_better(const measured& after, const measured& before) {
    BOOST_TEST(after.answers.score > before.answers.score + 20);
    BOOST_TEST(after.recall.score > before.recall.score + 10);
    BOOST_TEST(compare(before.answers, after.answers).p_value < 0.01);
    BOOST_TEST(compare(before.recall, after.recall).p_value < 0.01);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(multi_hop_compiled)

BOOST_DATA_TEST_CASE(two_hops_are_better_than_one_and_compiled_better_still, (boost::unit_test::data::make({1, 2, 3})),
                     seed) {
    bench_set d{static_cast<std::uint64_t>(seed)};
    runtime rt;
    const multi_hop one{d.passages, {.max_hops = 1}}, two{d.passages, {.max_hops = 2}};
    const auto alone = measure(rt, one, d.test, {}), before = measure(rt, two, d.test, {});
    const metric right = exact_match_of("answer");
    const bootstrap_few_shot few{{.max_bootstrapped_demos = 4, .max_labeled_demos = 4}};
    const auto by_few = measure(rt, two, d.test, few.compile(rt, two, d.train, d.validation, right, by_reader()).best);
    const mipro search{{.max_bootstrapped_demos = 3, .max_labeled_demos = 3}};
    const auto by_mipro =
        measure(rt, two, d.test, search.compile(rt, two, d.train, d.validation, right, by_reader()).best);
    const auto one_by_few =
        measure(rt, one, d.test, few.compile(rt, one, d.train, d.validation, right, by_reader()).best);

    tell("one hop", alone, alone);
    tell("one hop, bootstrap_few_shot", one_by_few, alone);
    tell("two hops", before, alone);
    tell("two hops, bootstrap_few_shot", by_few, before);
    tell("two hops, mipro", by_mipro, before);
    is_better(by_few, before);
    is_better(by_mipro, before);
    BOOST_TEST(before.answers.score > alone.answers.score);
    BOOST_TEST(compare(alone.recall, before.recall).p_value < 0.01);
    is_better(by_few, one_by_few);
    for (const auto& row : by_few.answers.rows) BOOST_TEST(row.error == "");
}

BOOST_AUTO_TEST_SUITE_END()
