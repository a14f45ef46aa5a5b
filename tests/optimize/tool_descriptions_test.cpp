#include <reagent/evaluate/trajectory.hpp>
#include <reagent/lm/scripted.hpp>
#include <reagent/module/saved_program.hpp>
#include <reagent/optimize/gepa.hpp>
#include <reagent/reagent.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::literals;
namespace data = boost::unit_test::data;

namespace {

using agent = react<sig<"question -> answer">>;

std::string answer_of(const react_prediction<sig<"question -> answer">>& p) { return p.get<"answer">(); }

tools two_tools() {
    tools t;
    t.add("find", "Finds things.", [](std::string what) { return "found " + what; }, {{"what", "a thing"}});
    t.add("count", "Counts.", [](double) -> double { throw std::runtime_error{"no counter"}; }, {"n"});
    return t;
}

std::string step_path(const agent& a) {
    for (const predictor* p : predictors_of(a))
        if (!p->tool_descriptions().empty()) return p->predictor_path();
    return "none";
}

parameters described(const agent& a) {
    parameters p;
    p.predictors[step_path(a)].tools = {{"find", "Finds parcels by their number."}, {"find.what", "eight digits"}};
    return p;
}

// An agent that calls a tool and finishes, in either mode.
scripted calls_once(react_mode mode) {
    if (mode == react_mode::native)
        return {scripted_answer::calls({{"find", {{"what", "it"}}}}),
                scripted_answer::calls({{"submit", {{"answer", "7"}}}})};
    return {{{"next_thought", "-"}, {"next_tool_name", "find"}, {"next_tool_args", json::object{{"what", "it"}}}},
            {{"next_thought", "-"}, {"next_tool_name", "finish"}, {"next_tool_args", json::object{}}},
            {{"reasoning", "-"}, {"answer", "7"}}};
}

std::string shown_tools(const scripted& lm) {
    const auto asked = lm.requests().front();
    std::string text = asked.messages.front().content;
    for (const auto& t : asked.tools) text += t.name + ": " + t.description + json::serialize(t.parameters);
    return text;
}

example expecting(json::value calls) {
    return {{{"question", "q"}, {"answer", "7"}, {"calls", std::move(calls)}}, {"question"}};
}

evaluation rated(const metric& m, json::value calls) {
    runtime rt;
    const agent a{two_tools()};
    scripted lm{{{"next_thought", "-"}, {"next_tool_name", "find"}, {"next_tool_args", json::object{{"what", "it"}}}},
                {{"next_thought", "-"}, {"next_tool_name", "find"}, {"next_tool_args", json::object{{"what", "it"}}}},
                {{"next_thought", "-"}, {"next_tool_name", "count"}, {"next_tool_args", json::object{{"n", 1}}}},
                {{"next_thought", "-"}, {"next_tool_name", "finish"}, {"next_tool_args", json::object{}}},
                {{"reasoning", "-"}, {"answer", "7"}}};
    evaluate_options o;
    o.run.lm = lm;
    o.concurrency = 1;
    return evaluate(rt, a, {expecting(std::move(calls))}, m, o);
}

double score_of(const metric& m, json::value calls) { return rated(m, std::move(calls)).rows.front().score; }

}  // namespace

BOOST_AUTO_TEST_SUITE(tool_descriptions)

BOOST_DATA_TEST_CASE(parameters_say_what_a_model_is_told_of_tools, data::make({0, 1}), native) {
    const auto mode = native ? react_mode::native : react_mode::prompted;
    runtime rt;
    const agent a{two_tools(), {.mode = mode}};
    scripted lm = calls_once(mode);
    run_options o{lm};
    o.parameters = std::make_shared<const parameters>(described(a));
    BOOST_TEST(answer_of(rt.run(o, a, "question"_f = "q")) == "7");
    const std::string shown = shown_tools(lm);
    BOOST_TEST(shown.find("Finds parcels by their number.") != std::string::npos);
    BOOST_TEST(shown.find("eight digits") != std::string::npos);
    BOOST_TEST(shown.find("Finds things.") == std::string::npos);
    BOOST_TEST(shown.find("Counts.") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(they_are_saved_and_loaded_and_stand_in_the_prompt_once) {
    const agent a{two_tools()};
    const auto saved = to_saved(a, described(a));
    const auto loaded = from_saved(a, saved_program::parse(json::serialize(saved.document())));
    BOOST_TEST((loaded.find(step_path(a))->tools == described(a).find(step_path(a))->tools));
    BOOST_TEST(saved.hash() != to_saved(a).hash());
    BOOST_TEST(!differences(to_saved(a), saved).empty());
    BOOST_TEST(to_saved(a, loaded).document() == saved.document());

    runtime rt;
    scripted lm = calls_once(react_mode::prompted);
    run_options o{lm};
    o.parameters = std::make_shared<const parameters>(loaded);
    rt.run(o, a, "question"_f = "q");
    const std::string shown = lm.requests().front().messages.front().content;
    BOOST_TEST(shown.find("Tools:") == shown.rfind("Tools:"));
    BOOST_TEST(shown.find("Finds things.") == std::string::npos);
    for (const predictor* p : predictors_of(a))
        if (p->predictor_path() == step_path(a))
            BOOST_TEST(p->open_instructions(loaded.find(step_path(a))).find("Tools:") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_describes_a_tool_that_is_not_there_does_not_fit) {
    const agent a{two_tools()};
    auto with = described(a);
    with.predictors[step_path(a)].tools["search"] = "Searches.";
    BOOST_CHECK_EXCEPTION(from_saved(a, to_saved(a, with)), program_error,
                          [](const auto& e) { return std::string{e.what()}.find("`search`") != std::string::npos; });
}

BOOST_AUTO_TEST_CASE(components_are_named_read_and_set) {
    const agent a{two_tools()};
    const auto all = components_of(predictors_of(a), {.arguments = true, .fields = true});
    std::vector<std::string> keys;
    parameters p;
    for (const auto& c : all) {
        keys.push_back(c.key());
        c.set(p, "new " + c.key());
    }
    BOOST_TEST(std::count(keys.begin(), keys.end(), step_path(a) + "(find.what)") == 1);
    BOOST_TEST(std::set<std::string>(keys.begin(), keys.end()).size() == keys.size());
    for (const auto& c : all) BOOST_TEST(c.text(p) == "new " + c.key());
}

BOOST_AUTO_TEST_CASE(metrics_on_the_way_to_a_result) {
    const json::array right{"find", "find", "count"};
    BOOST_TEST(score_of(tool_correctness_of("calls"), right) == 1);
    BOOST_TEST(std::abs(score_of(tool_correctness_of("calls"), json::array{"find"}) - 0.5) < 1e-9);
    BOOST_TEST(score_of(tool_correctness_of("calls"), json::array{}) == 0);
    BOOST_TEST(score_of(tool_order_of("calls"), right) == 1);
    BOOST_TEST(std::abs(score_of(tool_order_of("calls"), json::array{"count", "find", "find"}) - 2.0 / 3) < 1e-9);
    const json::array with_arguments{json::object{{"tool", "find"}, {"arguments", json::object{{"what", "it"}}}},
                                     json::object{{"tool", "count"}, {"arguments", json::object{{"n", 2}}}}};
    BOOST_TEST(score_of(tool_arguments_of("calls"), with_arguments) == 0.5);
    BOOST_TEST(score_of(tool_steps_within(3), right) == 1);
    BOOST_TEST(std::abs(score_of(tool_steps_within(2), right) - 2.0 / 3) < 1e-9);
    const auto lacking = rated(tool_correctness_of("calls"), json::array{"find", "search"}).rows.front();
    BOOST_TEST(lacking.feedback == "not called: `search`; called without need: `find`, `count`");
    BOOST_TEST(!rated(tool_order_of("calls"), "find").rows.front().error.empty());
    BOOST_CHECK_THROW(metric_named("tool_steps:many"), program_error);
    BOOST_CHECK(metric_named("tool_correctness:calls"));
}

BOOST_AUTO_TEST_CASE(what_was_in_vain_reaches_the_reflection) {
    const agent a{two_tools()};
    const auto row = rated(make_metric([](const rated_run&) { return 0.0; }), json::array{}).rows.front();
    const auto wasted = wasted_steps(*row.history);
    BOOST_REQUIRE(wasted.size() == 2u);
    BOOST_TEST(wasted[0].find("was made before") != std::string::npos);
    BOOST_TEST(wasted[1].find("failed") != std::string::npos);
    for (const auto& c : components_of(predictors_of(a)))
        if (const auto r = reflected(c, expecting(json::array{}), row)) {
            BOOST_TEST(r->feedback.find("was made before") != std::string::npos);
            BOOST_TEST(r->trajectory.find("found it") != std::string::npos);
        }
}

BOOST_AUTO_TEST_SUITE_END()
