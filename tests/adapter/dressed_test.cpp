// Values as models dress them, and what a server or a template leaves: read where one reading is possible.
#include <reagent/adapter/adapter.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

const char* const tokens[]{"<|im_end|>",     "<|eot_id|>",          "</s>",      "<|endoftext|>",
                           "<end_of_turn>",  "[/INST]",             "<|end|>",   "<|im_end|>\n<|endoftext|>",
                           "<eos>",          "<|end_of_text|>",     "<|eom_id|>", "\n<|return|>\n",
                           "<|END_OF_TURN_TOKEN|>", "<\uff5cend\u2581of\u2581sentence\uff5c>",
                           "<|im_end|>\n<|im_start|>user\n", "<|eot_id|><|start_header_id|>user<|end_header_id|>",
                           "<end_of_turn>\n<start_of_turn>user"};

std::string trimmed(std::string s) {
    while (!s.empty() && s.back() == '\n') s.pop_back();
    return s;
}

struct value_case {
    const char *output, *text, *expected;  // null: it is asked about
};
std::ostream& operator<<(std::ostream& out, const value_case& c) { return out << c.output << ": " << c.text; }

const value_case dressed[]{
    {"bool", "Yes.", "true"},
    {"bool", "**True**", "true"},
    {"bool", "True.", "true"},
    {"bool", "`true`", "true"},
    {"bool", "yes!", "true"},
    {"bool", "*No*", "false"},
    {"bool", "**Yes.**", "true"},
    {"bool", "**No**.", "false"},
    {"bool", "_false_", "false"},
    {"bool", "__FALSE__", "false"},
    {"bool", "***True***", "true"},
    {"bool", "Yes, it is", nullptr},
    {"bool", "true/false", nullptr},
    {"bool", "Not true.", nullptr},
    {"bool", "**True", nullptr},
    {"bool", "True...", nullptr},
    {"bool", "Yes?", nullptr},
    {"int", "**42**", "42"},
    {"int", "42.", "42"},
    {"int", "`42`", "42"},
    {"int", "**42.**", "42"},
    {"int", "**42**.", "42"},
    {"int", "_42_", "42"},
    {"int", "**-7**", "-7"},
    {"int", "5!", nullptr},
    {"int", "**42", nullptr},
    {"int", "42%", nullptr},
    {"int", "1,234", nullptr},
    {"int", "**1,234**", nullptr},
    {"int", "4.5.", nullptr},
    {"int", "42..", nullptr},
    {"int", "4**2", nullptr},
    {"int", "about 42.", nullptr},
    {"int", "**42** or **43**", nullptr},
    {"float", "**4.5**", "4.5"},
    {"float", "4.5.", "4.5"},
    {"float", "`4.5`", "4.5"},
    {"float", "**4.5.**", "4.5"},
    {"float", "1.2.3", nullptr},
    {"float", "1.2.3.", nullptr},
    {"Literal['high','low']", "High", "\"high\""},
    {"Literal['high','low']", "HIGH.", "\"high\""},
    {"Literal['high','low']", "low.", "\"low\""},
    {"Literal['high','low']", "**high**", "\"high\""},
    {"Literal['high','low']", "`Low`", "\"low\""},
    {"Literal['high','low']", "**High**.", "\"high\""},
    {"Literal['high','low']", "\"High\"", "\"high\""},
    {"Literal['high','low']", "'low'.", "\"low\""},
    {"Literal['high','low']", "high or low", nullptr},
    {"Literal['high','low']", "higher", nullptr},
    {"Literal['high','low']", "the high one", nullptr},
    {"Literal['High','high']", "HIGH", nullptr},
    {"Literal['High','high']", "high.", "\"high\""},
    {"Literal['High','high']", "**High**", "\"High\""},
    {"Literal['a.','a']", "a.", "\"a.\""},
    {"Literal['a.','a']", "A.", nullptr},
    {"Literal['a.','a']", "A", "\"a\""},
    {"Literal['a.','a']", "**a.**", nullptr},
    {"Literal['*x*','x']", "**x**", nullptr},
    {"Literal[1,2]", "**1**", "1"},
    {"Literal[1,2]", "2.", "2"},
    {"Literal[1,2]", "12", nullptr},
    {"Literal[True,None]", "**None**", "null"},
    {"Optional[int]", "**42**", "42"},
    {"Optional[int]", "**None**", "null"},
    {"Optional[int]", "None.", "null"},
    {"Optional[bool]", "Yes.", "true"},
    {"Optional[Literal['x','y']]", "X", "\"x\""},
    {"Optional[Literal['x','y']]", "**y**.", "\"y\""},
    {"Optional[Literal['x','X','y']]", "**X**", "\"X\""},
    {"Union[int, str]", "**42**", "\"**42**\""},
    {"Union[Literal['a'], str]", "A", "\"A\""},
    {"list[bool]", "[\"Yes.\", \"**no**\"]", "[true,false]"},
    {"list[int]", "[\"**1**\", \"2.\"]", "[1,2]"},
    {"list[Literal['a','b']]", "[\"A\", \"**b**.\"]", "[\"a\",\"b\"]"},
    {"list[Literal['a','A']]", "[\"a.\", \"Ä\"]", nullptr},
    {"dict[str, bool]", "{\"x\": \"Yes.\"}", "{\"x\":true}"},
    {"str", "**x**.", "\"**x**.\""},
};

struct xml_text {
    const char *element, *expected;
};
std::ostream& operator<<(std::ostream& out, const xml_text& c) { return out << c.element; }

const xml_text texts[]{
    {"AT&T", "AT&T"},
    {"1 < 2", "1 < 2"},
    {"a <b> c", "a <b> c"},
    {"a & b", "a & b"},
    {"x<y && y>z", "x<y && y>z"},
    {"<b>bold", "<b>bold"},
    {"&copy; 2024", "&copy; 2024"},
    {"R&D; x", "R&D; x"},
    {"<br>", "<br>"},
    {"one<br>two<br/>three", "one<br>two<br/>three"},
    {"if (a<b) {}", "if (a<b) {}"},
    {"vector<int> v;", "vector<int> v;"},
    {"map<string, vector<int>> m;", "map<string, vector<int>> m;"},
    {"5<6>4", "5<6>4"},
    {"a</b>c", "a</b>c"},
    {"<a href=x>y</a>", "<a href=x>y</a>"},
    {"<3", "<3"},
    {"x <= y", "x <= y"},
    {"&&amp;", "&&"},
    {"AT&amp;T & more", "AT&T & more"},
    {"&lt;b&gt; & <i>", "<b> & <i>"},
    {"&amp;lt; & x", "&lt; & x"},
    {"<![CDATA[a<b&c]]>", "a<b&c"},
    {"<![CDATA[a<b&amp;]]> & <c>", "a<b&amp; & <c>"},
    {"&#65; & &#x42;", "A & B"},
    {"&#xFFFFFFF; & &#0;", "&#xFFFFFFF; & &#0;"},
    {"a&b=c&d", "a&b=c&d"},
    {"http://x/?a=1&lt=2", "http://x/?a=1&lt=2"},
    {"<!-- x", "<!-- x"},
    {"<!DOCTYPE html><p>", "<!DOCTYPE html><p>"},
    {"<?php echo 1 < 2;", "<?php echo 1 < 2;"},
    {"<img src='a'>", "<img src='a'>"},
    {"&lt;b&gt;", "<b>"},
    {"&amp;lt;", "&lt;"},
    {"<<EOF", "<<EOF"},
};

struct named {
    adapter by;
    const char *outputs, *text;
    std::vector<const char*> told;
};
std::ostream& operator<<(std::ostream& out, const named& c) { return out << c.outputs << ": " << c.text; }

const named wrongly_named[]{
    {adapter::json, "name, price: float", R"({"name":"x","cost":3})", {"`price`", "`cost`"}},
    {adapter::chat, "name, price: float", "[[ ## name ## ]]\nx\n\n[[ ## cost ## ]]\n3\n", {"`price`", "`cost`"}},
    {adapter::chat, "price: float, name", "[[ ## cost ## ]]\n3\n\n[[ ## name ## ]]\nx\n", {"`price`", "`cost`"}},
    {adapter::xml, "name, price: float", "<name>x</name><cost>3</cost>", {"`price`", "`cost`"}},
    {adapter::json, "name, price: float", R"({"name":"x","Price":3})", {"`Price`", "did you mean `price`?"}},
    {adapter::json, "name, price: float", R"({"name":"x","pirce":3})", {"`pirce`", "did you mean `price`?"}},
    {adapter::xml, "name, price: float", "<name>x</name><prices>3</prices>", {"`prices`", "did you mean `price`?"}},
    {adapter::json, "answer", R"({"response":"x"})", {"`answer`", "`response`"}},
    {adapter::chat, "answer", "[[ ## response ## ]]\nx\n", {"`answer`", "`response`"}},
    {adapter::json, "answer, n: int", R"({"output":{"answer":"x","n":1}})", {"`answer`", "`n`", "`output`"}},
    {adapter::json, "a: int, price: float", R"({"x":1,"y":2,"pricee":3})", {"`x`", "`y`", "did you mean `price`?"}},
    {adapter::json, "name, price: float", R"({"question":"?","name":"x"})", {"`price`"}},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dressed_values)

BOOST_DATA_TEST_CASE(tokens_of_a_template_end_an_answer, tokens, token) {
    const std::string t = token;
    auto text = [](adapter a, const char* outputs, const std::string& completion) {
        auto read = parse(a, parse_signature(std::string{"q -> "} + outputs), completion);
        return read ? json::serialize(*read) : "! " + read.error().message;
    };
    const std::string ok = R"({"v":"ok"})", inside = json::serialize(json::object{{"v", "say " + t + " ok"}});
    BOOST_TEST(text(adapter::chat, "v", "[[ ## v ## ]]\nok" + t) == ok);
    BOOST_TEST(text(adapter::chat, "v", "[[ ## v ## ]]\nok\n\n[[ ## completed ## ]]" + t) == ok);
    BOOST_TEST(text(adapter::chat, "v: int", "[[ ## v ## ]]\n4" + t + "\n") == R"({"v":4})");
    BOOST_TEST(text(adapter::chat, "v: list[int]", "[[ ## v ## ]]\n[4]" + t) == R"({"v":[4]})");
    BOOST_TEST(text(adapter::json, "v", R"({"v":"ok"})" + t) == ok);
    BOOST_TEST(text(adapter::xml, "v", "<v>ok</v>" + t) == ok);
    BOOST_TEST(text(adapter::xml, "v", "<v>ok</v>\n\n" + t + "\n") == ok);
    BOOST_TEST(text(adapter::chat, "v", "[[ ## v ## ]]\nsay " + t + " ok\n\n[[ ## completed ## ]]") == inside);
    BOOST_TEST(text(adapter::json, "v", inside) == inside);
    const std::string at_end = "ends in " + trimmed(t);
    BOOST_TEST(text(adapter::json, "v", json::serialize(json::object{{"v", at_end}})) ==
               json::serialize(json::object{{"v", at_end}}));
    BOOST_TEST(text(adapter::chat, "v", "[[ ## v ## ]]\n" + at_end + "\n\n[[ ## completed ## ]]") ==
               json::serialize(json::object{{"v", at_end}}));
}

BOOST_AUTO_TEST_CASE(an_element_or_a_quoted_token_is_no_token_of_a_template) {
    auto text = [](const char* outputs, adapter a, const std::string& completion) {
        auto read = parse(a, parse_signature(std::string{"q -> "} + outputs), completion);
        return read ? json::serialize(*read) : "! " + read.error().message;
    };
    BOOST_TEST(text("v", adapter::chat, "[[ ## v ## ]]\nwrite <s>x</s>") == R"({"v":"write <s>x</s>"})");
    BOOST_TEST(text("v", adapter::chat, "[[ ## v ## ]]\n[INST] x [/INST]") == R"({"v":"[INST] x [/INST]"})");
    BOOST_TEST(text("s", adapter::xml, "<s>x</s>") == R"({"s":"x"})");
    BOOST_TEST(text("v", adapter::chat, "[[ ## v ## ]]\nends in `<|im_end|>`") == R"({"v":"ends in `<|im_end|>`"})");
    BOOST_TEST(text("v", adapter::chat, "[[ ## v ## ]]\n<|im_end|>") == R"({"v":""})");
}

BOOST_DATA_TEST_CASE(a_value_is_read_in_whatever_dress, dressed, c) {
    const auto s = parse_signature(std::string{"q -> v: "} + c.output);
    for (auto a : {adapter::chat, adapter::json, adapter::xml}) {
        const std::string text = c.text;
        const std::string completion = a == adapter::chat   ? "[[ ## v ## ]]\n" + text + "\n\n[[ ## completed ## ]]"
                                       : a == adapter::json ? json::serialize(json::object{{"v", text}})
                                                            : "<v>" + text + "</v>";
        auto read = parse(a, s, completion);
        BOOST_REQUIRE_MESSAGE(read.has_value() == (c.expected != nullptr),
                              completion << " -> " << (read ? json::serialize(*read) : read.error().message));
        if (read) BOOST_TEST((read->at("v") == json::parse(c.expected)), json::serialize(*read));
    }
}

BOOST_DATA_TEST_CASE(a_text_in_xml_is_read_as_it_is_written, texts, c) {
    const std::string element = std::string{"<v>"} + c.element + "</v>";
    auto check = [&](const char* outputs, const std::string& completion) {
        auto read = parse(adapter::xml, parse_signature(std::string{"q -> "} + outputs), completion);
        BOOST_REQUIRE_MESSAGE(read.has_value(), completion << ": " << (read ? "" : read.error().message));
        BOOST_TEST(read->at("v").as_string() == c.expected, completion);
        return json::serialize(*read);
    };
    check("v", element);
    check("v: Optional[str]", element);
    check("v, n: int", element + "\n<n>3</n>");
    check("n: int, v", "<n>3</n>\n" + element);
    BOOST_TEST(check("v, w", element + "<w>a & b <c></w>").find("a & b <c>") != std::string::npos);
    check("v, w: list[str]", "Tom & I, 1 < 2:\n" + element + "<w><item>x & y</item></w>");
}

BOOST_AUTO_TEST_CASE(a_text_in_xml_that_may_end_in_two_places_is_asked_about) {
    auto read = [](const char* outputs, const char* completion) {
        return parse(adapter::xml, parse_signature(std::string{"q -> "} + outputs), completion).has_value();
    };
    BOOST_TEST(!read("v", "<v>write `</v>` & go</v>"));
    BOOST_TEST(!read("v, w", "<v>a & <w>b</v><w>c</w>"));
    BOOST_TEST(!read("v", "<v>a & b"));
    BOOST_TEST(!read("v: list[str]", "<v><item>a <b> c</item></v>"));  // of elements
    BOOST_TEST(!read("v", "<v>a & b</v><v>c</v>"));
    BOOST_TEST(read("v: list[str]", "<v><item>AT&T</item><item>1 < 2</item></v>"));
    BOOST_TEST(read("v: dict[str, str]", "<v><a>AT&T</a></v>"));
}

BOOST_DATA_TEST_CASE(an_output_under_another_name_is_named, wrongly_named, c) {
    auto read = parse(c.by, parse_signature(std::string{"question -> "} + c.outputs), c.text);
    BOOST_REQUIRE(!read.has_value());
    for (const char* part : c.told)
        BOOST_TEST(read.error().message.find(part) != std::string::npos, read.error().message);
    BOOST_TEST(read.error().message.find("question") == std::string::npos, read.error().message);
}

BOOST_AUTO_TEST_SUITE_END()
