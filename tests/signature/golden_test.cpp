#include "support/cases.hpp"

#include <reagent/error.hpp>
#include <reagent/signature/signature.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

BOOST_DATA_TEST_CASE(signatures_are_read_as_dspy_reads_them, cases_of("signatures.json"), c) {
    if (c.data.contains("error")) {
        BOOST_CHECK_THROW(parse_signature(c.text("input")), signature_error);
        return;
    }
    const auto& expected = c.data.at("expected").as_object();
    auto s = parse_signature(c.text("input"));
    for (auto [key, fields] : {std::pair{"inputs", &s.inputs}, {"outputs", &s.outputs}}) {
        const auto& wanted = expected.at(key).as_array();
        BOOST_REQUIRE(fields->size() == wanted.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const auto& f = (*fields)[i];
            BOOST_TEST(f.name == wanted[i].as_object().at("name").as_string());
            BOOST_TEST(f.type == wanted[i].as_object().at("type").as_string());
            BOOST_TEST(f.prefix == expected.at("prefixes").as_object().at(f.name).as_string());
            BOOST_TEST(f.description == expected.at("descriptions").as_object().at(f.name).as_string());
        }
    }
}

struct bad_signature {
    const char* text;
    std::size_t position;
    const char* hint;
};
std::ostream& operator<<(std::ostream& out, const bad_signature& b) { return out << b.text; }
const bad_signature bad_signatures[]{
    {"question", 8, "question -> answer"},
    {"a -> b -> c", 7, "one arrow"},
    {"a -> b: strng", 8, "`str`"},
    {"a -> b: list[in]", 13, "`int`"},
    {"a -> b: string", 8, "`str`"},
    {"a, class -> b", 3, "another name"},
    {"a b -> c", 2, "name: type"},
    {"a -> b: list[int", 16, "brackets"},
    {"a -> _b", 5, "underscore"},
    {"a -> a", 5, "rename"},
    {"a -> b: Optional[int, str]", 8, "Union"},
    {"a -> b # c", 7, "comments"},
    {"a => b", 2, "question -> answer"},
    {"a -> b: Literal[x]", 16, "'x'"},
    {"a -> b: 'str", 8, "add a"},
};
BOOST_DATA_TEST_CASE(errors_have_a_position_and_a_hint, bad_signatures, b) {
    try {
        parse_signature(b.text);
        BOOST_ERROR("was accepted");
    } catch (const signature_error& e) {
        BOOST_TEST(e.position() == b.position, e.what());
        BOOST_TEST(e.hint().find(b.hint) != std::string::npos, e.what());
    }
}

struct pair_of_texts {
    const char *text, *expected;
};
std::ostream& operator<<(std::ostream& out, const pair_of_texts& b) { return out << b.text; }
const pair_of_texts further_types[]{{"Optional[str]", "Union[str, NoneType]"},
                                    {"None | int", "Union[NoneType, int]"},
                                    {"Union[int, Union[str, int]]", "Union[int, str]"},
                                    {"tuple[int, ...]", "tuple[int, Ellipsis]"},
                                    {"Literal['a' 'b']", "Literal['ab']"},
                                    {"Literal[0x10, 1_000]", "Literal[16, 1000]"},
                                    {"typing.List[int]", "list[int]"},
                                    {"datetime.datetime", "datetime"},
                                    {"Literal[\"it's\"]", "Literal[\"it's\"]"},
                                    {"list['int']", "list[int]"},
                                    {"Annotated[int, 'x']", "int"},
                                    {"(int)", "int"},
                                    {"Dict[str, Any]", "dict[str, Any]"}};
BOOST_DATA_TEST_CASE(types_are_named_as_python_names_them, further_types, c) {
    BOOST_TEST(parse_signature("a -> b: " + std::string{c.text}).outputs[0].type == c.expected);
}

const pair_of_texts prefixes[]{{"search_query", "Search Query:"},
                               {"HTTPServer2", "HTTP Server 2:"},
                               {"x1y2", "X 1 Y 2:"},
                               {"fooBar", "Foo Bar:"},
                               {"URL", "URL:"},
                               {"a__b", "A  B:"},
                               {"\u00e9", "\u00c9:"}};
BOOST_DATA_TEST_CASE(prefixes_are_names_for_people, prefixes, p) { BOOST_TEST(prefix_of(p.text) == p.expected); }

BOOST_AUTO_TEST_CASE(named_types_bring_their_definitions_along) {
    named_types types{
        {"Node",
         json::parse(
             R"({"$defs": {"Node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}, "required": ["next"]}}, "$ref": "#/$defs/Node"})")}};
    auto s = parse_signature("a -> b: list[Node]", types);
    BOOST_TEST(s.outputs[0].shape.validate(json::parse(R"([{"next": {"next": null}}])")).empty());
    BOOST_TEST(!s.outputs[0].shape.validate(json::parse(R"([{"next": {"nxt": null}}])")).empty());
}

BOOST_AUTO_TEST_CASE(endless_nesting_is_refused) {
    std::string deep = "a -> b: ";
    for (int i = 0; i < 5000; ++i) deep += "list[";
    BOOST_CHECK_THROW(parse_signature(deep), signature_error);
    BOOST_CHECK_THROW(parse_signature("a -> " + std::string(100'000, 'b')), signature_error);
}
