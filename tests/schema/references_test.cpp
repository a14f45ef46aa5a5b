// References, unevaluated members, and schemas that ask for too much. The official suite has the rules one by one; here
// is what users combine, what lenient reading makes of it, and what is bounded.
#include <reagent/error.hpp>
#include <reagent/schema/schema.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

bool fits(const schema& s, const char* value) { return s.validate(json::parse(value)).empty(); }

schema schema_of_text(const char* document, schema_options options = {}) {
    return schema{json::parse(document), options};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(references)

BOOST_AUTO_TEST_CASE(other_documents_are_what_the_caller_gave_and_nothing_else) {
    const char* order = R"({"$id":"https://shop.example/order","type":"object",
        "properties":{"to":{"$ref":"address"},"lines":{"type":"array","items":{"$ref":"parts/line.json#/$defs/line"}}}})";
    BOOST_CHECK_EXCEPTION(schema_of_text(order), schema_error, [](const schema_error& e) {
        return std::string_view{e.what()}.find("\"address\"") != std::string_view::npos &&
               std::string_view{e.what()}.find("schema_options.documents") != std::string_view::npos;
    });
    schema_options options;
    options.documents["https://shop.example/address"] = json::parse(R"({"type":"object","required":["street"]})");
    options.documents["https://shop.example/parts/line.json"] = json::parse(
        R"({"$defs":{"line":{"properties":{"n":{"$ref":"#/$defs/count"}}},"count":{"type":"integer","minimum":1}}})");
    auto s = schema_of_text(order, options);
    BOOST_TEST(fits(s, R"({"to":{"street":"x"},"lines":[{"n":1}]})"));
    BOOST_TEST(!fits(s, R"({"to":{}})"));
    BOOST_TEST(!fits(s, R"({"lines":[{"n":0}]})"));
}

BOOST_AUTO_TEST_CASE(a_name_inside_of_what_is_no_schema_names_nothing) {
    BOOST_CHECK_THROW(schema_of_text(R"({"enum":[{"$anchor":"a"}],"properties":{"x":{"$ref":"#a"}}})"), schema_error);
    BOOST_CHECK_THROW(schema_of_text(R"({"const":{"$id":"b"},"properties":{"x":{"$ref":"b"}}})"), schema_error);
    BOOST_TEST(fits(schema_of_text(R"({"$defs":{"q":{"$anchor":"a","type":"string"}},"$ref":"#a"})"), "\"t\""));
}

BOOST_AUTO_TEST_CASE(schemas_are_nested_to_a_limit_wherever_they_stand) {
    for (auto [open, close] :
         {std::pair{R"({"not":)", "}"}, {R"({"allOf":[)", "]}"}, {R"({"properties":{"a":)", "}}"}}) {
        std::string text = "true";
        for (int n = 0; n < 300; ++n) text = open + text + close;
        json::parse_options deep;
        deep.max_depth = 2000;
        BOOST_CHECK_THROW(schema{json::parse(text, {}, deep)}, schema_error);
    }
}

BOOST_AUTO_TEST_CASE(an_argument_can_be_a_schema) {
    for (const char* meta :
         {"https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"}) {
        schema s{json::object{{"$ref", meta}}};
        BOOST_TEST(fits(s, R"({"type":"object","properties":{"a":{"minLength":2}}})"));
        BOOST_TEST(!fits(s, R"({"properties":{"a":{"minLength":-2}}})"));
        BOOST_TEST(!fits(s, R"({"type":"strin"})"));
    }
}

BOOST_AUTO_TEST_CASE(draft_7_ignores_what_stands_beside_a_reference) {
    const char* text =
        R"({"definitions":{"n":{"type":"integer"}},"properties":{"a":{"$ref":"#/definitions/n","maximum":5}}})";
    BOOST_TEST(!fits(schema_of_text(text), R"({"a":9})"));
    BOOST_TEST(fits(schema_of_text(text, {.draft = json_schema_draft::draft7}), R"({"a":9})"));
    auto declared = json::parse(text);
    declared.as_object()["$schema"] = "http://json-schema.org/draft-07/schema#";
    BOOST_TEST(fits(schema{declared}, R"({"a":9})"));
}

BOOST_AUTO_TEST_CASE(a_tree_is_extended_by_a_dynamic_reference) {
    schema_options options;
    options.documents["tree"] = json::parse(
        R"({"$id":"tree","$dynamicAnchor":"node","type":"object","properties":{"kids":{"type":"array","items":{"$dynamicRef":"#node"}}}})");
    auto strict = schema_of_text(
        R"({"$id":"strict","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false})", options);
    BOOST_TEST(fits(strict, R"({"kids":[{"kids":[]}]})"));
    BOOST_TEST(!fits(strict, R"({"kids":[{"kds":[]}]})"));
    BOOST_TEST(fits(schema_of_text(R"({"$ref":"tree"})", options), R"({"kids":[{"kds":[]}]})"));
}

BOOST_AUTO_TEST_CASE(lenient_reading_drops_what_nothing_has_looked_at) {
    auto s = schema_of_text(R"({"allOf":[{"properties":{"a":{"type":"integer"}}}],"properties":{"b":{"type":"string"}},
        "unevaluatedProperties":false})");
    auto value = json::parse(R"({"a":1,"b":"x","c":3})");
    BOOST_TEST(to_string(s.validate(value)) == "$.c: is not a known property");
    auto read = s.read(value, reading::lenient);
    BOOST_TEST(read.ok());
    BOOST_TEST(json::serialize(read.value) == R"({"a":1,"b":"x"})");
    auto either =
        schema_of_text(R"({"oneOf":[{"required":["k"],"properties":{"k":{"const":"p"},"x":{"type":"integer"}}},
        {"required":["k"],"properties":{"k":{"const":"q"},"y":{"type":"integer"}}}],"unevaluatedProperties":false})");
    BOOST_TEST(fits(either, R"({"k":"p","x":1})"));
    BOOST_TEST(!fits(either, R"({"k":"p","y":1})"));
    BOOST_TEST(!fits(either, R"({"k":"q","x":1})"));
}

// Each of these asks for a number of steps that grows as a power of the depth; the test ends by its own bounds, not by
// a clock.
BOOST_AUTO_TEST_CASE(schemas_that_ask_for_too_much_do_not_fit) {
    for (const char* word : {"anyOf", "oneOf", "allOf"})
        for (bool negated : {false, true}) {
            json::object defs;
            for (int i = 0; i < 60; ++i) {
                json::value next = json::object{{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
                defs["d" + std::to_string(i)] = json::object{{word, json::array{next, next, next}}};
            }
            defs["d60"] = json::object{{"type", "null"}};
            json::value top = json::object{{"$ref", "#/$defs/d0"}};
            schema s{json::object{{"$defs", defs},
                                  {negated ? "not" : "allOf", negated ? top : json::value(json::array{top})}}};
            for (auto how : {reading::strict, reading::lenient})
                BOOST_TEST(!s.read(json::value("text"), how).ok(), word << negated);
        }
    auto own = schema_of_text(R"({"anyOf":[{"$ref":"#"},{"$ref":"#"}]})");
    BOOST_TEST(!fits(own, "1"));
    schema costly{json::parse(R"({"items":{"pattern":"^(a+)+$"}})")};
    json::array many(200, json::value(json::string(std::string(30'000, 'a') + "b")));
    BOOST_TEST(!costly.validate(json::value(many)).empty());
}

BOOST_AUTO_TEST_CASE(a_large_value_is_no_hostile_schema) {
    json::array numbers;
    for (int i = 0; i < 700'000; ++i) numbers.emplace_back(i);
    auto s = schema_of_text(R"({"items":{"anyOf":[{"type":"string"},{"type":"integer"}]}})");
    BOOST_TEST(s.validate(json::value(numbers)).empty());
}

BOOST_AUTO_TEST_CASE(patterns_are_about_characters) {
    BOOST_TEST(fits(schema_of_text(R"({"pattern":"^.{3}$"})"), "\"\u00e9\u00e9\u00e9\""));
    BOOST_TEST(fits(schema_of_text(R"({"pattern":"^\\p{Lu}\\p{Script=Greek}+$"})"), "\"\u0391\u03b2\""));
    BOOST_TEST(fits(schema_of_text(R"({"pattern":"^\\u00e9[\\u{1F600}]$"})"), "\"\u00e9\U0001F600\""));
    BOOST_TEST(!fits(schema_of_text(R"({"pattern":"^\\d$"})"), "\"\u09ea\""));
    BOOST_TEST(fits(schema_of_text(R"({"pattern":"^[\\s]$"})"), "\"\u2003\""));
    BOOST_TEST(!fits(schema_of_text(R"({"pattern":"^a$"})"), R"("a\n")"));
    for (const char* bad : {"(", "[a", "a{2,1}", "(?<n>a)(?<n>b)", "*a", "(*UCP)a", "\\u12"})
        BOOST_CHECK_THROW((schema{json::object{{"pattern", bad}}}), schema_error);
}

BOOST_AUTO_TEST_SUITE_END()
