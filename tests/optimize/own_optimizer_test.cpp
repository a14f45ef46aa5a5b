// What an author of an optimizer has: a study, and a name.
#include "support/learner.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/optimize/demonstrations.hpp>
#include <reagent/optimize/optimizers.hpp>
#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

struct climb_options {
    std::size_t tries = 3;
    double step = 0.5;
    bool labels = true;
    std::optional<std::size_t> most{};
};

// Tries sets of labeled examples, drawn anew each time.
class climb final : public optimizer {
public:
    explicit climb(climb_options how = {}) : how_{how} {}
    std::string_view name() const override { return "climb"; }
    climb_options how() const { return how_; }

private:
    work plan(std::size_t, std::size_t, std::size_t validation) const override { return {how_.tries * validation, 1}; }
    void search(study& s) const override {
        s.offer(s.start(), s.score(s.validation(), s.start()));
        for (std::size_t n = 1; n <= how_.tries; ++n) {
            auto candidate = with_labels(s, 4, n);
            auto seen = s.race(s.validation(), candidate);
            if (seen.complete) s.offer(candidate, seen.seen);
            s.note({{"try", n}, {"score", seen.seen.score}});
        }
        s.report("tries", how_.tries);
        s.tell("done");
    }
    climb_options how_;
};

optimizers with_climb() {
    auto all = optimizers::ready();
    all.add<climb>("climb", settings<climb_options>{}
                                .add("tries", &climb_options::tries, "sets of examples", {1, 50})
                                .add("step", &climb_options::step, "how far")
                                .add("labels", &climb_options::labels, "whether")
                                .add("most", &climb_options::most, "at most"));
    return all;
}

std::string refused(const std::function<void()>& f) {
    try {
        f();
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "nothing";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(own_optimizers)

BOOST_AUTO_TEST_CASE(an_optimizer_of_ones_own_searches_with_a_study) {
    auto model = std::make_shared<learner>(5);
    predict<sig<"message -> intent">> p;
    runtime rt;
    compile_options o;
    o.run.lm = language_model{model};
    o.seed = 3;
    std::vector<std::string> told;
    o.on_progress = [&](const std::string& line) { told.push_back(line); };
    auto train = support_messages(40, 1), dev = support_messages(60, 2);
    auto made = climb{}.compile(rt, p, train, dev, exact_match_of("intent"), o);
    BOOST_REQUIRE(made.score.has_value());
    BOOST_TEST(made.best.predictors.at("self").demos.size() == 4u);
    BOOST_TEST(made.report.at("optimizer").as_string() == "climb");
    BOOST_TEST(made.report.at("tries").to_number<int>() == 3);
    BOOST_TEST(made.report.at("candidates").as_array().size() == 3u);
    BOOST_TEST(made.report.at("validation").at("after").at("score").to_number<double>() == *made.score);
    BOOST_TEST(std::count(told.begin(), told.end(), "done") == 1);
    auto again = climb{}.compile(rt, p, train, dev, exact_match_of("intent"), o);
    BOOST_TEST((to_saved(p, again.best).document() == to_saved(p, made.best).document()));
    o.limit.calls = 70;  // the first score takes 60
    auto limited = climb{}.compile(rt, p, train, dev, exact_match_of("intent"), o);
    BOOST_TEST(limited.stopped_early);
    BOOST_TEST(limited.usage.calls <= 70u);
}

BOOST_AUTO_TEST_CASE(optimizers_are_made_by_name_and_settings) {
    auto all = with_climb();
    BOOST_TEST(all.names().back() == "climb");
    auto one = all.make("climb", {{"tries", "7"}, {"step", "0.25"}, {"labels", "false"}, {"most", "9"}});
    auto how = dynamic_cast<const climb&>(*one).how();
    BOOST_TEST(how.tries == 7u);
    BOOST_TEST(how.step == 0.25);
    BOOST_TEST(!how.labels);
    BOOST_TEST(how.most.value() == 9u);
    BOOST_TEST(!dynamic_cast<const climb&>(*all.make("climb")).how().most.has_value());
    for (const auto& name : optimizers::ready().names()) BOOST_TEST(all.make(name)->name() == name);
    BOOST_TEST(all.settings_of("climb").at(1).by_default == "0.5");
    BOOST_TEST(all.help().find("\nclimb\n  tries=3 ") != std::string::npos, all.help());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_meant_is_refused_by_name) {
    auto all = with_climb();
    auto said = [&](const char* name, optimizers::given_settings given) {
        return refused([&] { all.make(name, given); });
    };
    BOOST_TEST(said("clim", {}).find("did you mean `climb`?") != std::string::npos);
    BOOST_TEST(said("climb", {{"trys", "3"}}).find("climb has no setting `trys`; did you mean `tries`?") !=
               std::string::npos);
    BOOST_TEST(said("climb", {{"tries", "0"}}).find("tries must be from 1 to 50, not 0") != std::string::npos);
    for (const char* nonsense : {"", "x", "3x", "1.5", "-1", "1e99", "nan", "inf", "0x3", " 3"})
        BOOST_TEST(said("climb", {{"tries", nonsense}}).starts_with("tries must be"), nonsense);
    BOOST_TEST(said("climb", {{"labels", "maybe"}}).find("true or false") != std::string::npos);
    BOOST_TEST(refused([&] { all.add<climb>("climb", settings<climb_options>{}); }).find("already") !=
               std::string::npos);
    for (const char* no_name : {"", "a b", "a\n", "a=b"})
        BOOST_TEST(refused([&] { all.add<climb>(no_name, settings<climb_options>{}); }).find("no name") !=
                   std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
