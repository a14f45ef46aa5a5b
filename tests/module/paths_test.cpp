#include <reagent/evaluate/evaluation.hpp>
#include <reagent/lm/scripted.hpp>
#include <reagent/module/chain_of_thought.hpp>
#include <reagent/module/parallel.hpp>
#include <reagent/module/saved_program.hpp>
#include <reagent/run/runtime.hpp>

#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <future>

using namespace reagent;
using namespace reagent::literals;

namespace {

using qa = predict<sig<"question -> answer">>;
using short_form = predict<sig<"answer -> summary">>;

scripted answering() {
    return scripted{[](const lm_request&) {
        return scripted_answer{json::object{{"reasoning", "r"}, {"answer", "a"}, {"summary", "s"}}};
    }};
}

template <class Error, class Errc, class F>
std::string words_of(Errc code, F f) {
    try {
        f();
    } catch (const Error& e) {
        BOOST_TEST((e.code() == code), e.what());
        return e.what();
    }
    BOOST_ERROR("nothing was thrown");
    return {};
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// Two members without names; of one signature, or of two.
template <class First, class Second>
struct nameless : module {
    First first;
    Second second;
    task<int> forward(run& r) const {
        co_await first(r, "x");
        co_await second(r, "y");
        co_return 1;
    }
};

struct named_pair : module {
    struct input {
        std::string question;
    };
    struct output {
        std::string summary;
    };
    qa draft{*this, "draft"};
    short_form shorten{*this, "shorten"};
    task<output> forward(run& r, input in) const {
        auto a = co_await draft(r, in.question);
        auto s = co_await shorten(r, a.get<"answer">());
        co_return output{s.get<"summary">()};
    }
};

run_options with_parameters_for(std::string path) {
    parameters p;
    p.predictors[std::move(path)].instructions = "Be kind.";
    run_options options{answering()};
    options.parameters = std::make_shared<const parameters>(std::move(p));
    return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(paths)

BOOST_AUTO_TEST_CASE(two_nameless_predictors_are_an_error_that_names_the_fix) {
    runtime rt;
    auto refuses = [&](const auto& program, std::string_view path) {
        auto words = words_of<run_error>(run_errc::ambiguous_path, [&] { rt.run(answering(), program); });
        BOOST_TEST(holds(words, path), words);
        BOOST_TEST(holds(words, R"({*this, "draft"})"), words);
    };
    refuses(nameless<qa, short_form>{}, "\"self\"");
    refuses(nameless<qa, qa>{}, "\"self\"");
    using thoughtful = chain_of_thought<sig<"question -> answer">>;
    refuses(nameless<thoughtful, thoughtful>{}, "\"predict\"");
    auto local = [](run& r) -> task<int> {
        qa first, second;
        co_await first(r, "x");
        co_await second(r, "y");
        co_return 1;
    };
    refuses(local, "\"self\"");
    auto side_by_side = [](run& r) -> task<int> {
        qa first;
        short_form second;
        auto one = [&first](run& own) { return first(own, "x"); };
        auto other = [&second](run& own) { return second(own, "y"); };
        co_await parallel(r, one, other);
        co_return 1;
    };
    refuses(side_by_side, "\"self\"");
}

BOOST_AUTO_TEST_CASE(one_nameless_predictor_at_a_time_is_right) {
    runtime rt;
    auto one_after_the_other = [](run& r) -> task<int> {
        for (int i = 0; i < 3; ++i) {
            qa ask;
            co_await ask(r, "x");
        }
        short_form other;
        co_await other(r, "y");
        co_return 1;
    };
    BOOST_TEST(rt.run(answering(), one_after_the_other) == 1);
    qa shared;
    auto often = [&shared](run& r) -> task<std::size_t> {
        auto each = [&shared](run& own, int) -> task<std::string> {
            auto p = co_await shared(own, "x");
            co_return p.get<"answer">();
        };
        std::vector<int> items(3);
        auto all = co_await parallel_map(r, items, each);
        co_return all.size();
    };
    BOOST_TEST(rt.run(answering(), often) == 3u);
    auto of_its_own = [](run& r) -> task<std::size_t> {
        auto each = [](run& own, int) -> task<std::string> {
            qa ask;
            auto p = co_await ask(own, "x");
            co_return p.get<"answer">();
        };
        std::vector<int> items(3);
        auto all = co_await parallel_map(r, items, each);
        co_return all.size();
    };
    BOOST_TEST(rt.run(answering(), of_its_own) == 3u);
}

BOOST_AUTO_TEST_CASE(what_a_tool_runs_has_paths_of_its_own) {
    runtime rt;
    qa inner;
    auto program = [&inner](run& r) -> task<std::string> {
        qa outer;
        co_await outer(r, "x");
        auto effect = [&inner, &r]() -> task<json::value> {
            run own = r.branch_of_tool();
            auto p = co_await inner(own, "y");
            co_return json::value(p.get<"answer">());
        };
        auto v = co_await r.call_tool("tool", "ask", json::object{}, effect, {.enters_run = true});
        co_await outer(r, "z");
        co_return std::string{v.as_string()};
    };
    BOOST_TEST(rt.run(answering(), program) == "a");
}

BOOST_AUTO_TEST_CASE(a_metric_has_paths_of_its_own) {
    runtime rt;
    qa program, judge;
    auto m = [&judge](run& r, const rated_run&) -> task<judgement> {
        co_await judge(r, "good?");
        co_return judgement{1, {}};
    };
    evaluate_options options;
    options.run.lm = answering();
    dataset data;
    data.push_back({.fields = {{"question", "x"}, {"answer", "a"}}, .inputs = {"question"}});
    auto e = evaluate(rt, as_program(program), data, metric{m}, options);
    BOOST_TEST(e.rows.front().error == "");
    BOOST_TEST(e.score == 100);
}

BOOST_AUTO_TEST_CASE(parameters_for_an_unknown_path_name_the_nearest) {
    runtime rt;
    named_pair program;
    named_pair::input in{"why?"};
    auto refuses = [&](auto f) {
        auto words = words_of<program_error>(program_errc::mismatch, f);
        BOOST_TEST(holds(words, "`drft`"), words);
        BOOST_TEST(holds(words, "did you mean `draft`?"), words);
        BOOST_TEST(holds(words, "`shorten`"), words);
    };
    auto wrong = with_parameters_for("drft");
    refuses([&] { rt.run(wrong, program, in); });
    refuses([&] { rt.start(wrong, program, in).get(); });
    refuses([&] { rt.execute(wrong, program, in); });
    refuses([&] { rt.async_run(wrong, program, in, asio::use_future).get(); });
    refuses([&] {
        evaluate_options options;
        options.run = wrong;
        auto always = [](const example&, const json::object&) { return 1.0; };
        evaluate(rt, program, dataset{}, always, options);
    });
    BOOST_TEST(rt.run(with_parameters_for("draft"), program, in).summary == "s");
    qa alone;
    rt.run(with_parameters_for("self"), alone, "x");
    auto words =
        words_of<program_error>(program_errc::mismatch, [&] { rt.run(with_parameters_for("predict"), alone, "x"); });
    BOOST_TEST(holds(words, "`self`"), words);
}

BOOST_AUTO_TEST_SUITE_END()
