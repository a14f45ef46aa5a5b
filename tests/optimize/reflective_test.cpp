#include "support/learner.hpp"
#include "support/obedient.hpp"

#include <reagent/module/saved_program.hpp>
#include <reagent/optimize/automatic.hpp>
#include <reagent/optimize/gepa.hpp>
#include <reagent/optimize/optimizers.hpp>
#include <reagent/optimize/simba.hpp>
#include <reagent/reagent.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>

using namespace reagent;
using namespace reagent::test;
namespace data = boost::unit_test::data;

namespace {

const dataset none;
const char* const reflective[]{"gepa", "simba", "infer_rules"};

compile_options on(const language_model& lm, std::uint64_t seed = 0) {
    compile_options o;
    o.run.lm = lm;
    o.seed = seed;
    o.measure = false;
    return o;
}

// Small enough for a test, each with the settings that bound it.
std::unique_ptr<optimizer> small(const std::string& name) {
    optimizers::given_settings how;
    if (name == "gepa") how = {{"max_metric_calls", "400"}};
    if (name == "simba") how = {{"bsize", "6"}, {"num_candidates", "3"}, {"max_steps", "3"}};
    if (name == "infer_rules") how = {{"num_candidates", "3"}};
    return optimizers::ready().make(name, how);
}

gepa evolving(std::size_t runs) {
    gepa_options how;
    how.max_metric_calls = runs;
    return gepa{how};
}

std::string file_of(const module& program, const parameters& p) {
    return to_saved(program, p).document().empty() ? "" : json::serialize(to_saved(program, p).document());
}

std::size_t scored_runs(const compiled& c) { return c.report.at("metric_calls").to_number<std::size_t>(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(reflective_optimizers)

BOOST_AUTO_TEST_CASE(gepa_learns_from_the_feedback_on_each_predictor) {
    runtime rt;
    const many_steps program{3};
    scripted model{obey};
    const auto made =
        evolving(600).compile(rt, program, wanted_words(12), wanted_words(9), wrote_the_word(program), on(model));
    BOOST_TEST(made.score.value() == 100.0);
    for (const auto& s : program.steps)
        for (const char* word : {"apple", "pear", "plum"})
            BOOST_TEST(made.best.find(s->predictor_path())->instructions.value().find(word) != std::string::npos);
    BOOST_TEST(scored_runs(made) <= 600u);
}

BOOST_DATA_TEST_CASE(the_same_file_whatever_the_number_of_threads, data::make(reflective), name) {
    const many_steps program{2};
    std::set<std::string> files;
    for (unsigned threads : {1u, 4u}) {
        runtime rt{{.threads = threads}};
        scripted model{obey};
        auto options = on(model, 7);
        options.concurrency = threads == 1 ? 1 : 16;
        files.insert(file_of(
            program, small(name)->compile(rt, program, wanted_words(8), none, wrote_the_word(program), options).best));
    }
    BOOST_TEST(files.size() == 1u);
}

BOOST_DATA_TEST_CASE(proposals_side_by_side_are_the_same_each_time, data::make({1, 4}), at_once) {
    const many_steps program{2};
    std::set<std::string> files;
    for (int again = 0; again < 2; ++again) {
        runtime rt;
        scripted model{obey};
        gepa_options how;
        how.max_metric_calls = 300;
        how.proposals_at_once = static_cast<std::size_t>(at_once);
        const auto made = gepa{how}.compile(rt, program, wanted_words(9), none, wrote_the_word(program), on(model));
        BOOST_TEST(made.score.value() == 100.0);
        files.insert(file_of(program, made.best));
    }
    BOOST_TEST(files.size() == 1u);
}

BOOST_DATA_TEST_CASE(three_examples_are_enough, data::make(reflective), name) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    const auto made = small(name)->compile(rt, program, wanted_words(3), none, wrote_the_word(program), on(model));
    BOOST_TEST(made.score.has_value());
}

BOOST_DATA_TEST_CASE(twelve_predictors, data::make(reflective), name) {
    runtime rt;
    const many_steps program{12};
    scripted model{obey};
    const auto made = small(name)->compile(rt, program, wanted_words(6, 1), none, wrote_the_word(program), on(model));
    BOOST_TEST(made.score.value() > 0.0);
}

BOOST_DATA_TEST_CASE(nothing_is_tried_where_all_passes, data::make(reflective), name) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    const metric fine = make_metric([](const rated_run&) { return 1.0; });
    const auto made = small(name)->compile(rt, program, wanted_words(6), none, fine, on(model));
    BOOST_TEST(made.score.value() == 100.0);
    for (const auto& q : model.requests())
        for (const char* field : {"`[[ ## new_instruction", "`[[ ## module_advice"})
            BOOST_TEST(q.messages.back().content.find(field) == std::string::npos);
}

BOOST_DATA_TEST_CASE(all_failing_ends_with_the_program_as_it_is, data::make(reflective), name) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    const metric bad = make_metric([](const rated_run&) { return 0.0; });
    const auto made = small(name)->compile(rt, program, wanted_words(6), none, bad, on(model));
    BOOST_TEST(made.score.value() == 0.0);
}

BOOST_DATA_TEST_CASE(a_metric_that_always_throws_is_an_error_and_sometimes_is_a_failed_run, data::make(reflective),
                     name) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    const metric always = make_metric([](const rated_run&) -> double { throw std::runtime_error{"no rating"}; });
    BOOST_CHECK_THROW(small(name)->compile(rt, program, wanted_words(12), none, always, on(model)), program_error);
    const metric at_times = make_metric([](const rated_run& r) -> double {
        if (r.expected.fields.at("question") == "number 1") throw std::runtime_error{"no rating"};
        return 0.5;
    });
    const auto made = small(name)->compile(rt, program, wanted_words(6), none, at_times, on(model));
    const json::value errors = made.report.at("usage").at("errors");
    BOOST_TEST((errors != json::value(0)));
}

BOOST_DATA_TEST_CASE(a_proposer_that_talks_nonsense_does_no_harm, data::make(reflective), name) {
    runtime rt;
    const many_steps program{1};
    scripted model{[](const lm_request& q) -> scripted_answer {
        const auto& last = q.messages.back().content;
        for (const char* field : {"new_instruction", "module_advice", "natural_language_rules"})
            if (last.find("`[[ ## " + std::string{field}) != std::string::npos) return "Banana [[ ## answer ## ]]";
        return obey(q);
    }};
    const auto made = small(name)->compile(rt, program, wanted_words(6), none, wrote_the_word(program), on(model));
    const auto* own = made.best.find("step0");
    BOOST_TEST((!own || !own->instructions || own->instructions->find("anana") == std::string::npos));
}

BOOST_AUTO_TEST_CASE(without_feedback_the_labels_are_shown) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    const metric silent = make_metric([](const rated_run& r) {
        return std::string_view{r.outputs.at("answer").as_string()}.find(r.expected.fields.at("word").as_string()) !=
               std::string_view::npos;
    });
    evolving(60).compile(rt, program, wanted_words(6), none, silent, on(model));
    bool shown = false;
    for (const auto& q : model.requests())
        shown |= prompt_field(q.messages.back().content, "examples_with_feedback").find("What was expected") !=
                 std::string::npos;
    BOOST_TEST(shown);
}

BOOST_AUTO_TEST_CASE(no_labels_are_needed_where_the_metric_needs_none) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    dataset questions = wanted_words(6);
    for (auto& e : questions) e.fields.erase("word");
    const metric fig = make_metric([](const rated_run& r) {
        const bool there = std::string_view{r.outputs.at("answer").as_string()}.find("fig") != std::string_view::npos;
        return judgement{there ? 1.0 : 0.0, there ? "" : "Please write \"fig\"."};
    });
    BOOST_TEST(evolving(80).compile(rt, program, questions, none, fig, on(model)).score.value() == 100.0);
}

BOOST_DATA_TEST_CASE(the_budget_of_runs_is_kept_exactly, data::make({9, 10, 21, 40, 77}), budget) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    std::atomic<std::size_t> rated = 0;
    const metric counted = make_metric([&](const rated_run& r) {
        ++rated;
        return r.expected.fields.at("word") == "apple" ? 0.5 : 0.25;
    });
    const auto made =
        evolving(static_cast<std::size_t>(budget)).compile(rt, program, wanted_words(9), none, counted, on(model));
    BOOST_TEST(rated <= static_cast<std::size_t>(budget));
    BOOST_TEST(scored_runs(made) == rated);
}

BOOST_AUTO_TEST_CASE(a_budget_below_one_validation_is_refused_before_the_first_call) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    BOOST_CHECK_THROW(evolving(5).compile(rt, program, wanted_words(9), none, wrote_the_word(program), on(model)),
                      program_error);
    BOOST_TEST(model.calls() == 0u);
}

BOOST_DATA_TEST_CASE(a_limit_of_calls_ends_with_the_best_so_far, data::make(reflective), name) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    auto options = on(model);
    options.limit.calls = 10;
    const auto made = small(name)->compile(rt, program, wanted_words(9), none, wrote_the_word(program), options);
    BOOST_TEST(model.calls() <= 10u);
    BOOST_TEST(made.stopped_early);
}

BOOST_AUTO_TEST_CASE(a_proposer_of_ones_own_and_the_best_output_of_each_example) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    gepa_options how;
    how.max_metric_calls = 60;
    how.track_best_outputs = true;
    how.proposer = [](run&, const reflection& m) -> task<std::string> {
        co_return m.runs.empty() ? "" : "Write \"apple\". Write \"pear\".";
    };
    const auto made = gepa{how}.compile(rt, program, wanted_words(6), none, wrote_the_word(program), on(model));
    BOOST_TEST(made.best.find("step0")->instructions.value() == "Write \"apple\". Write \"pear\".");
    const auto& outputs = made.report.at("best_outputs").as_array();
    BOOST_TEST(outputs.size() == 6u);
    BOOST_TEST(outputs.front().at("outputs").at("answer") == "apple pear|");
}

BOOST_AUTO_TEST_CASE(descriptions_of_fields_are_rewritten_where_that_is_wanted) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};  // its system message shows descriptions too
    gepa_options how;
    how.max_metric_calls = 80;
    how.components = {.instructions = false, .fields = true};
    const auto made = gepa{how}.compile(rt, program, wanted_words(6), none, wrote_the_word(program), on(model));
    BOOST_TEST(made.score.value() == 100.0);
    BOOST_TEST(!made.best.find("step0")->descriptions.empty());
    BOOST_TEST(!made.best.find("step0")->instructions.has_value());
}

BOOST_AUTO_TEST_CASE(what_was_answered_before_a_limit_is_not_asked_again) {
    runtime rt;
    const many_steps program{2};
    const auto folder = std::filesystem::temp_directory_path() / ("reagent_reflective_" + std::to_string(::getpid()));
    scripted whole{obey}, first{obey}, second{obey};
    const auto compiled_with = [&](const language_model& lm, std::filesystem::path state,
                                   std::optional<std::uint64_t> calls) {
        auto options = on(lm, 3);
        options.state = std::move(state);
        options.limit.calls = calls;
        return evolving(200).compile(rt, program, wanted_words(9), none, wrote_the_word(program), options);
    };
    const auto uninterrupted = compiled_with(whole, {}, {});
    compiled_with(first, folder, 31);
    const auto resumed = compiled_with(second, folder, {});
    BOOST_TEST(file_of(program, resumed.best) == file_of(program, uninterrupted.best));
    BOOST_TEST(first.calls() + second.calls() == whole.calls());
    std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(automatic_optimizer)

BOOST_AUTO_TEST_CASE(it_moves_on_while_that_pays_and_its_lab_book_says_why) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey};
    const auto made =
        automatic{}.compile(rt, program, wanted_words(9), wanted_words(9), wrote_the_word(program), on(model));
    BOOST_TEST(made.score.value() == 100.0);
    const auto& book = made.report.at("lab_book").as_array();
    BOOST_REQUIRE(book.size() >= 3u);
    BOOST_TEST(std::string{book.front().as_string()}.starts_with("as it is: best 0.0"));
    BOOST_TEST(std::string{book.back().as_string()} == "the best reached 100.0: enough");
}

BOOST_AUTO_TEST_CASE(it_stops_at_the_target_and_where_nothing_is_gained) {
    runtime rt;
    const many_steps program{1};
    scripted model{obey}, other{obey};
    const metric half = make_metric([](const rated_run&) { return 0.5; });
    const auto enough = automatic{{.target = 40}}.compile(rt, program, wanted_words(6), none, half, on(model));
    BOOST_TEST(model.calls() == 6u);
    const auto in_vain = automatic{}.compile(rt, program, wanted_words(6), none, half, on(other));
    BOOST_TEST(std::string{in_vain.report.at("lab_book").as_array().back().as_string()}.find("not worth") !=
               std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
