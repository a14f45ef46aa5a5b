// Programs and metrics on types: what evaluation, optimizers and parents take as it is.
#include "support/learner.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/optimize/few_shot.hpp>
#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

enum class intent { billing, delivery, account };

struct classify {
    struct input {
        std::string message;
    };
    struct output {
        ::intent intent;
    };
};

struct sorter : module {
    struct input {
        std::string message;
        std::optional<int> shouted{};
    };
    struct output {
        ::intent intent;
        int length;
    };
    predict<classify> sort{*this, "sort"};

    task<output> forward(run& r, input in) const {
        auto sorted = co_await sort(r, "message"_f = in.message);
        co_return output{sorted->intent, static_cast<int>(in.message.size()) + in.shouted.value_or(0)};
    }
};

// Its types are read from `forward`; it passes a prediction on.
struct passing : module {
    predict<classify> sort{*this, "sort"};
    task<prediction<classify>> forward(run& r, const classify::input& in) const {
        return sort(r, "message"_f = in.message);
    }
};

struct parent : module {
    struct output {
        ::intent first, second;
    };
    sorter part;
    task<output> forward(run& r, sorter::input in) const {
        auto a = co_await part.forward(r, in);
        auto b = co_await part.forward(r, in);
        co_return output{a.intent, b.intent};
    }
};

struct labels {
    ::intent intent;
};

struct by_name : module {
    task<json::object> call(run&, json::object inputs) const {
        inputs["intent"] = "billing";
        co_return inputs;
    }
};
struct neither : module {
    task<int> forward(run&, int a) const { co_return a; }
};

static_assert(program_type<sorter> && program_type<passing> && program_type<parent> && program_type<by_name> &&
              program_type<predict<classify>>);
static_assert(program_type<react<classify>> && program_type<safe_sql> && program_type<ask_database> &&
              program_type<chain_of_thought_with_hint<classify>> && program_type<multi_chain_comparison<classify>>);
static_assert(!program_type<neither> && !program_type<int>);

evaluate_options with(std::shared_ptr<learner> model) {
    evaluate_options o;
    o.run.lm = language_model{model};
    return o;
}

language_model saying(std::vector<std::string> texts) {
    return language_model{scripted_model::texts(std::move(texts))};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(typed_programs)

BOOST_AUTO_TEST_CASE(a_program_on_types_is_evaluated_and_compiled_as_it_is) {
    auto model = std::make_shared<learner>();
    runtime rt;
    sorter s;
    auto train = support_messages(40, 1), dev = support_messages(60, 2);
    auto right = [](const labels& gold, const sorter::output& got) {
        return gold.intent == got.intent && got.length > 0;
    };
    auto before = evaluate(rt, s, dev, right, with(model));
    BOOST_TEST(before.errors == 0u);
    compile_options o;
    o.run.lm = language_model{model};
    auto made = bootstrap_few_shot{{.max_bootstrapped_demos = 6}}.compile(rt, s, train, dev, right, o);
    BOOST_TEST(made.report.at("validation").at("after").at("score").to_number<double>() > before.score + 20);
    BOOST_TEST(made.best.predictors.contains("sort"));
    // The same by JSON, and the same when the types are read from `forward`.
    BOOST_TEST(evaluate(rt, s, dev, exact_match_of("intent"), with(model)).score == before.score);
    passing p;
    BOOST_TEST(evaluate(
                   rt, p, dev,
                   [](const example& e, const prediction<classify>& got) {
                       return from_json<labels>(e.fields, reading::lenient).intent == got->intent;
                   },
                   with(model))
                   .score == before.score);
}

BOOST_AUTO_TEST_CASE(inputs_and_outputs_go_by_name_at_the_edge) {
    runtime rt;
    sorter s;
    auto call = as_program(s);
    auto run_with = [&](json::object inputs) {
        struct caller {
            const program_function& call;
            task<json::object> forward(run& r, json::object i) const { return call(r, i); }
        };
        return rt.run(run_options{saying({chat_completion({{"intent", "delivery"}})})}, caller{call},
                      std::move(inputs));
    };
    BOOST_TEST(json::serialize(run_with({{"message", "abc"}, {"shouted", "4"}})) ==
               R"({"intent":"delivery","length":7})");
    BOOST_TEST(json::serialize(run_with({{"message", "abc"}, {"unknown", 1}})) ==
               R"({"intent":"delivery","length":3})");
    BOOST_CHECK_EXCEPTION(run_with({{"massage", "abc"}}), schema_error,
                          [](const auto& e) { return std::string{e.what()}.find("message") != std::string::npos; });
}

BOOST_AUTO_TEST_CASE(an_example_that_does_not_fit_the_types_fails_alone) {
    runtime rt;
    sorter s;
    auto dev = support_messages(4, 2);
    dev[1].fields["message"] = nullptr;
    auto o = with(std::make_shared<learner>());
    auto e = evaluate(
        rt, s, dev, [](const labels&, const sorter::output&) { return 1; }, o);
    BOOST_TEST(e.errors == 1u);
    BOOST_TEST(e.rows.at(1).error.find("message") != std::string::npos, e.rows.at(1).error);
    BOOST_TEST(e.rows.at(2).score == 1.0);
}

BOOST_AUTO_TEST_CASE(attempts_and_refinements_are_programs_whose_predictors_are_found) {
    runtime rt;
    sorter s;
    best_of_n best{s, [](const sorter::output& o) { return o.intent == intent::account; }, {.n = 3}};
    static_assert(program_type<decltype(best)>);
    BOOST_TEST(predictors_of(best).size() == 1u);
    auto say = [](const char* what) { return chat_completion({{"intent", what}}); };
    dataset one{example{{{"message", "m"}, {"intent", "account"}}, {"message"}}};
    evaluate_options o;
    o.run.lm = saying({say("billing"), say("account"), say("delivery")});
    BOOST_TEST(evaluate(rt, best, one, exact_match_of("intent"), o).score == 100.0);
    predict<classify> alone;
    refine better{alone, [](run&, const prediction<classify>& p, const json::object& inputs) {
                      return judgement{p->intent == intent::account && inputs.contains("message") ? 1.0 : 0.0, "no"};
                  }};
    BOOST_TEST(predictors_of(better).size() == 2u);
    o.run.lm = saying({say("account")});
    BOOST_TEST(evaluate(rt, better, one, exact_match_of("intent"), o).score == 100.0);
    // Its parameters go to the program inside.
    o.run.lm = language_model{std::make_shared<learner>()};
    compile_options c;
    c.run.lm = o.run.lm;
    c.measure = false;
    auto made = labeled_few_shot{{4}}.compile(rt, best, support_messages(20, 1), {}, exact_match_of("intent"), c);
    BOOST_TEST(made.best.predictors.at("sort").demos.size() == 4u);
}

BOOST_AUTO_TEST_CASE(a_comparison_takes_its_attempts_by_name) {
    runtime rt;
    multi_chain_comparison<sig<"question -> answer">> compare{2};
    auto attempt = [](const char* why, const char* what) { return json::object{{"reasoning", why}, {"answer", what}}; };
    dataset one{
        example{{{"question", "?"}, {"attempts", json::array{attempt("a", "1"), attempt("b", "2")}}, {"answer", "2"}},
                {"question", "attempts"}}};
    evaluate_options o;
    auto model = scripted_model::texts({chat_completion({{"reasoning", "b is right"}, {"answer", "2"}})});
    o.run.lm = language_model{model};
    auto e = evaluate(rt, compare, one, exact_match_of("answer"), o);
    BOOST_TEST(e.errors == 0u, e.rows.at(0).error);
    one[0].fields["attempts"] = json::array{attempt("a", "1")};
    BOOST_TEST(evaluate(rt, compare, one, exact_match_of("answer"), o).rows.at(0).error.find("was given 1") !=
               std::string::npos);
    one[0].fields["attempts"] = "none";
    BOOST_TEST(evaluate(rt, compare, one, exact_match_of("answer"), o).rows.at(0).error.find("list of objects") !=
               std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
