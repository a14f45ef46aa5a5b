// Arguments must be written to be meant, and what stands beside them is never left out in silence: then nothing acts.
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

// A tool whose arguments may all be left out, and one that has none.
struct files {
    std::vector<std::string> wiped;
    int listed = 0;
    tools all() {
        tools t;
        t.add("wipe", "Deletes files; all where `only` is left out.",
              [this](std::optional<std::string> only) { return wiped.push_back(only.value_or("ALL")), "wiped"; },
              {"only"}, {.quick = true});
        t.add("list", "Lists files.", [this] { return ++listed; }, {}, {.quick = true});
        return t;
    }
};

lm_response answer(std::string text) {
    lm_response r;
    r.text = std::move(text);
    r.finish = finish_reason::stop;
    r.usage = {.calls = 1, .prompt_tokens = 1, .completion_tokens = 1};
    return r;
}
lm_response call(const char* name, const std::string& args) {
    auto r = answer({});
    r.finish = finish_reason::tool_calls;
    r.tool_calls.push_back({"id", name, args});
    return r;
}

using agent = react<sig<"question -> answer">>;

struct outcome {
    std::vector<react_step> steps{};
    std::string answer{}, error{};
};
outcome ask(files& f, std::vector<lm_response> replies, react_mode mode, adapter by = adapter::chat,
            std::size_t retries = 3) {
    auto model = std::make_shared<scripted_model>(std::move(replies));
    run_options o{language_model{model}};
    o.adapter = by;
    o.max_retries = retries;
    outcome out;
    try {
        runtime rt;
        auto p = rt.run(o, agent{f.all(), {.mode = mode}}, "question"_f = "?");
        out.steps = p.trajectory();
        out.answer = p.get<"answer">();
    } catch (const std::exception& e) {
        out.error = e.what();
    }
    return out;
}

// Answers by what it is asked.
class answering final : public lm_backend {
public:
    explicit answering(std::function<lm_response(const std::string&)> f) : f_{std::move(f)} {}
    std::string name() const override { return "test/answering"; }
    task<lm_response> complete(lm_context, const lm_request& q) const override {
        std::string all;
        for (const auto& m : q.messages) all += m.content + "\n";
        co_return f_(all);
    }

private:
    std::function<lm_response(const std::string&)> f_;
};

// A prompted step, asked for twice where it cannot be read; then the end.
outcome step(files& f, const std::string& text, adapter by) {
    const char* finish = by == adapter::json
                             ? R"({"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}})"
                         : by == adapter::xml ? "<next_thought>t</next_thought><next_tool_name>finish</next_tool_name>"
                                              : "[[ ## next_thought ## ]]\nt\n[[ ## next_tool_name ## ]]\nfinish";
    const char* last = by == adapter::json  ? R"({"reasoning": "r", "answer": "42"})"
                       : by == adapter::xml ? "<reasoning>r</reasoning><answer>42</answer>"
                                            : "[[ ## reasoning ## ]]\nr\n[[ ## answer ## ]]\n42";
    auto model = std::make_shared<answering>([text, finish, last](const std::string& asked) {
        const auto shown = [&](const char* name) {
            return asked.find("## " + std::string{name} + " ##") != asked.npos ||
                   asked.find("<" + std::string{name} + ">") != asked.npos;
        };
        return answer(shown("observation_1") ? last : shown("observation_0") ? finish : text.c_str());
    });
    run_options o{language_model{model}};
    o.adapter = by;
    o.json_fallback = false;
    outcome out;
    try {
        runtime rt;
        auto p = rt.run(o, agent{f.all()}, "question"_f = "?");
        out.steps = p.trajectory();
    } catch (const std::exception& e) {
        out.error = e.what();
    }
    return out;
}

struct one_step {
    adapter by;
    const char* text;
};
std::ostream& operator<<(std::ostream& out, const one_step& s) { return out << s.text; }

constexpr auto chat = adapter::chat;
constexpr auto in_json = adapter::json;
constexpr auto xml = adapter::xml;
#define WIPE "[[ ## next_thought ## ]]\nOnly the cache.\n[[ ## next_tool_name ## ]]\nwipe\n"
#define WIPE_XML "<next_thought>x</next_thought><next_tool_name>wipe</next_tool_name>"

#define TWO_STEPS(between, second)                                                                \
    WIPE "[[ ## next_tool_args ## ]]\n{\"only\":\"draft\"}\n[[ ## completed ## ]]\n" between WIPE \
         "[[ ## next_tool_args ## ]]\n{\"only\":\"" second "\"}\n[[ ## completed ## ]]"

const one_step refused[]{
    // More than one step in an answer.
    {chat, TWO_STEPS("", "x")},
    {chat, TWO_STEPS("Wait, better:\n", "x")},
    {chat, TWO_STEPS("Final:\n\n", "x")},
    {chat, TWO_STEPS("<b>No.</b>\n", "x")},
    {chat, WIPE "[[ ## next_tool_args ## ]]\n{\"only\":\"draft\"}\n[[ ## completed ## ]]\nWait.\n[[ ## next_thought ## "
                "]]\nx\n[[ ## next_tool_name ## ]]\nlist\n[[ ## next_tool_args ## ]]\n{}\n[[ ## completed ## ]]"},
    {xml, WIPE_XML "<next_tool_args><only>draft</only></next_tool_args>" WIPE_XML
                   "<next_tool_args><only>x</only></next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args><only>draft</only></next_tool_args><note>no</note>" WIPE_XML
                   "<next_tool_args><only>x</only></next_tool_args>"},
    {chat, WIPE "[[ ## next_tool_arguments ## ]]\n{\"only\":\"cache\"}\n[[ ## completed ## ]]"},
    {chat, WIPE "[[ ## next_tool_args: ## ]]\n{\"only\":\"cache\"}\n[[ ## completed ## ]]"},
    {chat, WIPE "[[ ## Next_Tool_Args ## ]]\n{\"only\":\"cache\"}\n[[ ## completed ## ]]"},
    {chat, WIPE "[[ ## tool_args ## ]]\n{\"only\":\"cache\"}\n[[ ## completed ## ]]"},
    {chat, WIPE "[[ ## next_tool_args_0 ## ]]\n{\"only\":\"cache\"}\n[[ ## completed ## ]]"},
    {chat, WIPE "[[ ## completed ## ]]\n[[ ## next_tool_argument ## ]]\n{\"only\":\"cache\"}"},
    {chat, WIPE},
    {chat, WIPE "[[ ## next_tool_args"},
    {chat, WIPE "[[ ## next_tool_args ## ]]\n"},
    {chat, WIPE "[[ ## next_tool_args ## ]]\n\"\"\n[[ ## completed ## ]]"},
    {chat, WIPE "> [[ ## next_tool_args ## ]]\n{\"only\":\"cache\"}"},
    {chat, WIPE "[[ ## next_tool_args ## ]]\n{}\n[[ ## tool_args_0 ## ]]\n{\"only\":\"cache\"}"},
    {chat, "[[ ## next_tool_name ## ]]\nwipe"},
    {in_json, R"({"next_thought":"x","next_tool_name":"wipe","next_tool_arguments":{"only":"cache"}})"},
    {in_json, R"({"next_thought":"x","next_tool_name":"wipe","tool_args":{"only":"cache"}})"},
    {in_json, R"({"next_thought":"x","next_tool_name":"wipe"})"},
    {in_json, R"({"next_thought":"x","next_tool_name":"wipe")"},
    {in_json, R"({"next_thought":"x","next_tool_name":"wipe","next_tool_args":""})"},
    {xml, WIPE_XML "<next_tool_arguments>{\"only\":\"cache\"}</next_tool_arguments>"},
    {xml, WIPE_XML "<tool_args><only>x</only></tool_args>"},
    {xml, "<next_tool_name>wipe</next_tool_name>"},
    {xml, WIPE_XML "<next_tool_args></next_tool_args>"},
    // Arguments beside the arguments.
    {chat, "[[ ## tool_args ## ]]\n{\"only\":\"x\"}\n" WIPE "[[ ## next_tool_args ## ]]\n{}\n[[ ## completed ## ]]"},
    {in_json, R"({"next_thought":"x","next_tool_name":"wipe","next_tool_args":{},"tool_args":{"only":"x"}})"},
    {xml, WIPE_XML "<next_tool_args>{}</next_tool_args><params><only>x</only></params>"},
    {in_json, R"({"next_thought":"x","next_tool_name":"wipe","next_tool_args":{},"only":"cache"})"},
    {xml, WIPE_XML "<next_tool_args>{}</next_tool_args><only>x</only>"},
    {xml, WIPE_XML "<next_tool_args><only type=\"example\">x</only></next_tool_args>"},
    // What else stands beside them.
    {xml, WIPE_XML "<next_tool_args><!-- <only>x</only> --></next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args><only>x</only> -- no, all of them</next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args>not: <only>x</only></next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args><only not=\"true\">x</only></next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args dry_run=\"true\"><only>x</only></next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args><only>x<!-- y --></only></next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args><only>x<?not so?></only></next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args>{\"only\":\"x\"}<!-- dry run --></next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args><only>x</only></next_tool_args><!-- dry run -->"},
    {xml, WIPE_XML "<next_tool_args><only>x</only></next_tool_args> no, all of them"},
    {xml,
     "<next_thought>x</next_thought><next_tool_name "
     "if=\"approved\">wipe</next_tool_name><next_tool_args><only>x</only></next_tool_args>"},
    {xml, "<next_tool_name>wipe</next_tool_name> or not <next_tool_args><only>x</only></next_tool_args>"},
};

const one_step taken[]{
    {chat, WIPE "[[ ## next_tool_args ## ]]\n{\"only\":\"x\"}\n[[ ## completed ## ]]\nAgain:\n" WIPE
                "[[ ## next_tool_args ## ]]\n{\"only\":\"x\"}\n[[ ## completed ## ]]"},
    {xml, WIPE_XML "<next_tool_args><only>x</only></next_tool_args>" WIPE_XML
                   "<next_tool_args><only>x</only></next_tool_args>"},
    {chat, WIPE "[[ ## next_tool_args ## ]]\n{\"only\":\"x\"}\n[[ ## completed ## ]]"},
    {in_json, R"({"next_thought":"x","next_tool_name":"wipe","next_tool_args":{"only":"x"}})"},
    {xml, WIPE_XML "<next_tool_args><only>x</only></next_tool_args>"},
    {xml, "```xml\n" WIPE_XML "\n<next_tool_args>\n <only>x</only>\n</next_tool_args>\n```"},
    {xml, "I wipe. " WIPE_XML "<next_tool_args>{\"only\": \"x\"}</next_tool_args>"},
    {in_json, R"({"next_thought":"x","next_tool_name":"wipe","next_tool_args":{"only":"x"},"observation":null})"},
    {xml, WIPE_XML "<next_tool_args><only type=\"string\">x</only></next_tool_args>"},
    {xml, WIPE_XML "<next_tool_args><entry key=\"only\">x</entry></next_tool_args>"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(left_out_of_steps)

BOOST_DATA_TEST_CASE(arguments_must_be_written_to_be_meant, refused, c) {
    files f;
    auto o = step(f, c.text, c.by);
    BOOST_REQUIRE_MESSAGE(o.error.empty(), o.error);
    BOOST_TEST(f.wiped.empty());
    BOOST_REQUIRE(o.steps.size() == 2u);
    BOOST_TEST(o.steps[0].failed);
    const std::string told = python_str(o.steps[0].observation);
    BOOST_TEST(told.find("next_tool_args") != told.npos, told);
}

BOOST_DATA_TEST_CASE(arguments_that_are_written_act, taken, c) {
    files f;
    auto o = step(f, c.text, c.by);
    BOOST_REQUIRE_MESSAGE(o.error.empty(), o.error);
    BOOST_TEST((f.wiped == std::vector<std::string>{"x"}), python_str(o.steps[0].observation));
}

BOOST_AUTO_TEST_CASE(no_arguments_are_written_as_an_empty_object) {
    files f;
    step(f, WIPE "[[ ## next_tool_args ## ]]\n{}\n[[ ## completed ## ]]", chat);
    step(f, R"({"next_thought":"x","next_tool_name":"wipe","next_tool_args":null})", in_json);
    step(f, WIPE_XML "<next_tool_args>{}</next_tool_args>", xml);
    BOOST_TEST((f.wiped == std::vector<std::string>{"ALL", "ALL", "ALL"}));
    // A tool that has none needs none.
    step(f, "[[ ## next_thought ## ]]\nx\n[[ ## next_tool_name ## ]]\nlist", chat);
    step(f, R"({"next_thought":"x","next_tool_name":"list"})", in_json);
    step(f, "<next_tool_name>list</next_tool_name><next_tool_args></next_tool_args>", xml);
    BOOST_TEST(f.listed == 3);
}

// What is submitted rests on what the model has seen.
BOOST_AUTO_TEST_CASE(what_is_submitted_beside_a_call_ends_nothing) {
    struct {
        std::vector<std::pair<const char*, const char*>> calls;
        const char* why;
        std::size_t wiped;
    } const answers[]{
        {{{"wipe", R"({"onli":"x"})"}, {"submit", R"({"answer":"wiped x"})"}}, "failed", 0},
        {{{"wipe", R"({"only":"x)"}, {"submit", R"({"answer":"wiped x"})"}}, "failed", 0},
        {{{"wype", "{}"}, {"submit", R"({"answer":"wiped x"})"}}, "failed", 0},
        {{{"submit", R"({"answer":"wiped x"})"}, {"wipe", R"({"onli":"x"})"}}, "failed", 0},
        {{{"wipe", R"({"only":"x"})"}, {"submit", R"({"answer":"wiped x"})"}}, "not seen", 1},
        {{{"list", "{}"}, {"wipe", "{\"o\":1}"}, {"submit", R"({"answer":"wiped x"})"}}, "`wipe`", 0},
    };
    for (const auto& a : answers) {
        files f;
        auto first = call(a.calls[0].first, a.calls[0].second);
        for (std::size_t k = 1; k < a.calls.size(); ++k)
            first.tool_calls.push_back({"id" + std::to_string(k), a.calls[k].first, a.calls[k].second});
        auto o = ask(f, {first, call("submit", R"({"answer":"it failed"})")}, react_mode::native);
        BOOST_REQUIRE_MESSAGE(o.error.empty(), o.error);
        BOOST_TEST(o.answer == "it failed");
        BOOST_TEST(f.wiped.size() == a.wiped);
        std::string told;
        for (const auto& s : o.steps)
            if (s.tool == "submit" && s.failed) told += python_str(s.observation);
        BOOST_TEST((told.find("not accepted") != told.npos && told.find(a.why) != told.npos), told);
    }
}

BOOST_AUTO_TEST_CASE(finish_in_other_letters_ends_the_work) {
    for (const char* name : {"Finish", "FINISH", "finish.", "`Finish`"}) {
        files f;
        const std::string text = std::string{"[[ ## next_thought ## ]]\nx\n[[ ## next_tool_name ## ]]\n"} + name +
                                 "\n[[ ## next_tool_args ## ]]\n{}\n[[ ## completed ## ]]";
        auto o =
            ask(f, {answer(text), answer("[[ ## reasoning ## ]]\nr\n[[ ## answer ## ]]\n42")}, react_mode::prompted);
        BOOST_TEST(o.error.empty(), o.error);
        BOOST_REQUIRE(o.steps.size() == 1u);
        BOOST_TEST(o.steps[0].tool == "finish");
    }
    files f;
    auto o =
        step(f, "[[ ## next_thought ## ]]\nx\n[[ ## next_tool_name ## ]]\nstop\n[[ ## next_tool_args ## ]]\n{}", chat);
    const auto told = python_str(o.steps.at(0).observation);
    BOOST_TEST((told.find("no tool `stop`") != told.npos && told.find("`finish`") != told.npos), told);
}

BOOST_AUTO_TEST_CASE(numbers_in_elements_are_numbers_to_a_tool) {
    std::vector<std::string> paid;
    tools t;
    t.add("pay", "Pays.",
          [&](std::string to, double amount, bool now) {
              paid.push_back(to + (now ? " now " : " later ") + python_str(json::value(amount)));
              return "paid";
          },
          {"to", "amount", "now"}, {.quick = true});
    auto model = std::make_shared<scripted_model>(std::vector<lm_response>{
        answer("<next_thought>x</next_thought><next_tool_name>pay</next_tool_name><next_tool_args><to>3</to>"
               "<amount>3</amount><now>true</now></next_tool_args>"),
        answer("<next_thought>x</next_thought><next_tool_name>finish</next_tool_name><next_tool_args>{}"
               "</next_tool_args>"),
        answer("<reasoning>r</reasoning><answer>a</answer>")});
    run_options o{language_model{model}};
    o.adapter = xml;
    runtime rt;
    rt.run(o, agent{t, {.mode = react_mode::prompted}}, "question"_f = "?");
    BOOST_TEST((paid == std::vector<std::string>{"3 now 3.0"}));
}

BOOST_AUTO_TEST_CASE(a_comment_with_words_beside_arguments_is_asked_about) {
    const lm_response submitted = call("submit", R"({"answer": "42"})");
    for (std::string comment :
         {"// dry run", "// simulation only", "# hypothetical", "// just kidding", "// cancelled", "# to be confirmed",
          "// nicht ausfuehren", "// EUR 500", "// times 2", "/* skip this */", "// only when the invoice is paid",
          "// x2", "# \u4e0d", "// ?", "# \u2717"}) {
        files f;
        for (std::string args :
             {"{\"only\": \"x\"} " + comment, "{\"only\": \"x\" " + comment + "\n}", comment + "\n{\"only\": \"x\"}"}) {
            auto o = ask(f, {call("wipe", args), submitted}, react_mode::native);
            BOOST_REQUIRE_MESSAGE(o.error.empty(), o.error);
            BOOST_TEST(f.wiped.empty(), args);
            BOOST_TEST(o.steps[0].failed, args);
            step(f, WIPE "[[ ## next_tool_args ## ]]\n" + args, chat);
            step(f, R"({"next_thought":"x","next_tool_name":"wipe","next_tool_args":)" + args + "\n}", in_json);
            BOOST_TEST(f.wiped.empty(), args);
        }
    }
    for (std::string comment : {"//", "/* */", "# ----", "//====="}) {
        files f;
        ask(f, {call("wipe", "{\"only\": \"x\" " + comment + "\n}"), submitted}, react_mode::native);
        BOOST_TEST(f.wiped.size() == 1u, comment);
    }
}

BOOST_AUTO_TEST_CASE(a_call_that_is_written_twice_is_no_answer) {
    for (const char* text : {"[wipe(only=\"x\"",
                             "wipe(only=\"x\"",
                             "[wipe(only=\"x\")] # dry run",
                             "wipe(only=\"x\")  // later",
                             R"({"name":"wipe","inputs":{"only":"x"}})",
                             R"({"function_name":"wipe","function_args":{"only":"x"}})",
                             R"({"func":"wipe","data":{"only":"x"}})",
                             R"({"tool":"wipe"})",
                             "[wipe] {\"only\":\"x\"}",
                             "**wipe**(only=\"x\")",
                             "- wipe(only=\"x\")",
                             "1. `wipe(only=\"x\")`",
                             "I do it:\n* **wipe**(only='x')",
                             "wipe\n(only=\"x\")",
                             ">>> wipe(only=\"x\")",
                             "return wipe(only=\"x\")",
                             "$ wipe(only=\"x\")",
                             "/wipe(only=\"x\")",
                             R"(["wipe", {"only": "x"}])",
                             "name: wipe\narguments:\n  only: x"}) {
        files f;
        auto o = ask(f, std::vector<lm_response>(12, answer(text)), react_mode::native);
        BOOST_TEST(f.wiped.empty(), text);
        BOOST_TEST(o.answer.empty(), text << " -> " << o.answer);
    }
    for (const char* text :
         {"Use the tool wipe (it deletes files) with care.", "You have:\n- wipe: deletes files\n- list: lists them",
          "- wipe(only) deletes one", "[wipe] is a tool.", R"({"name": "Bob", "zip": "1"})", "42"}) {
        files f;
        auto o = ask(f, std::vector<lm_response>(12, answer(text)), react_mode::native);
        BOOST_TEST(o.answer == text, o.error);
    }
}

BOOST_AUTO_TEST_CASE(what_a_template_leaves_is_no_part_of_an_answer) {
    for (const char* text : {"42<|im_end|>", "42<|eot_id|>", "42 <end_of_turn>\n", "42<|endoftext|>", "42</s>",
                             "analysisWe need 42.assistantfinal42"}) {
        files f;
        auto o = ask(f, std::vector<lm_response>(12, answer(text)), react_mode::native);
        BOOST_TEST(o.answer == "42", text << " -> " << o.answer << o.error);
    }
    for (const char* text : {R"({"answer":null})", R"({"answer":["a"]})", R"({"answer":{"x":1}})"}) {
        files f;
        auto o = ask(f, std::vector<lm_response>(12, answer(text)), react_mode::native);
        BOOST_TEST(o.answer.empty(), text << " -> " << o.answer);
    }
}

BOOST_AUTO_TEST_CASE(a_text_that_is_submitted_and_fits_stays_one) {
    using typed = react<sig<"question -> phone: Any, name: Optional[str]">>;
    auto model = std::make_shared<scripted_model>(
        std::vector<lm_response>{call("submit", R"({"phone": "+49301234567", "name": "None"})")});
    files f;
    runtime rt;
    auto p =
        rt.run(run_options{language_model{model}}, typed{f.all(), {.mode = react_mode::native}}, "question"_f = "?");
    BOOST_TEST((p.trajectory().back().args == json::parse(R"({"phone": "+49301234567", "name": "None"})")));
    BOOST_TEST(p.get<"name">().value_or("NONE") == "None");
    BOOST_TEST(dump_json(json::value(p.to_json().at("phone"))) == "\"+49301234567\"");
}

BOOST_AUTO_TEST_SUITE_END()
