#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::literals;

namespace {

using question_answer = sig<"question -> answer: int">;

BOOST_AUTO_TEST_SUITE(scripted_models)

BOOST_AUTO_TEST_CASE(fields_in_braces_are_fields) {
    scripted lm{{{"answer", "42"}}, {{"answer", "x"}, {"list", {1, "two"}}}, "text", {{"answer", 7}}};
    predict<sig<"question -> answer">> p;
    runtime rt;
    auto first = rt.run(lm, p, "?");
    BOOST_TEST(first.get<"answer">() == "42");
    scripted one{{{"answer", "alone"}}};
    auto alone = rt.run(one, p, "?");
    BOOST_TEST(alone.get<"answer">() == "alone");
    scripted_answer a{{"answer", "x"}, {"list", {1, "two"}}};
    lm_response said = a.to({});
    BOOST_TEST(said.text.find("[1, \"two\"]") != std::string::npos, said.text);
    BOOST_TEST(said.text.find("[[ ## answer ## ]]") != std::string::npos, said.text);
}

BOOST_AUTO_TEST_CASE(answers_in_order_and_keeps_what_it_was_asked) {
    scripted lm{json::object{{"answer", 42}}, "nothing that fits", json::object{{"answer", 7}}};
    runtime rt;
    predict<question_answer> p;
    run_options options{lm};
    options.json_fallback = false;
    BOOST_TEST(rt.run(options, p, "question"_f = "the first?").get<"answer">() == 42);
    BOOST_TEST(rt.run(options, p, "question"_f = "the second?").get<"answer">() ==
               7);  // after the answer that could not be read
    BOOST_TEST(lm.calls() == 3u);
    BOOST_TEST(lm.requests().front().messages.back().content.find("the first?") != std::string::npos);
    BOOST_TEST(lm.last_prompt().find("user:\n") != std::string::npos);
    BOOST_TEST(lm.last_prompt().find("the second?") != std::string::npos);
    BOOST_CHECK_EXCEPTION(rt.run(options, p, "question"_f = "the third?"), lm_error, [](const lm_error& e) {
        std::string text = e.what();
        return text.find("the script has 3 answers, and call 4 wants one more") != text.npos &&
               text.find("the third?") != text.npos;
    });
}

BOOST_AUTO_TEST_CASE(fields_are_written_as_the_request_asks) {
    scripted lm{json::object{{"answer", 42}}, json::object{{"answer", 43}}};
    lm_request plain, with_schema;
    with_schema.outputs_schema = json::object{{"type", "object"}};
    scripted_answer a{json::object{{"answer", 42}, {"list", json::array{"a", 1}}}};
    BOOST_TEST(a.to(plain).text == "[[ ## answer ## ]]\n42\n\n[[ ## list ## ]]\n[\"a\", 1]\n\n[[ ## completed ## ]]");
    BOOST_TEST(a.to(with_schema).text == R"({"answer":42,"list":["a",1]})");
}

BOOST_AUTO_TEST_CASE(rules_come_first_and_functions_see_the_request) {
    scripted lm{[](const lm_request& q) -> scripted_answer {
        return json::object{{"answer", static_cast<std::int64_t>(q.messages.size())}};
    }};
    lm.when("weather", json::object{{"answer", 21}}).when("weather in Oslo", json::object{{"answer", 1}});
    runtime rt;
    predict<question_answer> p;
    BOOST_TEST(rt.run(run_options{lm}, p, "question"_f = "the weather in Oslo").get<"answer">() == 21);
    BOOST_TEST(rt.run(run_options{lm}, p, "question"_f = "anything").get<"answer">() == 2);  // system and user
}

BOOST_AUTO_TEST_CASE(calls_and_failures_are_answers_too) {
    tools t;
    t.add("add", "Adds.", [](int a, int b) { return a + b; }, {"a", "b"});
    react<question_answer> agent{t, {.mode = react_mode::native}};
    scripted lm{scripted_answer::calls({{"add", {{"a", 2}, {"b", 3}}}}),
                scripted_answer::calls({{"submit", {{"answer", 5}}}})};
    BOOST_TEST(ask(lm, agent, "question"_f = "2 + 3?").get<"answer">() == 5);
    BOOST_TEST(lm.last_prompt().find("-> add {\"a\":2,\"b\":3}") != std::string::npos, lm.last_prompt());
    BOOST_TEST(lm.last_prompt().find("tool (result of call_1):\n5") != std::string::npos, lm.last_prompt());
    BOOST_TEST(lm.last_prompt().find("tools offered: add submit") != std::string::npos, lm.last_prompt());

    scripted broken{std::make_exception_ptr(lm_error{lm_errc::unavailable, "out of order"})};
    BOOST_CHECK_THROW(ask(broken, predict<question_answer>{}, "question"_f = "x"), lm_error);
}

BOOST_AUTO_TEST_CASE(inspect_shows_the_last_calls_as_a_person_reads_them) {
    scripted lm{json::object{{"answer", 1}}, "no answer", json::object{{"answer", 2}}};
    runtime rt;
    auto program = [](run& r) -> task<int> {
        predict<question_answer> p;
        auto first = co_await p(r, "question"_f = "one?");
        auto second = co_await p(r, "question"_f = "two?");
        co_return first.get<"answer">() + second.get<"answer">();
    };
    run_options options{lm};
    options.json_fallback = false;
    auto done = rt.execute(options, program);
    BOOST_TEST(done.value == 3);
    auto last = inspect(*done.report.history);
    BOOST_TEST(last.find("two?") != std::string::npos, last);
    BOOST_TEST(last.find("one?") == std::string::npos, last);
    BOOST_TEST(last.starts_with("== test/scripted for "), last);
    BOOST_TEST(last.find("== answered:\n\n[[ ## answer ## ]]\n2\n") != std::string::npos, last);
    auto all = inspect(*done.report.history, 100);
    BOOST_TEST(all.find("one?") < all.find("no answer"), all);
    BOOST_TEST(inspect(journal{}).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
