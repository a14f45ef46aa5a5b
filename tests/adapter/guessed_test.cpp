// Outputs whose repair would be a guess are refused; texts that have a format are taken as they are.
#include <reagent/adapter/adapter.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

struct guessed {
    const char *output, *value, *expected;
};
std::ostream& operator<<(std::ostream& out, const guessed& g) { return out << g.output << " " << g.value; }

const guessed values[]{{"v: int", "1 - 2", nullptr},
                       {"v: int", "3 / 2", nullptr},
                       {"v: int", "5 % 3", nullptr},
                       {"v: int", "2 ^ 3", nullptr},
                       {"v: float", "1.5 -2", nullptr},
                       {"v: int", "7 (about)", nullptr},
                       {"v: int", "007", nullptr},
                       {"v: bool", "1 < 2", nullptr},
                       {"v: list[int]", "[1 000, 2 500]", nullptr},
                       {"v: list[int]", "[1,000, 2,500]", nullptr},
                       {"v: list[int]", "[1, -2 -3]", nullptr},
                       {"v: list[int]", "[1 +2]", nullptr},
                       {"v: list[float]", "[0.5 .5]", nullptr},
                       {"v: list[int]", "[1,,2]", nullptr},
                       {"v: list[int]", "[,1]", nullptr},
                       {"v: list[int]", "[1: 2]", nullptr},
                       {"v: list[str]", "[f\"a {x}\", \"b\"]", nullptr},
                       {"v: list[str]", "[\"a\",, \"b\"]", nullptr},
                       {"v: str", "f\"{x}\"", nullptr},
                       {"v: str", "F'{x}'", nullptr},
                       {"v: str", "b'x'", nullptr},
                       {"v: str", "rb'x'", nullptr},
                       {"v: str", "01234", nullptr},
                       {"v: str", "+01234", nullptr},
                       {"v: list[str]", "[\"01\", 02]", nullptr},
                       {"v: dict[str, int]", "{\"a\": 1 - 2}", nullptr},
                       // What leaves no choice is repaired.
                       {"v: int", "5", "5"},
                       {"v: int", "-5", "-5"},
                       {"v: int", "0", "0"},
                       {"v: float", "-0.5", "-0.5"},
                       {"v: float", ".5", "0.5"},
                       {"v: list[int]", "[1, 2,]", "[1,2]"},
                       {"v: list[int]", "[1,\n 2 // two\n]", "[1,2]"},
                       {"v: list[float]", "[0.5, -0.5, 0]", "[0.5,-0.5,0]"},
                       {"v: str", "'x'", "\"x\""},
                       {"v: str", "\"x\", // a comment\n", "\"x\""},
                       {"v: list[str]", "['a' 'b']", "[\"a\",\"b\"]"},
                       {"v: str", "01.02.2024", "\"01.02.2024\""},
                       {"v: str", "2024-05-01", "\"2024-05-01\""}};

struct formatted {
    const char *format, *text;
};
std::ostream& operator<<(std::ostream& out, const formatted& f) { return out << f.format << " " << f.text; }
const formatted texts[]{{"decimal", "1.10"},      {"decimal", "100"},       {"regex", "[a-z]+"},
                        {"regex", "a{2}"},        {"regex", "\"x\""},       {"regex", "null"},
                        {"uri", "http://[::1]/"}, {"email", "a@[1.2.3.4]"}, {"uri-template", "{id}"},
                        {"date", "2024-05-01"}};

signature with(const signature_field& f) {
    auto s = parse_signature("q -> v");
    s.outputs[0] = f;
    return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(guessed_outputs)

BOOST_DATA_TEST_CASE(nothing_is_guessed_of_an_output_in_json, values, c) {
    auto outputs =
        parse(adapter::json, parse_signature(std::string{"q -> "} + c.output), std::string{"{\"v\": "} + c.value + "}");
    BOOST_REQUIRE_MESSAGE(outputs.has_value() == (c.expected != nullptr),
                          (outputs ? json::serialize(*outputs) : outputs.error().message));
    if (outputs) BOOST_TEST(((*outputs)["v"] == json::parse(c.expected)), json::serialize((*outputs)["v"]));
}

BOOST_DATA_TEST_CASE(a_text_with_a_format_is_taken_as_it_is, texts, c) {
    for (bool optional : {false, true}) {
        json::value text = json::object{{"type", "string"}, {"format", c.format}};
        if (optional) text = json::object{{"anyOf", json::array{text, json::object{{"type", "null"}}}}};
        if (optional && std::string_view{c.text} == "null") continue;  // it is none
        schema shape{text, {.assert_formats = true}};
        auto s = with(make_field("v", optional ? "Optional[str]" : "str", std::move(shape)));
        for (auto a : {adapter::chat, adapter::json, adapter::xml}) {
            const std::string completion = a == adapter::chat
                                               ? "[[ ## v ## ]]\n" + std::string{c.text} + "\n\n[[ ## completed ## ]]"
                                           : a == adapter::json ? json::serialize(json::object{{"v", c.text}})
                                                                : "<v>" + std::string{c.text} + "</v>";
            auto outputs = parse(a, s, completion);
            BOOST_REQUIRE_MESSAGE(outputs.has_value(), outputs.error().message);
            BOOST_TEST(((*outputs)["v"] == json::value(c.text)), json::serialize((*outputs)["v"]));
        }
    }
    auto s = with(make_field(
        "v", "str", schema{json::object{{"type", "string"}, {"format", "decimal"}}, {.assert_formats = true}}));
    BOOST_TEST(!parse(adapter::json, s, R"({"v": "many"})").has_value());
}

BOOST_AUTO_TEST_CASE(words_say_what_is_wrong_with_a_number) {
    auto told = [](const char* output, const char* value) {
        auto outputs =
            parse(adapter::json, parse_signature(std::string{"q -> "} + output), std::string{"{\"v\": "} + value + "}");
        return outputs ? "read " + json::serialize(*outputs) : outputs.error().message;
    };
    auto holds = [](const std::string& text, std::string_view part) { return text.find(part) != text.npos; };
    BOOST_TEST(holds(told("v: float", "1e-400"), "nearer to zero"), told("v: float", "1e-400"));
    BOOST_TEST(holds(told("v: float", "-2e400"), "larger"), told("v: float", "-2e400"));
    BOOST_TEST(holds(told("v: float", "12345678901234567890123"), "more digits"));
    BOOST_TEST(!holds(told("v: datetime.date", "\"20240501\""), "got number"),
               told("v: datetime.date", "\"20240501\""));
}

BOOST_AUTO_TEST_SUITE_END()
