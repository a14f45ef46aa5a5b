// A schema as each provider takes it: what it does not know is said otherwise or left out, and what cannot be is not
// sent.
#include "support/ask.hpp"

#include <reagent/lm/catalog.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

// The first object below that has all of the names.
const json::object* below(const json::value& v, std::initializer_list<const char*> names) {
    if (auto* a = v.if_array())
        for (const auto& item : *a)
            if (auto* found = below(item, names)) return found;
    auto* o = v.if_object();
    if (!o) return nullptr;
    if (std::all_of(names.begin(), names.end(), [&](const char* n) { return o->contains(n); })) return o;
    for (const auto& member : *o)
        if (auto* found = below(member.value(), names)) return found;
    return nullptr;
}

json::value body(const char* provider, const std::string& schema) {
    lm_request r = question("x");
    r.outputs_schema = json::parse(schema).as_object();
    return preview(std::string{provider} + "/m", r).body;
}

// What a provider is sent of an output with this schema; null: it is sent no schema.
json::value sent(const char* provider, const std::string& output) {
    const auto whole = body(provider, R"({"type":"object","properties":{"p_1":)" + output +
                                          R"(},"required":["p_1"],"additionalProperties":false})");
    auto* found = below(whole, {"p_1"});
    return found ? found->at("p_1") : json::value{};
}

struct fitted_case {
    const char *provider, *output, *expected;
};
std::ostream& operator<<(std::ostream& out, const fitted_case& c) { return out << c.provider << ' ' << c.output; }

const char* const pair =
    R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"minItems":2,"maxItems":2})";
const char* const same = R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"integer"},{"type":"integer"}]})";
const char* const many = R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3})";
const char* const some = R"({"type":"array","items":{"type":"integer"},"minItems":1})";
const char* const either = R"({"oneOf":[{"type":"integer"},{"type":"string"}]})";
const char* const day = R"({"type":"string","format":"date"})";
const char* const link = R"({"type":"string","format":"uri"})";

const fitted_case fitted_cases[]{
    {"openai", pair,
     R"({"type":"array","items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"minItems":2,"maxItems":2})"},
    {"openai", same, R"({"type":"array","items":{"type":"integer"},"minItems":3,"maxItems":3})"},
    {"openai", many, many},
    {"openai", either, R"({"anyOf":[{"type":"integer"},{"type":"string"}]})"},
    {"openai", day, day},
    {"openai", link, R"({"type":"string"})"},
    {"anthropic", pair, R"({"type":"array","items":{"anyOf":[{"type":"integer"},{"type":"string"}]}})"},
    {"anthropic", same, R"({"type":"array","items":{"type":"integer"}})"},
    {"anthropic", many, R"({"type":"array","items":{"type":"integer"}})"},
    {"anthropic", some, some},
    {"anthropic", either, R"({"anyOf":[{"type":"integer"},{"type":"string"}]})"},
    {"anthropic", link, link},
    {"gemini", pair, pair},
    {"gemini", many, many},
    {"gemini", either, either},
    {"cohere", pair, R"({"type":"array","items":{"anyOf":[{"type":"integer"},{"type":"string"}]}})"},
    {"cohere", many, R"({"type":"array","items":{"type":"integer"}})"},
    {"cohere", day, day},
    {"cohere", link, R"({"type":"string"})"},
    {"ollama", pair, pair},
    {"ollama", either, either}};

struct closed_case {
    const char* output;
    bool is_closed;
};
std::ostream& operator<<(std::ostream& out, const closed_case& c) { return out << c.output; }

const closed_case closed_cases[]{
    {R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false})", true},
    {R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]})", true},
    {R"({"type":"object","properties":{},"additionalProperties":false})", true},
    {R"({"type":"object","properties":{"a":{"type":"integer"}}})", false},
    {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["b"]})", false},
    {R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":true})", false},
    {R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":{"type":"integer"}})",
     false},
    {R"({"type":"object","additionalProperties":false})", true},
    {R"({"type":"object"})", false},
    {R"({"type":"array","items":{"type":"integer"}})", true},
    {R"({"type":"array","items":{"type":"object"}})", false},
    {R"({"type":"array"})", false},
    {R"({"enum":[1,"a"]})", true},
    {R"({"const":1})", true},
    {R"({"anyOf":[{"type":"integer"},{"type":"null"}]})", true},
    {R"({"anyOf":[{"type":"integer"},{}]})", false},
    {R"({"anyOf":[{"type":"integer"},true]})", false},
    {R"({"description":"anything"})", false}};

}  // namespace

BOOST_AUTO_TEST_SUITE(schemas_of_providers)

BOOST_DATA_TEST_CASE(what_a_provider_does_not_know_is_said_otherwise, fitted_cases, c) {
    BOOST_TEST((sent(c.provider, c.output) == json::parse(c.expected)), json::serialize(sent(c.provider, c.output)));
}

// What is open goes to OpenAI as it is, and is no strict schema; Anthropic is sent none.
BOOST_DATA_TEST_CASE(what_is_open_is_not_strict, closed_cases, c) {
    const std::string output = c.output;
    const auto whole = body("openai", R"({"type":"object","properties":{"p_1":)" + output +
                                          R"(},"required":["p_1"],"additionalProperties":false})");
    BOOST_TEST((below(whole, {"strict"})->at("strict") == c.is_closed));
    if (!c.is_closed) BOOST_TEST((sent("openai", output) == json::parse(output)));
    BOOST_TEST(sent("anthropic", output).is_null() == !c.is_closed);
}

BOOST_AUTO_TEST_CASE(a_schema_that_leads_back_to_itself_is_not_sent_to_who_knows_no_recursion) {
    auto goes = [](const std::string& defs, const char* reference) {
        const std::string schema = R"({"type":"object","properties":{"p_1":{"$ref":")" + std::string{reference} +
                                   R"("}},"required":["p_1"],"additionalProperties":false,"$defs":{)" + defs + "}}";
        return below(body("anthropic", schema), {"p_1"}) != nullptr;
    };
    auto object = [](const char* reference) {
        return R"({"type":"object","properties":{"n":{"$ref":")" + std::string{reference} + R"("}},"required":["n"]})";
    };
    const std::string leaf = R"({"type":"integer"})";
    BOOST_TEST(goes("\"a\":" + object("#/$defs/b") + ",\"b\":" + object("#/$defs/c") + ",\"c\":" + leaf, "#/$defs/a"));
    BOOST_TEST(goes("\"a\":" + object("#/$defs/c") + ",\"b\":" + object("#/$defs/c") + ",\"c\":" + leaf, "#/$defs/a"));
    BOOST_TEST(!goes("\"a\":" + object("#/$defs/a"), "#/$defs/a"));
    BOOST_TEST(!goes("\"a\":" + object("#/$defs/b") + ",\"b\":" + object("#/$defs/a"), "#/$defs/a"));
    BOOST_TEST(!goes("\"a\":" + object("#/$defs/b") + ",\"b\":" + object("#/$defs/b"), "#/$defs/a"));
    BOOST_TEST(!goes("\"a\":" + object("#"), "#/$defs/a"));
}

BOOST_AUTO_TEST_SUITE_END()
