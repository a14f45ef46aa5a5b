// What is unclear is asked about again, with what is wrong; what is clear is read, however it is dressed.
#include <reagent/adapter/adapter.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

struct odd {
    adapter by;
    const char *outputs, *text, *expected;  // null: it is asked about
    const char* told = "";                  // in the error
};
std::ostream& operator<<(std::ostream& out, const odd& c) { return out << c.outputs << ": " << c.text; }

parsed_outputs read(const odd& c) {
    auto s = parse_signature(std::string{"question -> "} + c.outputs);
    for (auto& f : s.outputs)
        if (f.name == "args") f.kind = field_kind::arguments;
    return parse(c.by, s, c.text);
}

void check(const odd& c) {
    auto outputs = read(c);
    BOOST_REQUIRE_MESSAGE(outputs.has_value() == (c.expected != nullptr),
                          (outputs ? "read " + json::serialize(*outputs) : outputs.error().message));
    if (outputs)
        BOOST_TEST((json::value(*outputs) == json::parse(c.expected)), json::serialize(*outputs));
    else
        BOOST_TEST(outputs.error().message.find(c.told) != std::string::npos, outputs.error().message);
}

constexpr auto chat = adapter::chat;
constexpr auto in_json = adapter::json;
constexpr auto xml = adapter::xml;

constexpr const char* step = "thought: Optional[str], tool, args: Optional[dict[str, Any]]";
#define STEP(thought, tool, args) \
    "[[ ## thought ## ]]\n" thought "\n\n[[ ## tool ## ]]\n" tool "\n\n[[ ## args ## ]]\n" args "\n\n"
#define END "[[ ## completed ## ]]\n"
#define XSTEP(thought, tool, args) "<thought>" thought "</thought>\n<tool>" tool "</tool>\n<args>" args "</args>\n"

// One step acts, or none.
const odd steps[]{
    {chat, step, STEP("a", "pay", R"({"to":"eve"})") END "Wait, better:\n" STEP("b", "ask", R"({"to":"bob"})") END,
     nullptr, "more than one step"},
    {chat, step, STEP("a", "pay", R"({"to":"eve"})") END STEP("b", "ask", R"({"to":"bob"})") END, nullptr,
     "more than one step"},
    {chat, step, STEP("a", "pay", R"({"to":"eve"})") END "Final:\n" STEP("a", "pay", R"({"to":"bob"})") END, nullptr,
     "more than one step"},
    {chat, step, STEP("a", "pay", R"({"to":"eve"})") END STEP("a", "ask", R"({"to":"eve"})"), nullptr, "twice"},
    {chat, step, STEP("a", "pay", R"({"to":"eve"})") END STEP("b", "finish", "{}") END, nullptr, "more than one step"},
    {chat, step,
     STEP("a", "pay", "{}") END "\nSo:\n" STEP("b", "ask", "{}") END "\nNo:\n" STEP("c", "finish", "{}") END, nullptr,
     "more than one step"},
    {chat, step,
     "Draft <b>:\n" STEP("a", "pay", R"({"to":"eve"})") END "Wait, better:\n" STEP("b", "ask", R"({"to":"bob"})") END,
     nullptr, "more than one step"},
    {chat, step, STEP("a", "pay", "{}") "No, wait.\n" STEP("b", "ask", "{}") END, nullptr, "twice"},
    {chat, step, STEP("a", "pay", "{}") "[[ ## observation ## ]]\nok\n\n" STEP("b", "ask", "{}") END, nullptr, "twice"},
    {chat, step, STEP("a", "pay", "{}") END "[[ ## result ## ]]\nok\n\n" STEP("b", "ask", "{}") END, nullptr,
     "behind its end"},
    // A second step under names that are not asked for.
    {chat, step, STEP("a", "pay", "{}") END "Wait, no.\n[[ ## tool_name ## ]]\nask\n[[ ## tool_args ## ]]\n{}\n" END,
     nullptr, "`tool_name`"},
    {chat, step, STEP("a", "pay", "{}") END "[[ ## Thought ## ]]\nb\n[[ ## Tool ## ]]\nask\n[[ ## Args ## ]]\n{}\n",
     nullptr, "behind its end"},
    {chat, step, STEP("a", "pay", "{}") END "[[ ## final_tool ## ]]\nask\n", nullptr, "`final_tool`"},
    {chat, step, STEP("a", "pay", "{}") END "[[ ## action ## ]]\nask\n", nullptr, "`action`"},
    // The same again is one; what is imagined behind a step is none.
    {chat, step, STEP("a", "ask", R"({"to":"bob"})") END "Again:\n" STEP("a", "ask", R"({"to":"bob"})") END,
     R"({"thought":"a","tool":"ask","args":{"to":"bob"}})"},
    {chat, step, STEP("a", "ask", R"({"to":"bob"})") END STEP("a", "ask", R"({"to":"bob"})"),
     R"({"thought":"a","tool":"ask","args":{"to":"bob"}})"},
    {chat, step,
     STEP("a", "ask", R"({"to":"bob"})") END "[[ ## observation_0 ## ]]\nok\n[[ ## tool_name_1 ## ]]\npay\n",
     R"({"thought":"a","tool":"ask","args":{"to":"bob"}})"},
    {chat, step, "I see.\n\n" STEP("a", "ask", "{}") END "Now I wait.", R"({"thought":"a","tool":"ask","args":{}})"},
    {xml, step, XSTEP("a", "pay", "<to>eve</to>") XSTEP("a", "ask", "<to>bob</to>"), nullptr, "more than one step"},
    {xml, step, XSTEP("a", "pay", "<to>eve</to>") "<note>no</note>" XSTEP("b", "pay", "<to>bob</to>"), nullptr,
     "more than one step"},
    {xml, step, XSTEP("a", "ask", "<to>bob</to>") XSTEP("a", "ask", "<to>bob</to>"),
     R"({"thought":"a","tool":"ask","args":{"to":"bob"}})"},
    {in_json, step, R"({"thought":"a","tool":"pay","args":{}}
No: {"thought":"b","tool":"ask","args":{}})",
     nullptr, ""},
    {in_json, step, R"({"thought":"a","tool":"pay","args":{}}
Final: {"thought":"b","tool":"ask","args":{}})",
     nullptr, ""},
    // No arguments, no step: of an answer the last block counts.
    {chat, "answer: int", "[[ ## answer ## ]]\n4\n\n" END "No, wait.\n\n[[ ## answer ## ]]\n6\n\n" END,
     R"({"answer":6})"},
};

#define FIELD(text) "[[ ## v ## ]]\n" text "\n\n" END
// A list or an object between words.
const odd in_prose[]{
    {chat, "v: list[int]", FIELD("I think [1,2] is bad, so use [3]"), nullptr, "more than one"},
    {chat, "v: list[int]", FIELD("[1,2]\n\nBetter:\n[3]"), nullptr, "more than one"},
    {chat, "v: dict[str, int]", FIELD("Not {\"a\":1} but {\"a\":2}"), nullptr, "more than one"},
    {chat, "v: list[int]", FIELD("see [1]: 4, 5"), nullptr, "`see` stands beside"},
    {chat, "v: list[str]", FIELD("- a [x]\n- b"), nullptr, "stands beside"},
    {chat, "v: list[str]", FIELD("- [x]\n- b"), nullptr, "stands beside"},
    {chat, "v: list[str]", FIELD("1. first [a]\n2. second"), nullptr, "stands beside"},
    {chat, "v: dict[str, int]", FIELD("not {\"a\":2}, nothing"), nullptr, "stands beside"},
    {chat, "v: list[int]", FIELD("Do not use [1,2]."), nullptr, "stands beside"},
    {chat, "v: list[int]", FIELD("[1,2] would be wrong"), nullptr, "stands beside"},
    {chat, "v: list[int]", FIELD("Anything except [1,2]"), nullptr, "stands beside"},
    {chat, "v: list[int]", FIELD("[1, 2] and so on"), nullptr},
    {in_json, "v: list[int]", R"({"v":"[1,2], then 3"})", nullptr, "stands beside"},
    {chat, "v: Any", FIELD("see [1] for that"), R"({"v":"see [1] for that"})"},
    {chat, "v: Union[str, list[int]]", FIELD("not [1]"), R"({"v":"not [1]"})"},
    {in_json, "v: Optional[list[int]]", R"({"v":"I don't want [1,2]"})", nullptr, "stands beside"},
    {xml, "v: dict[str, int]", "<v>not {\"a\":2}</v>", nullptr, "stands beside"},
    {chat, "v: list[str]", FIELD("red, blue [sic]"), nullptr, "stands beside"},
    {chat, "v: list[str]", FIELD("Alice and Bob, as the [handbook](https://x.org/h) says"), nullptr, "stands beside"},
    {chat, "v: list[str]", FIELD("sorted([\"b\",\"a\"])"), nullptr, "stands beside"},
    {chat, "v: list[str]", FIELD("- Alice\n- Bob\n[CEO]"), nullptr, "stands beside"},
    {chat, "v: list[int]", FIELD("1969, 1972 and 1975 [3]"), nullptr, "stands beside"},
    {chat, "v: list[int]", FIELD("2, 3, [5]"), nullptr, "stands beside"},
    {chat, "v: list[int]", FIELD("```\n[1]\n```\nor more"), nullptr, "stands beside"},
    {chat, "v: list[int]", FIELD("[1]\n- 2"), nullptr, ""},
    {chat, "v: list[int]", FIELD("[1]\n\nExcept on Sundays."), nullptr, "stands beside"},
    {chat, "v: dict[str, int]", FIELD("a=1 {\"b\":2}"), nullptr, "stands beside"},
    {chat, "v: dict[str, int]", FIELD("a: 1, b: 2 {c: 3}"), nullptr, "stands beside"},
    {chat, "v: Optional[list[str]]", FIELD("see the [handbook]"), nullptr, "stands beside"},
    // One, introduced or in a fence.
    {chat, "v: list[str]", FIELD("**Names:** [\"a\"]"), R"({"v":["a"]})"},
    {chat, "v: list[str]", FIELD("The answer is [\"a\"]."), R"({"v":["a"]})"},
    {chat, "v: list[str]", FIELD("v = [\"a\"]"), R"({"v":["a"]})"},
    {chat, "v: list[int]", FIELD("Use [3]."), R"({"v":[3]})"},
    {chat, "v: list[int]", FIELD("The answer is: [1, 2]"), R"({"v":[1,2]})"},
    {chat, "v: list[int]", FIELD("Here it is:\n\n```json\n[1, 2]\n```\n\nI hope that helps!"), R"({"v":[1,2]})"},
    {chat, "v: list[int]", FIELD("```\n[1, 2]\n```"), R"({"v":[1,2]})"},
    {chat, "v: list[int]", FIELD("**[1, 2]**"), R"({"v":[1,2]})"},
    {chat, "v: list[int]", FIELD("[1, 2].\nThose are the 2 that fit."), R"({"v":[1,2]})"},
    {chat, "v: list[int]", FIELD("I looked at 3 pages, and not all fit.\n[1, 2]"), R"({"v":[1,2]})"},
    {chat, "v: dict[str, int]", FIELD("So: {\"a\":2}"), R"({"v":{"a":2}})"},
    {chat, "v: dict[str, int]", FIELD("`{\"a\":2}`"), R"({"v":{"a":2}})"},
    {in_json, "v: list[int]", R"({"v":"Items: [1, 2]"})", R"({"v":[1,2]})"},
};

// Two objects, of which a word must say which counts.
const odd objects[]{
    {in_json, "answer", "{\"answer\":\"x\"}\nWait, no.\n{\"answer\":\"y\"}", nullptr, "twice"},
    {in_json, "answer", "Draft:\n{\"answer\":\"x\"}\nThen:\n{\"answer\":\"y\"}", nullptr, "twice"},
    {in_json, "answer", R"({"answer":"x"} or {"answer":"y"})", nullptr, "twice"},
    {in_json, "answer", "```json\n{\"answer\":\"x\"}\n```\nBetter:\n```json\n{\"answer\":\"y\"}\n```", nullptr,
     "twice"},
    {in_json, "answer, n: int", "{\"answer\":\"x\",\"n\":1}\nactually\n{\"answer\":\"x\",\"n\":2}", nullptr, "`n`"},
    {in_json, "answer", R"(I see {"answer":"x"} there, but: {"answer":"y"})", nullptr, "twice"},
    {in_json, "answer", R"({"answer":"x"} {"note":1} so {"answer":"y"})", nullptr, "twice"},
    {in_json, "answer", "{\"answer\":\"x\"}\nThe final one was above, not this:\n{\"answer\":\"y\"}", nullptr, "twice"},
    {in_json, "answer", "Final: {\"answer\":\"x\"}\nOr {\"answer\":\"y\"}", nullptr, "twice"},
    {in_json, "answer, zip: Optional[str]", "{\"answer\":\"x\"}\nor\n{\"answer\":\"y\",\"zip\":null}", nullptr,
     "twice"},
    {in_json, "answer",
     "{\"answer\":\"x\"}\nFinal: {\"answer\":\"y\"}\nFinal: {\"answer\":\"z\"}\nor {\"answer\":\"q\"}", nullptr,
     "twice"},
    // The same again; one that is no answer; a heading that says which.
    {in_json, "answer", "{\"answer\":\"x\"}\n\nThat is:\n\n{\"answer\":\"x\"}", R"({"answer":"x"})"},
    {in_json, "answer", "{\"answer\":\"x\"}\n**Final**\n{ \"answer\" : \"x\" }", R"({"answer":"x"})"},
    {in_json, "answer", "{\"note\":1}\n{\"answer\":\"y\"}", R"({"answer":"y"})"},
    {in_json, "answer", "Draft:\n{\"answer\":\"x\"}\nFinal:\n{\"answer\":\"y\"}", R"({"answer":"y"})"},
    {in_json, "answer", "{\"answer\":\"x\"}\n\n**Final answer:**\n\n```json\n{\"answer\":\"y\"}\n```",
     R"({"answer":"y"})"},
    {in_json, "answer", "{\"answer\":\"x\"}\n### FINAL\n{\"answer\":\"y\"}", R"({"answer":"y"})"},
    {in_json, "answer", "{\"answer\":\"x\"}\nhm\n{\"answer\":\"y\"}\nFinal answer: {\"answer\":\"z\"}",
     R"({"answer":"z"})"},
    {in_json, "answer", "Notes: {'note': {'k': 1}}\nThen: {'answer': 'x'}", R"({"answer":"x"})"},
    {in_json, "answer", "{\"answer\":\"x\"}\nCorrected: {\"answer\":\"y\"}", R"({"answer":"y"})"},
};

// Thinking that begins within a field.
const odd open_thinking[]{
    {chat, "v", FIELD("<think>hm"), nullptr, "the thinking has no end"},
    {chat, "v", FIELD("<think>\nhm\nmore"), nullptr, "the thinking has no end"},
    {chat, "v", FIELD("ok\n<think>hm"), nullptr, "the thinking has no end"},
    {chat, "v: Optional[str]", FIELD("<thinking>hm"), nullptr, "the thinking has no end"},
    {chat, "v: Optional[str]", FIELD("<THINK >hm"), nullptr, "the thinking has no end"},
    {chat, "v: Any", FIELD("<think>hm"), nullptr, "the thinking has no end"},
    {chat, "v: int", FIELD("<think>4"), nullptr, "the thinking has no end"},
    {chat, "v: int", FIELD("4\n<think>or 5"), nullptr, "the thinking has no end"},
    {chat, "v: list[int]", FIELD("<think>[4]"), nullptr, "the thinking has no end"},
    {chat, "v, w: Optional[str]", "[[ ## v ## ]]\n<think>a\n[[ ## w ## ]]\nb\n\n" END, nullptr, "the thinking"},
    {chat, "w: Optional[str], v", "[[ ## w ## ]]\nb\n[[ ## v ## ]]\n<think>a", nullptr, "the thinking"},
    {xml, "v", "<v><think>hm</v>", nullptr, "no well-formed XML"},
    {xml, "v, w", "<w>a</w><v>\n<think>hm\n</v>", nullptr, "no well-formed XML"},
    {chat, "v", FIELD("<think>hm</think>ok"), R"({"v":"ok"})"},
    {chat, "v", FIELD("Write <think> first."), R"({"v":"Write <think> first."})"},
    {chat, "v", FIELD("ok") "<think>hm", R"({"v":"ok"})"},
    {in_json, "v", "{\"v\":\"ok\"}\n<think>hm", R"({"v":"ok"})"},
    {in_json, "v", "<think>{\"v\":\"ok\"}", nullptr, "the thinking has no end"},
};

// Thinking that ends within a field, and began nowhere.
const odd ended_thinking[]{
    {chat, "v", FIELD("I think so.\n</think>\n\nhello"), nullptr, "began nowhere"},
    {chat, "v", FIELD("hm\n </thinking>\nhello"), nullptr, "began nowhere"},
    {chat, "v", FIELD("</think>"), nullptr, "began nowhere"},
    {chat, "v: int", FIELD("5?\n</think>\n4"), nullptr, "began nowhere"},
    {chat, "v", FIELD("Close it by </think> there."), R"({"v":"Close it by </think> there."})"},
    {chat, "v", FIELD("```\n</think>\n```"), "{\"v\":\"```\\n</think>\\n```\"}"},
};

// A turn that the model imagines behind its answer.
const odd imagined[]{
    {chat, "v", FIELD("x") "User: next question\n\n" FIELD("y"), nullptr, "behind its end"},
    {chat, "v", FIELD("x") "### User\nhi\n\n" FIELD("y"), nullptr, "behind its end"},
    {chat, "v", FIELD("x") "Question: what is 3+3?\n" FIELD("y"), nullptr, "behind its end"},
    {chat, "v", FIELD("x") "q: 3+3\n" FIELD("y"), nullptr, "behind its end"},
    {chat, "v", FIELD("x") "question: 3+3\n" FIELD("y"), nullptr, "behind its end"},
    {chat, "v", FIELD("x") "\u7528\u6237\uff1a\u4f60\u597d\n" FIELD("y"), nullptr, "behind its end"},
    {chat, "v", FIELD("x") "Example 2:\n" FIELD("y"), nullptr, "behind its end"},
    {chat, "v", FIELD("x") "<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n" FIELD("y"), nullptr,
     "behind its end"},
    {chat, "v", FIELD("x") "</s>[INST] hi [/INST]\n" FIELD("y"), nullptr, "behind its end"},
    {chat, "v", FIELD("x") "Let me double check.\n" FIELD("y"), R"({"v":"y"})"},
    {chat, "v", FIELD("x") "---\n" FIELD("y"), R"({"v":"y"})"},
};

// Signs before a number, and an object within a text.
const odd signs[]{
    {chat, "v: int", FIELD("--5"), nullptr, ""},
    {chat, "v: int", FIELD("- -5"), nullptr, ""},
    {chat, "v: int", FIELD("+-5"), nullptr, ""},
    {chat, "v: int", FIELD("-\n5"), nullptr, ""},
    {chat, "v: float", FIELD("--5.5"), nullptr, ""},
    {chat, "v: bool", FIELD("--1"), nullptr, ""},
    {chat, "v: Optional[int]", FIELD("--5"), nullptr, ""},
    {in_json, "v: int", R"({"v": "--5"})", nullptr, ""},
    {xml, "v: int", "<v>--5</v>", nullptr, ""},
    {chat, "v: int", FIELD("-5"), R"({"v":-5})"},
    {chat, "v: int", FIELD("+5"), R"({"v":5})"},
    {in_json, "a, n: int", R"("{\"a\": \"x\", \"n\": 2}")", R"({"a":"x","n":2})"},
    {chat, "v, completed: bool", "[[ ## v ## ]]\nx\n\n[[ ## completed ## ]]\ntrue\n\n[[ ## completed ## ]]",
     R"({"v":"x","completed":true})"},
    {chat, "v, completed", "[[ ## v ## ]]\nx\n\n[[ ## completed ## ]]\n", nullptr, "completed"},
};

// Another answer on the line that the one before ends with.
const odd another_answer[]{
    {chat, "v", "[[ ## v ## ]]\nhello\n\n[[ ## completed ## ]][[ ## v ## ]]\nbye\n\n" END, R"({"v":"bye"})"},
    {chat, "v", "[[ ## v ## ]]\nhello\n\n[[ ## completed ## ]] [[ ## v ## ]] bye\n\n" END, R"({"v":"bye"})"},
    {chat, "v", "[[ ## v ## ]]\n<b>hello\n\n[[ ## completed ## ]][[ ## v ## ]]\nbye\n\n" END, R"({"v":"bye"})"},
    {chat, "v", "[[ ## v ## ]]\r\nhello\r\n\r\n**[[ ## completed ## ]]** [[ ## v ## ]]\r\nbye\r\n\r\n" END,
     R"({"v":"bye"})"},
    {chat, step, STEP("a", "pay", R"({"to":"eve"})") "[[ ## completed ## ]]" STEP("b", "ask", R"({"to":"bob"})") END,
     nullptr, "more than one step"},
    {chat, "v", "[[ ## v ## ]]\nhello\n\n[[ ## completed ## ]] Bye.", R"({"v":"hello"})"},
};

// JSON that could be read in more ways than one.
const odd guesses[]{
    {in_json, "a, n: int", R"({"a":"x","n":10 to 20})", nullptr, "more than one way"},
    {in_json, "a, n: int", R"({"a":"x" (maybe),"n":1})", nullptr, "more than one way"},
    {in_json, "a, n: int", "{\"a\"\uff1a\"x\",\"n\":1}", nullptr, "more than one way"},
    {in_json, "a", R"({"a": "map "}" closes"})", nullptr, "more than one way"},
    {in_json, "a", R"({"a": "use d["k"], then e"})", R"({"a":"use d[\"k\"], then e"})"},
    {in_json, "a, n: int", R"({"a":"""x""","n":1})", R"({"a":"x","n":1})"},
    {in_json, "p: dict[str, Any]", R"({"p":{"price":10 to 20,"qty":1}})", nullptr, "more than one way"},
    {chat, "v: dict[str, int]", FIELD(R"({"a": 1 or 2, "b": 3})"), nullptr, "more than one way"},
    {chat, "v: dict[str, Any]", FIELD(R"({"day": 12 May 2024, "age": 3})"), nullptr, "more than one way"},
    {chat, "v: list[str]", FIELD(R"j(["f("x")", "y"])j"), R"j({"v":["f(\"x\")","y"]})j"},
    {chat, "v: list[str]", FIELD(R"(["a" or "b"])"), nullptr, "more than one way"},
    {xml, "d: dict[str, int]", R"(<d>{"a": 1 or 2, "b": 3}</d>)", nullptr, "more than one way"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(unclear_answers)

BOOST_DATA_TEST_CASE(of_several_steps_none_acts, steps, c) { check(c); }
BOOST_DATA_TEST_CASE(a_list_between_words_is_asked_about, in_prose, c) { check(c); }
BOOST_DATA_TEST_CASE(of_two_objects_a_word_says_which_counts, objects, c) { check(c); }
BOOST_DATA_TEST_CASE(thinking_without_an_end_in_a_field_is_no_answer, open_thinking, c) { check(c); }
BOOST_DATA_TEST_CASE(an_end_of_thinking_within_a_field_is_asked_about, ended_thinking, c) { check(c); }
BOOST_DATA_TEST_CASE(another_answer_may_begin_behind_the_end_on_its_line, another_answer, c) { check(c); }
BOOST_DATA_TEST_CASE(a_turn_that_is_imagined_behind_an_answer_is_asked_about, imagined, c) { check(c); }
BOOST_DATA_TEST_CASE(two_signs_make_no_number_and_the_end_is_no_output, signs, c) { check(c); }
BOOST_DATA_TEST_CASE(what_is_guessed_of_json_is_no_output, guesses, c) { check(c); }

BOOST_AUTO_TEST_SUITE_END()
