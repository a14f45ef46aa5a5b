#include "support/learner.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/test/unit_test.hpp>

#include <set>

using namespace reagent;
using namespace reagent::test;

namespace {

using classify = predict<sig<"message -> intent">>;
const metric right = exact_match_of("intent");

struct bench_set {
    dataset train = support_messages(60, 11), dev = support_messages(120, 12), test = support_messages(300, 13);
};

double held_out(runtime& rt, const classify& p, const parameters& with, const dataset& data,
                std::shared_ptr<learner> model) {
    evaluate_options o;
    o.run.lm = language_model{model};
    o.run.parameters = std::make_shared<const parameters>(with);
    return evaluate(rt, as_program(p), data, right, o).score;
}

// A program with demonstrations to begin with, so that what instructions do is seen.
parameters with_twelve_labels(runtime& rt, const classify& p, const dataset& train) {
    return labeled_few_shot{{12}}.compile(rt, p, train, {}, right, {}).best;
}

compile_options on(std::shared_ptr<learner> model, std::uint64_t seed = 0) {
    compile_options o;
    o.run.lm = language_model{model};
    o.seed = seed;
    o.measure = false;
    return o;
}

std::size_t hints_in(const parameters& p) {
    std::size_t n = 0;
    for (const auto& h : learner_hints())
        n += p.predictors.at("self").instructions.value_or("").find(h) != std::string::npos;
    return n;
}

mipro_options small_mipro() {
    mipro_options o;
    o.num_trials = 12;
    return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(instructions)

BOOST_AUTO_TEST_CASE(copro_finds_better_instructions_round_by_round) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(learner_options{.noise = 5, .without_hints = 50});
    auto o = on(model);
    o.run.parameters = std::make_shared<const parameters>(with_twelve_labels(rt, p, d.train));
    double before = held_out(rt, p, *o.run.parameters, d.test, model);
    o.seed = 3;
    auto one = copro{{.breadth = 2, .depth = 1}}.compile(rt, p, d.train, {}, right, o);
    auto four = copro{{.breadth = 4, .depth = 4}}.compile(rt, p, d.train, {}, right, o);
    BOOST_TEST(held_out(rt, p, one.best, d.test, model) > before + 5);
    BOOST_TEST(*four.score > *one.score);  // later rounds build on what scored
    BOOST_TEST(hints_in(four.best) > hints_in(one.best));
    BOOST_TEST(held_out(rt, p, four.best, d.test, model) > before + 10);
    BOOST_TEST(four.best.predictors.at("self").demos.size() == 12u);  // instructions alone were changed
    // What was tried is shown with its scores, and what failed with the reason.
    for (const auto& c : four.report.at("candidates").as_array())
        if (c.at("complete").as_bool()) BOOST_TEST(c.at("score").to_number<double>() <= *four.score);
}

BOOST_AUTO_TEST_CASE(a_proposer_of_one_at_a_time_costs_no_more_than_one_candidate_a_round_and_tries_several) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(learner_options{.noise = 5, .without_hints = 50});  // knows no `n`
    for (std::size_t depth : {1u, 2u, 3u, 5u}) {
        auto made = copro{{.breadth = 10, .depth = depth}}.compile(rt, p, d.train, {}, right, on(model, depth));
        auto calls = made.report.at("search_calls").to_number<std::size_t>(),
             most = depth + (depth + 1) * d.train.size();
        BOOST_TEST(calls <= most, calls << " calls, at most " << most);
        if (depth > 1) BOOST_TEST(made.report.at("candidates").as_array().size() > depth);
    }
    auto filled = copro{{.breadth = 6, .depth = 1, .fill_breadth = true}}.compile(rt, p, d.train, {}, right, on(model));
    BOOST_TEST(filled.report.at("candidates").as_array().size() >= 3u);
}

BOOST_AUTO_TEST_CASE(the_proposer_sees_what_failed_and_what_was_tried) {
    bench_set d;
    classify p;
    runtime rt;
    std::vector<std::string> prompts;
    std::mutex mutex;
    auto model = std::make_shared<learner>(learner_options{.noise = 30, .without_hints = 30});
    auto o = on(model);
    struct watch final : lm_backend {
        std::shared_ptr<learner> inner;
        std::vector<std::string>& prompts;
        std::mutex& mutex;
        watch(std::shared_ptr<learner> l, std::vector<std::string>& p, std::mutex& m)
            : inner{std::move(l)}, prompts{p}, mutex{m} {}
        std::string name() const override { return "test/proposer"; }
        task<lm_response> complete(lm_context c, const lm_request& r) const override {
            {
                std::lock_guard lock{mutex};
                prompts.push_back(r.messages.back().content);
            }
            return inner->complete(c, r);
        }
    };
    o.prompt_model = language_model{std::make_shared<watch>(model, prompts, mutex)};
    copro{{.breadth = 3, .depth = 2}}.compile(rt, p, d.train, {}, right, o);
    BOOST_REQUIRE(!prompts.empty());
    BOOST_TEST(prompts.front().find("[[ ## failed_examples ## ]]") != std::string::npos);
    BOOST_TEST(prompts.front().find("expected \"") != std::string::npos);
    BOOST_TEST(prompts.back().find("[[ ## attempted_instructions ## ]]") != std::string::npos);
    BOOST_TEST(prompts.back().find("(score ") != std::string::npos);
    prompts.clear();
    mipro{small_mipro()}.compile(rt, p, d.train, d.dev, right, o);
    std::string all;
    for (const auto& text : prompts) all += text;
    for (const char* part : {"examples ## ]]", "observations ## ]]", "program_description ## ]]", "task_demos ## ]]",
                             "failed_examples ## ]]", "tip ## ]]"})
        BOOST_TEST(all.find(part) != std::string::npos, part);
    // Proposals are made as they are wanted: later ones see what earlier ones came to.
    auto seen = all.rfind("[[ ## attempted_instructions ## ]]");
    BOOST_REQUIRE(seen != all.npos);
    auto score = all.find("(score ", seen);
    BOOST_REQUIRE(score != all.npos);
    BOOST_TEST(std::isdigit(static_cast<unsigned char>(all[score + 7])));
    // No example of the validation data reaches the proposer.
    for (const auto& e : d.dev)
        BOOST_TEST(all.find(std::string{e.fields.at("message").as_string()}) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(mipro_searches_instructions_and_demonstrations_together) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(learner_options{.noise = 5, .without_hints = 40});
    double before = held_out(rt, p, {}, d.test, model);
    auto c = mipro{small_mipro()}.compile(rt, p, d.train, d.dev, right, on(model));
    double after = held_out(rt, p, c.best, d.test, model);
    BOOST_TEST(after > before + 8);
    BOOST_TEST(hints_in(c.best) >= 1u);
    // More trials find no less.
    auto little = small_mipro(), much = small_mipro();
    little.num_trials = 1;
    much.num_trials = 30;
    double sum_little = 0, sum_much = 0;
    for (std::uint64_t seed : {1, 2, 3}) {
        sum_little += *mipro{little}.compile(rt, p, d.train, d.dev, right, on(model, seed)).score;
        sum_much += *mipro{much}.compile(rt, p, d.train, d.dev, right, on(model, seed)).score;
    }
    BOOST_TEST(sum_much > sum_little + 3);
    BOOST_TEST_MESSAGE("mipro: " << before << " -> " << after << ", 1 trial " << sum_little / 3 << ", 30 trials "
                                 << sum_much / 3);
}

BOOST_AUTO_TEST_CASE(without_demonstrations_means_without) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(learner_options{.noise = 5, .without_hints = 40});
    auto o = on(model);
    o.run.parameters = std::make_shared<const parameters>(with_twelve_labels(rt, p, d.train));
    auto how = small_mipro();
    how.max_bootstrapped_demos = how.max_labeled_demos = 0;
    auto c = mipro{how}.compile(rt, p, d.train, d.dev, right, o);
    BOOST_TEST(c.best.predictors.at("self").demos.empty());
    // Also when the program began with a pool to choose from, or as an ensemble.
    auto pool = knn_few_shot{{.k = 3}}.compile(rt, p, d.train, {}, right, o).best;
    pool.members.push_back(std::make_shared<const parameters>(pool));
    o.run.parameters = std::make_shared<const parameters>(pool);
    auto without = mipro{how}.compile(rt, p, d.train, d.dev, right, o);
    BOOST_TEST(without.best.predictors.at("self").demos.empty());
    BOOST_TEST(!without.best.predictors.at("self").selector);
    BOOST_TEST(without.best.members.empty());
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_file_whatever_the_threads) {
    bench_set d;
    classify p;
    for (bool both : {true, false}) {
        std::set<std::string> files;
        std::set<std::size_t> calls;
        for (unsigned threads : {1u, 8u, 1u, 8u}) {
            runtime_options ro;
            ro.threads = threads;
            runtime rt{ro};
            auto model = std::make_shared<learner>(learner_options{.noise = 5, .without_hints = 40});
            auto o = on(model, 42);
            o.concurrency = threads * 3;
            auto c = both ? mipro{small_mipro()}.compile(rt, p, d.train, d.dev, right, o)
                          : copro{{.breadth = 3, .depth = 2}}.compile(rt, p, d.train, {}, right, o);
            files.insert(dump_pretty_json(to_saved(p, c.best).document()));
            calls.insert(model->calls);
        }
        BOOST_TEST(files.size() == 1u);
        BOOST_TEST(calls.size() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(without_validation_data_a_part_of_the_training_data_serves) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(learner_options{.noise = 5, .without_hints = 40});
    auto c = mipro{small_mipro()}.compile(rt, p, d.train, {}, right, on(model));
    BOOST_TEST(c.score.has_value());
    // Demonstrations are of the fifth that trains: the first twelve examples.
    for (const auto& demo : c.best.predictors.at("self").demos) {
        bool there = false;
        for (std::size_t i = 0; i < 12; ++i) there = there || d.train[i].fields.at("message") == demo.at("message");
        BOOST_TEST(there);
    }
}

BOOST_AUTO_TEST_CASE(a_proposer_that_knows_one_thing_only_is_not_asked_for_ever) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(learner_options{.noise = 5, .without_hints = 40, .proposes = false});
    struct stubborn final : lm_backend {
        mutable std::atomic<std::size_t> asked{0};
        std::string name() const override { return "test/stubborn"; }
        task<lm_response> complete(lm_context, const lm_request& r) const override {
            lm_response response;
            // A question about something else, which is asked again, is told that this is no output.
            const bool about_this = r.messages.front().content.find("proposed_instruction") != std::string::npos;
            if (about_this) ++asked;
            response.text =
                "[[ ## proposed_instruction ## ]]\nAnswer with one of the known labels.\n\n[[ ## completed ## ]]";
            co_return response;
        }
    };
    auto proposer = std::make_shared<stubborn>();
    auto o = on(model);
    o.prompt_model = language_model{proposer};
    auto c = mipro{small_mipro()}.compile(rt, p, d.train, d.dev, right, o);
    BOOST_TEST(c.report.at("instructions of self").as_array().size() == 2u);
    BOOST_TEST(proposer->asked >= 1u);
    BOOST_TEST(proposer->asked <= 4u);  // once, and three times in vain
    for (const auto& candidate : c.report.at("candidates").as_array())
        BOOST_TEST(candidate.at("choice").as_array().front().to_number<std::size_t>() < 2u);
    proposer->asked = 0;
    copro{{.breadth = 10, .depth = 3}}.compile(rt, p, d.train, {}, right, o);
    BOOST_TEST(proposer->asked <= 3u * 7u);
}

BOOST_AUTO_TEST_CASE(a_proposer_that_talks_nonsense_costs_proposals_only) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(learner_options{.noise = 5, .without_hints = 40, .proposes = false});
    struct nonsense final : lm_backend {
        std::string name() const override { return "test/nonsense"; }
        task<lm_response> complete(lm_context, const lm_request& r) const override {
            if (r.messages.back().content.find("proposed_instruction") == std::string::npos)
                throw lm_error{lm_errc::server_error, "no"};
            lm_response response;
            response.text = "I would rather not.";
            co_return response;
        }
    };
    auto o = on(model);
    o.prompt_model = language_model{std::make_shared<nonsense>()};
    auto c = mipro{small_mipro()}.compile(rt, p, d.train, d.dev, right, o);
    BOOST_TEST(*c.score > 40);  // demonstrations were searched all the same
    BOOST_TEST(!c.best.predictors.at("self").instructions.has_value());
    auto nothing = copro{{.breadth = 3, .depth = 2}}.compile(rt, p, d.train, {}, right, o);
    BOOST_TEST(nothing.score.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
