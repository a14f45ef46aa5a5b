#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>

using namespace reagent;
using namespace reagent::literals;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(options_of_a_run)

BOOST_AUTO_TEST_CASE(are_named_or_a_model_alone_or_its_name) {
    runtime rt;
    predict<sig<"question -> answer: int">> p;
    auto lm = [] { return language_model{scripted{json::object{{"answer", 1}}}}; };
    BOOST_TEST(rt.run({.lm = lm(), .deadline = 5min, .budget = {.calls = 1}}, p, "question"_f = "x").get<"answer">() ==
               1);
    BOOST_TEST(rt.run(lm(), p, "question"_f = "x").get<"answer">() == 1);
    BOOST_TEST(rt.run({lm()}, p, "question"_f = "x").get<"answer">() == 1);
    BOOST_TEST(rt.execute(scripted{json::object{{"answer", 1}}}, p, "question"_f = "x").value.get<"answer">() == 1);
    run_options from_model = lm();
    BOOST_TEST(from_model.lm.name() == "test/scripted");
    evaluate_options with{.run = lm()};
    BOOST_TEST(with.run.lm.name() == "test/scripted");
    auto nothing = [](run&) -> task<int> { co_return 1; };
    BOOST_TEST(rt.run({}, nothing) == 1);
    // What the options say holds; the name is looked up before anything else.
    BOOST_CHECK_THROW(rt.run({.lm = lm(), .budget = {.calls = 0}}, p, "question"_f = "x"), run_error);
    BOOST_CHECK_THROW(rt.run("nobody/m", p, "question"_f = "x"), lm_error);
    BOOST_CHECK_THROW(rt.execute("nobody/m", p, "question"_f = "x"), lm_error);
}

BOOST_AUTO_TEST_CASE(a_limit_that_is_no_number_is_no_limit_and_refused) {
    runtime rt;
    auto nothing = [](run&) -> task<int> { co_return 1; };
    BOOST_CHECK_THROW(rt.run({.budget = {.dollars = std::nan("")}}, nothing), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
