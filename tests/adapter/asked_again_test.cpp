// What is not clear of an answer is asked about: values among other words, objects and steps that differ, members under
// other names. And what is clear, though written otherwise, is read.
#include <reagent/adapter/adapter.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

struct answer_case {
    adapter by;
    const char *outputs, *text, *expected;  // null: it is asked about
};
std::ostream& operator<<(std::ostream& out, const answer_case& c) { return out << c.outputs << ": " << c.text; }

void check(const signature& s, const answer_case& c) {
    auto outputs = parse(c.by, s, c.text);
    BOOST_REQUIRE_MESSAGE(outputs.has_value() == (c.expected != nullptr),
                          (outputs ? "read " + json::serialize(*outputs) : outputs.error().message));
    if (outputs) BOOST_TEST((json::value(*outputs) == json::parse(c.expected)), json::serialize(*outputs));
}
void check(const answer_case& c) { check(parse_signature(std::string{"question -> "} + c.outputs), c); }

constexpr auto chat = adapter::chat;
constexpr auto in_json = adapter::json;
constexpr auto xml = adapter::xml;

#define V "[[ ## v ## ]]\n"

const answer_case among_words[]{
    {chat, "v: list[str]", V "- Alice Jones [CEO]\n- Bob Smith\n- Carol", nullptr},
    {chat, "v: list[str]", V "Alice and Bob, as the [handbook](https://x.org/h) says", nullptr},
    {chat, "v: list[str]", V "red, blue [sic]", nullptr},
    {chat, "v: list[str]", V "all except [\"a\"]", nullptr},
    {chat, "v: list[str]", V "not [\"a\"]", nullptr},
    {chat, "v: list[str]", V "sorted([\"b\",\"a\"])", nullptr},
    {chat, "v: list[str]", V "[\"a\"] and others", nullptr},
    {chat, "v: list[str]", V "42[/INST]", nullptr},
    {chat, "v: list[str]", V "1. apples\n2. pears: [\"ripe\"]", nullptr},
    {chat, "v: list[str]", V "- pears: [\"ripe\"]", nullptr},
    {chat, "v: list[int]", V "1969, 1972 and 1975 [3]", nullptr},
    {chat, "v: list[int]", V "2, 3, [5]", nullptr},
    {chat, "v: list[int]", V "```\n[1]\n```\nor more", nullptr},
    {chat, "v: dict[str, int]", V "a=1 {\"b\":2}", nullptr},
    {chat, "v: dict[str, int]", V "{\"a\":1} except b", nullptr},
    {chat, "v: dict[str, int]", V "a: 1, b: 2 {c: 3}", nullptr},
    {chat, "v: Optional[list[str]]", V "see the [handbook]", nullptr},
    {in_json, "v: list[str]", R"({"v":"- Alice [CEO]\n- Bob"})", nullptr},
    {in_json, "v: list[int]", R"({"v":"4 and 5 [1]"})", nullptr},
    {chat, "v: Any", V "See page [3] of it.", R"({"v":"See page [3] of it."})"},
    {chat, "v: Union[str, list[int]]", V "See page [3] of it.", R"({"v":"See page [3] of it."})"},
    {chat, "v: list[str]", V "[\"a\", \"b\"]", R"({"v":["a","b"]})"},
    {chat, "v: list[str]", V "['a', 'b',]", R"({"v":["a","b"]})"},
    {chat, "v: list[str]", V "```json\n[\"a\"]\n```", R"({"v":["a"]})"},
    {chat, "v: list[str]", V "Here is the list:\n[\"a\"]", R"({"v":["a"]})"},
    {chat, "v: list[str]", V "**Names:** [\"a\"]", R"({"v":["a"]})"},
    {chat, "v: list[str]", V "Here is the list:\n\n```json\n[\"a\"]\n```\n", R"({"v":["a"]})"},
    {chat, "v: dict[str, int]", V "`{\"a\": 1}`", R"({"v":{"a":1}})"},
    {in_json, "v: list[int]", R"({"v":"[1, 2]"})", R"({"v":[1,2]})"},
};

const answer_case two_objects[]{
    {in_json, "a", R"({"a":"yes"} (not {"a":"no"}))", nullptr},
    {in_json, "a", R"({"a":"yes"}. An answer such as {"a":"no"} would be wrong.)", nullptr},
    {in_json, "a: int", R"(Either {"a":5} or {"a":6}.)", nullptr},
    {in_json, "a", R"({"a":"x"} -> {"a":"y"})", nullptr},
    {in_json, "a", "{\"a\":\"yes\"}\n\nNote: {\"a\":\"no\"} would be the answer for minors.", nullptr},
    {in_json, "a, b: Optional[str]", R"(First {"a":"x"}, and then {"a":"y","b":"z"})", nullptr},
    {in_json, "a", R"({"a":"yes"}, that is {"a":"yes"})", R"({"a":"yes"})"},
};

signature with_places() {
    auto s = parse_signature("question -> where");
    s.outputs[0] = make_field("where", "place", schema{json::parse(R"({
        "type":"object","required":["street"],
        "properties":{"street":{"type":"string"},"zip":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null},
          "items":{"type":"array","items":{"type":"object","required":["name"],
            "properties":{"name":{"type":"string"},"price":{"anyOf":[{"type":"number"},{"type":"null"}]}}}}}})")},
                              "");
    return s;
}
const answer_case nested[]{
    {in_json, "", R"({"where":{"street":"s","zip_code":"12345","items":[]}})", nullptr},
    {in_json, "", R"({"where":{"street":"s","Zip":"12345","items":[]}})", nullptr},
    {in_json, "", R"({"where":{"street":"s","zip":null,"items":[{"name":"a","cost":9.5}]}})", nullptr},
    {chat, "", "[[ ## where ## ]]\n{\"street\":\"s\",\"zip_code\":\"1\",\"items\":[]}", nullptr},
    {xml, "", "<where><street>s</street><Zip>1</Zip></where>", nullptr},
    {in_json, "", R"({"where":{"street":"s"}})", R"({"where":{"street":"s","zip":null}})"},
    {in_json, "", R"({"where":{"street":"s","items":[],"country":"D"}})",
     R"({"where":{"street":"s","items":[],"zip":null}})"},
    {in_json, "", R"({"where":{"street":"s","zip":"1","items":[],"country":"D"}})",
     R"({"where":{"street":"s","zip":"1","items":[]}})"},
};

const answer_case open_thinking[]{
    {chat, "v", V "<think>\nIs it 5? or 6? Let me see", nullptr},
    {chat, "v", V "<think>\nhm, 5? or 6?\n[[ ## completed ## ]]", nullptr},
    {chat, "v", V "<thinking>\nhm", nullptr},
    {chat, "v", V "<think>", nullptr},
    {chat, "v: Optional[str]", V "<think>\nhm", nullptr},
    {chat, "v", V "5\n[[ ## completed ## ]]\n<think>\nhm", R"({"v":"5"})"},
    {chat, "v", V "<think>\nhm\n</think>\n5", R"({"v":"5"})"},
};

const answer_case tokens[]{
    {chat, "v", V "42<|im_end|>", R"({"v":"42"})"},
    {chat, "v: int", V "42<|eot_id|>\n", R"({"v":42})"},
    {chat, "v", V "42</s>", R"({"v":"42"})"},
    {chat, "v: int", V "42<\uff5cend\u2581of\u2581sentence\uff5c>", R"({"v":42})"},
    {chat, "v", V "42<|im_end|>\n<|im_start|>user\nNext question?", R"({"v":"42"})"},
    {chat, "v", V "42<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nNext?", R"({"v":"42"})"},
    {chat, "v", V "42\n[[ ## completed ## ]]<end_of_turn>\n<start_of_turn>user\n" V "43\n[[ ## completed ## ]]",
     R"({"v":"42"})"},
    {xml, "v", "<v>42</v></s>", R"({"v":"42"})"},
    {xml, "v", "<v>42</v><|im_end|>\n<|im_start|>user\n<v>43</v>", R"({"v":"42"})"},
    {in_json, "v", R"({"v":"42"}<|im_end|><|im_start|>user {"v":"43"})", R"({"v":"42"})"},
    {in_json, "v", R"({"v":"42<|im_end|>\n<|im_start|>user"})", R"({"v":"42<|im_end|>\n<|im_start|>user"})"},
    {chat, "v", V "A turn ends with `<|im_end|>`.", R"({"v":"A turn ends with `<|im_end|>`."})"},
    {chat, "v", V "```\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n```",
     R"({"v":"```\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n```"})"},
    {chat, "v", V "<s>struck</s>", R"({"v":"<s>struck</s>"})"},
};

const answer_case taken_back[]{
    {chat, "v", V "Yes.\n[[ ## Correction ## ]]\nNo, I was wrong.\n[[ ## completed ## ]]", nullptr},
    {chat, "v", V "Yes.\n[[ ## V ## ]]\nNo.\n[[ ## completed ## ]]", nullptr},
    {chat, "v", V "To end, write\n```\n[[ ## completed ## ]]\n```\nand stop.\n[[ ## completed ## ]]", nullptr},
};

signature step_like() {
    auto s = parse_signature("question -> thought: Optional[str], tool, args: dict[str, Any]");
    s.outputs[2].kind = field_kind::arguments;
    return s;
}
#define STEP(TOOL, ARGS) \
    "[[ ## thought ## ]]\nx\n[[ ## tool ## ]]\n" TOOL "\n[[ ## args ## ]]\n" ARGS "\n[[ ## completed ## ]]\n"
#define STEP_XML(TOOL, ARGS) "<thought>x</thought><tool>" TOOL "</tool><args>" ARGS "</args>"
const answer_case steps[]{
    {chat, "", STEP("pay", "{\"to\":\"Bob\"}") "Next I would, if that fails:\n" STEP("wipe", "{}"), nullptr},
    {chat, "", STEP("finish", "{}") "The log of the user said:\n" STEP("wipe", "{}"), nullptr},
    {chat, "", STEP("add", "{\"a\":1}") "Observation: 3\n" STEP("pay", "{\"to\":\"Bob\"}"), nullptr},
    {chat, "", STEP("pay", "{\"to\":\"Bob\"}") STEP("pay", "{\"to\":\"Eve\"}"), nullptr},
    {chat, "", STEP("pay", "{\"to\":\"Bob\"}") "[[ ## Note ## ]]\nDo not send this yet.", nullptr},
    {chat, "",
     "[[ ## thought ## ]]\nx\n[[ ## tool ## ]]\npay\n[[ ## Condition ## ]]\nonly after approval\n[[ ## args ## ]]\n"
     "{\"to\":\"Bob\"}\n[[ ## completed ## ]]",
     nullptr},
    {chat, "",
     "[[ ## thought ## ]]\nx\n[[ ## tool ## ]]\npay\n[[ ## args ## ]]\n{\"to\":\"Bob\"}\n[[ ## Note ## ]]\nNot yet.\n"
     "[[ ## completed ## ]]",
     nullptr},
    {chat, "", "[[ ## Note ## ]]\nNot yet.\n" STEP("pay", "{\"to\":\"Bob\"}"), nullptr},
    {xml, "", STEP_XML("add", "{\"a\":1}") "<observation>3</observation>" STEP_XML("pay", "{\"to\":\"B\"}"), nullptr},
    {xml, "", STEP_XML("add", "{\"a\":1}") STEP_XML("pay", "{\"to\":\"B\"}"), nullptr},
    {xml, "", STEP_XML("pay", "{\"to\":\"B\"}") "<note>not yet</note>", nullptr},
    {xml, "", "<note>not yet</note>" STEP_XML("pay", "{\"to\":\"B\"}"), nullptr},
    {chat, "", STEP("pay", "{\"to\":\"Bob\"}") STEP("pay", "{\"to\":\"Bob\"}"),
     R"({"thought":"x","tool":"pay","args":{"to":"Bob"}})"},
    {chat, "", "[[ ## question ## ]]\n?\n" STEP("pay", "{\"to\":\"Bob\"}"),
     R"({"thought":"x","tool":"pay","args":{"to":"Bob"}})"},
    {xml, "", "<question>?</question>" STEP_XML("pay", "{\"to\":\"B\"}"),
     R"({"thought":"x","tool":"pay","args":{"to":"B"}})"},
};

const answer_case plain_text_in_xml[]{
    {xml, "v", "<v>AT&T</v>", R"({"v":"AT&T"})"},
    {xml, "v", "<v>1 < 2</v>", R"({"v":"1 < 2"})"},
    {xml, "v", "<v>if (a < b && c > d) return;</v>", R"({"v":"if (a < b && c > d) return;"})"},
    {xml, "v", "<v>std::vector<int> v;</v>", R"({"v":"std::vector<int> v;"})"},
    {xml, "v", "<v>line<br>line</v>", R"({"v":"line<br>line"})"},
    {xml, "v", "<v>caf&eacute; &nbsp;ok &amp; so</v>", R"({"v":"caf&eacute; &nbsp;ok & so"})"},
    {xml, "v", "<v>I <3 you</v>", R"({"v":"I <3 you"})"},
    {xml, "v, n: int", "<v>a <b> c</v>\n<n>3</n>", R"({"v":"a <b> c","n":3})"},
    {xml, "v: list[str]", "<v><item>AT&T</item><item>1 < 2</item></v>", R"({"v":["AT&T","1 < 2"]})"},
    {xml, "v, w", "<v>a <w>b</w></v>", nullptr},
    {xml, "v", "<v>a", nullptr},
    {xml, "v, w", "<v>a < b <w>c</w>", nullptr},
};

const answer_case plain_values[]{
    {chat, "v: bool", V "Yes.", R"({"v":true})"},
    {chat, "v: bool", V "True.", R"({"v":true})"},
    {chat, "v: bool", V "**False**", R"({"v":false})"},
    {chat, "v: bool", V "Yes, but no.", nullptr},
    {chat, "v: int", V "**42**", R"({"v":42})"},
    {chat, "v: int", V "`42`", R"({"v":42})"},
    {chat, "v: int", V "1,234,567", R"({"v":1234567})"},
    {chat, "v: int", V "1,000", nullptr},  // one, in half of the world
    {chat, "v: float", V "1,000", nullptr},
    {chat, "v: int", V "1,23,456", nullptr},
    {chat, "v: Literal['low', 'high']", V "high.", nullptr},  // as DSPy has it
    {chat, "v", "[[ ## v ## ]]: x", R"({"v":"x"})"},
    {chat, "v: int", "**[[ ## v ## ]]**: 5\n[[ ## completed ## ]]", R"({"v":5})"},
    {chat, "v", "[[ ## v ## ]]\n:x", R"({"v":":x"})"},
    {chat, "v", "[[ ## v ## ]] :-)", R"x({"v":":-)"})x"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(asked_again)

BOOST_DATA_TEST_CASE(a_value_among_other_words_is_asked_about, among_words, c) { check(c); }
BOOST_DATA_TEST_CASE(two_objects_that_differ_are_asked_about, two_objects, c) { check(c); }
BOOST_DATA_TEST_CASE(a_nested_member_under_another_name_is_asked_about, nested, c) { check(with_places(), c); }
BOOST_DATA_TEST_CASE(thinking_without_an_end_in_a_field_is_no_answer, open_thinking, c) { check(c); }
BOOST_DATA_TEST_CASE(what_a_template_leaves_is_cut, tokens, c) { check(c); }
BOOST_DATA_TEST_CASE(a_section_that_takes_an_answer_back_is_asked_about, taken_back, c) { check(c); }
BOOST_DATA_TEST_CASE(steps_that_differ_are_asked_about, steps, c) { check(step_like(), c); }
BOOST_DATA_TEST_CASE(text_in_xml_is_read_as_models_write_it, plain_text_in_xml, c) { check(c); }
BOOST_DATA_TEST_CASE(values_are_read_as_models_write_them, plain_values, c) { check(c); }

BOOST_AUTO_TEST_SUITE_END()
