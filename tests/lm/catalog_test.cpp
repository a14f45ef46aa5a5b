// What is known of models: which documents are one, which name means which model, and what a call costs.
#include <reagent/error.hpp>
#include <reagent/lm/catalog.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

model_catalog catalog_of(const std::string& models) {
    model_catalog c;
    c.add(R"({"models":[)" + models + "]}");
    return c;
}

std::string found(const model_catalog& c, std::string_view name) {
    const auto* f = c.find(name);
    return f ? f->name : "";
}

struct bad_document {
    const char *text, *says;
};
std::ostream& operator<<(std::ostream& out, const bad_document& d) { return out << d.text; }

const bad_document bad_documents[]{
    {"", "$ is no JSON object"},
    {"{", "$ is no JSON object"},
    {"[]", "$ is no JSON object"},
    {"null", "$ is no JSON object"},
    {"{}", "$.models must be a list"},
    {R"({"models":{}})", "$.models must be a list"},
    {R"({"models":[1]})", "$.models[0] must be an object"},
    {R"({"models":[{"name":"a/b"},{}]})", "$.models[1].name must be text"},
    {R"({"models":[{"name":1}]})", "$.models[0].name must be text"},
    {R"({"models":[{"name":"b"}]})", "$.models[0].name must be text"},
    {R"({"models":[{"name":"a/b","prompt":-1}]})", "$.models[0].prompt must be a number from 0"},
    {R"({"models":[{"name":"a/b","cached":"1"}]})", "$.models[0].cached must be a number from 0"},
    {R"({"models":[{"name":"a/b","context":-1}]})", "$.models[0].context must be a whole number from 0"},
    {R"({"models":[{"name":"a/b","context":1.5}]})", "$.models[0].context must be a whole number from 0"},
    {R"({"models":[{"name":"a/b","output":1e300}]})", "$.models[0].output must be a whole number from 0"},
    {R"({"models":[{"name":"a/b","output":true}]})", "$.models[0].output must be a whole number from 0"},
    {R"({"models":[{"name":"a/b","abilities":"tools"}]})", "$.models[0].abilities must be a list"},
    {R"({"models":[{"name":"a/b","abilities":["tools",1]}]})", "$.models[0].abilities must hold text only"}};

}  // namespace

BOOST_AUTO_TEST_SUITE(catalog)

BOOST_DATA_TEST_CASE(what_is_no_catalog_is_told_by_its_place, bad_documents, d) {
    model_catalog c;
    BOOST_CHECK_EXCEPTION(c.add(d.text), lm_error, [&](const lm_error& e) {
        return e.code() == lm_errc::malformed_response && std::string{e.what()}.find(d.says) != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(facts_are_read_and_written) {
    const std::string facts =
        R"({"name":"a/b","abilities":["tools","images"],"context":1000,"output":100,"prompt":0.0,"completion":1.5,"cached":2.0})";
    auto c = catalog_of(facts + R"(,{"name":"a/c","context":null,"prompt":null})");
    BOOST_TEST_REQUIRE(c.models().size() == 2u);
    BOOST_TEST((json::value(to_json(c.models()[0])) == json::parse(facts)), json::serialize(to_json(c.models()[0])));
    BOOST_TEST((json::value(to_json(c.models()[1])) == json::parse(R"({"name":"a/c","abilities":[]})")));
    BOOST_TEST(c.models()[0].can("images"));
    BOOST_TEST(!c.models()[0].can("reasoning"));
    c.add(R"({"models":[{"name":"a/b","context":7}]})");  // listed again
    BOOST_TEST_REQUIRE(c.models().size() == 2u);
    BOOST_TEST((json::value(to_json(c.models()[0])) == json::parse(R"({"name":"a/b","abilities":[],"context":7})")));
}

BOOST_AUTO_TEST_CASE(a_model_is_found_by_its_name_or_a_dated_one) {
    auto c = catalog_of(R"({"name":"a/m"},{"name":"a/m-mini"},{"name":"b/m-mini-2"})");
    for (const char* same :
         {"a/m", "m", "a/m-2024-07-18", "a/m-20250929", "m-latest", "a/m-preview-05-20", "a/m-123456"})
        BOOST_TEST(found(c, same) == (same[0] == 'a' || same[0] == 'm' ? "a/m" : ""), same);
    BOOST_TEST(found(c, "m-mini-2024-07-18") == "a/m-mini");  // the longest name that fits
    BOOST_TEST(found(c, "m-mini-2") == "b/m-mini-2");
    for (const char* other : {"a/m1", "a/m-12345", "a/m-2024x07x18", "a/m.latest", "c/m", "a/", "", "a/m-latest-2"})
        BOOST_TEST(found(c, other) == "", other);
    BOOST_TEST(c.nearest("a/m-mimi") == "a/m-mini");
    BOOST_TEST(c.nearest("m-mimi") == "m-mini");
    BOOST_TEST(c.nearest("nothing of the kind") == "");
}

BOOST_AUTO_TEST_CASE(a_call_costs_what_its_tokens_do) {
    // Dollars per million: 0.15 for the prompt, 0.6 for the completion, 0.075 for what the provider's cache served.
    auto price = [](std::uint64_t prompt, std::uint64_t completion, std::uint64_t cached) {
        return price_of("openai/gpt-4o-mini",
                        {.prompt_tokens = prompt, .completion_tokens = completion, .cached_tokens = cached})
            .value();
    };
    auto close_to = boost::test_tools::tolerance(1e-12);
    BOOST_TEST(price(1'000'000, 0, 0) == 0.15, close_to);
    BOOST_TEST(price(0, 1'000'000, 0) == 0.6, close_to);
    BOOST_TEST(price(1'000'000, 0, 1'000'000) == 0.075, close_to);
    BOOST_TEST(price(1'000'000, 0, 400'000) == 0.12, close_to);
    BOOST_TEST(price(1'000'000, 0, 2'000'000) == 0.075, close_to);  // more than there were
}

BOOST_AUTO_TEST_SUITE_END()
