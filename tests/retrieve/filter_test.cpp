#include <reagent/retrieve/error.hpp>
#include <reagent/retrieve/filter.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

bool holds(const char* filter_text, const char* metadata) {
    return matches(filter::from_json(json::parse(filter_text)), json::parse(metadata).as_object());
}

std::string refusal(const std::string& text) {
    try {
        filter::from_json(json::parse(text));
    } catch (const retrieve_error& e) {
        return e.code() == retrieve_errc::bad_filter ? e.what() : "another code";
    }
    return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(filters)

BOOST_AUTO_TEST_CASE(conditions_hold_or_not) {
    struct {
        const char *where, *metadata;
        bool expected;
    } const cases[]{
        {R"({})", R"({})", true},
        {R"({"a": 1})", R"({"a": 1})", true},
        {R"({"a": 1})", R"({"a": 1.0})", true},
        {R"({"a": 1})", R"({"a": "1"})", false},
        {R"({"a": 1})", R"({"a": true})", false},
        {R"({"a": 1})", R"({})", false},
        {R"({"a": {"$ne": 1}})", R"({})", true},
        {R"({"a": {"$ne": 1}})", R"({"a": 1})", false},
        {R"({"a": null})", R"({"a": null})", true},
        {R"({"a": null})", R"({})", false},
        {R"({"a": 1})", R"({"a": [1]})", false},
        {R"({"a": {"$in": [1, "x"]}})", R"({"a": "x"})", true},
        {R"({"a": {"$in": []}})", R"({"a": "x"})", false},
        {R"({"a": {"$nin": [1, "x"]}})", R"({"a": "y"})", true},
        {R"({"a": {"$nin": [1, "x"]}})", R"({})", true},
        {R"({"a": {"$gte": 2, "$lt": 4}})", R"({"a": 2})", true},
        {R"({"a": {"$gte": 2, "$lt": 4}})", R"({"a": 4})", false},
        {R"({"a": {"$lt": 4}})", R"({"a": "3"})", false},
        {R"({"a": {"$lt": "b"}})", R"({"a": "a"})", true},
        {R"({"a": {"$lte": "b"}})", R"({"a": "b"})", true},
        {R"({"a": {"$lt": true}})", R"({"a": false})", false},
        {R"({"a": 1, "b": 2})", R"({"a": 1, "b": 3})", false},
        {R"({"$or": [{"a": 1}, {"b": 2}]})", R"({"a": 9, "b": 2})", true},
        {R"({"$or": []})", R"({"a": 9})", false},
        {R"({"$and": []})", R"({"a": 9})", true},
        {R"({"$not": {"a": 1}})", R"({"a": 2})", true},
        {R"({"$not": {}})", R"({"a": 2})", false},
        // Whole numbers are compared as such: as doubles these would be equal.
        {R"({"a": 9007199254740993})", R"({"a": 9007199254740992})", false},
        {R"({"a": {"$gt": 9007199254740992}})", R"({"a": 9007199254740993})", true},
        {R"({"a": {"$lt": 9007199254740993}})", R"({"a": 9007199254740992.0})", true},
        {R"({"a": {"$gt": -1}})", R"({"a": 18446744073709551615})", true},
        {R"({"a": {"$lt": 1e300}})", R"({"a": 18446744073709551615})", true},
        {R"({"a": {"$gt": -0.5}})", R"({"a": 0})", true},
        {R"({"a": {"$lt": -0.5}})", R"({"a": -1})", true},
    };
    for (const auto& c : cases) {
        BOOST_TEST_INFO(c.where << " of " << c.metadata);
        BOOST_TEST(holds(c.where, c.metadata) == c.expected);
        const auto f = filter::from_json(json::parse(c.where));
        BOOST_TEST((filter::from_json(f.to_json()) == f || f.what() == filter::kind::disjunction));
        BOOST_TEST(matches(filter::from_json(f.to_json()), json::parse(c.metadata).as_object()) == c.expected);
        BOOST_TEST(matches(!f, json::parse(c.metadata).as_object()) == !c.expected);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_filter_is_refused_with_its_place) {
    BOOST_TEST(refusal("[]").find("$: expected an object") != std::string::npos);
    BOOST_TEST(refusal(R"({"a": {"$near": 1}})").find("$.a.$near") != std::string::npos);
    BOOST_TEST(refusal(R"({"$and": [{"a": 1}, 3]})").find("$.$and[1]") != std::string::npos);
    BOOST_TEST(refusal(R"({"$xor": []})").find("no such operator") != std::string::npos);
    BOOST_TEST(refusal(R"({"a": {"$in": 3}})").find("list of values") != std::string::npos);
    BOOST_TEST(refusal(R"({"a": {"$eq": [1]}})").find("$.a.$eq") != std::string::npos);
    BOOST_TEST(refusal(R"({"a": {}})").find("expected a value") != std::string::npos);
    std::string deep = "{}", wide;
    for (int i = 0; i < 100; ++i) deep = R"({"$or": [{"a": 1}, )" + deep + "]}";
    json::parse_options deep_enough;
    deep_enough.max_depth = 1000;
    BOOST_CHECK_THROW(filter::from_json(json::parse(deep, {}, deep_enough)), retrieve_error);
    for (int i = 0; i < 10'001; ++i) wide += (i ? "," : "") + std::to_string(i);
    BOOST_TEST(refusal(R"({"a": {"$in": [)" + wide + "]}}").find("10000 conditions") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(filters_are_written_in_code) {
    const auto f = filter::gte("year", 2024) && !filter::eq("lang", "de");
    BOOST_TEST(json::serialize(f.to_json()) == R"({"$and":[{"year":{"$gte":2024}},{"$not":{"lang":{"$eq":"de"}}}]})");
    BOOST_TEST(matches(f, json::parse(R"({"year": 2025})").as_object()));
    BOOST_TEST(!matches(f, json::parse(R"({"year": 2025, "lang": "de"})").as_object()));
    BOOST_CHECK_THROW(filter::eq("a", json::array{}), retrieve_error);
}

BOOST_AUTO_TEST_SUITE_END()
