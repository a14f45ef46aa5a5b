#include <reagent/reagent.hpp>
#include <reagent/watch/statistics.hpp>
#include <reagent/watch/watcher.hpp>

#include <boost/test/unit_test.hpp>
#include <support/folder.hpp>
#include <support/learner.hpp>
#include <support/loopback_server.hpp>
#include <support/thrown.hpp>

#include <mutex>
#include <random>
#include <thread>

using namespace reagent;
using test::folder;

namespace {

double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

struct world {
    double billing = 0.4;  ///< share of that intent
    double new_words = 0;  ///< share of messages with words that were not there
    double confidence = 0.9;
    double failures = 0;
};

std::vector<sample> samples(std::mt19937_64& random, std::size_t n, const world& w) {
    std::vector<sample> all;
    for (std::size_t i = 0; i < n; ++i) {
        sample s{.request = "r" + std::to_string(random()), .program = "classify", .version = 1};
        std::string text;
        bool is_new = uniform(random) < w.new_words;
        for (int k = 0; k < 8; ++k) text += "w" + std::to_string(random() % 50 + (is_new && k < 3 ? 50 : 0)) + " ";
        s.inputs = {{"message", text}, {"channel", random() % 2 ? "mail" : "chat"}};
        s.outputs = {{"intent", uniform(random) < w.billing ? "billing" : "delivery"},
                     {"confidence", w.confidence - 0.3 * uniform(random)}};
        if (uniform(random) < w.failures) s.outputs.clear(), s.error = "it failed";
        s.at = std::chrono::system_clock::now();
        all.push_back(std::move(s));
    }
    return all;
}

std::string drifted(const std::vector<drift_finding>& found) {
    std::string names;
    for (const auto& f : found)
        if (f.drifted) names += f.what + ";";
    return names;
}

std::string drifted_between(const world& before, const world& after) {
    std::mt19937_64 random{1};
    auto a = samples(random, 500, before), b = samples(random, 250, after);
    return drifted(find_drift(a, b, 0.01));
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_kind_of_shift_is_found_where_it_is) {
    BOOST_TEST(drifted_between({}, {}) == "");
    BOOST_TEST(drifted_between({}, {.billing = 0.75}) == "outputs.intent;");
    BOOST_TEST(drifted_between({}, {.confidence = 0.7}) == "outputs.confidence;");
    BOOST_TEST(drifted_between({}, {.failures = 0.3}) == "failures;");
    BOOST_TEST(drifted_between({}, {.new_words = 0.6}).find("inputs.message: words;") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_category_that_is_new_is_a_shift) {
    std::mt19937_64 random{2};
    auto a = samples(random, 500, {}), b = samples(random, 250, {});
    for (std::size_t i = 0; i < 60; ++i) b[i].inputs["channel"] = "fax " + std::to_string(i);
    BOOST_TEST(drifted(find_drift(a, b, 0.01)) == "inputs.channel;");
}

BOOST_AUTO_TEST_CASE(private_values_are_not_looked_at) {
    std::mt19937_64 random{3};
    auto a = samples(random, 100, {}), b = samples(random, 50, {});
    for (auto& s : a) s.inputs["email"] = "(private)";
    for (auto& s : b) s.inputs["email"] = "(private 0123)";
    for (const auto& f : find_drift(a, b, 0.01)) BOOST_TEST(f.what.find("email") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(looks_at_one_and_the_same_world_keep_the_level) {
    constexpr std::size_t streams = 200, looks = 4;
    std::size_t alarms = 0;
    for (std::size_t s = 0; s < streams; ++s) {
        std::mt19937_64 random{s + 1};
        auto reference = samples(random, 200, {});
        bool alarm = false;
        for (std::size_t k = 1; k <= looks; ++k)
            alarm = alarm || !drifted(find_drift(reference, samples(random, 100, {}), level_of_look(0.05, k),
                                                 {.least_stability = 0, .least_rank = 0}))
                                  .empty();
        alarms += alarm;
    }
    BOOST_TEST(alarms <= 22u);  // 5% are 10; four standard errors more
}

BOOST_AUTO_TEST_CASE(recipes_are_read_strictly) {
    folder f;
    program_store programs{f.path / "programs"};
    auto good = json::parse(
        R"({"optimizer": "bootstrap_few_shot", "settings": {"max_bootstrapped_demos": 6}, "metric": "exact_match:intent",
                                "budget": {"calls": 500}, "data": {"fresh": 120, "held_out": 0.5}, "shadow_pairs": 40, "seed": 7})");
    auto r = recipe_from(good, "nightly");
    BOOST_TEST(r.settings.at("max_bootstrapped_demos") == "6");
    BOOST_TEST(r.fresh == 120u);
    save_recipe(programs, r);
    BOOST_TEST(json::value(to_json(load_recipe(programs, "nightly"))) == json::value(to_json(r)));
    auto refused = [&](const char* pointer, json::value v) {
        auto bad = good;
        bad.at_pointer(pointer) = std::move(v);
        return test::thrown(program_errc::bad_document, [&] { recipe_from(bad, "nightly"); });
    };
    BOOST_TEST(refused("/budget", json::object{}).find("neither calls nor dollars") != std::string::npos);
    BOOST_TEST(refused("/data", json::object{{"freshh", 5}}).find("nothing is known of data.freshh") !=
               std::string::npos);
    BOOST_TEST(refused("/seed", -1).find("seed is to be a whole number") != std::string::npos);
    BOOST_TEST(refused("/optimizer", 5).find("optimizer is to be a text") != std::string::npos);
    auto more = good;
    more.as_object()["swtich"] = true;
    test::thrown(program_errc::bad_document, [&] { recipe_from(more, "nightly"); });
    test::thrown(program_errc::unreadable, [&] { load_recipe(programs, "none"); });
    test::thrown(program_errc::mismatch, [&] { load_recipe(programs, "../nightly"); });
    f.write("programs/recipes/broken.json", "{\"optimizer\": ");
    BOOST_CHECK_THROW(load_recipe(programs, "broken"), program_error);
}

namespace {

using classify = predict<sig<"message, channel -> intent, confidence: float">>;

struct watched {
    folder f;
    std::shared_ptr<traffic_store> store = traffic_store::open((f.path / "t.db").string());
    program_store programs{f.path / "programs"};
    runtime rt;
    classify program;
    std::mt19937_64 random{5};
    std::vector<std::string> heard;
    std::uint64_t version;

    watched() : version{programs.put(to_saved(program))} { programs.tag("production", version); }
    watcher_options options() {
        watcher_options o;
        o.program = "classify", o.reference = 300, o.window = 150, o.baseline = 100;
        o.quality.on_labels = exact_match_of("intent");
        o.tell = {[this](const json::object& a) { heard.emplace_back(a.at("kind").as_string()); }};
        return o;
    }
    watcher watch(watcher_options o) {
        return watcher{rt, store, programs, program, as_program(program), std::move(o)};
    }
    void add(std::size_t n, const world& w, const std::string& model = "m-1", double right = -1) {
        auto all = samples(random, n, w);
        for (auto& s : all) s.version = version, s.model = model;
        store->add(all);
        std::vector<request_feedback> said;
        for (const auto& s : all)
            if (right >= 0) said.push_back({.request = s.request, .score = uniform(random) < right ? 1 : 0});
        store->add(said);
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_watcher_tells_of_drift_once_and_takes_the_new_world_for_granted) {
    watched w;
    auto seen = w.watch(w.options());
    w.add(299, {});
    BOOST_TEST(seen.step().empty());
    BOOST_TEST(seen.status().at("phase") == "reference");
    w.add(301, {});
    BOOST_TEST(seen.step().empty());
    BOOST_TEST(seen.status().at("phase") == "watching");
    w.add(150, {.billing = 0.8});
    auto alerts = seen.step();
    BOOST_REQUIRE(alerts.size() == 1u);
    BOOST_TEST(alerts[0].at("kind") == "drift");
    std::string text{alerts[0].at("text").as_string()};
    BOOST_TEST(text.find("outputs.intent has changed (chi_square, p = ") != text.npos, text);
    w.add(700, {.billing = 0.8});
    BOOST_TEST(w.watch(w.options()).step().empty());  // another one, after a restart
    BOOST_TEST(w.heard == std::vector<std::string>{"drift"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_watcher_sees_quality_fall) {
    watched w;
    auto seen = w.watch(w.options());
    w.add(900, {}, "m-1", 0.9);
    BOOST_TEST(seen.step().empty());
    w.add(100, {}, "m-1", 0.5);
    auto alerts = seen.step();
    BOOST_REQUIRE(alerts.size() == 1u);
    BOOST_TEST(alerts[0].at("kind") == "quality");
}

BOOST_AUTO_TEST_CASE(a_model_under_a_new_name_is_told) {
    watched w;
    auto seen = w.watch(w.options());
    w.add(450, {}, "gpt-x-2026-01-01");
    BOOST_TEST(seen.step().empty());
    w.add(150, {}, "gpt-x-2026-09-09");
    auto alerts = seen.step();
    BOOST_REQUIRE(alerts.size() == 1u);
    BOOST_TEST(alerts[0].at("kind") == "model");
    BOOST_TEST(std::string{alerts[0].at("text").as_string()}.find("gpt-x-2026-09-09") != std::string::npos);
    w.add(150, {}, "gpt-x-2026-09-09");
    BOOST_TEST(seen.step().empty());
}

BOOST_AUTO_TEST_CASE(an_alert_that_could_not_be_told_is_told_later) {
    watched w;
    bool away = true;
    auto o = w.options();
    o.tell.insert(o.tell.begin(), [&](const json::object&) {
        if (away) throw std::runtime_error{"the webhook is away"};
    });
    auto seen = w.watch(o);
    w.add(300, {});
    w.add(150, {.billing = 0.8});
    BOOST_TEST(seen.step().size() == 1u);
    BOOST_TEST(w.heard.empty());
    away = false;
    BOOST_TEST(w.watch(o).step().empty());
    BOOST_TEST(w.heard.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_webhook_is_posted_an_alert) {
    std::string body, authorization;
    int status = 204;
    test::loopback_server server{[&](const test::server_request& q) {
        body = q.body;
        authorization = q.authorization;
        return test::server_response{.status = status};
    }};
    auto post = webhook(server.url("/alerts"), secret{"token-0123456789"});
    post({{"kind", "drift"}});
    BOOST_TEST(body == R"({"kind":"drift"})");
    BOOST_TEST(authorization == "Bearer token-0123456789");
    status = 500;
    BOOST_CHECK_THROW(post({{"kind", "drift"}}), std::runtime_error);
    BOOST_CHECK_THROW(webhook("not an address"), error);
}

namespace {

using router = predict<sig<"message -> intent">>;

// A watcher that has been given its state: what it does from there.
struct given {
    folder f;
    std::shared_ptr<traffic_store> store = traffic_store::open((f.path / "t.db").string());
    program_store programs{f.path / "programs"};
    runtime rt;
    router program;

    given() {
        programs.put(to_saved(program));
        programs.put(to_saved(program));
        programs.tag("production", 1);
        programs.tag("production", 2);
        recipe r{.name = "nightly", .optimizer = "labeled_few_shot", .metric = "exact_match:intent"};
        r.settings = {{"k", "16"}};
        r.budget.calls = 1000, r.fresh = 100, r.shadow_pairs = 0;
        save_recipe(programs, r);
    }
    void state(json::object more) {
        json::object s{{"version", 2}, {"from", 0}, {"said", 0}, {"looks", 0}, {"generation", 1}, {"alerts", 0}};
        for (auto& [key, v] : more) s[key] = v;
        store->set("watch:router@production", {s, 0});
    }
    void answer(std::size_t n, double right) {
        std::mt19937_64 random{3};
        std::vector<sample> all;
        std::vector<request_feedback> said;
        for (const auto& e : test::support_messages(n, 4)) {
            sample s{.request = "r" + std::to_string(all.size()),
                     .program = "router",
                     .version = 2,
                     .inputs = e.input_fields()};
            s.outputs = e.labels();
            s.at = std::chrono::system_clock::now();
            said.push_back({.request = s.request, .labels = e.labels()});
            if (uniform(random) >= right) s.outputs["intent"] = "wrong";
            all.push_back(std::move(s));
        }
        store->add(all);
        store->add(said);
    }
    std::vector<std::string> step(const language_model& lm, switching switches, std::string* text = nullptr) {
        watcher_options o;
        o.program = "router", o.recipe = "nightly", o.run.lm = lm, o.switches = switches;
        std::vector<std::string> kinds;
        for (const auto& a : watcher{rt, store, programs, program, as_program(program), o}.step()) {
            kinds.emplace_back(a.at("kind").as_string());
            if (text) *text += a.at("text").as_string();
        }
        return kinds;
    }
};

using kinds = std::vector<std::string>;

language_model learner() { return language_model{std::make_shared<test::learner>()}; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_switch_that_turns_out_worse_is_rolled_back) {
    given w;
    w.state(
        {{"phase", "reference"}, {"guard", json::object{{"replaced", 1}, {"test", fall_test{0.8, 0.05}.to_json()}}}});
    w.answer(150, 0.4);
    BOOST_TEST(w.step(learner(), switching::allowed) == kinds{"rolled_back"}, boost::test_tools::per_element());
    BOOST_TEST(w.programs.number_of("production") == 1u);
    BOOST_TEST(w.step(learner(), switching::allowed).empty());
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_while_it_rolls_back_or_switches_ends_that_later) {
    given w;
    w.state({{"phase", "rolling_back"}, {"replaced", 1}});
    w.step(learner(), switching::allowed);
    BOOST_TEST(w.programs.number_of("production") == 1u);
    given again;
    again.state({{"phase", "switching"}, {"candidate", 1}, {"old_score", 0.5}});
    again.programs.tag("production", 1);  // it had come as far as that
    again.step(learner(), switching::allowed);
    BOOST_TEST(again.programs.number_of("production") == 1u);
    BOOST_TEST(again.store->get("watch:router@production").body.at("version") == 1);
}

BOOST_AUTO_TEST_CASE(without_leave_a_watcher_proposes) {
    given w;
    w.state({{"phase", "drifted"}, {"fresh_from", 0}});
    w.answer(99, 1);
    BOOST_TEST(w.step(learner(), switching::propose).empty());  // one label is missing
    w.answer(120, 1);
    std::string text;
    BOOST_TEST(w.step(learner(), switching::propose, &text) == (kinds{"recompiled", "proposal"}),
               boost::test_tools::per_element());
    BOOST_TEST(text.find("reagent program tag --store ") != text.npos, text);
    BOOST_TEST(w.programs.number_of("production") == 2u);
    BOOST_TEST(w.programs.list().size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_recompilation_that_fails_is_told_and_not_tried_for_ever) {
    given w;
    w.state({{"phase", "drifted"}, {"fresh_from", 0}});
    w.answer(120, 1);
    struct broken : lm_backend {
        std::string name() const override { return "test/broken"; }
        task<lm_response> complete(lm_context, const lm_request&) const override {
            throw std::runtime_error{"the server of \"ann@example.org\" is away"};
            co_return lm_response{};
        }
    };
    std::string text;
    auto told = w.step(language_model{std::make_shared<broken>()}, switching::allowed, &text);
    BOOST_TEST(told.size() == 1u);
    BOOST_TEST((told[0] == "failed" || told[0] == "no_better"));
    BOOST_TEST(text.find("ann@") == text.npos, text);
    BOOST_TEST(w.step(learner(), switching::allowed).empty());
}

BOOST_AUTO_TEST_CASE(two_watchers_of_one_program_tell_once) {
    given w;
    w.state(
        {{"phase", "reference"}, {"guard", json::object{{"replaced", 1}, {"test", fall_test{0.8, 0.05}.to_json()}}}});
    w.answer(150, 0.4);
    std::size_t told = 0;
    {
        std::vector<std::jthread> both;
        std::mutex mutex;
        for (int i = 0; i < 2; ++i)
            both.emplace_back([&] {
                auto kinds = w.step(learner(), switching::allowed);
                std::lock_guard lock{mutex};
                told += kinds.size();
            });
    }
    BOOST_TEST(told == 1u);
    BOOST_TEST(w.store->alerts().size() == 1u);
    BOOST_TEST(w.programs.number_of("production") == 1u);
}
