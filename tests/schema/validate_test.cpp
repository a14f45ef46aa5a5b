// Our reader against valijson, a validator of its own: they must agree on every pair of schema and value.
#include <reagent/error.hpp>
#include <reagent/schema/schema.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

using namespace reagent;

namespace {
const char* const schemas[]{
    R"({"type":"string"})",
    R"({"type":"integer","minimum":2,"exclusiveMaximum":10})",
    R"({"type":["number","null"],"multipleOf":0.5})",
    R"({"type":"string","minLength":2,"maxLength":3})",
    R"({"type":"string","pattern":"^a+b"})",
    R"({"enum":["a",1,null,[1],{"k":true}]})",
    R"({"const":{"a":1}})",
    R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3,"uniqueItems":true})",
    R"({"type":"array","items":[{"type":"integer"},{"type":"string"}],"additionalItems":false})",
    R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"],"additionalProperties":false})",
    R"({"type":"object","patternProperties":{"^x":{"type":"boolean"}},"additionalProperties":{"type":"integer"}})",
    R"({"anyOf":[{"type":"string"},{"type":"integer","minimum":5}]})",
    R"({"oneOf":[{"type":"integer"},{"type":"number","minimum":2}]})",
    R"({"allOf":[{"type":"object"},{"required":["a"]}]})",
    R"({"not":{"type":"string"}})",
    R"({"type":"object","minProperties":1,"maxProperties":2})",
    R"({"type":"array","contains":{"type":"string"}})",
    R"({"type":"object","propertyNames":{"maxLength":2}})",
    R"({"if":{"type":"integer"},"then":{"minimum":3},"else":{"type":"string"}})",
    R"({"type":"object","dependencies":{"a":["b"]}})",
    R"({"definitions":{"n":{"type":"object","properties":{"next":{"$ref":"#/definitions/n"}}}},"$ref":"#/definitions/n"})"};
const char* const values[]{"null",
                           "true",
                           "1",
                           "2",
                           "5",
                           "9",
                           "10",
                           "2.5",
                           "2.25",
                           "-1",
                           "\"\"",
                           "\"a\"",
                           "\"ab\"",
                           "\"aab\"",
                           "\"\u00e9\u00e9\u00e9\"",
                           "\"abcd\"",
                           "[]",
                           "[1]",
                           "[1,1]",
                           "[1,\"a\"]",
                           "[1,\"a\",2]",
                           "[1,2,3,4]",
                           "[\"a\"]",
                           "{}",
                           R"({"a":1})",
                           R"({"a":"1"})",
                           R"({"a":1,"b":"x"})",
                           R"({"a":1,"c":2})",
                           R"({"x1":true})",
                           R"({"x1":1})",
                           R"({"abc":1})",
                           R"({"k":true})",
                           R"({"next":{"next":{}}})",
                           R"({"next":{"next":3}})",
                           R"({"a":1,"b":2,"c":3})"};
}  // namespace

BOOST_AUTO_TEST_SUITE(validate)

BOOST_AUTO_TEST_CASE(agrees_with_valijson) {
    for (const char* s : schemas) {
        auto document = json::parse(s);
        valijson::Schema other;
        valijson::SchemaParser parser;
        parser.populateSchema(valijson::adapters::BoostJsonAdapter{document}, other);
        schema ours{document};
        for (const char* v : values) {
            auto value = json::parse(v);
            valijson::Validator validator;
            bool theirs = validator.validate(other, valijson::adapters::BoostJsonAdapter{value}, nullptr);
            BOOST_TEST(ours.validate(value).empty() == theirs, s << " with " << v);
        }
    }
}

// Read in a branch, where nothing but the verdict counts: `bad` has a part that does not fit in front of one that does.
struct parts_case {
    const char *schema, *good, *bad;
};
std::ostream& operator<<(std::ostream& out, const parts_case& c) { return out << c.schema; }

const parts_case parts[]{
    {R"({"items":{"type":"integer"}})", "[1,2]", R"(["x",2])"},
    {R"({"prefixItems":[{"type":"integer"},{"type":"integer"}]})", "[1,2]", R"(["x",2])"},
    {R"({"prefixItems":[{"type":"integer"}],"items":{"type":"integer"}})", "[1,2]", R"(["x",2])"},
    {R"({"unevaluatedItems":{"type":"integer"}})", "[1,2]", R"(["x",2])"},
    {R"({"properties":{"a":{"type":"integer"},"b":{"type":"integer"}}})", R"({"a":1,"b":2})", R"({"a":"x","b":2})"},
    {R"({"patternProperties":{"^a":{"type":"integer"}}})", R"({"a":1,"ab":2})", R"({"a":"x","ab":2})"},
    {R"({"patternProperties":{"^a":{"type":"integer"},"^ab":{"minimum":2}}})", R"({"ab":2})", R"({"ab":2.5})"},
    {R"({"additionalProperties":{"type":"integer"}})", R"({"a":1,"b":2})", R"({"a":"x","b":2})"},
    {R"({"unevaluatedProperties":{"type":"integer"}})", R"({"a":1,"b":2})", R"({"a":"x","b":2})"},
    {R"({"unevaluatedProperties":false})", "{}", R"({"a":1})"},
    {R"({"propertyNames":{"maxLength":1}})", R"({"a":1,"b":2})", R"({"ab":1,"b":2})"},
    {R"({"dependentSchemas":{"a":{"required":["c"]},"b":{}}})", R"({"a":1,"b":2,"c":3})", R"({"a":1,"b":2})"},
    {R"({"dependentRequired":{"a":["c"],"b":["a"]}})", R"({"a":1,"b":2,"c":3})", R"({"a":1,"b":2})"},
    {R"({"allOf":[{"minimum":2},{"maximum":3}]})", "2", "1"},
    {R"({"minimum":2,"maximum":3,"multipleOf":1})", "2", "1"},
    {R"({"minLength":2,"maxLength":3,"pattern":"a"})", "\"aa\"", "\"a\""},
    {R"({"minItems":2,"maxItems":3,"uniqueItems":true})", "[1,2]", "[1]"},
    {R"({"uniqueItems":true,"contains":{"type":"integer"}})", "[1,2]", "[1,1]"},
    {R"({"minProperties":2,"maxProperties":3})", R"({"a":1,"b":2})", R"({"a":1})"},
    {R"({"required":["a"],"maxProperties":3})", R"({"a":1})", R"({"b":1})"},
    {R"({"const":1,"minimum":0})", "1", "2"},
    {R"({"enum":[1,2],"minimum":0})", "1", "3"},
    {R"({"not":{"const":1},"minimum":0})", "2", "1"},
    {R"({"if":{"minimum":5},"then":{"multipleOf":2},"else":{"maximum":3}})", "6", "7"},
    {R"({"anyOf":[{"const":1},{"const":2}],"oneOf":[{"minimum":0},{"minimum":2}]})", "1", "2"}};

BOOST_DATA_TEST_CASE(what_fits_does_not_make_up_for_what_does_not, parts, c) {
    const std::string one = c.schema;
    schema alone{json::parse(one)}, either{json::parse(R"({"anyOf":[)" + one + R"(,{"const":"none"}]})")},
        neither{json::parse(R"({"not":)" + one + "}")};
    const auto good = json::parse(c.good), bad = json::parse(c.bad);
    BOOST_TEST(alone.validate(good).empty());
    BOOST_TEST(either.validate(good).empty());
    BOOST_TEST(!neither.validate(good).empty());
    BOOST_TEST(!alone.validate(bad).empty());
    BOOST_TEST(!either.validate(bad).empty());
    BOOST_TEST(neither.validate(bad).empty());
}

// 2^53 + 1 is no double: limits of whole numbers are compared as such.
BOOST_AUTO_TEST_CASE(limits_of_whole_numbers_are_exact) {
    auto fits = [](const char* shape, const char* v) {
        const bool strict = schema{json::parse(shape)}.validate(json::parse(v)).empty();
        BOOST_TEST(strict == schema{json::parse(shape)}.read(json::parse(v), reading::lenient).ok());
        return strict;
    };
    BOOST_TEST(!fits(R"({"multipleOf":2})", "9007199254740993"));
    BOOST_TEST(fits(R"({"multipleOf":3})", "9007199254740993"));
    BOOST_TEST(fits(R"({"multipleOf":2})", "-9223372036854775808"));
    BOOST_TEST(!fits(R"({"multipleOf":2.0})", "18446744073709551615"));
    BOOST_TEST(fits(R"({"multipleOf":0.1})", "0.3"));
    BOOST_TEST(fits(R"({"multipleOf":0.5})", "7"));
    BOOST_TEST(!fits(R"({"maximum":9007199254740992})", "9007199254740993"));
    BOOST_TEST(!fits(R"({"maximum":9007199254740992.0})", "9007199254740993"));
    BOOST_TEST(fits(R"({"maximum":9007199254740993})", "9007199254740993"));
    BOOST_TEST(!fits(R"({"exclusiveMaximum":9007199254740993})", "9007199254740993"));
    BOOST_TEST(fits(R"({"exclusiveMaximum":9007199254740993})", "9007199254740992"));
    BOOST_TEST(!fits(R"({"minimum":9007199254740993})", "9007199254740992"));
    BOOST_TEST(fits(R"({"exclusiveMinimum":9007199254740992})", "9007199254740993"));
    BOOST_TEST(fits(R"({"minimum":-1})", "18446744073709551615"));
    BOOST_TEST(!fits(R"({"maximum":9223372036854775807})", "18446744073709551615"));
    BOOST_TEST(!fits(R"({"minimum":18446744073709551615})", "9223372036854775807"));
    BOOST_TEST(fits(R"({"maximum":2.5})", "2"));
    BOOST_TEST(!fits(R"({"maximum":-2.5})", "-2"));
    BOOST_TEST(!schema{json::parse(R"({"const":9007199254740993})")}.validate(json::value(9007199254740992.0)).empty());
    BOOST_TEST(fits(R"({"const":5})", "5.0"));
    BOOST_TEST(fits(R"({"enum":[-5]})", "-5.0"));
}

BOOST_AUTO_TEST_CASE(newer_keywords) {
    schema tuple{json::parse(R"({"type":"array","prefixItems":[{"type":"integer"}],"items":{"type":"string"}})")};
    BOOST_TEST(tuple.validate(json::parse(R"([1,"a"])")).empty());
    BOOST_TEST(!tuple.validate(json::parse(R"([1,2])")).empty());
    schema contains{json::parse(R"({"contains":{"type":"integer"},"minContains":2,"maxContains":3})")};
    BOOST_TEST(!contains.validate(json::parse("[1]")).empty());
    BOOST_TEST(contains.validate(json::parse("[1,2]")).empty());
    schema dependent{json::parse(R"({"dependentRequired":{"a":["b"]}})")};
    BOOST_TEST(!dependent.validate(json::parse(R"({"a":1})")).empty());
}

BOOST_AUTO_TEST_CASE(rules_that_are_not_checked_are_refused) {
    for (const char* s : {R"({"type":"strin"})", R"({"unevaluatedItems":3})", R"({"$dynamicRef":"#nowhere"})",
                          R"({"$ref":"#/$defs/~2"})", R"({"$ref":"#/nowhere"})", R"({"$ref":"http://example.org/s"})",
                          R"({"pattern":"("})", R"({"minLength":-1})", "3"}) {
        BOOST_TEST_CONTEXT(s) BOOST_CHECK_THROW(schema{json::parse(s)}, schema_error);
    }
}

BOOST_AUTO_TEST_CASE(endless_references_and_deep_values_end) {
    schema loop{json::parse(R"({"$ref":"#"})")};
    BOOST_TEST(!loop.validate(1).empty());
    json::value deep = 1;
    for (int i = 0; i < 400; ++i) deep = json::array{std::move(deep)};
    schema nested{json::parse(R"({"type":"array","items":{"$ref":"#"}})")};
    BOOST_TEST(!nested.validate(deep).empty());
}

BOOST_AUTO_TEST_SUITE_END()
