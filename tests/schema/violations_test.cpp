// What is said of a value that is wrong in many places.
#include <reagent/schema/schema.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;

BOOST_AUTO_TEST_SUITE(violations)

BOOST_AUTO_TEST_CASE(every_failure_is_told_in_document_order_up_to_a_hundred) {
    schema numbers{
        json::parse(R"({"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}})")};
    auto wrong = [&](int many) {
        json::array values;
        for (int i = 0; i < many; ++i) values.push_back(json::object{{"n", "no number"}});
        return numbers.read(json::value(values), reading::strict).violations;
    };
    auto some = wrong(99);
    BOOST_REQUIRE(some.size() == 99u);
    for (std::size_t i = 0; i < some.size(); ++i) BOOST_TEST(some[i].path == "$[" + std::to_string(i) + "].n");
    auto many = wrong(250);
    BOOST_REQUIRE(many.size() == 100u);
    BOOST_TEST(many.front().path == "$[0].n");
    BOOST_TEST(many.back().path == "$[99].n");
}

BOOST_AUTO_TEST_SUITE_END()
