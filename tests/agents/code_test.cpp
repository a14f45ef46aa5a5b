// Agents that write code: cells with tools in them, programs that are repaired, inputs that stay in the interpreter.
#include <reagent/agents/code.hpp>
#include <reagent/agents/python_tool.hpp>

#include "every_program.hpp"

#include <atomic>
#include <filesystem>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

scripted_answer cell(const std::string& code) { return {{"next_thought", "I compute."}, {"next_code", code}}; }

const sandbox::python_pool& pool() {
    static const sandbox::python_pool shared;
    return shared;
}

struct shop {
    std::atomic<int> sold = 0;
    tools offered() {
        tools t;
        t.add("price", "The price of an article.", [](std::string article) { return article == "kettle" ? 40.0 : 2.0; },
              {"article"});
        t.add("sell-one", "Sells one.",
              [this](std::string article) {
                  ++sold;
                  if (article.empty()) throw std::runtime_error{"no article"};
                  return json::value{{"sold", article}};
              },
              {"article"});
        return t;
    }
};

struct by_name {
    const program_function& f;
    task<json::object> forward(run& r, json::object in) const { return f(r, std::move(in)); }
};

std::size_t events_of(const journal& j, const std::string& tool) {
    return static_cast<std::size_t>(
        std::count_if(j.events().begin(), j.events().end(), [&](const event& e) { return e.tool == tool; }));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(code)

BOOST_AUTO_TEST_CASE(each_is_a_program_alone_and_within) {
    code_options o;
    o.interpreters = pool();
    const auto say = [](const lm_request& r) -> scripted_answer {
        return asks_for(r, "next_code") ? cell("submit('42')") : answers(r);
    };
    is_a_program_alone_and_within<code_act<qa>>({"act", "extract.predict"}, questions(), "answer", say, o);
    is_a_program_alone_and_within<program_of_thought<qa>>({"extract.predict", "write"}, questions(), "answer", say, o);
    is_a_program_alone_and_within<rlm<qa>>({"act", "extract.predict", "llm"}, questions(), "answer", say, o);
}

BOOST_AUTO_TEST_CASE(cells_call_tools_and_keep_their_variables) {
    shop s;
    code_options o{.interpreters = pool(), .functions = s.offered()};
    code_act<sig<"article, n: int -> total: float, sold: list[str]">> agent{o};
    scripted lm{cell("one = price(article)\none"),
                cell("```python\nsold = parallel(sell_one, [article] * n)\nprint(len(sold))\n```"),
                cell("submit(total='much', sold=[])"), cell("submit(total=one * n, sold=[x['sold'] for x in sold])")};
    runtime rt;
    auto result = rt.execute(run_options{lm}, agent, "article"_f = "kettle", "n"_f = 2);
    BOOST_TEST(result.value.get<"total">() == 80.0);
    BOOST_TEST(result.value.get<"sold">().size() == 2u);
    BOOST_TEST(s.sold == 2);
    const auto& steps = result.value.steps();
    BOOST_REQUIRE(steps.size() == 4u);
    BOOST_TEST(steps[0].observation == "Value: 40.0");
    BOOST_TEST(steps[1].observation == "2");
    BOOST_TEST(steps[2].observation.starts_with("Not submitted: total"));
    BOOST_TEST(events_of(*result.report.history, "sell-one") == 2u);
    BOOST_TEST(lm.last_prompt().find("sell_one(article: str): Sells one.") != std::string::npos);
    BOOST_TEST(lm.last_prompt().find("observation_2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_goes_wrong_is_an_observation) {
    shop s;
    code_options o{.interpreters = pool(), .functions = s.offered()};
    code_act<qa> agent{o};
    scripted lm{cell("x = 1"), cell("sell_one('')"), cell("import os\nos._exit(1)"), cell(""),
                cell("submit(str(x + 41))")};
    runtime rt;
    auto p = rt.run(lm, agent, "question"_f = "?");
    BOOST_TEST(p.get<"answer">() == "42");
    BOOST_TEST(p.steps().at(1).observation.find("`sell-one` failed: no article") != std::string::npos);
    BOOST_TEST(p.steps().at(2).observation.find("the interpreter was ended by this cell (ended)") != std::string::npos);
    BOOST_TEST(p.steps().at(3).observation.find("no code") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_destructive_tool_in_a_cell_needs_consent) {
    std::atomic<int> acted = 0;
    tools t;
    t.add("destroy", "Destroys.", [&] { return ++acted; }, {}, {.destructive = true});
    code_options o{.interpreters = pool(), .functions = t};
    code_act<qa> agent{o};
    scripted lm{cell("destroy()"), cell("submit('refused')")};
    runtime rt;
    auto p = rt.run(lm, agent, "question"_f = "?");
    BOOST_TEST(acted == 0);
    BOOST_TEST(p.steps().at(0).observation.find("the call was refused") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_replay_acts_and_asks_no_more) {
    shop s;
    code_options o{.interpreters = pool(), .functions = s.offered()};
    code_act<qa> agent{o};
    scripted lm{cell("a = sell_one('x')"), cell("b = sell_one('y')"), cell("submit(a['sold'] + b['sold'])")};
    runtime rt;
    auto first = rt.execute(run_options{lm}, agent, "question"_f = "?");
    run_options again{scripted{[](const lm_request&) -> scripted_answer { throw std::runtime_error{"asked"}; }}};
    again.replay = first.report.history;
    BOOST_TEST(rt.run(again, agent, "question"_f = "?").get<"answer">() == "xy");
    BOOST_TEST(s.sold == 2);
}

BOOST_AUTO_TEST_CASE(state_is_made_again_for_a_cell_that_comes_after_those_of_the_journal) {
    shop s;
    code_options o{.interpreters = pool(), .functions = s.offered()};
    code_act<qa> agent{o};
    struct checked : module {
        explicit checked(const code_options& options) : agent{*this, "agent", options} {}
        code_act<qa> agent;
        task<json::object> call(run& r, json::object inputs) const {
            auto p = co_await agent(r, "question"_f = std::string{inputs.at("question").as_string()});
            r.assert_that(p.template get<"answer">() == "x2", "Count them.", agent);
            co_return p.to_json();
        }
    };
    // The assertion goes back to the last step: the cells before it are the journal's, and their state is made again.
    scripted lm{cell("a = sell_one('x')['sold']\nn = 2"), cell("submit(a)"), cell("submit(a + str(n))")};
    runtime rt;
    checked program{o};
    program_function f = as_program(program);
    const auto outputs = rt.run(run_options{lm}, by_name{f}, json::object{{"question", "?"}});
    BOOST_TEST(outputs.at("answer").as_string() == "x2");
    BOOST_TEST(s.sold == 1);
}

BOOST_AUTO_TEST_CASE(a_program_is_repaired_from_its_error) {
    code_options o{.interpreters = pool()};
    program_of_thought<sig<"n: int -> square: int">> program{o};
    scripted lm{cell("y = n\nsubmit(square=m)"), cell("print(y)"), cell("n * n"), cell("submit(square=n * n)")};
    runtime rt;
    auto p = rt.run(lm, program, "n"_f = 12);
    BOOST_TEST(p.get<"square">() == 144);
    BOOST_TEST(p.steps().at(0).observation.find("name 'm' is not defined") != std::string::npos);
    BOOST_TEST(p.steps().at(1).observation.find("name 'y' is not defined") != std::string::npos);  // each begins anew
    BOOST_TEST(p.steps().at(2).observation.find("did not call submit") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_long_input_stays_in_the_interpreter) {
    std::string document;
    for (int i = 0; i < 20'000; ++i) document += i == 13'370 ? "The word is OSPREY. " : "Nothing is said here. ";
    code_options o{.interpreters = pool(), .max_llm_calls = 3};
    rlm<sig<"document, question -> answer">> program{o};
    const auto say = [](const lm_request& r) -> scripted_answer {
        const auto& asked = r.messages.back().content;
        if (asks_for(r, "response")) {
            auto at = asked.find("word is ");
            return {{"response", at == asked.npos ? "none" : asked.substr(at + 8, 6)}};
        }
        if (asked.find("observation_0") == asked.npos)
            return cell("i = document.index('The word')\nfound = llm_batch([document[i:i+40], document[:40]])\nfound");
        if (asked.find("observation_1") == asked.npos)
            return cell("llm('a')\ntry:\n    llm('b')\nexcept ToolError as e:\n    print(e)");
        return cell("submit(found[0])");
    };
    scripted lm{say};
    runtime rt;
    auto result = rt.execute(run_options{lm}, program, "document"_f = document, "question"_f = "Which word?");
    BOOST_TEST(result.value.get<"answer">() == "OSPREY");
    BOOST_TEST(result.value.steps().at(1).observation.find("budget of 3") != std::string::npos);
    BOOST_TEST(lm.calls() == 6u);
    for (const auto& r : lm.requests())
        for (const auto& m : r.messages) BOOST_TEST(m.content.size() < 6'000u);
}

BOOST_AUTO_TEST_CASE(an_rlm_calls_another_where_it_may) {
    code_options o{.interpreters = pool(), .depth = 2};
    rlm<sig<"text, question -> answer">> program{o};
    const auto say = [](const lm_request& r) -> scripted_answer {
        const bool inner = r.messages.back().content.find("context: ") != std::string::npos;
        return inner ? cell("submit(context[::-1])") : cell("submit(rlm(question='Turn it', context=text))");
    };
    runtime rt;
    BOOST_TEST(rt.run(scripted{say}, program, "text"_f = "abc", "question"_f = "?").get<"answer">() == "cba");
}

BOOST_AUTO_TEST_CASE(a_tool_for_any_agent) {
    shop s;
    react<qa> agent{tools{ready::python(s.offered(), pool())}};
    auto act = [](const std::string& code) -> scripted_answer {
        return {{"next_thought", "t"}, {"next_tool_name", "python"}, {"next_tool_args", json::object{{"code", code}}}};
    };
    scripted lm{
        act("x = price('kettle')"), act("x + price('cup')"),
        scripted_answer{{"next_thought", "t"}, {"next_tool_name", "finish"}, {"next_tool_args", json::object{}}},
        scripted_answer{{"reasoning", "r"}, {"answer", "42"}}};
    runtime rt;
    auto result = rt.execute(run_options{lm}, agent, "question"_f = "?");
    BOOST_TEST(result.value.trajectory().at(1).observation.at("shown").as_string() == "42.0");
    BOOST_TEST(events_of(*result.report.history, "price") == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
