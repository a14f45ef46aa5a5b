#include <reagent/schema/convert.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {
enum class urgency { low, medium, high };
enum plain_enum { red = -3, green = 5 };
struct inner {
    std::string s;
    std::optional<int> o;
    bool operator==(const inner&) const = default;
};
struct tree {
    std::string name;
    std::vector<tree> kids;
};
struct everything {
    std::string text;
    field<double, "how sure", range{0, 1}> sure;
    urgency level;
    std::vector<inner> list;
    std::optional<inner> maybe;
    std::map<std::string, int> table;
    std::variant<int, std::string> either;
    std::tuple<int, std::string> both;
    json::value any;
    field<std::optional<std::string>, "a note"> note;
    bool flag;
    std::array<int, 2> two;
    field<std::string, "a code", pattern{"^[A-Z]{2}$"}, length{2, 2}> code;
    field<std::vector<int>, "some", items{1, 3}> some;
};
class described {
public:
    int number = 0;
    std::string word;
    described() {}
    BOOST_DESCRIBE_CLASS(described, (), (number, word), (), ())
};
struct wide {
    int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x;
};
struct date {
    int year = 0;
};
}  // namespace

template <>
struct reagent::json_conversion<date> {
    static json::value schema() { return json::object{{"type", "string"}}; }
    static json::value to(const date& d) { return json::value(std::to_string(d.year)); }
    static date from(const json::value& v) { return {std::stoi(std::string{v.as_string()})}; }
};

BOOST_AUTO_TEST_SUITE(convert)

BOOST_AUTO_TEST_CASE(structs_go_to_json_and_back) {
    everything e{"t",
                 0.5,
                 urgency::high,
                 {{"a", 1}, {"b", {}}},
                 inner{"m", 2},
                 {{"k", 1}},
                 std::string{"x"},
                 {1, "y"},
                 json::array{1, nullptr},
                 std::nullopt,
                 true,
                 {1, 2},
                 std::string{"AB"},
                 std::vector<int>{1}};
    auto v = to_json(e);
    BOOST_TEST(v.at("level").as_string() == "high");
    BOOST_TEST(schema_of<everything>().validate(v).empty());
    auto back = from_json<everything>(v);
    BOOST_TEST((to_json(back) == v));
    BOOST_TEST((back.list == e.list));
}

BOOST_AUTO_TEST_CASE(every_failure_is_listed_with_its_path) {
    auto v = json::parse(
        R"({"text":3,"sure":2,"level":"lo","list":[{"s":"a"},{"s":1}],"table":{"k":"v"},"either":1.5,"both":[1],"any":null,"flag":1,"two":[1,2],"code":"abc","some":[]})");
    auto r = try_from_json<everything>(v);
    BOOST_REQUIRE(!r);
    auto text = to_string(r.violations);
    for (const char* line :
         {"$.text: expected string, got number 3", "$.sure: must be at most 1, got 2",
          "$.level: expected one of \"low\", \"medium\", \"high\", got string \"lo\"", "$.list[1].s: expected string, got number 1",
          "$.table.k: expected integer, got string \"v\"", "$.both: ", "$.flag: expected boolean, got number 1", "$.code: ", "$.some: "})
        BOOST_TEST(text.find(line) != std::string::npos, line << " not in\n" << text);
    BOOST_CHECK_THROW(from_json<everything>(v), schema_error);
}

BOOST_AUTO_TEST_CASE(lenient_reading_takes_what_a_model_means) {
    auto r = try_from_json<inner>(json::parse(R"({"s":"a","o":"3","unknown":1})"), reading::lenient);
    BOOST_REQUIRE(r);
    BOOST_TEST(*r.value->o == 3);
    BOOST_TEST((from_json<bool>("yes", reading::lenient)));
    BOOST_TEST((from_json<double>("1e3", reading::lenient)) == 1000);
    BOOST_TEST(!try_from_json<int>(3.5, reading::lenient));
    BOOST_TEST(!try_from_json<std::string>(3, reading::lenient));
}

BOOST_AUTO_TEST_CASE(sets_drop_repetitions_and_strict_reading_refuses_them) {
    schema set{json::parse(R"({"type":"array","uniqueItems":true})")};
    auto items = json::parse(R"([1,1.0,"1",[2],[2.0],{"a":1,"b":2},{"b":2,"a":1},9007199254740993,9007199254740992])");
    BOOST_TEST(set.read(items, reading::lenient).value.as_array().size() == 6u);
    BOOST_TEST(!set.validate(items).empty());
    BOOST_TEST(set.validate(json::parse("[1,2,true]")).empty());
}

BOOST_AUTO_TEST_CASE(a_type_that_contains_itself_is_referred_to) {
    BOOST_TEST(schema_of<tree>().document().as_object().contains("$defs"));
    auto r = try_from_json<tree>(json::parse(R"({"name":"a","kids":[{"name":"b","kids":[{"name":3,"kids":[]}]}]})"));
    BOOST_TEST(to_string(r.violations) == "$.kids[0].kids[0].name: expected string, got number 3");
}

BOOST_AUTO_TEST_CASE(other_types) {
    BOOST_TEST((to_json(red) == json::value("red")));
    BOOST_TEST((from_json<plain_enum>("green") == green));
    described d;
    d.number = 4;
    BOOST_TEST((to_json(d) == json::value(json::object{{"number", 4}, {"word", ""}})));
    BOOST_TEST(from_json<described>(json::parse(R"({"number":7,"word":"w"})")).number == 7);
    BOOST_TEST(schema_of<wide>().document().at("properties").as_object().size() == 24u);
    BOOST_TEST(from_json<date>("1998").year == 1998);
    BOOST_TEST(try_from_json<date>("x").violations.size() == 1u);
    BOOST_TEST(!try_from_json<std::int8_t>(300));
    BOOST_TEST(from_json<std::uint64_t>(18446744073709551615ull) == 18446744073709551615ull);
}

BOOST_AUTO_TEST_SUITE_END()
