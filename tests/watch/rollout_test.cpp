#include <reagent/reagent.hpp>
#include <reagent/watch/comparison.hpp>
#include <reagent/watch/rollout.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>
#include <support/folder.hpp>
#include <support/learner.hpp>
#include <support/thrown.hpp>

#include <atomic>
#include <random>

using namespace reagent;
using test::folder;

namespace {

using classify = predict<sig<"message -> intent">>;

struct watched {
    folder f;
    std::shared_ptr<traffic_store> store = traffic_store::open((f.path / "t.db").string());
    program_store programs{f.path / "programs"};
    runtime rt{{.threads = 1}};
    classify program;

    std::uint64_t put(const std::string& instructions) {
        parameters p;
        p.predictors["self"].instructions = instructions;
        return programs.put(to_saved(program, p));
    }
    void add(const std::string& request, std::uint64_t version, bool heard, const std::string& intent, int ms,
             double cost, const std::string& error = {}) {
        sample s{.request = request, .program = "classify", .version = version, .heard = heard};
        s.inputs = {{"message", request}};
        s.outputs = {{"intent", intent}};
        if (!error.empty()) s.outputs.clear(), s.error = error;
        s.latency = std::chrono::milliseconds{ms};
        s.usage.cost = cost;
        s.at = std::chrono::system_clock::now();
        store->add(std::vector{s});
    }
    void label(const std::string& request, const std::string& intent) {
        store->add({.request = request, .labels = {{"intent", intent}}});
    }
    sample_quality by_labels() const { return {.on_labels = exact_match_of("intent")}; }
};

double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

}  // namespace

BOOST_AUTO_TEST_CASE(tags_decide_who_answers) {
    watched w;
    auto one = w.put("One."), two = w.put("Two."), three = w.put("Three.");
    w.programs.tag("production", one);
    rollout r{w.programs, "production", w.program, 0.2};
    BOOST_TEST(r.choose("ann").version == one);
    BOOST_TEST(!r.shadowed());
    w.programs.tag("production-canary", two);
    w.programs.tag("production-shadow", three);
    BOOST_TEST(r.refresh());
    std::size_t canary = 0;
    for (int i = 0; i < 1000; ++i) {
        auto key = "customer " + std::to_string(i);
        auto who = r.choose(key);
        BOOST_TEST(who.version == (who.canary ? two : one));
        BOOST_TEST(r.choose(key).version == who.version);
        canary += who.canary;
    }
    BOOST_TEST(canary > 150u);
    BOOST_TEST(canary < 250u);
    BOOST_TEST(r.shadowed()->version == three);
    BOOST_TEST(*r.shadowed()->parameters->predictors.at("self").instructions == "Three.");
    w.programs.untag("production-canary");
    w.programs.untag("production-shadow");
    w.programs.tag("production", two);
    BOOST_TEST(r.refresh());
    BOOST_TEST(r.choose("ann").version == two);
    BOOST_TEST(!r.shadowed());
    BOOST_TEST(!r.refresh());
}

BOOST_AUTO_TEST_CASE(a_version_that_does_not_fit_leaves_what_was_there) {
    watched w;
    auto one = w.put("One.");
    w.programs.tag("production", one);
    rollout r{w.programs, "production", w.program};
    predict<sig<"question -> answer">> other;
    auto wrong = w.programs.put(to_saved(other));
    w.programs.tag("production", wrong);
    BOOST_CHECK_THROW(r.refresh(), program_error);
    BOOST_TEST(r.choose("ann").version == one);
    BOOST_CHECK_THROW((rollout{w.programs, "none", w.program}), program_error);
}

BOOST_AUTO_TEST_CASE(a_shadow_answers_unheard_within_its_budget) {
    watched w;
    auto recorder = std::make_shared<traffic>(w.store);
    recorder->know("classify", w.program);
    language_model lm{std::make_shared<test::learner>()};
    {
        shadow second{w.rt, as_program(w.program), recorder, {.concurrency = 1000, .most_per_hour = 5}};
        BOOST_TEST(!second.answer("r0", "classify", {{"message", "nobody answers yet"}}));
        second.set(answering{7, std::make_shared<const parameters>()}, {.lm = lm});
        std::size_t taken = 0;
        for (int i = 1; i <= 9; ++i)
            taken += second.answer("r" + std::to_string(i), "classify", {{"message", "my parcel is late"}});
        BOOST_TEST(taken == 5u);
        second.wait();
        BOOST_TEST(second.counts().answered == 5u);
        BOOST_TEST(second.counts().passed_over == 5u);
    }
    recorder->flush();
    auto all = w.store->list();
    BOOST_TEST(all.size() == 5u);
    for (const auto& s : all) {
        BOOST_TEST(!s.heard);
        BOOST_TEST(s.version == 7u);
        BOOST_TEST(s.outputs.contains("intent"));
        BOOST_TEST(s.model == "test/learner");
    }
}

BOOST_AUTO_TEST_CASE(a_shadow_that_fails_or_hangs_keeps_nobody_waiting) {
    watched w;
    auto recorder = std::make_shared<traffic>(w.store);
    recorder->know("classify", w.program);
    language_model lm{std::make_shared<test::learner>()};
    program_function fails = [](run&, const json::object&) -> task<json::object> {
        throw std::runtime_error{"no such luck"};
        co_return json::object{};
    };
    shadow failing{w.rt, fails, recorder};
    failing.set(answering{2, nullptr}, {.lm = lm});
    BOOST_TEST(failing.answer("f1", "classify", {{"message", "x"}}));
    failing.wait();
    BOOST_TEST(failing.counts().failed == 1u);
    recorder->flush();
    BOOST_TEST(w.store->list({.request = "f1"}).at(0).error == "no such luck");

    program_function hangs = [](run&, const json::object&) -> task<json::object> {
        boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, std::chrono::hours{1}};
        co_await timer.async_wait(boost::asio::use_awaitable);
        co_return json::object{};
    };
    shadow hanging{w.rt, hangs, recorder, {.concurrency = 2, .deadline = std::chrono::milliseconds{200}}};
    hanging.set(answering{2, nullptr}, {.lm = lm});
    std::size_t taken = 0;
    for (int i = 0; i < 100; ++i) taken += hanging.answer("h" + std::to_string(i), "classify", {{"message", "x"}});
    BOOST_TEST(taken == 2u);
    hanging.wait();
    BOOST_TEST(hanging.counts().failed == 2u);
}

BOOST_AUTO_TEST_CASE(a_better_shadow_is_to_be_promoted) {
    watched w;
    std::mt19937_64 random{1};
    for (int i = 0; i < 200; ++i) {
        auto id = "r" + std::to_string(i);
        bool first = uniform(random) < 0.7, second = uniform(random) < 0.95;
        w.add(id, 1, true, first ? "right" : "wrong", 100, 0.001);
        w.add(id, 2, false, second ? "right" : "wrong", 110, 0.001);
        w.label(id, "right");
    }
    auto c = compare_versions(w.rt, *w.store, "classify", 1, 2, w.by_labels());
    BOOST_TEST(c.paired);
    BOOST_TEST(c.pairs == 200u);
    BOOST_TEST(c.scored_pairs == 200u);
    BOOST_TEST(c.quality.difference > 15);
    BOOST_TEST(c.quality.p_value < 0.001);
    BOOST_TEST(c.latency.difference == 10.0, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(c.agreement > 0.5);
    BOOST_TEST(c.agreement < 0.9);
    BOOST_TEST((c.advice == version_advice::promote), c.verdict);
    BOOST_TEST(c.verdict.find("version 2 agrees with version 1 on ") == 0u, c.verdict);
    BOOST_TEST(c.verdict.find("promote it") != c.verdict.npos, c.verdict);
    auto back = compare_versions(w.rt, *w.store, "classify", 2, 1, w.by_labels());
    BOOST_TEST((back.advice == version_advice::keep), back.verdict);
}

BOOST_AUTO_TEST_CASE(verdicts_wait_for_enough_and_see_time_and_money) {
    watched w;
    std::mt19937_64 random{2};
    for (int i = 0; i < 150; ++i) {
        auto id = "r" + std::to_string(i);
        auto intent = uniform(random) < 0.9 ? "right" : "wrong";
        w.add(id, 1, true, intent, 100, 0.002);
        w.add(id, 2, false, intent, 90, 0.001);   // the same, and cheaper
        w.add(id, 3, false, intent, 900, 0.001);  // the same, and slow
        if (i < 120) w.label(id, "right");
    }
    auto cheaper = compare_versions(w.rt, *w.store, "classify", 1, 2, w.by_labels());
    BOOST_TEST((cheaper.advice == version_advice::promote), cheaper.verdict);
    auto slow = compare_versions(w.rt, *w.store, "classify", 1, 3, w.by_labels());
    BOOST_TEST((slow.advice == version_advice::keep), slow.verdict);
    BOOST_TEST(slow.verdict.find("too slow") != slow.verdict.npos, slow.verdict);
    auto few = compare_versions(w.rt, *w.store, "classify", 1, 2, w.by_labels(), {.least = 121});
    BOOST_TEST((few.advice == version_advice::wait), few.verdict);
    auto unlabelled = compare_versions(w.rt, *w.store, "classify", 1, 2, {});
    BOOST_TEST((unlabelled.advice == version_advice::wait), unlabelled.verdict);
    BOOST_TEST(unlabelled.verdict.find("nothing says how good") != unlabelled.verdict.npos, unlabelled.verdict);
}

BOOST_AUTO_TEST_CASE(a_canary_is_compared_without_pairs_of_requests) {
    watched w;
    std::mt19937_64 random{3};
    for (int i = 0; i < 800; ++i) {
        auto id = "r" + std::to_string(i);
        bool canary = share_of(id, "canary") < 0.25;
        w.add(id, canary ? 2 : 1, true, uniform(random) < (canary ? 0.5 : 0.9) ? "right" : "wrong", 100, 0.001);
        w.label(id, "right");
    }
    auto c = compare_versions(w.rt, *w.store, "classify", 1, 2, w.by_labels());
    BOOST_TEST(!c.paired);
    BOOST_TEST((c.advice == version_advice::keep), c.verdict);
    BOOST_TEST(c.verdict.find("it is worse") != c.verdict.npos, c.verdict);
}

BOOST_AUTO_TEST_CASE(failures_of_which_nobody_says_anything_are_no_scores) {
    watched w;
    w.add("r1", 1, true, "", 10, 0, "it failed");
    w.add("r2", 1, true, "right", 10, 0);
    w.add("r3", 1, true, "", 10, 0, "it failed");
    w.label("r3", "right");
    auto scores = scores_of(w.rt, w.store->list(), w.by_labels());
    BOOST_TEST(!scores[0]);
    BOOST_TEST(!scores[1]);
    BOOST_TEST(scores[2].value() == 0);
}

BOOST_AUTO_TEST_CASE(a_worse_canary_goes_back_within_the_promise) {
    auto promised = promised_pairs(0.9, 0.6);
    BOOST_REQUIRE(promised);
    std::size_t back = 0;
    for (std::size_t s = 0; s < 300; ++s) {
        std::mt19937_64 random{s + 50'000};
        canary_guard g;
        for (std::size_t i = 0; i < *promised; ++i) {
            g.first(false, uniform(random) < 0.9);
            g.second(false, uniform(random) < 0.6);
            if (i % 20 == 0) g = canary_guard::from_json(g.to_json());
        }
        back += g.is_worse();
    }
    BOOST_TEST(back > 250u);  // of 300; 9 of 10 is 270
    BOOST_TEST(*promised < 200u);
}

BOOST_AUTO_TEST_CASE(a_canary_that_is_as_good_stays) {
    std::size_t back = 0;
    constexpr std::size_t streams = 400;
    for (std::size_t s = 0; s < streams; ++s) {
        std::mt19937_64 random{s + 1};
        canary_guard g;
        for (std::size_t i = 0; i < 500 && !g.is_worse(); ++i) {
            g.first(false, uniform(random) < 0.9);
            g.second(false, uniform(random) < 0.9);
        }
        back += g.is_worse();
    }
    BOOST_TEST(back <= 20u);
}

BOOST_AUTO_TEST_CASE(a_canary_that_fails_goes_back_without_any_labels) {
    canary_guard g;
    std::size_t n = 0;
    while (n < 200 && !g.is_worse()) {
        ++n;
        g.first(false, {});
        g.second(n % 2 == 0, {});
    }
    BOOST_TEST(n < 100u);
    BOOST_TEST(g.why().find("fails more often") != std::string::npos);
}
