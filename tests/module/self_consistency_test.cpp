#include <reagent/evaluate/evaluation.hpp>
#include <reagent/lm/scripted.hpp>
#include <reagent/module/chain_of_thought.hpp>
#include <reagent/module/refine.hpp>
#include <reagent/module/saved_program.hpp>
#include <reagent/module/self_consistency.hpp>
#include <reagent/run/runtime.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <set>

using namespace reagent;
using namespace reagent::literals;

namespace {

using qa = chain_of_thought<sig<"question -> answer">>;

scripted_answer answer(std::string text) {
    return scripted_answer{json::object{{"reasoning", "r"}, {"answer", std::move(text)}}};
}

std::vector<std::string> paths_of(const module& m) {
    std::vector<std::string> all;
    for (const auto* p : predictors_of(m)) all.push_back(p->predictor_path());
    return all;
}

struct always {
    template <class P>
    bool operator()(const P&) const {
        return true;
    }
};

// A program whose parts are attempts at parts of it.
struct program : module {
    struct input {
        std::string question;
    };
    struct output {
        std::string answer;
    };
    qa ask{*this, "ask"};
    self_consistency<qa> vote{*this, "vote", ask, {.n = 3}};
    best_of_n<qa, always> best{*this, "best", ask, always{}};
    refine<qa, always> better{*this, "better", ask, always{}};

    task<output> forward(run& r, input in) const {
        auto p = co_await vote(r, in.question);
        auto q = co_await best(r, in.question);
        auto s = co_await better(r, in.question);
        co_return output{p.get<"answer">() + q.get<"answer">() + s.get<"answer">()};
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(self_consistency_of_answers)

BOOST_AUTO_TEST_CASE(a_module_that_returns_a_text_or_a_number_is_voted_on_too) {
    struct plain : module {
        qa ask{*this, "ask"};
        task<std::string> forward(run& r, std::string question) const {
            auto p = co_await ask(r, question);
            co_return p.get<"answer">();
        }
    };
    struct counted : module {
        qa ask{*this, "ask"};
        task<int> forward(run& r, std::string question) const {
            auto p = co_await ask(r, question);
            co_return static_cast<int>(p.get<"answer">().size());
        }
    };
    runtime rt;
    auto model = [] { return scripted{answer("Oslo"), answer("Bergen"), answer("Bergen")}; };
    plain text;
    self_consistency of_texts{text, {.n = 3}};
    BOOST_TEST(rt.run(model(), of_texts, std::string{"?"}) == "Bergen");
    counted number;
    self_consistency of_numbers{number, {.n = 3}};
    BOOST_TEST(rt.run(model(), of_numbers, std::string{"?"}) == 6);
}

BOOST_AUTO_TEST_CASE(what_most_answers_agree_on_is_the_answer) {
    runtime rt;
    scripted lm{answer("rare"), answer("Often."), answer("often"), answer("OFTEN"), answer("other")};
    qa ask;
    self_consistency vote{ask, {.n = 5}};
    BOOST_TEST(rt.run(lm, vote, "question"_f = "which?").get<"answer">() == "Often.");
    BOOST_TEST(lm.calls() == 5u);
}

BOOST_AUTO_TEST_CASE(it_is_a_program_by_name_whose_predictor_is_found) {
    runtime rt;
    scripted lm{answer("a"), answer("b"), answer("b")};
    qa ask;
    self_consistency vote{ask, {.n = 3}};
    BOOST_TEST(paths_of(vote) == std::vector<std::string>{"predict"}, boost::test_tools::per_element());
    evaluate_options options;
    options.run.lm = lm;
    options.concurrency = 1;
    auto exact = [](const example& e, const json::object& outputs) {
        return e.fields.at("answer") == outputs.at("answer");
    };
    auto e = evaluate(rt, vote, dataset{{.fields = {{"question", "q"}, {"answer", "b"}}, .inputs = {"question"}}},
                      exact, options);
    BOOST_TEST(e.score == 100);
}

BOOST_AUTO_TEST_CASE(attempts_are_parts_of_other_modules) {
    runtime rt;
    program p;
    auto found = paths_of(p);
    BOOST_TEST(found == (std::vector<std::string>{"ask.predict", "better.advisor.advise"}),
               boost::test_tools::per_element());
    scripted lm{[](const lm_request&) { return answer("x"); }};
    program::input in{"q"};
    BOOST_TEST(rt.run(lm, p, in).answer == "xxx");
    auto again = from_saved(p, saved_program::parse(json::serialize(to_saved(p).document())));
    BOOST_TEST(again.find("ask.predict") != nullptr);
    BOOST_TEST(again.find("better.advisor.advise") != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
