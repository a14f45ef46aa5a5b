#include "support/learner.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/test/unit_test.hpp>

#include <set>

using namespace reagent;
using namespace reagent::test;

namespace {

using classify = predict<sig<"message -> intent">>;

struct bench_set {
    dataset train = support_messages(60, 1), dev = support_messages(90, 2), test = support_messages(150, 3);
};

double score(runtime& rt, const classify& p, const parameters& with, const dataset& data, std::shared_ptr<learner> model) {
    evaluate_options o;
    o.run.lm = language_model{model};
    o.run.parameters = std::make_shared<const parameters>(with);
    return evaluate(rt, as_program(p), data, exact_match_of("intent"), o).score;
}

compile_options on(std::shared_ptr<learner> model, std::uint64_t seed = 0) {
    compile_options o;
    o.run.lm = language_model{model};
    o.seed = seed;
    return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(few_shot)

BOOST_AUTO_TEST_CASE(every_optimizer_raises_the_held_out_score) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(5);
    double before = score(rt, p, {}, d.test, model);
    BOOST_TEST(before < 50);
    double few = score(rt, p, labeled_few_shot(p, d.train, {3}, on(model)).best, d.test, model);
    double many = score(rt, p, labeled_few_shot(p, d.train, {30}, on(model)).best, d.test, model);
    BOOST_TEST(few > before);
    BOOST_TEST(many > few + 5);  // more demonstrations help

    auto calls = model->calls.load();
    bootstrap_few_shot_options eight;
    eight.max_bootstrapped_demos = 8;
    auto boot = bootstrap_few_shot(rt, p, as_program(p), d.train, exact_match_of("intent"), eight, on(model));
    BOOST_TEST(boot.usage.calls == model->calls - calls);
    BOOST_TEST(boot.usage.calls <= 20u);
    double bootstrapped = score(rt, p, boot.best, d.test, model);
    BOOST_TEST(bootstrapped > before + 20);

    bootstrap_random_search_options search;
    search.num_candidate_programs = 6;
    auto found = bootstrap_random_search(rt, p, as_program(p), d.train, d.dev, exact_match_of("intent"), search, on(model));
    double searched = score(rt, p, found.best, d.test, model);
    BOOST_TEST(searched > before + 20);
    BOOST_TEST(found.report.at("candidates").as_array().size() == 9u);
    for (const auto& c : found.report.at("candidates").as_array()) BOOST_TEST(c.at("score").to_number<double>() <= *found.score);
    BOOST_TEST_MESSAGE("zero-shot " << before << ", 3 labels " << few << ", 30 labels " << many << ", bootstrap " << bootstrapped
                                    << ", search " << searched);
}

BOOST_AUTO_TEST_CASE(demonstrations_come_from_runs_that_passed_and_then_from_labels) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>();
    bootstrap_few_shot_options how;
    how.max_bootstrapped_demos = 3;
    how.max_labeled_demos = 10;
    auto c = bootstrap_few_shot(rt, p, as_program(p), d.train, exact_match_of("intent"), how, on(model));
    const auto& demos = c.best.predictors.at("self").demos;
    BOOST_REQUIRE(demos.size() == 10u);
    std::set<std::string> messages;
    for (std::size_t i = 0; i < 10; ++i) {
        BOOST_TEST(demos[i].contains("augmented") == (i < 3));
        messages.insert(std::string{demos[i].at("message").as_string()});
        // Whatever a demonstration says is right.
        for (const auto& e : d.train)
            if (e.fields.at("message") == demos[i].at("message")) BOOST_TEST(e.fields.at("intent") == demos[i].at("intent"));
    }
    BOOST_TEST(messages.size() == 10u);  // none twice
    // It saves and loads.
    BOOST_TEST(from_saved(p, to_saved(p, c.best)).predictors.at("self").demos.size() == 10u);
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_file_whatever_the_threads) {
    bench_set d;
    classify p;
    std::set<std::string> files;
    std::set<std::size_t> calls;
    for (unsigned threads : {1u, 8u, 1u, 8u}) {
        runtime_options ro;
        ro.threads = threads;
        runtime rt{ro};
        auto model = std::make_shared<learner>(10);
        auto o = on(model, 42);
        o.concurrency = threads * 3;
        bootstrap_random_search_options search;
        search.num_candidate_programs = 4;
        auto found = bootstrap_random_search(rt, p, as_program(p), d.train, d.dev, exact_match_of("intent"), search, o);
        files.insert(dump_pretty_json(to_saved(p, found.best).document()));
        calls.insert(model->calls);
    }
    BOOST_TEST(files.size() == 1u);
    BOOST_TEST(calls.size() == 1u);
    runtime rt;
    auto model = std::make_shared<learner>(10);
    bootstrap_random_search_options search;
    search.num_candidate_programs = 4;
    auto other = bootstrap_random_search(rt, p, as_program(p), d.train, d.dev, exact_match_of("intent"), search, on(model, 43));
    BOOST_TEST(!files.contains(dump_pretty_json(to_saved(p, other.best).document())));
}

BOOST_AUTO_TEST_CASE(a_teacher_makes_the_demonstrations_and_rounds_try_again) {
    bench_set d;
    classify p;
    runtime rt;
    auto student = std::make_shared<learner>();
    auto teacher = std::make_shared<learner>(60);  // wrong more often than right: rounds find other answers
    auto o = on(student);
    o.teacher = language_model{teacher};
    dataset few{d.train.begin(), d.train.begin() + 8};
    bootstrap_few_shot_options how;
    how.max_bootstrapped_demos = 8;
    how.max_labeled_demos = 0;
    auto one = bootstrap_few_shot(rt, p, as_program(p), few, exact_match_of("intent"), how, o);
    how.max_rounds = 6;
    auto six = bootstrap_few_shot(rt, p, as_program(p), few, exact_match_of("intent"), how, o);
    auto demos = [](const compiled& c) { return c.best.predictors.at("self").demos.size(); };
    BOOST_TEST(demos(one) < demos(six));
    BOOST_TEST(student->calls == 0u);
    BOOST_TEST(teacher->calls == one.usage.calls + six.usage.calls);
}

BOOST_AUTO_TEST_CASE(every_predictor_of_a_program_gets_its_own) {
    struct pipeline : module {
        predict<sig<"message -> summary">> summarize{*this, "summarize"};
        predict<sig<"summary -> intent">> classify{*this, "classify"};
        task<json::object> call(run& r, json::object inputs) const {
            auto s = co_await summarize.call(r, std::move(inputs));
            auto i = co_await classify.call(r, std::move(s));
            co_return i;
        }
    };
    pipeline p;
    runtime rt;
    std::vector<std::string> replies;
    for (const char* intent : {"billing", "delivery"}) {
        replies.push_back(chat_completion({{"summary", std::string{"about "} + intent}}));
        replies.push_back(chat_completion({{"intent", intent}}));
    }
    compile_options o;
    o.run.lm = language_model{scripted_model::texts(replies)};
    o.concurrency = 1;
    dataset train{example{{{"message", "m1"}, {"intent", "billing"}}, {"message"}},
                  example{{{"message", "m2"}, {"intent", "account"}}, {"message"}}};
    bootstrap_few_shot_options how;
    how.max_labeled_demos = 0;
    auto c = bootstrap_few_shot(rt, p, as_program(p), train, exact_match_of("intent"), how, o);
    BOOST_REQUIRE(c.best.predictors.at("summarize").demos.size() == 1u);
    BOOST_TEST(json::serialize(c.best.predictors.at("summarize").demos[0]) ==
               R"({"augmented":true,"message":"m1","summary":"about billing"})");
    BOOST_TEST(json::serialize(c.best.predictors.at("classify").demos[0]) ==
               R"({"augmented":true,"summary":"about billing","intent":"billing"})");
}

BOOST_AUTO_TEST_CASE(failures_are_counted_and_bounded) {
    classify p;
    runtime rt;
    auto broken = scripted_model::texts({});
    compile_options o;
    o.run.lm = language_model{broken};
    o.max_errors = 3;
    BOOST_CHECK_THROW(bootstrap_few_shot(rt, p, as_program(p), support_messages(20, 1), exact_match_of("intent"), {}, o), program_error);
    o.max_errors = 100;
    auto c = bootstrap_few_shot(rt, p, as_program(p), support_messages(20, 1), exact_match_of("intent"), {}, o);
    BOOST_TEST(c.report.at("usage").at("errors").to_number<int>() == 20);
    BOOST_TEST(c.best.predictors.at("self").demos.size() == 16u);  // labels are there still
}

BOOST_AUTO_TEST_SUITE_END()
