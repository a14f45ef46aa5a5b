// Values as elements: lists, objects and dictionaries in the forms that models write them.
#include <reagent/adapter/adapter.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

struct xml_case {
    const char *output, *elements, *expected;
};
std::ostream& operator<<(std::ostream& out, const xml_case& c) { return out << c.output << ": " << c.elements; }

const xml_case cases[]{
    {"v: list[int]", "<v><item>1</item><item>2</item></v>", "[1,2]"},
    {"v: list[int]", "<v>\n <item>1</item>\n</v>", "[1]"},
    {"v: list[int]", "<v>1</v><v>2</v>", "[1,2]"},
    {"v: list[int]", "<v>1</v>", "[1]"},
    {"v: list[int]", "<v>[1, 2]</v>", "[1,2]"},
    {"v: list[int]", "<v></v>", "[]"},
    {"v: list[int]", "<v/>", "[]"},
    {"v: list[str]", "<v><item>a, b</item><item></item><item>[c]</item></v>", R"(["a, b","","[c]"])"},
    {"v: list[str]", "<v>a</v><v>b</v><v>a</v>", R"(["a","b","a"])"},
    {"v: list[list[int]]", "<v><item><item>1</item><item>2</item></item><item><item>3</item></item></v>",
     "[[1,2],[3]]"},
    {"v: dict[str, int]", "<v><a>1</a><b>2</b></v>", R"({"a":1,"b":2})"},
    {"v: dict[str, int]", "<v><entry key=\"a b\">1</entry><entry key=\"<>\">2</entry></v>", nullptr},
    {"v: dict[str, int]", "<v><entry key=\"a b\">1</entry><entry key=\"&lt;\">2</entry></v>", R"({"a b":1,"<":2})"},
    {"v: dict[str, int]", "<v><entry>1</entry></v>", R"({"entry":1})"},
    {"v: dict[str, int]", "<v></v>", "{}"},
    {"v: dict[str, list[int]]", "<v><a>1</a><a>2</a><b><item>3</item></b></v>", R"({"a":[1,2],"b":[3]})"},
    {"v: Optional[int]", "<v></v>", "null"},
    {"v: Optional[int]", "<v>3</v>", "3"},
    {"v: Optional[list[int]]", "<v><item>1</item></v>", "[1]"},
    {"v: str", "<v>a <b>c</b></v>", R"("a <b>c</b>")"},
    // What ends a CDATA section, as text.
    {"v: str", "<v>x[y[0]]>3</v>", R"("x[y[0]]>3")"},
    {"v: str", "<v>a]]]>b</v>", R"("a]]]>b")"},
    {"v: str", "<v><![CDATA[a<b]]></v>", R"("a<b")"},
    {"v: str", "<v><![CDATA[a]]>]]>b</v>", R"("a]]>b")"},
    {"v: str", "<v><!-- ]]> --><b>]]></b></v>", R"("<b>]]></b>")"},
    {"v: int", "<v>1</v><v>1</v>", "1"},
    {"v: int", "<v>1</v><v>2</v>", nullptr},
    {"v: int", "<v>1", nullptr},
    {"v: int", "<w>1</w>", nullptr},
    // Fields whose elements look like tokens of a template.
    {"s: str, v: int", "<s>x</s><v>1</v>", "1"},
    {"bos: str, v: int", "<bos>x</bos>\n<v>1</v>", "1"},
    {"v: int", "<s><v>1</v>", "1"}};

}  // namespace

BOOST_AUTO_TEST_SUITE(values_in_xml)

BOOST_DATA_TEST_CASE(elements_are_read_as_the_type_has_them, cases, c) {
    auto outputs = parse(adapter::xml, parse_signature(std::string{"q -> "} + c.output), c.elements);
    BOOST_REQUIRE_MESSAGE(outputs.has_value() == (c.expected != nullptr), (outputs ? "read" : outputs.error().message));
    if (outputs) BOOST_TEST(((*outputs)["v"] == json::parse(c.expected)), json::serialize((*outputs)["v"]));
}

BOOST_AUTO_TEST_CASE(a_value_with_the_end_of_a_section_comes_back) {
    const auto s = parse_signature("v: str -> w: str");
    for (const std::string text : {"a]]>b", "]]>", "]]]]>>", "x[y[0]]>3 && <z>"}) {
        const std::string shown = escape_for(adapter::xml, text);
        BOOST_TEST(shown.find("]]>") == shown.npos, shown);
        auto back = parse(adapter::xml, s, "<w>" + shown + "</w>");
        BOOST_REQUIRE_MESSAGE(back.has_value(), shown);
        BOOST_TEST((*back)["w"] == json::value(text), shown);
    }
}

BOOST_AUTO_TEST_SUITE_END()
