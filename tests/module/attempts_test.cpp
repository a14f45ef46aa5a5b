// Several attempts at the same: best_of_n, refine, multi_chain_comparison, majority.
#include "support/cases.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/lm/decorators.hpp>
#include <reagent/reagent.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

using qa_signature = sig<"question -> answer">;
using qa = predict<qa_signature>;
using predicted = prediction<qa_signature>;

std::vector<std::string> answers(std::initializer_list<const char*> all) {
    std::vector<std::string> texts;
    for (const char* a : all) texts.push_back(chat_completion({{"answer", a}}));
    return texts;
}
double length_of(const predicted& p) { return static_cast<double>(p.get<"answer">().size()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(several_attempts)

BOOST_AUTO_TEST_CASE(the_first_that_reaches_the_threshold_or_the_best) {
    qa ask;
    runtime rt;
    best_of_n long_enough{ask, length_of, {.n = 5, .threshold = 3}};
    auto model = scripted_model::texts(answers({"a", "abcd", "abcdef"}));
    BOOST_TEST(rt.run(language_model{model}, long_enough, "question"_f = "q").get<"answer">() == "abcd");
    BOOST_TEST(model->requests().size() == 2u);

    best_of_n longest{ask, length_of, {.n = 3, .threshold = 100}};
    auto three = scripted_model::texts(answers({"ab", "abcd", "abc"}));
    auto done = rt.execute(language_model{three}, longest, "question"_f = "q");
    BOOST_TEST(done.value.get<"answer">() == "abcd");
    auto requests = three->requests();
    BOOST_REQUIRE(requests.size() == 3u);
    for (std::size_t i = 0; i < 3; ++i) {
        BOOST_TEST(requests[i].rollout_id == i);
        BOOST_TEST(requests[i].sampling.temperature.value() == 1.0);
        BOOST_TEST((requests[i].messages == requests[0].messages));
    }
    // The trace is that of the best; the journal has everything that was paid for.
    BOOST_REQUIRE(done.report.history->predictor_calls().size() == 1u);
    BOOST_TEST(done.report.history->predictor_calls()[0]->outputs.at("answer").as_string() == "abcd");
    BOOST_TEST(done.report.history->events().size() == 3u);
    run_options again;
    again.replay = done.report.history;
    BOOST_TEST(rt.run(again, longest, "question"_f = "q").get<"answer">() == "abcd");
}

BOOST_AUTO_TEST_CASE(rewards_of_every_shape) {
    qa ask;
    runtime rt;
    auto check = [&](const auto& best) {
        auto model = scripted_model::texts(answers({"no", "yes", "never asked"}));
        BOOST_TEST(rt.run(language_model{model}, best, "question"_f = "q").template get<"answer">() == "yes");
        BOOST_TEST(model->requests().size() == 2u);
    };
    check(best_of_n{ask, [](const predicted& p) { return p.get<"answer">() == "yes"; }});
    check(best_of_n{ask,
                    [](const predicted& p, const std::string& q) { return q == "q" && p.get<"answer">() == "yes"; }});
    check(best_of_n{ask, [](const predicted& p) -> judgement {
                        return {p.get<"answer">() == "yes" ? 1.0 : 0.0, "say yes"};
                    }});
    check(best_of_n{ask, [](run& r, const predicted& p) -> task<double> {
                        r.check();
                        co_return p.get<"answer">() == "yes" ? 1.0 : 0.0;
                    }});
}

BOOST_AUTO_TEST_CASE(attempts_that_throw_are_counted) {
    predict<sig<"question -> n: int">> ask;
    runtime rt;
    auto failing = [] {
        auto m = scripted_model::texts({"nothing", chat_completion({{"n", 3}}), "nothing", "nothing", "nothing"});
        return m;
    };
    run_options options{language_model{failing()}};
    options.max_retries = 0;
    best_of_n best{ask, [](const auto& p) { return p.template get<"n">() == 3; }, {.n = 3}};
    BOOST_TEST(rt.run(options, best, "question"_f = "q").get<"n">() == 3);
    best_of_n strict{ask, [](const auto&) { return true; }, {.n = 3, .max_failures = 0}};
    options.lm = language_model{failing()};
    BOOST_CHECK_THROW(rt.run(options, strict, "question"_f = "q"), parse_error);
    auto never = scripted_model::texts({"nothing", "nothing", "nothing"});
    options.lm = language_model{never};
    BOOST_CHECK_THROW(rt.run(options, best, "question"_f = "q"), parse_error);
    BOOST_TEST(never->requests().size() == 3u);
    // What ends the run is no attempt that failed.
    options.lm = language_model{scripted_model::texts(std::vector<std::string>(5, "nothing"))};
    options.budget.calls = 1;
    BOOST_CHECK_EXCEPTION(rt.run(options, best, "question"_f = "q"), run_error,
                          [](const run_error& e) { return e.code() == run_errc::budget_calls; });
}

BOOST_AUTO_TEST_CASE(a_cache_keeps_attempts_apart) {
    qa ask;
    runtime rt;
    auto model = scripted_model::texts(answers({"a", "b", "c"}));
    auto lm = cached(language_model{model});
    best_of_n best{ask, [](const predicted& p) { return p.get<"answer">() == "c"; }};
    BOOST_TEST(rt.run(lm, best, "question"_f = "q").get<"answer">() == "c");
    BOOST_TEST(rt.run(lm, best, "question"_f = "q").get<"answer">() == "c");
    BOOST_TEST(model->requests().size() == 3u);
}

namespace {

struct two_steps : module {
    predict<sig<"question -> draft">> draft{*this, "draft"};
    predict<sig<"draft -> answer">> polish{*this, "polish"};
    task<std::string> forward(run& r, std::string question) const {
        auto d = co_await draft(r, question);
        auto p = co_await polish(r, d.get<"draft">());
        co_return p.get<"answer">();
    }
};

std::string advice(const json::object& by_path) {
    return chat_completion({{"discussion", "the draft was poor"}, {"advice", by_path}});
}

}  // namespace

BOOST_AUTO_TEST_CASE(refine_gives_each_predictor_advice) {
    two_steps program;
    refine better{program,
                  [](const std::string& s) {
                      return judgement{s.size() > 5 ? 1.0 : 0.25, "too short"};
                  },
                  {.n = 3, .goal = "The answer is long."}};
    auto draft = [](const char* t) { return chat_completion({{"draft", t}}); };
    auto answer = [](const char* t) { return chat_completion({{"answer", t}}); };
    auto model =
        scripted_model::texts({draft("d1"), answer("short"), advice({{"draft", "Write more."}, {"polish", "N/A"}}),
                               draft("d2"), answer("long enough")});
    runtime rt;
    auto done = rt.execute(language_model{model}, better, "Why?");
    BOOST_TEST(done.value == "long enough");
    auto requests = model->requests();
    BOOST_REQUIRE(requests.size() == 5u);
    const auto& asked = requests[2].messages.back().content;
    for (const char* part : {"`draft`: question -> draft", "`polish`: draft -> answer", "Why?", "d1", "short",
                             "The answer is long.", "0.25", "too short", "[\"draft\", \"polish\"]"})
        BOOST_TEST(asked.find(part) != std::string::npos, part << " is missing in " << asked);
    BOOST_TEST(requests[3].messages.back().content.find("[[ ## advice ## ]]\nWrite more.") != std::string::npos);
    BOOST_TEST(requests[4].messages.back().content.find("[[ ## advice ## ]]") == std::string::npos);
    BOOST_TEST(requests[3].rollout_id == 1u);
    // Demonstrations made from the trace hold no advice.
    BOOST_REQUIRE(done.report.history->predictor_calls().size() == 2u);
    BOOST_TEST(json::serialize(done.report.history->predictor_calls()[0]->inputs) == R"({"question":"Why?"})");
}

BOOST_AUTO_TEST_CASE(refine_goes_on_without_advice_when_the_advisor_writes_nonsense) {
    qa ask;
    refine_options options;
    options.n = 2;
    refine better{ask, [](const predicted& p) { return p.get<"answer">() == "b"; }, options};
    auto replies = answers({"a", "b"});
    std::vector<std::string> script{replies[0], "?", "?", "?", "?", replies[1]};
    auto model = scripted_model::texts(script);
    runtime rt;
    BOOST_TEST(rt.run(language_model{model}, better, "question"_f = "q").get<"answer">() == "b");
}

BOOST_AUTO_TEST_CASE(chains_are_compared) {
    multi_chain_comparison<qa_signature> compare{2};
    using reasoned_answer = reasoned<qa_signature>;
    auto attempt = [](const char* why, const char* what) {
        return reasoned_answer{json::object{{"reasoning", why}, {"answer", what}}};
    };
    struct program {
        const multi_chain_comparison<qa_signature>& compare;
        std::vector<reasoned_answer> attempts;
        task<std::string> forward(run& r) const {
            auto p = co_await compare(r, attempts, "question"_f = "q");
            co_return p.reasoning() + ": " + p.get<"answer">();
        }
    };
    auto model = scripted_model::texts({chat_completion({{"reasoning", "the second is right"}, {"answer", "4"}})});
    runtime rt;
    program m{compare, {attempt("count wrong\nand on", "3"), attempt("count right", "4\n")}};
    BOOST_TEST(rt.run(language_model{model}, m) == "the second is right: 4");
    const auto question = model->requests()[0].messages.back().content;
    BOOST_TEST(question.find("«I'm trying to count wrong I'm not sure but my prediction is 3»") != std::string::npos);
    BOOST_TEST(question.find("[[ ## reasoning_attempt_2 ## ]]") != std::string::npos);
    program wrong{compare, {attempt("a", "b")}};
    BOOST_CHECK_THROW(rt.run(language_model{model}, wrong), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_majority_wins) {
    auto all = [](std::initializer_list<const char*> texts) {
        std::vector<predicted> p;
        for (const char* t : texts) p.emplace_back(json::object{{"answer", t}});
        return p;
    };
    auto winner = [&](std::initializer_list<const char*> texts) {
        auto p = all(texts);
        return majority(p).get<"answer">();
    };
    BOOST_TEST(winner({"Paris", "Lyon", "the paris!", "Lyon"}) == "Paris");  // a tie: the earliest
    BOOST_TEST(winner({"Rome", "Lyon", "lyon"}) == "Lyon");
    BOOST_TEST(winner({"", "...", "Oslo"}) == "Oslo");  // what is empty when normalized does not count
    BOOST_TEST(winner({"", ""}) == "");
    auto p = all({"a1", "b1", "a2"});
    majority_options by_first_letter;
    by_first_letter.normalize = [](const json::value& v) {
        return std::optional{std::string(1, v.as_string().front())};
    };
    BOOST_TEST(majority(p, by_first_letter).get<"answer">() == "a1");
    BOOST_CHECK_THROW(majority(std::vector<predicted>{}), std::invalid_argument);
    majority_options misspelt;
    misspelt.field = "anwser";
    BOOST_CHECK_THROW(majority(p, misspelt), std::invalid_argument);
}

BOOST_DATA_TEST_CASE(texts_are_normalized_as_dspy_does, cases_of("metrics.json"), c) {
    for (const char* which : {"prediction", "gold"}) {
        const auto* normalized = c.data.if_contains(std::string{"normalized_"} + which);
        if (normalized && c.data.at(which).is_string())
            BOOST_TEST(normalize_text(c.text(which)) == normalized->as_string());
    }
}

BOOST_AUTO_TEST_SUITE_END()
