#include <reagent/schema/convert.hpp>

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>

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
struct circle {
    double r;
};
struct cylinder {
    double r, h;
};
struct ball {
    double r;
    std::optional<std::string> colour;
};
using shape = std::variant<circle, cylinder>;
struct drawing {
    std::vector<shape> shapes;
    std::map<std::string, shape> named;
    std::optional<shape> best;
};
struct group;
using member = std::variant<circle, group>;
struct group {
    std::string name;
    std::vector<member> members;
};
enum class status { none = 0, ok = 1 };
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
          "$.level: expected one of \"low\", \"medium\", \"high\", got string \"lo\"",
          "$.list[1].s: expected string, got number 1", "$.table.k: expected integer, got string \"v\"",
          "$.both: ", "$.flag: expected boolean, got number 1", "$.code: ", "$.some: "})
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

// An alternative that leaves members over is not the one that was meant: nothing is lost.
BOOST_AUTO_TEST_CASE(a_union_is_the_alternative_that_leaves_nothing_over) {
    auto read = [](const char* text, reading how) { return try_from_json<shape>(json::parse(text), how); };
    for (auto how : {reading::strict, reading::lenient}) {
        BOOST_TEST(read(R"({"r": 1})", how).value->index() == 0u);
        BOOST_TEST(read(R"({"r": 1, "h": 2})", how).value->index() == 1u);
        BOOST_TEST(!read(R"({"r": 1, "h": 2, "colour": "red"})", how));
        BOOST_TEST(!read(R"({"r": 1, "colour": "red"})", how));
        auto d = try_from_json<drawing>(
            json::parse(
                R"({"shapes": [{"r": 1, "h": 2}, {"r": 1}], "named": {"a": {"r": 1, "h": 2}}, "best": {"r": 1, "h": 2}})"),
            how);
        BOOST_REQUIRE(d);
        BOOST_TEST((d.value->shapes[0].index() == 1u && d.value->shapes[1].index() == 0u));
        BOOST_TEST((d.value->named.at("a").index() == 1u && d.value->best->index() == 1u));
        auto g = try_from_json<group>(
            json::parse(
                R"({"name": "g", "members": [{"r": 1}, {"name": "h", "members": [{"name": "i", "members": []}]}]})"),
            how);
        BOOST_REQUIRE(g);
        BOOST_TEST(std::get<group>(g.value->members[1]).members.size() == 1u);
        BOOST_TEST(!try_from_json<group>(json::parse(R"({"name": "g", "members": [{"r": 1, "x": 2}]})"), how));
        BOOST_TEST(!try_from_json<group>(
            json::parse(R"({"name": "g", "members": [{"name": "h", "members": [], "x": 2}]})"), how));
        using lists = std::variant<std::vector<circle>, std::vector<cylinder>, std::string>;
        BOOST_TEST(try_from_json<lists>(json::parse(R"([{"r": 1, "h": 2}])"), how).value->index() == 1u);
        BOOST_TEST(!try_from_json<lists>(json::parse(R"([{"r": 1, "h": 2}, {"r": 1}])"), how));
        using balls = std::variant<circle, ball>;
        BOOST_TEST(try_from_json<balls>(json::parse(R"({"r": 1, "colour": "red"})"), how).value->index() == 1u);
        BOOST_TEST(try_from_json<balls>(json::parse(R"({"r": 1})"), how).value->index() == 0u);
    }
    BOOST_TEST(read(R"({"r": "1", "h": 2})", reading::lenient).value->index() == 1u);
    BOOST_TEST(read(R"({"r": 1, "h": "2"})", reading::lenient).value->index() == 1u);
    BOOST_TEST(!read(R"({"r": "1", "h": "2", "x": 3})", reading::lenient));
    // Of the types of a signature at run time: none is closed, and the one that leaves nothing over comes first.
    schema open{
        json::parse(R"({"anyOf": [{"type": "object", "properties": {"r": {"type": "number"}}, "required": ["r"]},
        {"type": "object", "properties": {"r": {"type": "number"}, "h": {"type": "number"}}, "required": ["r", "h"]}]})")};
    BOOST_TEST(open.read(json::parse(R"({"r": 1, "h": 2})"), reading::lenient).value.as_object().contains("h"));
    BOOST_TEST(open.read(json::parse(R"({"r": 1, "h": "2"})"), reading::lenient).value.as_object().contains("h"));
}

BOOST_AUTO_TEST_CASE(floats_hold_what_they_are_given_or_refuse_it) {
    for (const char* lost : {"1e39", "-1e39", "16777217", "1e-60", "123456789", "3.5e38", "16777217.0"}) {
        BOOST_TEST(!try_from_json<float>(json::parse(lost)), lost);
        BOOST_TEST(!try_from_json<std::vector<float>>(json::array{json::parse(lost)}, reading::lenient), lost);
    }
    for (const char* held : {"16777216", "0.1", "-3.25", "0", "3.4028234663852886e38", "1e-40", "123456.789"})
        BOOST_TEST(from_json<float>(json::parse(held)) == std::strtof(held, nullptr), held);
    for (double d : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
        BOOST_TEST(!try_from_json<float>(d));
        BOOST_TEST(!try_from_json<double>(d));
    }
}

BOOST_AUTO_TEST_CASE(a_char_is_a_text_of_one_character) {
    BOOST_TEST(to_json('A').as_string() == "A");
    BOOST_TEST(from_json<char>(json::value("A")) == 'A');
    BOOST_TEST((to_json(std::vector<char>{'a', 'b'}) == json::value(json::array{"a", "b"})));
    for (const json::value& wrong :
         {json::value("AB"), json::value(""), json::value("\u00e9"), json::value(65), json::value(nullptr)})
        BOOST_TEST(!try_from_json<char>(wrong), wrong);
    BOOST_CHECK_THROW(to_json('\xe9'), schema_error);
    BOOST_TEST(to_json(static_cast<signed char>(65)).as_int64() == 65);
}

BOOST_AUTO_TEST_CASE(a_value_that_is_no_enumerator_is_an_error) {
    BOOST_CHECK_EXCEPTION(to_json(static_cast<status>(404)), schema_error, [](const schema_error& e) {
        return std::string{e.what()}.find("BOOST_DESCRIBE_ENUM") != std::string::npos;
    });
    BOOST_TEST(!try_from_json<status>(json::value("missing")));
}

BOOST_AUTO_TEST_SUITE_END()
