// What stands in an answer and is no part of what is read: it is asked about, and never left out in silence.
#include <reagent/adapter/adapter.hpp>
#include <reagent/adapter/thinking.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

struct left_out {
    adapter by;
    const char *outputs, *text, *expected;  // null: it is asked about
};
std::ostream& operator<<(std::ostream& out, const left_out& c) { return out << c.outputs << ": " << c.text; }

void check(const left_out& c) {
    auto outputs = parse(c.by, parse_signature(std::string{"question -> "} + c.outputs), c.text);
    BOOST_REQUIRE_MESSAGE(outputs.has_value() == (c.expected != nullptr),
                          (outputs ? "read " + json::serialize(*outputs) : outputs.error().message));
    if (outputs) BOOST_TEST((json::value(*outputs) == json::parse(c.expected)), json::serialize(*outputs));
}

constexpr auto chat = adapter::chat;
constexpr auto in_json = adapter::json;
constexpr auto xml = adapter::xml;

const left_out optional_outputs[]{
    {chat, "zip: Optional[str]", "12345", nullptr},
    {chat, "zip: Optional[str]", "**zip**: 12345", nullptr},
    {chat, "zip: Optional[str]", "<html>502 Bad Gateway</html>", nullptr},
    {chat, "zip: Optional[str]", "[[ ## Zip ## ]]\n12345\n[[ ## completed ## ]]", nullptr},
    {chat, "zip: Optional[str]", "[[ ## completed ## ]]", nullptr},
    {chat, "zip: Optional[str]", "[[ ## zip ## ]]\nnull\n[[ ## completed ## ]]", R"({"zip":null})"},
    {chat, "zip: Optional[str], n: Optional[int]", "I cannot help.", nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob\n[[ ## completed ## ]]", R"({"name":"Bob","zip":null})"},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob\n[[ ## Zip ## ]]\n12345\n[[ ## completed ## ]]", nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## Zip ## ]]\n12345\n[[ ## name ## ]]\nBob\n[[ ## completed ## ]]", nullptr},
    {chat, "n: int, zip: Optional[str]", "[[ ## n ## ]]\n3\n[[ ## zip_code ## ]]\n12345\n[[ ## completed ## ]]",
     nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob\n[[ ## zip: ## ]]\n12345\n[[ ## completed ## ]]",
     nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob\n> [[ ## zip ## ]]\n12345\n[[ ## completed ## ]]",
     nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## question ## ]]\n?\n[[ ## name ## ]]\nBob\n[[ ## completed ## ]]",
     R"({"name":"Bob","zip":null})"},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob\n[[zip]]\n12345\n[[ ## completed ## ]]", nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob\n## zip ##\n12345\n[[ ## completed ## ]]", nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob\n**Zip:** 12345", nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob\nzip: 12345\n[[ ## completed ## ]]", nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob\n\u3010\u3010 ## zip ## \u3011\u3011\n1", nullptr},
    {chat, "name, zip: Optional[str]", "[[ ## name ## ]]\nBob, whose zip is: unknown; zipper: none",
     R"({"name":"Bob, whose zip is: unknown; zipper: none","zip":null})"},
    {xml, "name, zip: Optional[str]", "<name>Bob</name>\nzip: 1", nullptr},
    {xml, "name, zip: Optional[str]", "<name>Bob</name><!-- <zip>1</zip> -->", nullptr},
    {xml, "name, zip: Optional[str]", "<name zip=\"1\">Bob</name>", nullptr},
    {in_json, "zip: Optional[str]", R"({"Zip":"12345"})", nullptr},
    {in_json, "zip: Optional[str]", R"({"error":"x"})", nullptr},
    {in_json, "zip: Optional[str]", "{}", R"({"zip":null})"},
    {in_json, "zip: Optional[str]", R"({"zip":"12345","x":1})", R"({"zip":"12345"})"},
    {in_json, "name, zip: Optional[str]", R"({"name":"Bob","Zip":"12345"})", nullptr},
    {in_json, "name, zip: Optional[str]", R"({"name":"Bob"})", R"({"name":"Bob","zip":null})"},
    {in_json, "name, zip: Optional[str]", R"({"question":"?","name":"Bob"})", R"({"name":"Bob","zip":null})"},
    {xml, "zip: Optional[str]", "12345", nullptr},
    {xml, "zip: Optional[str]", "<Zip>12345</Zip>", nullptr},
    {xml, "zip: Optional[str]", "<zip></zip>", R"({"zip":null})"},
    {xml, "name, zip: Optional[str]", "<name>Bob</name><Zip>12345</Zip>", nullptr},
    {xml, "name, zip: Optional[str]", "<name>Bob</name>", R"({"name":"Bob","zip":null})"},
};

const left_out elements[]{
    {xml, "v: list[str]", "<v><li>a</li><li>b</li></v>", nullptr},
    {xml, "v: list[str]", "<v><element>a</element></v>", nullptr},
    {xml, "v: list[str]", "<v><string>a</string><string>b</string></v>", nullptr},
    {xml, "v: list[str]", "<v>\n- a\n- b\n</v>", nullptr},
    {xml, "v: list[str]", "<v>1. a\n2. b</v>", nullptr},
    {xml, "v: list[str]", "<v>a\nb</v>", nullptr},
    {xml, "v: list[str]", "<v>a, b</v>", nullptr},
    {xml, "v: list[str]", "<v>a; b</v>", nullptr},
    {xml, "v: list[str]", "<v>a<item>b</item></v>", nullptr},
    {xml, "v: list[str]", "<v><item>a</item>b</v>", nullptr},
    {xml, "v: list[str]", "<v><item>a</item><Item>b</Item></v>", nullptr},
    {xml, "v: list[str]", "<v><item>a</item><li>b</li></v>", nullptr},
    {xml, "v: list[str]", "<v><item>a</item></v><v><item>b</item></v>", nullptr},
    {xml, "v: list[str]", "<v><item>a</item><!-- ... 5 more --></v>", nullptr},
    {xml, "v: list[str]", "<v><item>a</item><!-- <item>b</item> --></v>", nullptr},
    {xml, "v: list[int]", "<v><item>1</item>2, 3</v>", nullptr},
    {xml, "v: list[list[int]]", "<v><item>1<item>2</item></item></v>", nullptr},
    {xml, "v: dict[str, int]", "<v><a>1</a>b: 2</v>", nullptr},
    {xml, "v: dict[str, list[str]]", "<v><a><li>x</li></a></v>", nullptr},
    {xml, "v: dict[str, int]", "<v>b: 2<a>1</a></v>", nullptr},
    {xml, "v: dict[str, int]", "<v a=\"1\"><b>2</b></v>", nullptr},
    {xml, "v: dict[str, int]", "<v a=\"1\"/>", nullptr},
    {xml, "v: list[dict]", "<v><item><a>1</a>, b = 2</item></v>", nullptr},
    {xml, "v: Optional[list[str]]", "<v><li>a</li></v>", nullptr},
    {xml, "v: list[str]", "<v><item>a, b</item>,\n<item>- c</item></v>", R"({"v":["a, b","- c"]})"},
    {xml, "v: list[str]", "<v>a <b>x</b></v><v>c</v>", R"({"v":["a <b>x</b>","c"]})"},
    {xml, "v: list[str]", "<v><item>a <b>x</b></item></v>", R"({"v":["a <b>x</b>"]})"},
    {xml, "v: list[str]", "<v type=\"list\"><item>a</item></v>", R"({"v":["a"]})"},
    {xml, "v: list[dict[str, int]]", "<v><item><a>1</a></item></v>", R"({"v":[{"a":1}]})"},
    {xml, "v: list[dict[str, int]]", "<v><a>1</a></v>", R"({"v":[{"a":1}]})"},
};

const left_out in_comments[]{
    {in_json, "answer", R"({"answer":"yes"} // {"answer":"no"})", nullptr},
    {in_json, "answer", R"({"answer":"yes"} # before: {"answer":"no"})", nullptr},
    {in_json, "answer", "{\"answer\":\"yes\"}\n/* {\"answer\":\"no\"} */", nullptr},
    {in_json, "answer", "{\"answer\":\"yes\"}\n/* before:\n{\"answer\":\"no\"}\n*/", nullptr},
    {in_json, "answer", "{\"answer\":\"yes\"}\n<!-- {\"answer\":\"no\"} -->", nullptr},
    {in_json, "answer", "{\"answer\":\"yes\"}\n-- {\"answer\":\"no\"}", nullptr},
    {in_json, "name, zip: Optional[str]", "{\"name\": \"Bob\", // \"zip\": \"12345\",\n}", nullptr},
    {in_json, "answer, zip: Optional[str]", R"({"answer":"yes"} // {"answer":"no","zip":"1"})", nullptr},
    {in_json, "answer", R"({"answer":"yes"} // {"answer":"yes"})", R"({"answer":"yes"})"},
    {in_json, "answer", "// {\"answer\":\"no\"}\n{\"answer\":\"yes\"}", R"({"answer":"yes"})"},
    {in_json, "answer", "{\"answer\":\"yes\"}\n# Corrected\n{\"answer\":\"no\"}", R"({"answer":"no"})"},
    {in_json, "answer", "First http://a.b {\"answer\":\"yes\"} and then I see: {\"answer\":\"no\"}", nullptr},
};

const left_out markers[]{
    {chat, "answer",
     "[[ ## answer ## ]]\nWrite:\n```\n[[ ## question ## ]]\nWhat?\n```\nand send it.\n[[ ## completed ## ]]", nullptr},
    {chat, "answer", "[[ ## answer ## ]]\nStep 1.\n[[ ## step_2 ## ]]\nStep 2.\n[[ ## completed ## ]]", nullptr},
    {chat, "answer", "[[ ## answer ## ]]\nStep 1.\n**[[ ## step_2 ## ]]**\nStep 2.", nullptr},
    {chat, "answer: dict[str, int]", "[[ ## answer ## ]]\n{\"a\": 1}\n[[ ## question ## ]]\nx",
     R"({"answer":{"a":1}})"},
    {chat, "answer: Any", "[[ ## answer ## ]]\nStep 1.\n[[ ## step_2 ## ]]\nStep 2.", nullptr},
    {chat, "answer: Union[str, int]", "[[ ## answer ## ]]\nStep 1.\n[[ ## step_2 ## ]]\nStep 2.", nullptr},
    {chat, "n: int, answer", "[[ ## n ## ]]\n1\n[[ ## note ## ]]\nx\n[[ ## answer ## ]]\na", R"({"n":1,"answer":"a"})"},
    {chat, "answer", "[[ ## question ## ]]\n?\n[[ ## answer ## ]]\nx\n[[ ## completed ## ]]", R"({"answer":"x"})"},
    {chat, "answer", "[[ ## answer ## ]]\nx\n[[ ## completed ## ]]\n[[ ## question ## ]]\nx", R"({"answer":"x"})"},
    {chat, "answer", "[[ ## answer ## ]]\nx [[ ## question ## ]] y\n[[ ## completed ## ]]",
     R"({"answer":"x [[ ## question ## ]] y"})"},
    {chat, "answer", "[[ ## answer ## ]]\nx\n[[ ## comp", nullptr},
    {chat, "answer", "[[ ## answer ## ]]\nx\n[[ ## completed ##", nullptr},
    {chat, "answer", "[[ ## answer ## ]]\n<b>x</b>\n[[ ## step_2 ## ]]\nStep 2.", nullptr},
    {chat, "answer", "[[ ## answer ## ]]\nx [[", R"({"answer":"x [["})"},
    {chat, "answer", "[[ ## answer ## ]]\nSo:\n```\n<think>\nhm\n</think>\n```\nis shown.\n[[ ## completed ## ]]",
     R"({"answer":"So:\n```\n<think>\nhm\n</think>\n```\nis shown."})"},
    {chat, "answer", "[[ ## answer ## ]]\n```\nx\n```\n<think>\nhm\n</think>\nso.",
     R"({"answer":"```\nx\n```\n\nso."})"},
};

const left_out texts[]{
    {in_json, "v: Union[str, float]", R"({"v":"+49301234567"})", R"({"v":"+49301234567"})"},
    {in_json, "v: Union[str, float]", R"({"v":"1.10"})", R"({"v":"1.10"})"},
    {in_json, "v: Union[str, int]", R"({"v":"0x1F"})", R"({"v":"0x1F"})"},
    {in_json, "v: Union[int, str]", R"({"v":"1_000"})", R"({"v":"1_000"})"},
    {in_json, "v: Union[str, bool]", R"({"v":"1"})", R"({"v":"1"})"},
    {in_json, "v: Optional[str]", R"({"v":"None"})", R"({"v":"None"})"},
    {in_json, "v: Optional[str]", R"({"v":"null"})", R"({"v":"null"})"},
    {in_json, "v: Optional[str]", R"({"v":null})", R"({"v":null})"},
    {in_json, "v: Any", R"({"v":"1e5"})", R"({"v":"1e5"})"},
    {in_json, "v: Any", R"({"v":"null"})", R"({"v":"null"})"},
    {in_json, "v: Union[str, list[str]]", R"({"v":"['a']"})", R"({"v":"['a']"})"},
    {in_json, "v: Optional[int]", R"({"v":"null"})", R"({"v":null})"},
    {in_json, "v: int", R"({"v":"5"})", R"({"v":5})"},
    {chat, "v: Optional[str]", "[[ ## v ## ]]\nNone", R"({"v":null})"},
    {chat, "v: Union[str, int]", "[[ ## v ## ]]\n5", R"({"v":5})"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(left_out_of_answers)

BOOST_DATA_TEST_CASE(a_text_without_a_field_is_no_answer, optional_outputs, c) { check(c); }
BOOST_DATA_TEST_CASE(nothing_beside_elements_is_left_out, elements, c) { check(c); }
BOOST_DATA_TEST_CASE(an_object_in_a_comment_does_not_count, in_comments, c) { check(c); }
BOOST_DATA_TEST_CASE(a_marker_of_no_output_within_an_answer_is_asked_about, markers, c) { check(c); }
BOOST_DATA_TEST_CASE(a_text_in_json_that_fits_stays_one, texts, c) { check(c); }

BOOST_AUTO_TEST_CASE(an_end_of_thinking_that_is_quoted_ends_nothing) {
    for (std::string text : {"Use `</think>` to close.", "Use \"</think>\" to close the block.",
                             "Use '</think>' to close.", "Use \u201c</think>\u201d.", "Write `a </think> b` there.",
                             "```xml\n<a>\n</think>\n```\nThat is the end tag.", R"({"answer":"write </think> here"})",
                             R"({"answer":"the `</think>` tag"})", R"({"answer":"<think>a</think>b"})",
                             R"(Here: {"answer":"write </think> here"} - so.)", R"(["</think>", "a"])",
                             "```json\n{\"answer\":\"[/THINK] x\"}\n```", "It ends with `[/THINK]`."})
        BOOST_TEST(without_thinking(text).text == text, without_thinking(text).text);
    for (std::string text : {"SECRET</think>Final", "SECRET `x` {\"a\": 1}\n</think>\n\nFinal",
                             "{\"draft\": 1}</think>Final", "```\nSECRET</think>Final", "it's SECRET</think>\nFinal",
                             "{ SECRET</think>Final", "<think>{\"a\":\"</think>Final"})
        BOOST_TEST(without_thinking(text).text == "Final", text);
    auto outputs = parse(in_json, parse_signature("q -> answer"), R"({"answer":"<think>a</think>b </think> c"})");
    BOOST_REQUIRE(outputs.has_value());
    BOOST_TEST((*outputs)["answer"].as_string() == "<think>a</think>b </think> c");
}

// A model that goes on by itself: with results that no tool gave, with a question that nobody asked.
BOOST_AUTO_TEST_CASE(an_answer_that_imagines_what_comes_next_is_none) {
    const auto s = parse_signature("question -> answer: int");
    auto block = [](int n) { return "[[ ## answer ## ]]\n" + std::to_string(n) + "\n\n[[ ## completed ## ]]\n"; };
    for (const char* between : {"[[ ## question ## ]]\nWhat is 3+3?\n\n", "[[ ## observation_0 ## ]]\n3\n\n",
                                "\n[[ ## tool_name_1 ## ]]\npay\n"}) {
        auto outputs = parse(adapter::chat, s, block(4) + between + block(6));
        BOOST_REQUIRE(!outputs.has_value());
        BOOST_TEST(outputs.error().message.find("behind its end") != std::string::npos, outputs.error().message);
        BOOST_TEST(
            parse(adapter::chat, s, block(4) + between).has_value());  // one answer is there, and what follows is none
    }
    BOOST_TEST(parse(adapter::chat, s, "[[ ## question ## ]]\nWhat is 2+2?\n\n" + block(4)).has_value());
    auto last = parse(adapter::chat, s, block(4) + "No, wait.\n\n" + block(6));
    BOOST_REQUIRE(last.has_value());
    BOOST_TEST(last->at("answer") == 6);
}

BOOST_AUTO_TEST_SUITE_END()
