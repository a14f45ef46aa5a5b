// Values as models dress them, and what a server or a template leaves: read where one reading is possible.
#include <reagent/adapter/adapter.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

const char* const tokens[]{"<|im_end|>",
                           "<|eot_id|>",
                           "</s>",
                           "<|endoftext|>",
                           "<end_of_turn>",
                           "[/INST]",
                           "<|end|>",
                           "<|im_end|>\n<|endoftext|>",
                           "<eos>",
                           "<|end_of_text|>",
                           "<|eom_id|>",
                           "\n<|return|>\n",
                           "<|END_OF_TURN_TOKEN|>",
                           "<\uff5cend\u2581of\u2581sentence\uff5c>",
                           "<|im_end|>\n<|im_start|>user\n",
                           "<|eot_id|><|start_header_id|>user<|end_header_id|>",
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
    {"Literal[1,2]", "**1**", nullptr},
    {"Literal[1,2]", "2.", nullptr},
    {"Literal[1,2]", "12", nullptr},
    {"Literal['high','low']", "High", nullptr},
    {"Literal['high','low']", "low.", nullptr},
    {"Literal[True,None]", "**None**", nullptr},
    {"Optional[int]", "**42**", "42"},
    {"Optional[int]", "**None**", "null"},
    {"Optional[int]", "None.", "null"},
    {"Optional[bool]", "Yes.", "true"},
    {"Union[int, str]", "**42**", "\"**42**\""},
    {"list[bool]", "[\"Yes.\", \"**no**\"]", "[true,false]"},
    {"list[int]", "[\"**1**\", \"2.\"]", "[1,2]"},
    {"dict[str, bool]", "{\"x\": \"Yes.\"}", "{\"x\":true}"},
    {"str", "**x**.", "\"**x**.\""},
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

BOOST_DATA_TEST_CASE(an_output_under_another_name_is_named, wrongly_named, c) {
    auto read = parse(c.by, parse_signature(std::string{"question -> "} + c.outputs), c.text);
    BOOST_REQUIRE(!read.has_value());
    for (const char* part : c.told)
        BOOST_TEST(read.error().message.find(part) != std::string::npos, read.error().message);
    BOOST_TEST(read.error().message.find("question") == std::string::npos, read.error().message);
}

BOOST_AUTO_TEST_SUITE_END()
