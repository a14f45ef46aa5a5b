#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

using namespace reagent;

namespace {
struct repair_case {
    const char *broken, *expected;
};
std::ostream& operator<<(std::ostream& out, const repair_case& c) { return out << c.broken; }

const repair_case cases[]{{R"({"a": 1})", R"({"a": 1})"},
                          {"```json\n{\"a\": 1}\n```", R"({"a": 1})"},
                          {"Sure! {\"a\": 1} Bye.", R"({"a": 1})"},
                          {"{'a': 'b'}", R"({"a": "b"})"},
                          {"{a: b, c: 2}", R"({"a": "b", "c": 2})"},
                          {R"({"a": 1,})", R"({"a": 1})"},
                          {"[1, 2,]", "[1, 2]"},
                          {"[1, 2", "[1, 2]"},
                          {R"({"a": "x)", R"({"a": "x"})"},
                          {R"({"a": "x})", R"({"a": "x"})"},
                          {R"({"a": [1, {"b": 2)", R"({"a": [1, {"b": 2}]})"},
                          {"{\"a\": True, \"b\": None}", R"({"a": true, "b": null})"},
                          {"{\"a\": 1 // one\n}", R"({"a": 1})"},
                          {"{/* c */ \"a\": 1}", R"({"a": 1})"},
                          {"{\"a\": 1 # c\n}", R"({"a": 1})"},
                          {R"({"a": 1 "b": 2})", R"({"a": 1, "b": 2})"},
                          {R"(["a" "b"])", R"(["a", "b"])"},
                          {R"({"a": "say "hi", then go"})", R"({"a": "say \"hi\", then go"})"},
                          {R"({"a": "x", "b)", R"({"a": "x"})"},
                          {R"({"a": "x, "b": 2})", R"({"a": "x", "b": 2})"},
                          {R"({"a": 007, "b": .5, "c": 1_000})", R"({"a": 7, "b": 0.5, "c": 1000})"},
                          {R"({"a": 2024-01-05})", R"({"a": "2024-01-05"})"},
                          {R"({"a": Paris, France})", R"({"a": "Paris, France"})"},
                          {R"({{"a": 1}})", R"({"a": 1})"},
                          {"(1, 2) no", R"("")"},
                          {"none at all", R"("")"},
                          {"{\"a\": \u201cx\u201d}", R"({"a": "x"})"},
                          {R"({"a": "C:\dir"})", R"({"a": "C:\\dir"})"},
                          {"{\"a\": \"two\nlines\"}", R"({"a": "two\nlines"})"},
                          {R"({"a": "\ud83d\ude00"})", "{\"a\": \"\U0001F600\"}"},
                          {R"({'a': "\ud83d"})", "{\"a\": \"\uFFFD\"}"},
                          {"{\"a\": 1}{\"b\": 2}", R"([{"a": 1}, {"b": 2}])"},
                          {"{\"a\": 1}\n{\"a\": 2}", R"({"a": 2})"},
                          {R"({"a": 1, "a": 2})", R"({"a": 2})"},
                          {R"({"a"= "x"})", R"({"a": "x"})"},
                          {R"({"a": 5%})", R"({"a": 5})"},
                          {"{", "{}"},
                          {"", R"("")"},
                          {R"({"a": "b" "c": 1})", R"({"a": "b", "c": 1})"},
                          {R"({a": 1})", R"({"a": 1})"}};

const repair_case python_texts[]{{"+7", "7"},
                                 {"{'a': 1, 'b': [2]}", R"({"a": 1, "b": [2]})"},
                                 {"{'a': 1, 'b': 2,}", R"({"a": 1, "b": 2})"},
                                 {"0x10", "16"},
                                 {"1_000", "1000"},
                                 {"'a'", "\"a\""},
                                 {"1, 2", "[1, 2]"},
                                 {"(1, 'a')", "[1, \"a\"]"},
                                 {"None", "null"},
                                 {"-1.5e2", "-150.0"},
                                 {"'a' \"b\"", "\"ab\""},
                                 {"{'a': [1, ()]}", "{\"a\": [1, []]}"},
                                 {"'\\x41\\n'", "\"A\\n\""},
                                 {"r'\\d\\n'", R"("\\d\\n")"},
                                 {"R'''a\\'b'''", R"("a\\'b")"},
                                 {"u'\\d\\u00e9'", "\"\\\\d\u00e9\""},
                                 {"U'a' \"c\"", "\"ac\""}};
}  // namespace

BOOST_AUTO_TEST_SUITE(repair)

BOOST_DATA_TEST_CASE(broken_json_is_read, cases, c) { BOOST_TEST(dump_json(repair_json(c.broken)) == c.expected); }

struct repairs_case {
    const char *broken, *done;
};
std::ostream& operator<<(std::ostream& out, const repairs_case& c) { return out << c.broken; }

const repairs_case what_was_done[]{{R"({"a": 1})", ""},
                                   {"{\"a\": [1, {\"b\": null}, \"x\\ny\"]} ", ""},
                                   {"{'a': 'b'}", "quotes"},
                                   {"{\"a\": True, \"b\": None}", "quotes"},
                                   {"{a: b}", "quotes"},
                                   {"{\"a\": \"two\nlines\"}", "quotes"},
                                   {R"({"a": "say "hi", then go"})", "quotes"},
                                   {R"({"a": 1_000})", "quotes"},
                                   {R"({"a": 1,})", "commas"},
                                   {R"([1, 2,])", "commas"},
                                   {R"({"a": 1 "b": 2})", "commas"},
                                   {R"(["a" "b"])", "commas"},
                                   {R"({"a": 1,, "b": 2})", "commas"},
                                   {"{\"a\": 1 // one\n}", "commas"},
                                   {R"({"a"= 1})", "commas"},
                                   {"```json\n{\"a\": 1}\n```", "fence"},
                                   {"Sure! {\"a\": 1} Bye.", "fence"},
                                   {"{}{\"a\": 1}", "fence, several"},
                                   {R"({{"a": 1}})", "fence"},
                                   {R"({"a": "x)", "closed, cut"},
                                   {R"({"a": "x"})", ""},
                                   {R"({"a": "x")", "closed"},
                                   {R"({"a": "x",)", "closed, cut"},
                                   {R"({"a": ["x", "y)", "closed, cut"},
                                   {R"({"a": ["x")", "closed"},
                                   {R"({"a": 12)", "closed, cut"},
                                   {R"({"a": 1, "b)", "closed, cut"},
                                   {R"({"a": 1, "b":)", "closed, cut"},
                                   {R"({"a": 1, "b": )", "closed, cut"},
                                   {R"({"a": })", "closed, cut"},
                                   {R"({"a": 1, "b"})", "closed, cut"},
                                   {R"({"a": ["x"})", "closed"},
                                   {R"([{"a": 1])", "closed"},
                                   {R"({"a": "x, "b": 2})", "commas, closed"},
                                   {R"([1, 2, ...])", "closed, cut"},
                                   {"{'a': ['b', 'c", "quotes, closed, cut"},
                                   {"```json\n{\"a\": 1", "fence, closed, cut"},
                                   {"{", "closed, cut"},
                                   {R"([1, 2, 3)", "closed, cut"},
                                   {"[1, 2, 3\n", "closed, cut"},
                                   {R"(["a", "b")", "closed"},
                                   {"[1, 2, \u2026]", "closed, cut"},
                                   {R"(["a", tru)", "quotes, closed, cut"},
                                   {R"(["a", true)", "quotes, closed"},
                                   {R"({"a": {"b": "c"})", "closed"},
                                   {R"({"a": 1}{"a": 2})", "fence, several"},
                                   {"{\"a\": 1}\n{\"a\": 2}", "fence, several"},
                                   {R"({"a": 1} or {"a": 2})", "fence, closed, cut, unclear, several"},
                                   {R"({"a": 1} // not {"a": 2})", "fence, several"},
                                   {R"({"a": 1} /* {"a": 2} */)", "commas, fence, several"},
                                   {R"({"a": 1} # then done)", "fence"},
                                   {R"([1] [2])", "fence, several"},
                                   {R"({"x": {"a": 1} {"a": 2}})", "fence, several"},
                                   {R"({"x": {"a": 1} or {"a": 2}})", "quotes, commas, closed, cut, unclear, several"},
                                   {R"({"a": "x" + "y"})", "quotes, closed, cut, unclear"},
                                   {R"(["a", y, "b"])", "quotes, closed, cut, unclear"},
                                   {"[1, // ... 5 more\n]", "commas, closed, cut"},
                                   {R"({"a": 1e})", "quotes, closed, cut"},
                                   {R"({"x": [1] [2]})", "quotes, commas, closed, cut, unclear, several"}};

BOOST_DATA_TEST_CASE(what_was_repaired_is_told, what_was_done, c) {
    std::vector<std::string> repeated;
    repairs done;
    repair_json(c.broken, repeated, done);
    BOOST_TEST(done.text() == c.done);
}

// Quotation marks within a text that are not escaped, where they stand as quotations do.
BOOST_AUTO_TEST_CASE(quotations_within_texts_are_read_whole) {
    const std::pair<std::string, std::string> all[]{
        {R"j({"answer":"use d["k"], then e","reasoning":"r"})j",
         R"j({"answer":"use d[\"k\"], then e","reasoning":"r"})j"},
        {R"j(["f("x")", "y"])j", R"j(["f(\"x\")","y"])j"},
        {R"j(["d["k"]", "e"])j", R"j(["d[\"k\"]","e"])j"},
        {R"j(["{"k": "v"}", "z"])j", R"j(["{\"k\": \"v\"}","z"])j"},
        {R"j(["say "hi"", "x"])j", R"j(["say \"hi\"","x"])j"},
        {R"j({"a": "list ["t"], ok", "b": "c"})j", R"j({"a":"list [\"t\"], ok","b":"c"})j"},
        {R"j({"a": "he said "yes" and "no"", "b": "x"})j", R"j({"a":"he said \"yes\" and \"no\"","b":"x"})j"},
        {R"j({"a": "see "#5" there", "b": "x"})j", R"j({"a":"see \"#5\" there","b":"x"})j"},
        {R"j({"a": "use {"k"} then", "b": 1})j", R"j({"a":"use {\"k\"} then","b":1})j"},
        {R"j({"a": "15" laptop", "b": "x"})j", R"j({"a":"15\" laptop","b":"x"})j"},
        {R"j({"a": "צה"ל", "b": 1})j", R"j({"a":"צה\"ל","b":1})j"},
        {R"j({'a': 'it's fine', 'b': 'the dogs' bowl'})j", R"j({"a":"it's fine","b":"the dogs' bowl"})j"},
        {R"j({"a":"""x "y" z""","b":'''x'''})j", R"j({"a":"x \"y\" z","b":"x"})j"},
        {R"j(["""f("x")""","e"])j", R"j(["f(\"x\")","e"])j"}};
    for (const auto& [broken, whole] : all) {
        std::vector<std::string> repeated;
        repairs done;
        auto v = repair_json(broken, repeated, done);
        BOOST_TEST((!done.cut && v == json::parse(whole)), broken << " gave " << v << " " << done.text());
    }
}

// More than one thing could be meant.
BOOST_AUTO_TEST_CASE(what_could_be_read_otherwise_is_unclear) {
    for (std::string text : {R"({"a":"x","n":10 to 20,"tags":["t"]})",
                             R"({"n":1 or 2,"m":1})",
                             R"({"n":1 or more,"m":1})",
                             R"({"n":10 hundred 20,"m":1})",
                             R"({"n":5 eur 20,"m":1})",
                             R"({"a": 1 or 2, "b": 3})",
                             R"({"day": 12 May 2024, "age": 3})",
                             R"({"height": 5 ft 11, "age": 3})",
                             R"({"n": 5 "feet" 2, "m": 1})",
                             R"({"n": 5 "feet" "b": 2})",
                             "[10 to 20]",
                             "{\"a\"\uff1a\"x\",\"n\":1}",
                             R"({"a":"x","n:1,"tags":["t"]})",
                             R"({"a": "x", "b: "3"})",
                             R"j({"a":"x" (maybe),"n":1})j",
                             R"({"a":"x" "y","n":1})",
                             R"(["a" or "b"])",
                             R"j(["f("x", "y")", "z"])j",
                             R"(["5"", "6""])",
                             R"(['O''Brien', 'Smith'])",
                             R"({"a": "C:\Users\new\table"})",
                             R"({"a": "\(x\) and \frac{a}{b}"})",
                             R"({"a": "map "}" closes"})",
                             R"({"a": "use k"], then e", "b": 1})",
                             R"({"a": "x" or "y"})"}) {
        std::vector<std::string> repeated;
        repairs done;
        auto v = repair_json(text, repeated, done);
        BOOST_TEST((done.unclear && done.cut), text << " gave " << v << " " << done.text());
        BOOST_TEST(!read_unambiguous_json(text).value, text);
    }
    for (std::string text : {"[a\nb\nc]", R"({"a": 1 b: 2})", R"({"a" "x"})", R"(["a" "b"])"}) {
        std::vector<std::string> repeated;
        repairs done;
        repair_json(text, repeated, done);
        BOOST_TEST(!done.unclear, text);
    }
}

// Wherever a text can be read in one way only, it is read in that way.
BOOST_AUTO_TEST_CASE(the_only_reading_is_what_repair_gives) {
    std::mt19937 random{7};
    const std::vector<std::string> pieces{"\"",  "'",    "\"\"\"", "'''", "a",  "b c", ":",      ",",     "{",
                                          "}",   "[",    "]",      " ",   "\n", "1",   "-2.5",   "True",  "None",
                                          "\\n", "\\\"", "key",    "(",   ")",  "`",   "\u201c", "\u201d"};
    std::size_t read = 0;
    for (int n = 0; n < 200'000; ++n) {
        std::string text = "{\"k\":";
        for (auto i = 1 + random() % 7; i > 0; --i) text += pieces[random() % pieces.size()];
        text += "}";
        auto only = read_unambiguous_json(text);
        if (!only.value || !only.value->is_structured()) continue;
        ++read;
        std::vector<std::string> repeated;
        repairs done;
        BOOST_TEST_REQUIRE((repair_json(text, repeated, done) == *only.value && !done.cut), text);
    }
    BOOST_TEST(read > 1'000u);
}

// A model that corrects itself.
BOOST_AUTO_TEST_CASE(a_container_of_the_same_shape_replaces_the_one_before) {
    BOOST_TEST((repair_json("[1, 2]\n[3, 4]") == json::parse("[3, 4]")));
    BOOST_TEST((repair_json("[1]\n[2, 3]") == json::parse("[[1], [2, 3]]")));
    BOOST_TEST((repair_json(R"({"a": 1} {"a": 2})") == json::parse(R"({"a": 2})")));
    BOOST_TEST((repair_json(R"({"a": 1} {"b": 2})") == json::parse(R"([{"a": 1}, {"b": 2}])")));
}

// Whatever is cut off anywhere within its braces was closed by us.
BOOST_AUTO_TEST_CASE(what_is_cut_is_always_told_as_closed) {
    for (std::string text :
         {R"({"to": "bob@example.org", "n": 12.5, "list": ["a", {"b": null}], "t": true})",
          "{'to': 'bob', n: 1, 'list': ['a', 'it''s'], t: True}", R"({"a": "x{y}z", "b": "[q]", "c": "d\"e"})"})
        for (std::size_t n = 1; n < text.size(); ++n) {
            std::vector<std::string> repeated;
            repairs done;
            repair_json(std::string_view{text}.substr(0, n), repeated, done);
            BOOST_TEST(done.closed, text.substr(0, n));
        }
}

BOOST_AUTO_TEST_CASE(members_that_say_two_things_are_told_at_any_depth) {
    for (auto [text, name] : {std::pair{R"({"a": 1, "a": 2})", "a"},
                              {R"({"d": {"a": 1, "a": 2}})", "d.a"},
                              {R"({"d": [{"x": 0}, {"a": {"b": 1, "c": 2, "\u0062": 3}}]})", "d.a.b"},
                              {R"([{"a": [1], "a": [2]}])", "a"},
                              {R"({"": 1, "": 2})", ""},
                              {R"({d: {"a": 1, 'a': 2}})", "d.a"},
                              {R"({'d': [{'a': {"b": 1, "b": "}"}}]})", "d.a.b"}}) {
        std::vector<std::string> repeated;
        repair_json(text, repeated);
        BOOST_TEST((repeated == std::vector<std::string>{name}), text);
    }
    for (const char* text : {R"({"a": 1, "b": {"a": 2}})", R"([{"a": 1}, {"a": 2}])", R"({"a": [1, 2], "a": [1,2]})",
                             R"({"a": "b", "c": "\"a\": 1, \"a\": 2"})", R"({'a': 1, 'a': 1})"}) {
        std::vector<std::string> repeated;
        repair_json(text, repeated);
        BOOST_TEST(repeated.empty(), text);
    }
}

BOOST_DATA_TEST_CASE(python_literals_are_read, python_texts, c) {
    auto v = python_literal(c.broken);
    BOOST_REQUIRE(v.has_value());
    BOOST_TEST(dump_json(*v) == c.expected);
}

BOOST_AUTO_TEST_CASE(what_is_no_literal_is_none) {
    for (const char* s : {"", "abc", "1 2", "'a", "f(1)", "1_", "__import__('os')", "[1", "{1: 2}", "0777", "1..2",
                          "'\\", "'a\\'", "r'\\", "r'\\'", "'\\x4'", "r"})
        BOOST_TEST(!python_literal(s).has_value(), s);
}

// Each of these would take minutes if the effort grew with the square of the length.
BOOST_AUTO_TEST_CASE(effort_is_linear_and_depth_is_bounded) {
    for (std::string part : {"{",
                             "[",
                             "{\"a\":",
                             "\"",
                             "{\"a\": \"",
                             "{'",
                             "[\"a\" ",
                             "{a:",
                             "\\",
                             "/*",
                             "((",
                             "{\"a\": \"x\" ",
                             "\"a\": \"b\", ",
                             "`",
                             "{a: x\n\n",
                             "\n",
                             ", ",
                             "{a: b, ",
                             "\" \n",
                             "{\"a\", "}) {
        std::string text = "{";
        while (text.size() < 400'000) text += part;
        repair_json(text);
        python_literal(text);
    }
    for (auto [start, part] : {std::pair{"{a: x", "\n"},
                               {"{a: x", ","},
                               {"{\"a\": \"x", "\" \n"},
                               {"[x", " "},
                               {"{\"a\": x", "\" "},
                               {"[\"", "\" ,"},
                               {"{\"a\":\"", "\",\n\n"}}) {
        std::string text = start;
        while (text.size() < 400'000) text += part;
        repair_json(text);
    }
    BOOST_TEST(true);
}

// A model in a loop, or Lisp without quotes, must not end the process.
BOOST_AUTO_TEST_CASE(tuples_nested_too_deep_are_cut_like_lists) {
    for (std::string part : {"(", "(1,", "[(", "(\"x\",", "((", "{\"a\":(", "([", "(a("})
        for (int n : {126, 127, 128, 129, 130, 1000, 20000})
            for (std::string_view closing : {"", ")"}) {
                std::string text = R"({"a":)";
                for (int i = 0; i < n; ++i) text += part;
                for (int i = 0; i < n && !closing.empty(); ++i) text += closing;
                std::vector<std::string> repeated;
                repairs done;
                const auto v = repair_json(text, repeated, done);
                if (n > max_json_depth) BOOST_TEST(done.cut, part << n);
                BOOST_TEST(v.is_object());
                read_tool_arguments(text);
            }
}

// Random brackets, quotes and signs; REAGENT_RANDOM_TEXTS asks for more of them.
BOOST_AUTO_TEST_CASE(random_brackets_do_no_harm) {
    const char* wanted = std::getenv("REAGENT_RANDOM_TEXTS");
    const long texts = wanted ? std::atol(wanted) : 2000;
    static constexpr std::string_view parts[]{
        "(", "(", "[", "[",      "{",   "{",  ")",  "]",   "}",  "\"", "'",  ":",
        ",", "1", "a", "\"a\":", "(1,", "//", "/*", "...", "\n", "-",  "\\", "\u201c"};
    std::mt19937 random{7};
    for (long i = 0; i < texts; ++i) {
        std::string text = i % 2 ? "{" : "";
        const auto size = random() % 400;
        const auto first = random() % 8, kinds = 1 + random() % std::size(parts);
        for (std::size_t k = 0; k < size; ++k) text += parts[(first + random() % kinds) % std::size(parts)];
        std::vector<std::string> repeated;
        repairs done;
        repair_json(text, repeated, done);
        read_tool_arguments(text);
        python_literal(text);
    }
    BOOST_TEST(texts > 0);
}

BOOST_AUTO_TEST_CASE(no_truncation_or_broken_byte_harms) {
    std::string text = "x {\"a\": [1, 'b', {\"c\": \"d\\n\u00e9\\u00e9\"}], // e\n f: None, \"g\": (1, 2)} y";
    for (std::size_t n = 0; n <= text.size(); ++n) {
        repair_json(text.substr(0, n));
        std::string broken = text;
        if (n < broken.size()) broken[n] = static_cast<char>(0xFF);
        repair_json(broken);
        repair_json(text.substr(n));
    }
    BOOST_TEST(true);
}

BOOST_AUTO_TEST_CASE(values_are_written_as_python_writes_them) {
    BOOST_TEST(python_str(1.0) == "1.0");
    BOOST_TEST(python_str(1e20) == "1e+20");
    BOOST_TEST(python_str(1e-5) == "1e-05");
    BOOST_TEST(python_str(0.1) == "0.1");
    BOOST_TEST(python_str(json::array{"it's", true, nullptr}) == "[\"it's\", True, None]");
    BOOST_TEST(dump_strict_json(json::array{HUGE_VAL}) == "[{\"float\": \"inf\"}]");
}

BOOST_AUTO_TEST_CASE(numbers_are_read_exactly) {
    std::mt19937_64 random{3};
    for (int i = 0; i < 20'000; ++i) {
        auto bits = random();
        double d = 0;
        std::memcpy(&d, &bits, sizeof d);
        if (!std::isfinite(d)) continue;
        auto v = parse_json("[" + python_float(d) + "]");
        BOOST_REQUIRE(v.has_value());
        if (v->at(0).is_double()) BOOST_TEST(v->at(0).get_double() == d);
    }
    for (const char* text : {"0.1", "1e23", "9007199254740993.0", "5e-324", "1.7976931348623157e308",
                             "0.1000000000000000055511151231257827"})
        BOOST_TEST(parse_json(text)->to_number<double>() == std::strtod(text, nullptr), text);
    for (std::string text : {"123456789012345678901234567890", "-12345678901234567890123", "9876e543", "1e-400"}) {
        BOOST_TEST(*parse_json(text) == json::value(json::string(text)),
                   text);  // no double holds it: its digits, not others
        BOOST_TEST(repair_json("{a: " + text + "}").at("a") == json::value(json::string(text)), text);
        BOOST_TEST(*python_literal(text) == json::value(json::string(text)), text);
    }
    for (const char* text : {"3.14159265358979323846264338", "0.12345678901234567890", "9007199254740993123.5",
                             "2.0000e0", "2500e-2", "0.0", "1.5e1"})
        BOOST_TEST(parse_json(text)->as_double() == std::strtod(text, nullptr),
                   text);  // as every reader of JSON rounds
    for (std::string text :
         {"1.9999999999999999", "-0.99999999999999999", "1.00000000000000000000000001e3", "4503599627370497.5",
          "19999999999999999e-16"}) {  // an integer must not take it for a whole number
        BOOST_TEST(*parse_json(text) == json::value(json::string(text)), text);
        BOOST_TEST(repair_json("{a: " + text + "}").at("a") == json::value(json::string(text)), text);
        BOOST_TEST(*python_literal(text) == json::value(json::string(text)), text);
    }
    BOOST_TEST(std::isinf(parse_json("1e99999")->as_double()));  // as Boost.JSON writes it
    BOOST_TEST(parse_json("\xEF\xBB\xBF[1]")->is_array());
    BOOST_TEST(parse_json("18446744073709551615")->is_uint64());
    BOOST_TEST(parse_json("-9223372036854775808")->is_int64());
    for (const char* bad : {"", "1 2", "{} x", "[1,]", "{\"a\":1,}", "01", "+1", "nan", "tru", "\"\xff\"", "/* c */ 1"})
        BOOST_TEST(!parse_json(bad), bad);
}

BOOST_AUTO_TEST_CASE(what_is_repaired_is_never_nested_deeper_than_what_is_read) {
    for (int depth : {127, 128, 129, 143, 5000})
        for (const char* tail : {"", "'", "{'", "{{{'", "{\"a\": [1"}) {
            auto v = repair_json(std::string(static_cast<std::size_t>(depth), '[') + tail);
            BOOST_TEST(parse_json(dump_strict_json(v)).has_value(), depth << " " << tail);
        }
}

BOOST_AUTO_TEST_SUITE_END()

// What a model wrote stands in what it is told as it can be seen, and in one line.
BOOST_AUTO_TEST_CASE(what_steers_is_an_escape_in_what_is_told) {
    auto reason = [](const std::string& text) { return read_unambiguous_json(text).wrong; };
    for (auto [text, seen] : {std::pair{"{\"a\": 1} \u202e\x1b stop", "\\u202e\\u001b stop"},
                              std::pair{"{\"a\u009b\x7f\" 1}", "a\\u009b\\u007f"},
                              std::pair{"{\"a\xf0\x9d\x85\xb3\": 1, \"a\xf0\x9d\x85\xb3\": 2}", "a\\ud834\\udd73"}})
        BOOST_TEST(reason(text).find(seen) != std::string::npos, text << ": " << reason(text));
    BOOST_TEST(reason("{\"\u00e4\u0308 \u0928\u093e\" 1}").find("\u00e4\u0308 \u0928\u093e") !=
               std::string::npos);  // letters and their marks
}
