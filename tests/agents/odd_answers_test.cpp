// What is no answer never acts, never ends an agent and never becomes outputs: docs/models.md has a row for each kind.
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

struct plans {
    std::vector<std::string> made;
    tools all() {
        tools t;
        t.add("plan", "Plans.",
              [this](std::vector<std::string> items) {
                  return made.push_back(python_str(json::value_from(items))), "planned";
              },
              {"items"}, {.quick = true});
        return t;
    }
};

lm_response answer(std::string text, finish_reason finish = finish_reason::stop) {
    lm_response r;
    r.text = std::move(text);
    r.finish = finish;
    r.usage = {.calls = 1, .prompt_tokens = 1, .completion_tokens = 1};
    return r;
}
lm_response calls(std::vector<std::pair<std::string, std::string>> wanted,
                  finish_reason finish = finish_reason::tool_calls) {
    lm_response r = answer({}, finish);
    for (auto& [name, args] : wanted) r.tool_calls.push_back({"id" + std::to_string(r.tool_calls.size()), name, args});
    return r;
}
const lm_response submitted = calls({{"submit", R"({"answer": "42"})"}});

using kinds = sig<"question -> n: int, kind: Literal['a', 'b']">;
using typed_agent = react<kinds>;
using agent = react<sig<"question -> answer">>;
using answered = react_prediction<sig<"question -> answer">>;

struct outcome {
    std::optional<answered> value;
    std::string error;
    std::vector<lm_request> requests;
};
outcome ask(const tools& t, std::vector<lm_response> replies, run_options o = {},
            react_mode mode = react_mode::native) {
    auto model = std::make_shared<scripted_model>(std::move(replies));
    agent a{t, {.mode = mode}};
    o.lm = language_model{model};
    outcome out;
    try {
        runtime rt;
        out.value = rt.run(o, a, "question"_f = "?");
    } catch (const std::exception& e) {
        out.error = e.what();
    }
    out.requests = model->requests();
    return out;
}
std::string answer_of(const outcome& o) { return o.value->get<"answer">(); }
bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }
std::string said(const lm_request& q) {
    std::string all;
    for (const auto& m : q.messages) all += m.content + "\n";
    return all;
}

const char* const cut_arguments = R"({"items": ["pack the car", "drive to Ber)";

}  // namespace

BOOST_AUTO_TEST_SUITE(odd_answers)

BOOST_AUTO_TEST_CASE(a_native_agent_submits_its_outputs) {
    plans p;
    auto o = ask(p.all(), {calls({{"plan", R"({"items": ["a"]})"}}), submitted});
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(answer_of(o) == "42");
    BOOST_TEST(o.requests.size() == 2u);  // no call to extract
    BOOST_TEST(o.value->trajectory().back().tool == "submit");
    const auto& offered = o.requests[0].tools.back();
    BOOST_TEST(offered.name == "submit");
    BOOST_TEST(
        dump_json(offered.parameters) ==
        R"({"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"], "additionalProperties": false})");
}

BOOST_AUTO_TEST_CASE(what_is_submitted_is_checked) {
    auto model = std::make_shared<scripted_model>(std::vector<lm_response>{
        calls({{"submit", R"({"n": "many", "kind": "c"})"}}), calls({{"submit", R"({"n": 3, "kynd": "a"})"}}),
        calls({{"submit", R"({"n": 3, "kind": "a"})"}, {"submit", R"({"n": 4, "kind": "a"})"}}),
        calls({{"submit", R"({"n": 3, "kind": "b)"}}), calls({{"submit", R"({"n": 3, "kind": "b"})"}})});
    runtime rt;
    plans p;
    react_prediction<kinds> value = rt.run(run_options{language_model{model}},
                                           typed_agent{p.all(), {.mode = react_mode::native}}, "question"_f = "?");
    const auto n = value.get<"n">();
    BOOST_TEST(n == 3);
    auto told = [&](std::size_t i) { return python_str(value.trajectory()[i].observation); };
    BOOST_TEST((holds(told(0), "n") && holds(told(0), "kind") && holds(told(0), "not accepted")), told(0));
    BOOST_TEST(holds(told(1), "did you mean `kind`"), told(1));
    BOOST_TEST(holds(told(3), "two things"), told(3));
    BOOST_TEST(holds(told(4), "no end"), told(4));
}

BOOST_AUTO_TEST_CASE(outputs_in_json_that_say_two_things_end_nothing) {
    plans p;
    for (const char* text :
         {R"({"answer":"1","answer":"1000"})", "```json\n{\"answer\":\"1\",\"answer\":\"1000\"}\n```",
          "Here it is: {\"answer\":\"1\",\"answer\":\"1000\"}"}) {
        auto o = ask(p.all(), {answer(text), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(answer_of(o) == "42");
    }
    auto told = ask(p.all(), {answer(R"({"answer":"1","answer":"1000"})"), submitted});
    BOOST_REQUIRE(told.requests.size() == 2u);
    BOOST_TEST(holds(said(told.requests[1]), "stands twice"), said(told.requests[1]));

    auto model = std::make_shared<scripted_model>(std::vector<lm_response>{answer(R"({"d": {"a": 1, "a": 2}})"),
                                                                           answer(R"({"d": {"a": 1, "a": 2}})"),
                                                                           calls({{"submit", R"({"d": {"a": 3}})"}})});
    react<sig<"question -> d: dict[str, int]">> nested{p.all(), {.mode = react_mode::native}};
    runtime rt;
    auto value = rt.run(run_options{language_model{model}}, nested, "question"_f = "?");
    BOOST_TEST((value.get<"d">() == std::map<std::string, std::int64_t>{{"a", 3}}));
}

BOOST_AUTO_TEST_CASE(a_written_call_whose_arguments_say_two_things_does_not_act) {
    for (const char* text : {R"(<tool_call>{"name":"plan","arguments":{"items":["a"],"items":["b"]}}</tool_call>)",
                             R"({"name":"plan","arguments":{"items":["a"],"items":["b"]}})",
                             R"(functions.plan:0{"items":["a"],"items":["b"]})",
                             "Action: plan\nAction Input: {\"items\":[\"a\"],\"items\":[\"b\"]}",
                             R"(<function=plan>{"items":["a"],"items":["b"]}</function>)",
                             "\u273fFUNCTION\u273f: plan\n\u273fARGS\u273f: {\"items\":[\"a\"],\"items\":[\"b\"]}",
                             R"([plan(items=["a"], items=["b"])])"}) {
        plans p;
        auto o = ask(p.all(), {answer(text), submitted});
        BOOST_TEST(p.made.empty(), text);
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(answer_of(o) == "42");
    }
    std::string options;
    tools t;
    t.add("set", "Sets.", [&](std::map<std::string, int> o) { return options = std::to_string(o.size()), "set"; },
          {"options"}, {.quick = true});
    ask(t,
        {answer(R"(<tool_call><function=set><parameter=options>{"a": 1, "a": 2}</parameter></function></tool_call>)"),
         submitted});
    BOOST_TEST(options.empty());
}

BOOST_AUTO_TEST_CASE(a_tool_may_be_called_submit) {
    int forms = 0;
    tools t;
    t.add("submit", "Submits a form.", [&] { return ++forms; }, {}, {.quick = true});
    auto o = ask(t, {calls({{"submit", "{}"}}), calls({{"submit_answer", R"({"answer": "sent"})"}})});
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(forms == 1);
    BOOST_TEST(answer_of(o) == "sent");
}

// Not offered, and still meant by models that learned it.
BOOST_AUTO_TEST_CASE(a_native_finish_leads_to_an_extraction) {
    plans p;
    auto o = ask(p.all(), {calls({{"finish", "{}"}}), answer(chat_completion({{"reasoning", "r"}, {"answer", "7"}}))});
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(answer_of(o) == "7");
    o = ask(p.all(), {calls({{"finish", R"({"answer": "7"})"}})});
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(answer_of(o) == "7");
    BOOST_TEST(o.requests.size() == 1u);
}

struct odd_case {
    const char* name;
    lm_response response;
};
std::ostream& operator<<(std::ostream& out, const odd_case& c) { return out << c.name; }
const odd_case odd[]{
    {"empty", answer("")},
    {"blank", answer(" \n")},
    {"no call, though it says so", answer("", finish_reason::tool_calls)},
    {"cut off", answer("I think", finish_reason::length)},
    {"cut off and empty", answer("", finish_reason::length)},
    {"error", answer("The answer", finish_reason::error)},
    {"error with a call", calls({{"plan", R"({"items": ["x"]})"}}, finish_reason::error)},
    {"unknown reason", answer("done", finish_reason::other)},
    {"unknown reason with a call", calls({{"plan", R"({"items": ["x"]})"}}, finish_reason::other)},
    {"malformed call", answer("", finish_reason::malformed_call)},
    {"cut arguments", calls({{"plan", cut_arguments}}, finish_reason::length)},
    {"whole arguments before the cut", calls({{"plan", R"({"items": ["x"]})"}, {"plan", ""}}, finish_reason::length)}};

BOOST_DATA_TEST_CASE(what_is_no_answer_is_asked_for_again_and_nothing_acts, odd, c) {
    plans p;
    auto o = ask(p.all(), {c.response, submitted});
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(answer_of(o) == "42");
    BOOST_TEST(p.made.empty());
    BOOST_TEST(o.requests.size() == 2u);
    BOOST_TEST((holds(said(o.requests[1]), "not taken") || holds(said(o.requests[1]), "was not called")),
               said(o.requests[1]));
    for (const auto& m : o.requests[1].messages) {
        BOOST_TEST((m.role != role::assistant || !m.content.empty() || !m.tool_calls.empty()));
        for (const auto& call : m.tool_calls) BOOST_TEST(parse_json(call.arguments).has_value());
    }
}

BOOST_DATA_TEST_CASE(what_stays_no_answer_is_an_error, odd, c) {
    plans p;
    run_options few;
    few.max_retries = 1;
    auto o = ask(p.all(), {c.response, c.response, c.response}, few);
    BOOST_TEST(!o.value);
    BOOST_TEST(holds(o.error, "2 attempts"), o.error);
    BOOST_TEST(o.requests.size() == 2u);
    BOOST_TEST(p.made.empty());
    if (c.response.finish == finish_reason::length) BOOST_TEST(holds(o.error, "raise max_tokens"), o.error);
}

BOOST_AUTO_TEST_CASE(what_a_filter_withholds_is_an_error_of_its_own) {
    plans p;
    for (auto mode : {react_mode::native, react_mode::prompted}) {
        auto o = ask(p.all(), {answer("", finish_reason::content_filter), submitted}, {}, mode);
        BOOST_TEST(holds(o.error, "content filter"), o.error);
        o = ask(p.all(), {calls({{"plan", R"({"items": ["x"]})"}}, finish_reason::content_filter), submitted}, {},
                mode);
        BOOST_TEST(holds(o.error, "content filter"), o.error);
    }
    BOOST_TEST(p.made.empty());
}

BOOST_AUTO_TEST_CASE(what_was_cut_off_gets_more_tokens_where_a_limit_was_set) {
    plans p;
    run_options o;
    o.sampling.max_tokens = 100;
    auto native = ask(
        p.all(),
        {answer("x", finish_reason::length), calls({{"plan", cut_arguments}}, finish_reason::length), submitted}, o);
    BOOST_REQUIRE(native.requests.size() == 3u);
    BOOST_TEST(*native.requests[1].sampling.max_tokens == 200u);
    BOOST_TEST(*native.requests[2].sampling.max_tokens == 400u);
    BOOST_TEST(holds(said(native.requests[1]), "max_tokens is 100"), said(native.requests[1]));
    auto free = ask(p.all(), {answer("x", finish_reason::length), submitted});
    BOOST_TEST(!free.requests[1].sampling.max_tokens);
}

BOOST_AUTO_TEST_CASE(arguments_without_an_end_never_act) {
    plans p;
    for (std::string args :
         {cut_arguments, R"({"items": ["a"])", R"({"items": ["a", "b"})", R"({"items": ["a"], "items": ["b"]})"}) {
        auto o = ask(p.all(), {calls({{"plan", args}}), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(o.value->trajectory()[0].failed);
        BOOST_TEST(parse_json(o.requests.back().messages[2].tool_calls[0].arguments).has_value());
        auto step = chat_completion({{"next_thought", "t"}, {"next_tool_name", "plan"}, {"next_tool_args", args}});
        auto finish = chat_completion({{"next_thought", "t"}, {"next_tool_name", "finish"}, {"next_tool_args", "{}"}});
        auto extracted = chat_completion({{"reasoning", "r"}, {"answer", "42"}});
        o = ask(p.all(), {answer(step), answer(step), answer(finish), answer(extracted)}, {}, react_mode::prompted);
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
    }
    // In JSON too.
    run_options json;
    json.adapter = adapter::json;
    std::string cut =
        R"({"next_thought": "t", "next_tool_name": "plan", "next_tool_args": {"items": ["a", "drive to Ber)";
    auto o = ask(
        p.all(),
        {answer(cut), answer(cut), answer(R"({"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}})"),
         answer(R"({"reasoning": "r", "answer": "42"})")},
        json, react_mode::prompted);
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(p.made.empty());
}

BOOST_AUTO_TEST_CASE(a_prompted_step_that_was_cut_off_does_not_act) {
    plans p;
    auto step = "[[ ## next_thought ## ]]\nt\n[[ ## next_tool_name ## ]]\nplan\n[[ ## next_tool_args ## ]]\n";
    auto finish =
        answer(chat_completion({{"next_thought", "t"}, {"next_tool_name", "finish"}, {"next_tool_args", "{}"}}));
    auto extracted = answer(chat_completion({{"reasoning", "r"}, {"answer", "42"}}));
    for (std::string args : {std::string{cut_arguments}, std::string{R"({"items": ["whole"]})"}}) {
        auto cut = answer(step + args, finish_reason::length);
        auto o = ask(p.all(), {cut, cut, finish, extracted}, {}, react_mode::prompted);
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(holds(python_str(o.value->trajectory()[0].observation), "cut off by the limit of tokens"));
    }
    BOOST_TEST(p.made.empty());
}

BOOST_AUTO_TEST_CASE(arguments_that_can_be_read_without_guessing_act) {
    for (std::string args :
         {R"({'items': ['a']})", "```json\n{\"items\": [\"a\"]}\n```", R"({"items": ["a"],})",
          R"("{\"items\": [\"a\"]}")", R"("\"{\\\"items\\\": [\\\"a\\\"]}\"")", R"({"items": "[\"a\"]"})"}) {
        plans p;
        auto o = ask(p.all(), {calls({{"plan", args}}), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST((p.made == std::vector<std::string>{"['a']"}), args);
        auto back = parse_json(o.requests[1].messages[2].tool_calls[0].arguments);
        BOOST_TEST((back && back->is_object()));
    }
    int pinged = 0;
    tools t;
    t.add("ping", "", [&] { return ++pinged; }, {}, {.quick = true});
    for (const char* none : {"", "null", "\"null\"", "{}", " "}) ask(t, {calls({{"ping", none}}), submitted});
    BOOST_TEST(pinged == 5);
}

BOOST_AUTO_TEST_CASE(a_call_that_is_written_as_text_is_a_call) {
    const std::string call = R"({"name": "plan", "arguments": {"items": ["a"]}})";
    for (const std::string& text : std::vector<std::string>{
             "<tool_call>\n" + call + "\n</tool_call>", call, "```json\n" + call + "\n```", "[" + call + "]",
             "<tool_call>" + call, "<think>plan {\"name\": 1}</think>" + call,
             std::string{R"({"name": "functions.plan", "parameters": {"items": ["a"]}})"},
             std::string{R"({"function_call": {"name": "plan", "arguments": "{\"items\": [\"a\"]}"}})"}}) {
        plans p;
        auto o = ask(p.all(), {answer(text), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error << text);
        BOOST_TEST(p.made.size() == 1u, text);
        const auto& m = o.requests[1].messages;
        BOOST_REQUIRE(m.size() == 4u);
        BOOST_TEST(m[2].tool_calls.size() == 1u);
        BOOST_TEST((!m[2].tool_calls[0].id.empty() && m[2].tool_calls[0].id == m[3].tool_call_id));
    }
    auto o =
        ask(plans{}.all(), {answer(R"(<tool_call>{"name": "submit", "arguments": {"answer": "42"}}</tool_call>)")});
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(answer_of(o) == "42");
}

BOOST_AUTO_TEST_CASE(a_call_that_is_quoted_or_cut_off_is_none) {
    for (std::string text :
         {R"(The page says <tool_call>{"name": "plan", "arguments": {"items": ["a"]}}</tool_call>, and I will not.)",
          R"(<think>{"name": "plan", "arguments": {"items": ["a"]}})",
          R"({"name": "plan", "arguments": {"items": ["a)",
          R"(<tool_call>{"name": "plan", "arguments": {"items": ["a)",
          R"({"name": "rob", "arguments": {}})",
          R"(For example: {"name": "plan", "arguments": {"items": ["a"]}})",
          "I plan.\n<tool_call>{\"name\": \"plan\", \"arguments\": {\"items\": [\"a\"]}}</tool_call>",
          R"(> <tool_call>{"name": "plan", "arguments": {"items": ["a"]}}</tool_call>)",
          R"(<tool_call>{"name": "plan", "arguments": {"items": ["a"]}}</tool_call> is what I will not do)",
          "<tool_call>{\"name\": \"plan\", \"arguments\": {\"items\": [\"a\"]}}</tool_call>\nor\n"
          "<tool_call>{\"name\": \"plan\", \"arguments\": {\"items\": [\"b\"]}}</tool_call>",
          R"(I do not <function=plan>{"items": ["a"]}</function>)",
          R"(<function=plan>{"items": ["a"]}</function> no)",
          R"(Not [TOOL_CALLS][{"name": "plan", "arguments": {"items": ["a"]}}])",
          "Quoted:\n```json\n{\"name\": \"plan\", \"arguments\": {\"items\": [\"a\"]}}\n```",
          R"({"name": "plan", "arguments": {"items": ["a"]}} // I will not)",
          R"({"note": "an example", "name": "plan", "arguments": {"items": ["a"]}})",
          R"({"name": "plan", "arguments": {"items": ["a"]}, "parameters": {"items": ["b"]}})",
          R"(<function=plan><parameter=items>["a"]</parameter><parameter=items>["b"]</parameter></function>)",
          R"([THINK]<tool_call>{"name": "plan", "arguments": {"items": ["a"]}}</tool_call>[/THINK]Done.)",
          R"(<tool_call>{"name": "plan", "arguments": {"items": ["a"]}}</tool_call><think>or not)"}) {
        plans p;
        auto o = ask(p.all(), {answer(text), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(p.made.empty(), text);
    }
}

// As other servers' models write them: a call where the form is clear.
BOOST_AUTO_TEST_CASE(calls_in_other_markup_are_calls) {
    for (std::string text :
         {R"(<function=plan>{"items": ["a"]}</function>)",
          R"([TOOL_CALLS][{"name": "plan", "arguments": {"items": ["a"]}}])",
          R"([TOOL_CALLS] [{"name": "plan", "arguments": {"items": ["a"]}}]</s>)",
          R"(<|python_tag|>{"name": "plan", "parameters": {"items": ["a"]}}<|eom_id|>)",
          "<tool_call>\n<function=plan>\n<parameter=items>\n[\"a\"]\n</parameter>\n</function>\n</tool_call>",
          "<think>so</think>\n\n<function=plan>\n<parameter=items>\n[\"a\"]\n</parameter>\n</function>",
          "◁think▷so◁/think▷<tool_call>```json\n{\"name\": \"plan\", \"arguments\": {\"items\": "
          "[\"a\"]}}\n```</tool_call>"}) {
        plans p;
        auto o = ask(p.all(), {answer(text), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error << text);
        BOOST_TEST((p.made == std::vector<std::string>{"['a']"}), text);
    }
    auto o = ask(
        plans{}.all(),
        {answer(
            "<tool_call>\n<function=submit>\n<parameter=answer>\nfour\ntwo\n</parameter>\n</function>\n</tool_call>")});
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(answer_of(o) == "four\ntwo");
}

// What was meant as a call and is none is no answer either, however often it comes.
BOOST_AUTO_TEST_CASE(the_markup_of_a_call_is_never_an_answer) {
    for (std::string text :
         {"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>submit\n```json\n{\"answer\":\"42\"}\n```<"
          "｜tool▁call▁end｜>",
          "<function=submit>{\"answer\": \"42", "<function=other>{}</function>",
          "[TOOL_CALLS]submit{\"answer\": \"42\"}", "<|python_tag|>submit.call(answer=42)",
          "The call: <tool_call>{\"name\": \"submit\", \"arguments\": {\"answer\": \"42\"}}</tool_call>",
          "<tool_call>\n<function=submit>\n<parameter=answer>\n42",
          "<|tool_calls_section_begin|><|tool_call_begin|>functions.submit:0",
          "<|channel|>commentary to=functions.submit <|message|>{\"answer\": \"42\"}",
          "functools[{\"name\": \"submit\"}]",
          "<invoke name=\"submit\"><parameter name=\"answer\">42</parameter></invoke>",
          R"({"name": "sub", "arguments": {"answer": "42"}})", R"({"name": "submit", "arguments": {"answer": "4)"}) {
        run_options few;
        few.max_retries = 1;
        plans p;
        auto o = ask(p.all(), {answer(text), answer(text), answer(text)}, few);
        BOOST_TEST(!o.value, text);
        BOOST_TEST(holds(o.error, "markup of a call"), o.error);
        o = ask(p.all(), {answer(text), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(answer_of(o) == "42");
    }
}

BOOST_AUTO_TEST_CASE(thinking_is_no_part_of_a_native_answer) {
    for (std::string text :
         {"<think>maybe 41</think>The answer is 42", "<think >maybe 41</think >The answer is 42",
          "The answer <think>or 41</think>is 42", "maybe 41</think>\n\nThe answer is 42",
          "[THINK]maybe 41[/THINK]The answer is 42", "◁think▷41?◁/think▷The answer is 42",
          "<|channel|>analysis<|message|>41<|end|><|start|>assistant<|channel|>final<|message|>The answer is "
          "42<|return|>",
          "<seed:think>41</seed:think>The answer is 42", "<reasoning>41</reasoning>\nThe answer is 42"}) {
        auto o = ask(plans{}.all(), {answer(text), answer(text)});
        BOOST_REQUIRE_MESSAGE(o.value, o.error << text);
        BOOST_TEST(answer_of(o) == "The answer is 42", text);
    }
    for (std::string text : {"<think>maybe 41", "The answer is 42 <think>or", "[THINK]42", "<thought>The answer is 42",
                             "<think>41</think>"}) {
        run_options few;
        few.max_retries = 1;
        auto o = ask(plans{}.all(), {answer(text), answer(text), answer(text)}, few);
        BOOST_TEST(!o.value, text);
        BOOST_TEST((holds(o.error, "thinking has no end") || holds(o.error, "empty")), o.error);
    }
}

BOOST_AUTO_TEST_CASE(arguments_that_hold_two_objects_never_act) {
    auto finish = chat_completion({{"next_thought", "t"}, {"next_tool_name", "finish"}, {"next_tool_args", "{}"}});
    auto extracted = chat_completion({{"reasoning", "r"}, {"answer", "42"}});
    const std::string a = R"({"items": ["a"]})", b = R"({"items": ["b"]})";
    for (const std::string& args :
         std::vector<std::string>{a + b, a + " or " + b, a + "\n" + b, a + ", " + b, a + " // not " + b, a + " # " + b,
                                  a + " /* " + b + " */", "{}" + a, a + a, "[" + a + "," + b + "]",
                                  a + R"( {"items": ["b)", "{'items': ['a']} {'items': ['b']}"}) {
        plans p;
        auto o = ask(p.all(), {calls({{"plan", args}}), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(p.made.empty(), args);
        BOOST_TEST(o.value->trajectory()[0].failed, args);
        auto step = chat_completion({{"next_thought", "t"}, {"next_tool_name", "plan"}, {"next_tool_args", args}});
        o = ask(p.all(), {answer(step), answer(step), answer(finish), answer(extracted)}, {}, react_mode::prompted);
        run_options json;
        json.adapter = adapter::json;
        step = R"({"next_thought": "t", "next_tool_name": "plan", "next_tool_args": )" + args + "}";
        o = ask(p.all(), {answer(step), answer(step), answer(finish), answer(extracted)}, json, react_mode::prompted);
        BOOST_TEST(p.made.empty(), args);
    }
}

// What two readers could read as two things, or what only stands beside an object, is refused with words for it; in
// every mode.
BOOST_AUTO_TEST_CASE(arguments_that_would_have_to_be_guessed_never_act) {
    auto finish = chat_completion({{"next_thought", "t"}, {"next_tool_name", "finish"}, {"next_tool_args", "{}"}});
    auto extracted = chat_completion({{"reasoning", "r"}, {"answer", "42"}});
    for (std::string args : {R"({"to": "bob" or "eve", "n": 1})",
                             R"({"to": "bob", "eve", "n": 1})",
                             R"({"to": ..., "n": 1})",
                             R"({"to": "x" + "y", "n": 1})",
                             R"({"to": "x" "y", "n": 1})",
                             R"({"to": f"hi {x}", "n": 1})",
                             R"({"to": r"hi", "n": 1})",
                             R"({"to": undefined, "n": 1})",
                             R"({"to": bob, "n": 1})",
                             R"({"to": user.name, "n": 1})",
                             R"({"to": str(1), "n": 1})",
                             R"({"to": "see {"to":"x"}", "n": 1})",
                             R"({"to": "say "hi", then go", "n": 1})",
                             R"({"to": "bob" if ok else "eve", "n": 1})",
                             R"({"to": not "bob", "n": 1})",
                             R"({"to": "bob"; "n": 1})",
                             R"({"to": "bob" "n": 1})",
                             R"({"to" "bob", "n": 1})",
                             R"({"to" = "bob", "n": 1})",
                             R"({"to": "bob, "n": 1})",
                             R"({"to": "a\dir", "n": 1})",
                             R"({"to": `a ${b}`, "n": 1})",
                             R"({"to": ("bob"), "n": 1})",
                             R"({"to": "bob", "n": 1e})",
                             R"({"to": "bob", "n": $5})",
                             R"({"to": "bob", "n": 010})",
                             R"({"to": "bob", "n": 1_000})",
                             R"({"to": "bob", "n": 1,000})",
                             R"({"to": "bob", "n": 5%})",
                             R"({"to": "bob", "n": 1-2})",
                             R"({"to": "bob", "n": 2 * 3})",
                             R"({"to": "bob", "n": 1.9999999999999999})",
                             R"({"to": "bob", "n": 0x})",
                             R"({"to": "bob", "n": NaN})",
                             R"(Do not call this: {"to": "bob", "n": 1})",
                             R"({"to": "bob", "n": 1} <- example only)",
                             R"(not {"to": "bob", "n": 1})",
                             R"(args = {"to": "bob", "n": 1})",
                             R"({"to": "bob", "n": 1};)",
                             R"({"to": "bob", "n": 1}.copy())",
                             "Never:\n```json\n{\"to\": \"bob\", \"n\": 1}\n```",
                             "```json\n{\"to\": \"bob\", \"n\": 1}\n```\nis what I will not do",
                             R"({"to": "bob", "n": 1} // example only, do not send)",
                             "{\"to\": \"bob\", // or eve\n \"n\": 1}",
                             R"(**{"to": "bob", "n": 1})",
                             R"({{"to": "bob", "n": 1}})",
                             R"({"to": "bob", "n": 1, **more})",
                             R"({"to": "bob", "n": 1, ...})"}) {
        int acted = 0;
        tools t;
        t.add("send", "Sends.", [&](std::string, int) { return ++acted; }, {"to", "n"}, {.quick = true});
        auto o = ask(t, {calls({{"send", args}}), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(o.value->trajectory()[0].failed, args);
        BOOST_TEST(python_str(o.value->trajectory()[0].observation).size() > 40u);
        auto step = chat_completion({{"next_thought", "t"}, {"next_tool_name", "send"}, {"next_tool_args", args}});
        o = ask(t, {answer(step), answer(step), answer(finish), answer(extracted)}, {}, react_mode::prompted);
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(o.value->trajectory()[0].failed, args);
        run_options json;
        json.adapter = adapter::json;
        step = R"({"next_thought": "t", "next_tool_name": "send", "next_tool_args": )" + args + "}";
        ask(t, {answer(step), answer(step), answer(finish), answer(extracted)}, json, react_mode::prompted);
        step = R"(Not this: {"next_thought": "t", "next_tool_name": "send", "next_tool_args": {"to": "bob", "n": 1}})";
        ask(t, {answer(step), answer(step), answer(finish), answer(extracted)}, json, react_mode::prompted);
        BOOST_TEST(acted == 0, args);
    }
    for (std::string args :
         {R"({"items": ["a" or "b"]})", R"({"items": [*x]})", R"({"items": ["a", x]})", R"({"items": ["a"] + rest})",
          R"({"items": [x for x in y]})", R"({"items": ["a", // ... 5 more
])",
          R"({"items": ["a", ...]})", R"({"items": ["a",, "b"]})", R"({"items": [,"b"]})", R"({"items": ["a" "b"]})",
          R"({"items": "['a', x]"})", R"({"items": ["a"][0]})", R"({"items": list("a")})"}) {
        plans p;
        auto o = ask(p.all(), {calls({{"plan", args}}), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(p.made.empty(), args);
    }
    using names = react<sig<"question -> names: list[str]">>;
    for (const char* args : {R"({"names": ["a" or "b"]})", R"({"names": ["a", x]})", R"({"names": "['a', x]"})",
                             R"(not {"names": ["a"]})"}) {
        auto model = std::make_shared<scripted_model>(
            std::vector<lm_response>{calls({{"submit", args}}), calls({{"submit", R"({"names": ["right"]})"}})});
        runtime rt;
        auto p = rt.run(run_options{language_model{model}}, names{plans{}.all(), {.mode = react_mode::native}},
                        "question"_f = "?");
        BOOST_TEST((p.get<"names">() == std::vector<std::string>{"right"}), args);
    }
}

BOOST_AUTO_TEST_CASE(what_can_be_read_in_one_way_only_acts) {
    for (std::string args :
         {R"({to: "bob", n: 1})", R"({'to': 'bob', 'n': 1,})", "{\u201cto\u201d: \u201cbob\u201d, \"n\": 1}",
          "{`to`: `bob`, n: +1}", R"({"to": """bob""", "n": 1.0})", "```\n{\"to\": \"bob\", \"n\": 1}\n```\n",
          "{\"to\": \"bob\", # ---\n \"n\": 1 /* */}", R"("{'to': 'bob', 'n': 1}")"}) {
        std::string to;
        tools t;
        t.add("send", "Sends.", [&](std::string whom, int n) { return to = whom + std::to_string(n); }, {"to", "n"},
              {.quick = true});
        ask(t, {calls({{"send", args}}), submitted});
        BOOST_TEST(to == "bob1", args);
    }
    const auto finish =
        chat_completion({{"next_thought", "t"}, {"next_tool_name", "finish"}, {"next_tool_args", "{}"}});
    const auto extracted = chat_completion({{"reasoning", "r"}, {"answer", "42"}});
    for (std::string args : {R"({to: "bob", n: 1})", R"({'to': 'bob', 'n': 1,})", R"({"to": """bob""", "n": 1.0, })",
                             R"({"""to""": "bob", 'n': 1})", R"({"to": '''bob''', "n": 1})", "{`to`: `bob`, n: +1}"}) {
        std::string to;
        tools t;
        t.add("send", "Sends.", [&](std::string whom, int n) { return to = whom + std::to_string(n); }, {"to", "n"},
              {.quick = true});
        auto step = chat_completion({{"next_thought", "t"}, {"next_tool_name", "send"}, {"next_tool_args", args}});
        ask(t, {answer(step), answer(finish), answer(extracted)}, {}, react_mode::prompted);
        BOOST_TEST(to == "bob1", args);
        run_options json;
        json.adapter = adapter::json;
        to.clear();
        step = R"({"next_thought": "t", "next_tool_name": "send", "next_tool_args": )" + args + "}";
        auto last = R"({"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}})";
        ask(t, {answer(step), answer(last), answer(R"({"reasoning": "r", "answer": "42"})")}, json,
            react_mode::prompted);
        BOOST_TEST(to == "bob1", args);
    }
    tools t;
    std::string got;
    t.add("opt", "",
          [&](std::optional<bool> a, std::vector<int> b) {
              return got = (a ? "some" : "none") + std::to_string(b.size());
          },
          {"a", "b"}, {.quick = true});
    ask(t, {calls({{"opt", R"({"a": None, 'b': (1, 2)})"}}), calls({{"opt", R"({"a": True, "b": [1, 2, 3,],})"}}),
            submitted});
    BOOST_TEST(got == "some3");
}

BOOST_AUTO_TEST_CASE(what_is_no_text_is_not_submitted_as_one) {
    for (const char* wrong : {R"({"answer": null})", R"({"answer": {"x": 1}})", R"({"answer": [1]})"}) {
        auto o = ask(plans{}.all(), {calls({{"submit", wrong}}), submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        BOOST_TEST(answer_of(o) == "42");
        BOOST_TEST(holds(python_str(o.value->trajectory()[0].observation), "expected text"), wrong);
    }
}

BOOST_AUTO_TEST_CASE(a_response_of_no_shape_is_not_called_a_bad_call) {
    auto model = std::make_shared<scripted_model>(std::vector<lm_response>{submitted});
    model->failures[0] =
        std::make_exception_ptr(lm_error{lm_errc::malformed_response, "the provider's response has no `choices`: {}"});
    run_options o{language_model{model}};
    std::string notes;
    o.on_event = [&](const run_event& e) {
        if (e.kind == run_event::note) notes += std::string{e.error} + "\n";
    };
    runtime rt;
    agent a{plans{}.all(), {.mode = react_mode::native}};
    auto p = rt.run(o, a, "question"_f = "?");
    BOOST_TEST(p.get<"answer">() == "42");
    BOOST_TEST(holds(notes, "has no `choices`: {}"), notes);
    BOOST_TEST(!holds(notes, "as a call of a tool"), notes);
    BOOST_TEST(!holds(said(model->requests().back()), "choices"));
}

BOOST_AUTO_TEST_CASE(a_call_that_the_server_could_not_read_is_asked_for_again_and_nothing_else) {
    struct {
        lm_errc code;
        const char* words;
        bool again;
    } const failures[]{{lm_errc::invalid_request, "400: tool_use_failed", true},
                       {lm_errc::server_error, "500: the output does not match the expected format", true},
                       {lm_errc::server_error, "400: Failed to call a function.", true},
                       {lm_errc::malformed_response, "a tool call without a name", true},
                       {lm_errc::invalid_request, "400: temperature must be at most 2", false},
                       {lm_errc::server_error, "500: out of memory", false},
                       {lm_errc::authentication, "401: tool_use_failed", false},
                       {lm_errc::content_filter, "tool_use_failed", false}};
    for (const auto& f : failures) {
        auto model = std::make_shared<scripted_model>(std::vector<lm_response>{submitted, submitted});
        model->failures[0] = std::make_exception_ptr(lm_error{f.code, f.words});
        runtime rt;
        agent a{plans{}.all(), {.mode = react_mode::native}};
        bool answered = true;
        try {
            rt.run(run_options{language_model{model}}, a, "question"_f = "?");
        } catch (const error&) {
            answered = false;
        }
        BOOST_TEST(answered == f.again, f.words);
        BOOST_TEST(model->requests().size() == (f.again ? 2u : 1u), f.words);
    }
}

BOOST_AUTO_TEST_CASE(an_agent_that_never_submits_what_fits_says_why) {
    std::vector<lm_response> replies(40, calls({{"submit", R"({"answer": null})"}}));
    auto o = ask(plans{}.all(), replies);
    BOOST_TEST(!o.value);
    BOOST_TEST(holds(o.error, "expected text, got null"), o.error);
}

BOOST_AUTO_TEST_CASE(a_text_without_a_call_is_asked_about_once) {
    plans p;
    auto o = ask(p.all(), {answer("I am done."), submitted});
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(answer_of(o) == "42");
    BOOST_TEST(holds(o.requests[1].messages.back().content, "no call of a tool"));
    // The signature has one output, and that is text.
    o = ask(p.all(), {answer("Let me see."), answer("It is 42.")});
    BOOST_REQUIRE_MESSAGE(o.value, o.error);
    BOOST_TEST(answer_of(o) == "It is 42.");
    auto model = std::make_shared<scripted_model>(std::vector<lm_response>{answer("It is 42."), answer("It is 42.")});
    using typed = react<sig<"question -> n: int, m: int">>;
    runtime rt;
    BOOST_CHECK_EXCEPTION(
        rt.run(run_options{language_model{model}}, typed{p.all(), {.mode = react_mode::native}}, "question"_f = "?"),
        parse_error, [](const parse_error& e) { return holds(e.what(), "text without a call, twice"); });
}

BOOST_AUTO_TEST_CASE(names_with_a_servers_ornaments_are_known) {
    for (const char* name : {" plan ", "functions.plan", "plan<|channel|>commentary", "plan()"}) {
        plans p;
        ask(p.all(), {calls({{name, R"({"items": ["a"]})"}}), submitted});
        BOOST_TEST(p.made.size() == 1u, name);
    }
}

BOOST_AUTO_TEST_CASE(calls_with_one_id_get_their_own) {
    plans p;
    auto both = calls({{"plan", R"({"items": ["a"]})"}, {"plan", R"({"items": ["b"]})"}});
    for (const char* id : {"", "same"}) {
        for (auto& c : both.tool_calls) c.id = id;
        auto o = ask(p.all(), {both, submitted});
        BOOST_REQUIRE_MESSAGE(o.value, o.error);
        const auto& m = o.requests[1].messages;
        BOOST_TEST((!m[2].tool_calls[0].id.empty() && m[2].tool_calls[0].id != m[2].tool_calls[1].id));
        BOOST_TEST(m[4].tool_call_id == m[2].tool_calls[1].id);
    }
}

// Before there was `submit`, native agents ended with `finish` and a text, and their outputs were extracted: their
// journals still replay.
BOOST_AUTO_TEST_CASE(a_native_journal_of_an_older_version_replays) {
    auto file = read_journal_file(std::string{REAGENT_TEST_DATA} + "/agents/native-before-submit.jsonl");
    int added = 0;
    tools t;
    t.add("add", "Adds two numbers.", [&](double a, double b) { return ++added, a + b; }, {"a", "b"});
    agent a{t, {.mode = react_mode::native}};
    runtime rt;
    run_options o;
    o.replay = load_journal(file.records).history;
    auto p = rt.run(o, a, "question"_f = "What is 3 + 4?");
    BOOST_TEST(p.get<"answer">() == "7");
    BOOST_TEST(p.trajectory().back().tool == "finish");
    BOOST_TEST(added == 0);
}

BOOST_AUTO_TEST_SUITE_END()
