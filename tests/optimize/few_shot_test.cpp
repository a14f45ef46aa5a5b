#include "support/learner.hpp"
#include "support/loopback_server.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/optimize/optimizers.hpp>
#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/test/unit_test.hpp>

#include <map>
#include <set>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

using classify = predict<sig<"message -> intent">>;

struct bench_set {
    dataset train = support_messages(60, 1), dev = support_messages(90, 2), test = support_messages(150, 3);
};

double score(runtime& rt, const classify& p, const parameters& with, const dataset& data,
             std::shared_ptr<learner> model) {
    evaluate_options o;
    o.run.lm = language_model{model};
    o.run.parameters = std::make_shared<const parameters>(with);
    return evaluate(rt, as_program(p), data, exact_match_of("intent"), o).score;
}

compile_options on(std::shared_ptr<learner> model, std::uint64_t seed = 0) {
    compile_options o;
    o.run.lm = language_model{model};
    o.seed = seed;
    o.measure = false;
    return o;
}

const dataset none;
const metric right = exact_match_of("intent");

bootstrap_few_shot bootstrapping(std::size_t demos, std::size_t labels = 16, std::size_t rounds = 1) {
    return bootstrap_few_shot{{.max_bootstrapped_demos = demos, .max_labeled_demos = labels, .max_rounds = rounds}};
}
// Without the candidate that chooses for each call, which is the same for every seed.
bootstrap_random_search searching(std::size_t candidates, std::size_t nearest = 0) {
    bootstrap_random_search_options o;
    o.nearest = nearest;
    o.num_candidate_programs = candidates;
    return bootstrap_random_search{o};
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
    double few =
        score(rt, p, labeled_few_shot{{3}}.compile(rt, p, d.train, none, right, on(model)).best, d.test, model);
    double many =
        score(rt, p, labeled_few_shot{{30}}.compile(rt, p, d.train, none, right, on(model)).best, d.test, model);
    BOOST_TEST(few > before);
    BOOST_TEST(many > few + 5);  // more demonstrations help

    auto calls = model->calls.load();
    auto boot = bootstrapping(8).compile(rt, p, d.train, none, right, on(model));
    BOOST_TEST(boot.usage.calls == model->calls - calls);
    BOOST_TEST(boot.usage.calls <= 20u);
    double bootstrapped = score(rt, p, boot.best, d.test, model);
    BOOST_TEST(bootstrapped > before + 20);

    auto found = searching(6).compile(rt, p, d.train, d.dev, right, on(model));
    double searched = score(rt, p, found.best, d.test, model);
    BOOST_TEST(searched > before + 20);
    BOOST_TEST(found.report.at("candidates").as_array().size() == 9u);
    bootstrap_random_search_options early;
    early.stop_at_score = before;
    auto first = bootstrap_random_search{early}.compile(rt, p, d.train, d.dev, right, on(model));
    BOOST_TEST(first.report.at("candidates").as_array().size() < 19u);
    BOOST_TEST(*first.score >= before);
    for (const auto& c : found.report.at("candidates").as_array())
        BOOST_TEST(c.at("score").to_number<double>() <= *found.score);
    BOOST_TEST_MESSAGE("zero-shot " << before << ", 3 labels " << few << ", 30 labels " << many << ", bootstrap "
                                    << bootstrapped << ", search " << searched);
}

BOOST_AUTO_TEST_CASE(classes_come_in_turn_and_texts_without_classes_need_none) {
    dataset train = support_messages(60, 1);
    std::erase_if(train, [n = 0](const example& e) mutable {
        return e.fields.at("intent") == "account" && ++n > 6;
    });  // a rare one
    classify p;
    runtime rt;
    for (std::uint64_t seed : {0, 1, 2}) {
        const auto made =
            labeled_few_shot{{6}}.compile(rt, p, train, none, right, on(std::make_shared<learner>(5), seed));
        std::map<std::string, int> shown;
        for (const auto& d : made.best.find("self")->demos) ++shown[std::string{d.at("intent").as_string()}];
        BOOST_TEST(shown.size() == 3u);
        for (const auto& [label, n] : shown) BOOST_TEST(n == 2, label);
    }
    for (std::size_t i = 0; i < train.size(); ++i) train[i].fields["intent"] = "text " + std::to_string(i);
    BOOST_TEST(labeled_few_shot{{6}}
                   .compile(rt, p, train, none, right, on(std::make_shared<learner>(5)))
                   .best.find("self")
                   ->demos.size() == 6u);
}

BOOST_AUTO_TEST_CASE(the_nearest_are_a_candidate_only_where_no_example_meets_its_own_label) {
    bench_set d;
    classify p;
    runtime rt;
    auto kinds = [&](const dataset& validation) {
        const auto made = searching(1, 4).compile(rt, p, d.train, validation, right, on(std::make_shared<learner>(5)));
        std::string all;
        for (const auto& c : made.report.at("candidates").as_array())
            all += std::string{c.at("kind").as_string()} + "|";
        return all;
    };
    BOOST_TEST(kinds(d.dev).find("the nearest 4") != std::string::npos);
    BOOST_TEST(kinds(none).find("the nearest 4") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(demonstrations_come_from_runs_that_passed_and_then_from_labels) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>();
    auto c = bootstrapping(3, 10).compile(rt, p, d.train, none, right, on(model));
    const auto& demos = c.best.predictors.at("self").demos;
    BOOST_REQUIRE(demos.size() == 10u);
    std::set<std::string> messages;
    for (std::size_t i = 0; i < 10; ++i) {
        BOOST_TEST(demos[i].contains("augmented") == (i < 3));
        messages.insert(std::string{demos[i].at("message").as_string()});
        // Whatever a demonstration says is right.
        for (const auto& e : d.train)
            if (e.fields.at("message") == demos[i].at("message"))
                BOOST_TEST(e.fields.at("intent") == demos[i].at("intent"));
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
        auto found = searching(4).compile(rt, p, d.train, d.dev, right, o);
        files.insert(dump_pretty_json(to_saved(p, found.best).document()));
        calls.insert(model->calls);
    }
    BOOST_TEST(files.size() == 1u);
    BOOST_TEST(calls.size() == 1u);
    runtime rt;
    auto model = std::make_shared<learner>(10);
    auto other = searching(4).compile(rt, p, d.train, d.dev, right, on(model, 43));
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
    auto one = bootstrapping(8, 0).compile(rt, p, few, none, right, o);
    auto six = bootstrapping(8, 0, 6).compile(rt, p, few, none, right, o);
    auto demos = [](const compiled& c) { return c.best.predictors.at("self").demos.size(); };
    BOOST_TEST(demos(one) < demos(six));
    BOOST_TEST(student->calls == 0u);
    // A better teacher passes more of the same examples.
    auto better = o;
    better.teacher = language_model{std::make_shared<learner>(0)};
    auto good = bootstrapping(8, 16).compile(rt, p, d.train, none, right, better),
         bad = bootstrapping(8, 16).compile(rt, p, d.train, none, right, o);
    BOOST_TEST(good.usage.calls < bad.usage.calls);
    BOOST_TEST(teacher->calls == one.usage.calls + six.usage.calls + bad.usage.calls);
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
    o.measure = false;
    auto c = bootstrapping(4, 0).compile(rt, p, train, none, right, o);
    BOOST_REQUIRE(c.best.predictors.at("summarize").demos.size() == 1u);
    BOOST_TEST(json::serialize(c.best.predictors.at("summarize").demos[0]) ==
               R"({"augmented":true,"message":"m1","summary":"about billing"})");
    BOOST_TEST(json::serialize(c.best.predictors.at("classify").demos[0]) ==
               R"({"augmented":true,"summary":"about billing","intent":"billing"})");
}

// Fails for some questions, always the same.
class shaky final : public lm_backend {
public:
    std::string name() const override { return "test/shaky"; }
    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        if (std::hash<std::string>{}(request.messages.back().content) % 3 == 0)
            throw lm_error{lm_errc::server_error, "overloaded"};
        return inner.complete(context, request);
    }
    learner inner;
};

BOOST_AUTO_TEST_CASE(failures_of_the_model_are_counted_and_skipped) {
    classify p;
    runtime rt;
    bench_set d;
    compile_options o;
    o.run.lm = language_model{std::make_shared<shaky>()};
    o.measure = false;
    auto c = searching(3).compile(rt, p, d.train, d.dev, right, o);
    BOOST_TEST(c.report.at("usage").at("errors").to_number<int>() > 30);
    BOOST_TEST(!c.stopped_early);
    BOOST_TEST(*c.score > 40);

    o.max_errors = 5;  // ends with what there is
    auto bounded = searching(3).compile(rt, p, d.train, d.dev, right, o);
    BOOST_TEST(bounded.stopped_early);
    BOOST_TEST(bounded.report.at("stopped").as_string().find("max_errors") != std::string::npos);

    o.run.lm = language_model{scripted_model::texts({})};  // a model that never answers is told of
    o.max_errors.reset();
    BOOST_CHECK_EXCEPTION(bootstrapping(4).compile(rt, p, d.train, none, right, o), program_error,
                          [](const program_error& e) {
                              return std::string{e.what()}.find("every run of the program failed") != std::string::npos;
                          });
}

// Fails always; counts.
class refusing final : public lm_backend {
public:
    explicit refusing(lm_errc code = lm_errc::authentication, std::string words = "your key is not valid")
        : code_{code}, words_{std::move(words)} {}
    std::string name() const override { return "test/refusing"; }
    task<lm_response> complete(lm_context, const lm_request&) const override {
        ++calls;
        throw lm_error{code_, words_};
    }
    mutable std::atomic<int> calls = 0;

private:
    lm_errc code_;
    std::string words_;
};

BOOST_AUTO_TEST_CASE(limits_hold_when_everything_fails_and_errors_keep_their_words) {
    classify p;
    runtime rt;
    bench_set d;
    auto said = [](const std::string& part) {
        return [part](const program_error& e) {
            BOOST_TEST(std::string{e.what()}.find(part) != std::string::npos, e.what());
            return true;
        };
    };
    for (std::uint64_t most : {5u, 0u}) {
        auto model = std::make_shared<refusing>();
        compile_options o;
        o.run.lm = language_model{model};
        o.limit.calls = most;
        o.concurrency = 3;
        o.measure = false;
        if (most)
            BOOST_CHECK_EXCEPTION(searching(3).compile(rt, p, d.train, d.dev, right, o), program_error,
                                  said("your key is not valid"));
        else {
            auto c = searching(3).compile(rt, p, d.train, d.dev, right, o);
            BOOST_TEST(c.report.at("stopped").as_string() == "the limit of 0 calls is used up");
        }
        BOOST_TEST(model->calls == static_cast<int>(most));
    }
    auto model = std::make_shared<refusing>();
    compile_options o;
    o.run.lm = language_model{model};
    o.max_errors = 0;
    o.concurrency = 3;
    o.measure = false;
    BOOST_CHECK_EXCEPTION(searching(3).compile(rt, p, d.train, d.dev, right, o), program_error,
                          said("your key is not valid"));
    BOOST_TEST(model->calls <= 3);
    // Some fail: what ends the search is told with the first one's words.
    o.run.lm = language_model{std::make_shared<shaky>()};
    o.max_errors = 2;
    auto c = searching(3).compile(rt, p, d.train, d.dev, right, o);
    std::string why{c.report.at("stopped").as_string()};
    BOOST_TEST(why.find("max_errors = 2") != why.npos, why);
    BOOST_TEST(why.find("overloaded") != why.npos, why);
}

// The first request uses the limit up by being sent again; later ones do not begin.
BOOST_AUTO_TEST_CASE(no_optimizer_writes_anything_when_every_request_failed) {
    classify p;
    runtime rt;
    bench_set d;
    d.train.resize(4);
    d.dev.resize(4);
    auto known = optimizers::ready();
    for (const auto& name : known.names())
        for (auto most : {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{3}}) {
            auto model = std::make_shared<refusing>(lm_errc::server_error, "the server is on fire");
            std::vector<std::string> told;
            compile_options o;
            o.run.lm = retrying(language_model{model}, {.max_attempts = 4, .base = std::chrono::milliseconds{1}});
            o.limit.calls = most;
            o.concurrency = 2;
            o.on_progress = [&](const std::string& what) { told.push_back(what); };
            BOOST_CHECK_EXCEPTION(known.make(name, {})->compile(rt, p, d.train, d.dev, right, o), program_error,
                                  [&](const program_error& e) {
                                      BOOST_TEST(
                                          std::string{e.what()}.find("the server is on fire") != std::string::npos,
                                          name << (most ? " with a limit: " : ": ") << e.what());
                                      return true;
                                  });
            for (const auto& t : told) BOOST_TEST(t.find("passed the metric") == t.npos, t);
        }
}

BOOST_AUTO_TEST_CASE(what_is_clearly_behind_is_not_scored_to_its_end) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(5);
    auto o = on(model);
    // It begins with many labels, so that candidates with few are behind.
    o.run.parameters =
        std::make_shared<const parameters>(labeled_few_shot{{40}}.compile(rt, p, d.train, none, right, o).best);
    bootstrap_random_search_options few;
    few.max_bootstrapped_demos = few.max_labeled_demos = 1;
    few.num_candidate_programs = 5;
    few.nearest = 0;
    auto calls = model->calls.load();
    auto c = bootstrap_random_search{few}.compile(rt, p, d.train, d.dev, right, o);
    std::size_t given_up = 0, looked_at = 0;
    for (const auto& one : c.report.at("candidates").as_array()) {
        given_up += !one.at("complete").as_bool();
        looked_at += one.at("examples").to_number<std::size_t>();
    }
    BOOST_TEST(given_up == 7u);  // all but the first
    BOOST_TEST(looked_at <= d.dev.size() + 7 * (d.dev.size() / 2));
    BOOST_TEST(model->calls - calls < 4 * d.dev.size());
    BOOST_TEST(c.best.predictors.at("self").demos.size() == 40u);
}

BOOST_AUTO_TEST_CASE(limits_end_a_search_with_the_best_so_far_always_the_same) {
    bench_set d;
    classify p;
    std::set<std::string> files;
    for (unsigned threads : {1u, 8u}) {
        runtime_options ro;
        ro.threads = threads;
        runtime rt{ro};
        auto model = std::make_shared<learner>(10);
        auto o = on(model, 5);
        o.limit.calls = 400;
        o.concurrency = 1 + threads;
        auto c = searching(16).compile(rt, p, d.train, d.dev, right, o);
        BOOST_TEST(c.stopped_early);
        BOOST_TEST(model->calls <= 400u);
        BOOST_TEST(c.usage.calls <= 400u);
        BOOST_TEST(*c.score > 60);
        files.insert(dump_pretty_json(to_saved(p, c.best).document()));
    }
    BOOST_TEST(files.size() == 1u);
    runtime rt;
    auto o = on(std::make_shared<learner>(), 5);
    o.limit.tokens = 20'000;
    BOOST_TEST(searching(16).compile(rt, p, d.train, d.dev, right, o).stopped_early);
    auto estimate = searching(16).estimate(p, d.train, d.dev, on(std::make_shared<learner>()));
    BOOST_TEST(estimate.calls >= 1'700u);
    BOOST_TEST(estimate.tokens > estimate.calls * 100);
    BOOST_TEST(estimate.text().find("calls") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_report_shows_all_data_and_says_what_is_noise) {
    bench_set d;
    classify p;
    runtime rt;
    auto o = on(std::make_shared<learner>(5));
    o.measure = true;
    o.test = d.test;
    auto c = bootstrapping(8).compile(rt, p, d.train, d.dev, right, o);
    for (const char* part : {"train", "validation", "test"}) {
        const auto& one = c.report.at(part);
        BOOST_TEST(one.at("after").at("score").to_number<double>() > one.at("before").at("score").to_number<double>());
        BOOST_TEST(one.at("after").at("interval").as_array().size() == 2u);
    }
    BOOST_TEST(!c.report.at("test").at("within_noise").as_bool());
    BOOST_TEST(c.report.at("verdict").as_string().find("on test data") != std::string::npos);
    BOOST_TEST(!c.report.contains("warning"));
    // Nothing was gained: it is said.
    o.test = {d.train.begin(), d.train.begin() + 5};
    o.run.lm = language_model{std::make_shared<learner>(100)};
    auto nothing = labeled_few_shot{{4}}.compile(rt, p, d.train, d.dev, right, o);
    BOOST_TEST(nothing.report.at("verdict").as_string().find("within what chance alone") != std::string::npos);
    BOOST_TEST(nothing.report.at("warning").as_string().find("5 examples of the test data") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_optimizer_sees_a_test_split) {
    classify p;
    runtime rt;
    auto parts = split_examples(support_messages(40, 1));
    BOOST_CHECK_EXCEPTION(
        (labeled_few_shot{}.compile(rt, p, parts.test, none, right, {})), program_error,
        [](const program_error& e) { return std::string{e.what()}.find("is of the test split") != std::string::npos; });
    BOOST_CHECK_THROW((labeled_few_shot{}.compile(rt, p, parts.train, parts.test, right, {})), program_error);
    BOOST_CHECK_NO_THROW((labeled_few_shot{}.compile(rt, p, parts.train, none, right, {})));
}

BOOST_AUTO_TEST_CASE(the_nearest_demonstrations_are_chosen_for_each_call) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(5);
    double few =
        score(rt, p, labeled_few_shot{{3}}.compile(rt, p, d.train, none, right, on(model)).best, d.test, model);
    auto c = knn_few_shot{{.k = 3}}.compile(rt, p, d.train, none, right, on(model));
    double near = score(rt, p, c.best, d.test, model);
    BOOST_TEST(near > few + 10);  // the same number of demonstrations, but the right ones
    BOOST_TEST(c.best.predictors.at("self").demos.size() == 3u);
    // It saves and loads, pool and all; a prompt shows three.
    auto saved = to_saved(p, c.best);
    auto loaded = from_saved(p, saved_program::parse(dump_pretty_json(saved.document())));
    BOOST_TEST(score(rt, p, loaded, d.test, model) == near);
    BOOST_TEST(saved.addition("nearest")->at("self").at("pool").as_array().size() == d.train.size());
    BOOST_TEST(saved.hash() !=
               to_saved(p, labeled_few_shot{{3}}.compile(rt, p, d.train, none, right, on(model)).best).hash());
    // From runs that passed.
    auto boot = knn_few_shot{{.k = 3, .bootstrap = true}}.compile(rt, p, d.train, none, right, on(model));
    auto pool = to_saved(p, boot.best).addition("nearest")->at("self").at("pool").as_array();
    BOOST_TEST(pool.size() < d.train.size());
    BOOST_TEST(pool.at(0).as_object().contains("augmented"));
}

BOOST_AUTO_TEST_CASE(a_pool_is_bounded_and_drawn_by_seed) {
    bench_set d;
    classify p;
    runtime rt;
    auto pool = [&](std::uint64_t seed) {
        compile_options o;
        o.measure = false;
        o.seed = seed;
        auto c = knn_few_shot{{.k = 2, .max_pool = 5}}.compile(rt, p, d.train, none, right, o);
        return to_saved(p, c.best).addition("nearest")->at("self").at("pool").as_array();
    };
    BOOST_REQUIRE(d.train.size() > 5);
    auto first = pool(1);
    BOOST_TEST(first.size() == 5u);
    BOOST_TEST((first == pool(1)));
    BOOST_TEST((first != pool(2)));
}

BOOST_AUTO_TEST_CASE(nearness_may_be_that_of_vectors) {
    // Vectors that know that a dog and a puppy are alike, which no word tells.
    std::atomic<int> asked = 0;
    loopback_server server{[&](const server_request& q) {
        ++asked;
        const json::value body = json::parse(q.body);
        json::array data;
        for (const auto& text : body.at("input").as_array()) {
            std::string t{text.as_string()};
            bool animal = t.find("dog") != t.npos || t.find("puppy") != t.npos;
            data.push_back(json::object{{"index", data.size()},
                                        {"embedding", animal ? json::array{1.0, 0.1} : json::array{0.1, 1.0}}});
        }
        json::object answer{{"data", std::move(data)},
                            {"model", "e"},
                            {"usage", json::object{{"prompt_tokens", 3}, {"total_tokens", 3}}}};
        return server_response{.body = json::serialize(answer)};
    }};
    ::setenv("OPENAI_API_KEY", "none", 1);
    ::setenv("OPENAI_BASE_URL", server.url("/v1").c_str(), 1);
    predict<sig<"text -> kind">> p;
    dataset train;
    for (const auto& [text, kind] : {std::pair{"a big car", "vehicle"}, std::pair{"the puppy sleeps", "animal"},
                                     std::pair{"some old bus", "vehicle"}})
        train.push_back(example{{{"text", text}, {"kind", kind}}, {"text"}});
    knn_few_shot_options how;
    how.k = 1;
    how.embedder = std::make_shared<const embedder>(
        "openai/e", embedder_options{.api_base = server.url("/v1"), .api_key = secret{"none"}});
    compile_options o;
    o.measure = false;
    runtime rt;
    auto c = knn_few_shot{how}.compile(rt, p, train, none, right, o);
    BOOST_TEST(asked == 1);  // the pool, in one request
    auto shown = [&](const parameters& with, std::shared_ptr<const journal> replay = {}) {
        auto model = scripted_model::texts({chat_completion({{"kind", "animal"}})});
        run_options ro{language_model{model}};
        ro.parameters = std::make_shared<const parameters>(with);
        ro.replay = std::move(replay);
        auto result = rt.execute(ro, p, "text"_f = "my dog");
        std::string prompt;
        for (const auto& e : result.report.history->events())
            if (e.request)
                for (const auto& m : e.request->whole().messages) prompt += m.content;
        BOOST_TEST(prompt.find("the puppy sleeps") != std::string::npos);
        BOOST_TEST(prompt.find("a big car") == std::string::npos);
        return result.report.history;
    };
    auto history = shown(c.best);
    BOOST_TEST(asked == 2);
    shown(c.best, history);  // a replay embeds nothing
    BOOST_TEST(asked == 2);
    // The file holds the vectors; who loads it finds the same.
    auto loaded = from_saved(p, saved_program::parse(dump_pretty_json(to_saved(p, c.best).document())));
    shown(loaded);
    BOOST_TEST(asked == 3);
}

BOOST_AUTO_TEST_CASE(an_ensemble_votes) {
    bench_set d;
    classify p;
    runtime rt;
    auto model = std::make_shared<learner>(5);
    ensemble_options how;
    how.max_bootstrapped_demos = 4;
    how.max_labeled_demos = 6;
    how.size = 1;
    auto one = ensemble{how}.compile(rt, p, d.train, none, right, on(model));
    how.size = 5;
    auto five = ensemble{how}.compile(rt, p, d.train, none, right, on(model));
    BOOST_TEST(five.best.members.size() == 5u);
    double alone = score(rt, p, one.best, d.test, model), together = score(rt, p, five.best, d.test, model);
    BOOST_TEST(together > alone);
    auto loaded = from_saved(p, saved_program::parse(dump_pretty_json(to_saved(p, five.best).document())));
    BOOST_TEST(loaded.members.size() == 5u);
    auto calls = model->calls.load();
    BOOST_TEST(score(rt, p, loaded, d.test, model) == together);
    BOOST_TEST(model->calls - calls == 5 * d.test.size());
}

BOOST_AUTO_TEST_CASE(a_program_that_asserts_is_compiled_from_what_it_settled_on) {
    struct careful : module {
        predict<sig<"message -> intent">> classify{*this, "classify"};
        task<json::object> call(run& r, json::object inputs) const {
            auto out = co_await classify.call(r, std::move(inputs));
            r.assert_that(out.at("intent") != "unknown", "Choose an intent.", classify);
            co_return out;
        }
    };
    careful p;
    runtime rt;
    std::vector<std::string> replies;
    for (const char* intent : {"unknown", "billing", "delivery"})
        replies.push_back(chat_completion({{"intent", intent}}));
    compile_options o;
    o.run.lm = language_model{scripted_model::texts(replies)};
    o.concurrency = 1;
    o.measure = false;
    dataset train{example{{{"message", "m1"}, {"intent", "billing"}}, {"message"}},
                  example{{{"message", "m2"}, {"intent", "delivery"}}, {"message"}}};
    auto c = bootstrapping(4, 0).compile(rt, p, train, none, right, o);
    // The answer that held, with the inputs of the program alone: neither the past answer nor the message.
    BOOST_REQUIRE(c.best.predictors.at("classify").demos.size() == 2u);
    BOOST_TEST(json::serialize(c.best.predictors.at("classify").demos[0]) ==
               R"({"augmented":true,"message":"m1","intent":"billing"})");
    // A metric that counts failed assertions passes only the run that needed none.
    o.run.lm = language_model{scripted_model::texts(replies)};
    auto strict = make_metric([](const rated_run& r) { return r.history.violations().empty(); });
    auto clean = bootstrapping(4, 0).compile(rt, p, train, none, strict, o);
    BOOST_REQUIRE(clean.best.predictors.at("classify").demos.size() == 1u);
    BOOST_TEST(clean.best.predictors.at("classify").demos[0].at("message") == "m2");
}

BOOST_AUTO_TEST_CASE(an_agents_steps_are_in_its_demonstrations) {
    tools t;
    t.add("add", "Adds.", [](std::int64_t a, std::int64_t b) { return a + b; }, {"a", "b"});
    react<sig<"question -> answer: int">> agent{t};
    auto step = [](const char* thought, const char* tool, json::object args) {
        return chat_completion(
            {{"next_thought", thought}, {"next_tool_name", tool}, {"next_tool_args", std::move(args)}});
    };
    auto model = scripted_model::texts({step("Add them.", "add", {{"a", 1}, {"b", 2}}), step("Done.", "finish", {}),
                                        chat_completion({{"reasoning", "It was 3."}, {"answer", 3}})});
    runtime rt;
    compile_options o;
    o.run.lm = language_model{model};
    o.measure = false;
    dataset train{example{{{"question", "1 + 2?"}, {"answer", 3}}, {"question"}}};
    auto c = bootstrapping(1, 0).compile(rt, agent, train, none, exact_match_of("answer"), o);
    const auto& demo = c.best.predictors.at("react").demos.at(0);
    std::string trajectory{demo.at("trajectory").as_string()};
    BOOST_TEST(trajectory.find("[[ ## observation_0 ## ]]\n3") != trajectory.npos, trajectory);
    BOOST_TEST(demo.at("next_tool_name") == "finish");
    BOOST_TEST(std::string{c.best.predictors.at("extract.predict").demos.at(0).at("trajectory").as_string()}.find(
                   "thought_1") != std::string::npos);
    // The next run's prompt shows them, and new instructions keep the tools.
    c.best.predictors.at("react").instructions = "Count well.";
    auto again = scripted_model::texts({step("", "finish", {}), chat_completion({{"reasoning", ""}, {"answer", 5}})});
    run_options ro{language_model{again}};
    ro.parameters = std::make_shared<const parameters>(c.best);
    rt.run(ro, agent, "question"_f = "2 + 3?");
    const auto messages = again->requests().at(0).messages;
    BOOST_TEST(messages.at(0).content.find("Count well.") != std::string::npos);
    BOOST_TEST(messages.at(0).content.find("- add: Adds.") != std::string::npos);
    BOOST_TEST(messages.at(1).content.find("observation_0 ## ]]\n3") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
