// Calls that a model writes as text, in any spelling: each is the call where that is clear, and never an answer.
// docs/models.md has the rows.
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

lm_response answer(std::string text) {
    lm_response r;
    r.text = std::move(text);
    r.usage = {.calls = 1, .prompt_tokens = 1, .completion_tokens = 1};
    return r;
}
lm_response called(std::string name, std::string args) {
    lm_response r = answer({});
    r.finish = finish_reason::tool_calls;
    r.tool_calls = {{"c", std::move(name), std::move(args)}};
    return r;
}
const lm_response submitted = called("submit", R"({"answer": "42"})");

using agent = react<sig<"question -> answer">>;

struct outcome {
    std::string value, error, acted;
    std::size_t requests = 0;
};
outcome ask(std::vector<lm_response> replies, react_mode mode = react_mode::native) {
    outcome out;
    tools t;
    t.add("add", "Adds.",
          [&](std::int64_t a, std::int64_t b) {
              return out.acted += std::to_string(a) + "+" + std::to_string(b) + ";", a + b;
          },
          {"a", "b"}, {.quick = true});
    t.add("note", "Notes.", [&](std::string text) { return out.acted += "note " + text + ";", 1; }, {"text"},
          {.quick = true});
    t.add("tag", "Tags.",
          [&](std::optional<std::string> text) { return out.acted += "tag " + text.value_or("-") + ";", 1; }, {"text"},
          {.quick = true});
    t.add("mark", "Marks.",
          [&](bool on, double at, std::vector<int> of) {
              return out.acted += std::to_string(on) + " " + std::to_string(at) + " " + std::to_string(of.size()) + ";",
                     1;
          },
          {"on", "at", "of"}, {.quick = true});
    auto model = std::make_shared<scripted_model>(std::move(replies));
    run_options o{language_model{model}};
    o.max_retries = 1;
    agent a{t, {.mode = mode}};
    try {
        runtime rt;
        auto p = rt.run(o, a, "question"_f = "?");
        out.value = p.get<"answer">();
    } catch (const std::exception& e) {
        out.error = e.what();
    }
    out.requests = model->requests().size();
    return out;
}
bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(call_markup)

BOOST_AUTO_TEST_CASE(calls_in_further_spellings_are_calls) {
    for (std::string text :
         {"[add(a=1, b=2)]", "[ add(b = 2, a = 1) ]", "<|python_start|>[add(a=1, b=2)]<|python_end|>",
          "functions.add:0{\"a\":1,\"b\":2}", "functions.add:0 {\"a\": 1, \"b\": 2}",
          "✿FUNCTION✿: add\n✿ARGS✿: {\"a\":1,\"b\":2}", "✿FUNCTION✿: add\n✿ARGS✿: {\"a\":1,\"b\":2}\n✿RESULT✿:",
          "Action: ```json\n[{\"tool_name\":\"add\",\"parameters\":{\"a\":1,\"b\":2}}]\n```",
          R"({"recipient_name":"functions.add","parameters":{"a":1,"b":2}})",
          R"({"tool_uses":[{"recipient_name":"functions.add","parameters":{"a":1,"b":2}}]})",
          R"({"tool_calls":[{"type":"function","function":{"name":"add","arguments":"{\"a\":1,\"b\":2}"}}]})",
          R"({"action":"add","action_input":{"a":1,"b":2}})",
          "```json\n{\"action\": \"add\", \"action_input\": {\"a\": 1, \"b\": 2}}\n```",
          R"({"tool":"add","args":{"a":1,"b":2}})", R"({"tool_name":"add","tool_input":{"a":1,"b":2}})",
          R"({"function":"add","arguments":{"a":1,"b":2}})", R"({"name":"functions.add:0","arguments":{"a":1,"b":2}})",
          "Action: add\nAction Input: {\"a\":1,\"b\":2}",
          "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n<parameter=b>\n2\n</parameter>\n</function>\n</"
          "tool_call>"}) {
        auto o = ask({answer(text), submitted});
        BOOST_TEST(o.acted == "1+2;", text << o.error);
        BOOST_TEST(o.value == "42", text);
        BOOST_TEST(o.requests == 2u, text);
    }
    auto two = ask({answer("[add(a=1, b=2), note(text='x, y)')]"), submitted});
    BOOST_TEST((two.acted == "1+2;note x, y);" || two.acted == "note x, y);1+2;"), two.acted);
}

BOOST_AUTO_TEST_CASE(written_parameters_are_read_by_the_tools_schema) {
    auto function = [](const std::string& name, const std::vector<std::pair<std::string, std::string>>& values) {
        std::string text = "<tool_call>\n<function=" + name + ">\n";
        for (const auto& [key, v] : values) text += "<parameter=" + key + ">\n" + v + "\n</parameter>\n";
        return text + "</function>\n</tool_call>";
    };
    BOOST_TEST(ask({answer(function("add", {{"a", "12"}, {"b", "-3"}})), submitted}).acted == "12+-3;");
    BOOST_TEST(ask({answer(function("note", {{"text", "12"}})), submitted}).acted == "note 12;");
    BOOST_TEST(ask({answer(function("note", {{"text", "{\"a\": 1}"}})), submitted}).acted == "note {\"a\": 1};");
    BOOST_TEST(ask({answer(function("mark", {{"on", "True"}, {"at", "0.5"}, {"of", "[1, 2]"}})), submitted}).acted ==
               "1 0.500000 2;");
    BOOST_TEST(ask({answer(function("tag", {{"text", "12"}})), submitted}).acted == "tag 12;");
    auto wrong = ask({answer(function("add", {{"a", "one"}, {"b", "2"}})), submitted});
    BOOST_TEST(wrong.acted == "");
    BOOST_TEST(wrong.value == "42");
}

BOOST_AUTO_TEST_CASE(the_markup_of_a_call_that_names_a_tool_is_never_an_answer) {
    for (std::string text :
         {"<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name=\"add\">",
          "<<function>>add(a=1,b=2)",
          "Thought: I add.\nAction: add\nAction Input: {\"a\":1,\"b\":2}",
          "I will add.\n**Action:** add\n**Action Input:** {\"a\":1,\"b\":2}",
          "Action: add[1, 2]",
          "Tool: add\nInput: {\"a\":1,\"b\":2}",
          "add(a=1, b=2)",
          "10. add(1, 2)",
          "I will call it:\n\nadd(1, 2)",
          "`add(a=1, b=2)`",
          "print(default_api.add(a=1, b=2))",
          "[add(1, 2)]",
          "[add(a=x, b=2)]",
          "add{\"a\":1,\"b\":2}",
          "add\n{\"a\":1,\"b\":2}",
          "functions.add {\"a\":1",
          "<tool>add</tool><args>{\"a\":1}</args>",
          "<use_tool><name>add</name></use_tool>",
          "<add><a>1</a><b>2</b></add>",
          "[Tool: add] {\"a\":1,\"b\":2}",
          "<|call|>add<|args|>{\"a\":1}",
          "{\"tool\":\"add\",\"args\":{\"a\":1,\"b\":2},\"why\":\"x\"}",
          "{\"thought\":\"t\",\"tool\":\"add\",\"tool_input\":{\"a\":1,\"b\":2}}",
          "{\"add\":{\"a\":1,\"b\":2}}",
          "I will call {\"tool\": \"add\", \"args\": {\"a\": 1, \"b\": 2}} now.",
          "✿FUNCTION✿: other\n✿ARGS✿: {}",
          "✿FUNCTION✿: add\n✿ARGS✿: {\"a\":1,"}) {
        auto o = ask({answer(text), answer(text), answer(text)});
        BOOST_TEST(o.value == "", text);
        BOOST_TEST(o.acted == "", text);
        BOOST_TEST(holds(o.error, "markup of a call"), text << " gave " << o.error);
        BOOST_TEST(ask({answer(text), submitted}).value == "42", text);
    }
}

BOOST_AUTO_TEST_CASE(a_call_in_flat_json_or_of_another_agent_is_never_an_answer) {
    for (std::string text :
         {R"({"tool": "add", "a": 1, "b": 2})", R"({"action": "add", "a": 1})", R"({"name": "add", "b": 2})",
          R"([{"tool": "add", "a": 1}])", R"({"calls": [{"tool": "add", "a": 1}]})",
          R"({"tool": "submit", "answer": "5"})", R"({"submit": "5"})", R"({"add": [1, 2]})",
          R"({"next_thought": "t", "next_tool_name": "add", "next_tool_args": {"a": 1}})",
          "[[ ## next_thought ## ]]\nt\n\n[[ ## next_tool_name ## ]]\nadd", "```add\n{\"a\": 1}\n```",
          "Action: Add[1, 2]", "Action 1: add[1, 2]", "**Tool:** add", "{{add(1, 2)}}"}) {
        auto o = ask({answer(text), answer(text), answer(text)});
        BOOST_TEST(o.value == "", text);
        BOOST_TEST(o.acted == "", text);
        BOOST_TEST(holds(o.error, "markup of a call"), text << " gave " << o.error);
        BOOST_TEST(ask({answer(text), submitted}).value == "42", text);
    }
}

BOOST_AUTO_TEST_CASE(outputs_that_are_torn_doubled_or_have_company_are_no_text_of_an_answer) {
    for (std::string text :
         {R"({"answer":"5")", R"({"answer":"5"} {"answer":"6"})", R"({"answer":"5","confidence":0.9})",
          R"({"Answer":"5"})", R"({"answer": null, "tool": "other", "query": "y"})", R"({"answer": null})",
          "<answer>5</answer>", "Thought: I know\nFinal Answer: 5", R"({answer: 5, n: 1})"}) {
        auto o = ask({answer(text), answer(text), answer(text)});
        BOOST_TEST(o.value == "", text);
        BOOST_TEST(holds(o.error, "outputs that do not fit"), text << " gave " << o.error);
        BOOST_TEST(ask({answer(text), submitted}).value == "42", text);
    }
    for (std::string text :
         {"The key \"answer\": is in it.", "<p>5</p>", R"({"result": {"answer5": 1}})", "Thought: it is 5."})
        BOOST_TEST(ask({answer(text), answer(text)}).value == text);
}

BOOST_AUTO_TEST_CASE(as_many_calls_are_written_as_may_be_made_at_once) {
    auto calls = [](int n) {
        std::string text;
        for (int i = 0; i < n; ++i)
            text += "functions.add:" + std::to_string(i) + "{\"a\":1,\"b\":" + std::to_string(i) + "}\n";
        return text;
    };
    BOOST_TEST(holds(ask({answer(calls(64)), submitted}).acted, "1+63;"));
    BOOST_TEST(ask({answer(calls(65)), submitted}).acted == "");
}

BOOST_AUTO_TEST_CASE(a_text_that_talks_about_a_tool_is_an_answer) {
    for (std::string text :
         {"I used add to find that it is 3.", "The tool `add` adds two numbers; add(1, 2) is 3.",
          "You can call add with a and b. The functions.add namespace holds it.",
          "Actions to take: add salt, note the time, mark the page.", "Action: I recommend that you add salt.",
          "{\"result\": \"add\", \"n\": 1}", "#include <functional>\nint add = 3;", "std::function<int(int)> add;",
          "See [the tools](http://x/tools) to add more.", "a < b and the function grows; add > 2",
          "| tool | use |\n|---|---|\n| add | adds |", "<p>add the numbers</p>"}) {
        auto o = ask({answer(text), answer(text)});
        BOOST_TEST(o.value == text, o.error);
    }
}

BOOST_AUTO_TEST_CASE(a_long_text_that_names_a_tool_again_and_again_is_looked_through_once) {
    for (std::string name : {"add:", "\"add\"", "functions.add:0"}) {
        std::string text;  // minutes, were each place looked at with all that stands before it
        while (text.size() < 2'000'000) text += name;
        BOOST_TEST((ask({answer(text), answer(text)}).value == text), name);
        text += R"( {"name": "add", "arguments": {"a": 1, "b": 2}})";
        auto o = ask({answer(text), submitted});
        BOOST_TEST(o.value.substr(0, 99) == "42", name << o.error);
        BOOST_TEST(o.acted == "", name);
    }
}

BOOST_AUTO_TEST_CASE(a_call_is_not_submitted_as_an_answer) {
    for (std::string text : {"<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2}}</tool_call>",
                             "{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2}}", "[add(a=1, b=2)]",
                             "✿FUNCTION✿: add\n✿ARGS✿: {\"a\":1,\"b\":2}"}) {
        auto o = ask({called("submit", json::serialize(json::object{{"answer", text}})), submitted});
        BOOST_TEST(o.value == "42", text << o.error);
        BOOST_TEST(o.acted == "");
    }
    const std::string prose = "Qwen writes <tool_call> around its calls.";
    BOOST_TEST(ask({called("submit", json::serialize(json::object{{"answer", prose}}))}).value == prose);
}

BOOST_AUTO_TEST_CASE(names_with_a_name_space_and_a_number_are_known) {
    for (const char* name : {"functions.add", "functions.add:0", "add:3", "tools.add", " functions.add:12 "}) {
        BOOST_TEST(ask({called(name, R"({"a": 1, "b": 2})"), submitted}).acted == "1+2;", name);
        auto step = [](const std::string& tool, const std::string& args) {
            return answer(chat_completion({{"next_thought", "t"}, {"next_tool_name", tool}, {"next_tool_args", args}}));
        };
        auto o = ask({step(name, R"({"a": 1, "b": 2})"), step("functions.finish:1", "{}"),
                      answer(chat_completion({{"reasoning", "r"}, {"answer", "3"}}))},
                     react_mode::prompted);
        BOOST_TEST(o.acted == "1+2;", name << o.error);
        BOOST_TEST(o.value == "3", o.error);
    }
    for (const char* name : {"functions.other", "add:x", "add:", "functions."})
        BOOST_TEST(ask({called(name, R"({"a": 1, "b": 2})"), submitted}).acted == "", name);
}

BOOST_AUTO_TEST_CASE(blanks_that_do_not_break_are_blanks_between_members) {
    BOOST_TEST(ask({called("add", "{\u00a0\"a\":\u00a01,\u00a0\"b\": 2}"), submitted}).acted == "1+2;");
    BOOST_TEST(ask({called("note", "{\u00a0\"text\":\u00a0\"a\u00a0b\"\u00a0}"), submitted}).acted == "note a\u00a0b;");
}

BOOST_AUTO_TEST_CASE(outputs_in_json_are_submitted) {
    for (std::string text : {"{\"answer\": \"42\"}", "```json\n{\"answer\": \"42\"}\n```"}) {
        auto o = ask({answer(text)});
        BOOST_TEST(o.value == "42", o.error);
        BOOST_TEST(o.requests == 1u);
    }
    for (std::string text : {"{\"answer\": \"42\", \"note\": 1}", "So: {\"answer\": \"41\"}", "{\"answer\": [1]}"})
        BOOST_TEST(ask({answer(text), submitted}).requests == 2u, text);
}

BOOST_AUTO_TEST_CASE(of_two_things_that_are_submitted_neither_is_completed) {
    lm_response both = called("submit", R"({"answer": "1"})");
    both.tool_calls.push_back({"d", "submit", R"({"answer": "2"})"});
    auto model = std::make_shared<scripted_model>(std::vector<lm_response>{both, submitted});
    runtime rt;
    auto p =
        rt.run(run_options{language_model{model}}, agent{tools{}, {.mode = react_mode::native}}, "question"_f = "?");
    BOOST_TEST(p.get<"answer">() == "42");
    const auto asked = model->requests();
    for (const auto& m : asked.back().messages)
        if (m.role == role::tool)
            BOOST_TEST((holds(m.content, "two things") && !holds(m.content, "Completed")), m.content);
}

BOOST_AUTO_TEST_SUITE_END()
