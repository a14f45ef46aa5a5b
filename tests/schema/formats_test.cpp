// `format` as an assertion: what the official suite does not say (lenient reading, types of std::chrono, numbers of
// many digits).
#include <reagent/schema/convert.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>

using namespace reagent;
using namespace std::chrono;

namespace {

struct format_case {
    const char *format, *text;
    bool strict, lenient;
};
std::ostream& operator<<(std::ostream& out, const format_case& c) { return out << c.format << ' ' << c.text; }

const format_case format_cases[]{
    {"date", "2024-02-29", true, true},
    {"date", "2023-02-29", false, false},
    {"date", "banana", false, false},
    {"date", "2024-02-29T00:00:00", false, true},
    {"date", "2024-02-29T10:00:00", false, false},
    {"date-time", "2024-02-29T10:00:00Z", true, true},
    {"date-time", "2024-02-29 10:00", false, true},
    {"date-time", "2024-02-29", false, true},
    {"date-time", "2024-02-29T25:00:00Z", false, false},
    {"date-time", "tomorrow", false, false},
    {"time", "10:30:00Z", true, true},
    {"time", "10:30", false, true},
    {"time", "24:30", false, false},
    {"duration", "P1DT2H", true, true},
    {"duration", "1 day, 2:00:00", false, true},
    {"duration", "PT0.5S", false, true},
    {"duration", "soon", false, false},
    {"uuid", "123E4567-e89b-12d3-a456-426614174000", true, true},
    {"uuid", "{123e4567e89b12d3a456426614174000}", false, true},
    {"uuid", "123e4567e89b12d3a45642661417400", false, false},
    {"email", "ann@example.org", true, true},
    {"email", "ann at example.org", false, false},
    {"uri", "https://example.org/a?b#c", true, true},
    {"uri", "example dot org", false, false},
    {"decimal", "-12.50", true, true},
    {"decimal", "1e5", true, true},
    {"decimal", "12,50", false, false},
    {"decimal", "NaN", false, false},
    {"regex", "[a-z][^+-a][A-Z-][!-~]", true, true},
    {"regex", "[\u00E0-\u00FF][\u0100-\u0101a-b\u20AC-\U0001F600][a-a]", true, true},
    {"regex", "a{1}b{1,}c{1,2}?d*?e+f?(?=g)(?:h){2}", true, true},
    {"regex", "(?i:a)(?i-m:b)(?-s:c)(?<n>d)\\k<n>", true, true},
    {"regex", "a{2,1}", false, false},
    {"regex", "a{1", false, false},
    {"regex", "a{,2}", false, false},
    {"regex", "a**", false, false},
    {"regex", "a{1}{2}", false, false},
    {"regex", "(?=a)*", false, false},
    {"regex", "(?<=a){2}", false, false},
    {"regex", "^*", false, false},
    {"regex", "(?-:a)", false, false},
    {"regex", "(?ii:a)", false, false},
    {"regex", "(?-", false, false},
    {"regex", "\\p{L}\\P{Script=Greek}\\x41\\u0041\\u{1F600}\\cA\\0\\1", true, true},
    {"regex", "[\\b\\-\\p{L}\\x41-]", true, true},
    {"regex", "\\bword\\B\\d\\D\\w\\W\\s\\S\\/\\$", true, true},
    {"regex", "(a|b|)(?:)(?!c)(?<!d)", true, true},
    {"regex", "\\", false, false},
    {"regex", "[a\\", false, false},
    {"regex", "\\p", false, false},
    {"regex", "\\pL", false, false},
    {"regex", "\\p{}", false, false},
    {"regex", "\\p{L", false, false},
    {"regex", "\\x4", false, false},
    {"regex", "\\x4g", false, false},
    {"regex", "\\u004", false, false},
    {"regex", "\\u{}", false, false},
    {"regex", "\\u{41", false, false},
    {"regex", "\\c1", false, false},
    {"regex", "\\01", false, false},
    {"regex", "\\-", false, false},
    {"regex", "\\a", false, false},
    {"regex", "[\\1]", false, false},
    {"regex", "[\\k<n>]", false, false},
    {"regex", "\\k<n>", false, false},
    {"regex", "(?<n>a)(?<n>b)", false, false},
    {"regex", "(?<1>a)", false, false},
    {"regex", "(?<>a)", false, false},
    {"regex", "(", false, false},
    {"regex", ")", false, false},
    {"regex", "[a", false, false},
    {"regex", "]", false, false},
    {"regex", "{", false, false},
    {"regex", "}", false, false},
    {"regex", "(?", false, false},
    {"regex", "(?a)", false, false},
    {"regex", "[z-a]", false, false},
    {"regex", "[\u00E9-a]", false, false},
    {"regex", "[\u0100-a]", false, false},
    {"regex", "[\u00FF-\u00E0]", false, false},
    {"regex", "[\U0001F600-\uFFFD]", false, false},
    {"of-our-own", "anything", true, true},
};

struct dated {
    year_month_day day;
    sys_seconds at;
    sys_time<milliseconds> exactly;
    local_seconds there;
    hh_mm_ss<seconds> opens;
    seconds takes;
    std::optional<sys_days> until;
    field<std::string, "where to write", of_format{"email"}> address;
};

template <class T>
std::string wrong(const char* text, reading how = reading::strict) {
    auto read = try_from_json<T>(json::value(text), how);
    return read ? "" : to_string(read.violations);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(formats)

BOOST_DATA_TEST_CASE(formats_are_assertions_where_asked_for, format_cases, c) {
    json::value document = json::object{{"type", "string"}, {"format", c.format}};
    json::value text(json::string(c.text));
    schema asserted{document, {.assert_formats = true}};
    BOOST_TEST(asserted.validate(text).empty() == c.strict);
    BOOST_TEST(asserted.read(text, reading::lenient).ok() == c.lenient);
    BOOST_TEST(schema{document}.validate(text).empty());
    BOOST_TEST(asserted.validate(json::value(3)).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_violation_shows_how_it_is_written) {
    BOOST_TEST(wrong<year_month_day>("banana") == "$: expected date as \"2024-05-01\", got string \"banana\"");
}

BOOST_AUTO_TEST_CASE(times_go_to_json_and_back) {
    dated d{2024y / February / 29,
            sys_days{2024y / May / 1} + 12h + 30min,
            sys_days{1969y / December / 31} + 23h + 59min + 59s + 5ms,
            local_days{2024y / May / 1} + 8h,
            hh_mm_ss<seconds>{8h + 5min},
            26h + 3s,
            {},
            std::string{"ann@example.org"}};
    auto v = to_json(d);
    BOOST_TEST(
        json::serialize(v) ==
        R"({"day":"2024-02-29","at":"2024-05-01T12:30:00Z","exactly":"1969-12-31T23:59:59.005Z","there":"2024-05-01T08:00:00",)"
        R"("opens":"08:05:00","takes":"P1DT2H3S","until":null,"address":"ann@example.org"})");
    BOOST_TEST(to_string(schema_of<dated>().validate(v)) == "");
    auto back = from_json<dated>(v);
    BOOST_TEST((to_json(back) == v));
    BOOST_TEST((back.at == d.at && back.exactly == d.exactly && back.day == d.day && back.takes == d.takes));
    for (auto ms : {0ms, 1ms, -1ms, -1500ms, 86'400'000ms, -86'400'001ms, milliseconds::max(),
                    milliseconds{1} - milliseconds::max()})
        BOOST_TEST((from_json<milliseconds>(to_json(ms)) == ms), dump_json(to_json(ms)));
}

BOOST_AUTO_TEST_CASE(what_a_time_cannot_hold_is_refused_and_never_rounded) {
    BOOST_TEST(
        (from_json<sys_seconds>(json::value("2024-05-01T12:30:00+02:00")) == sys_days{2024y / May / 1} + 10h + 30min));
    BOOST_TEST(
        (from_json<sys_seconds>(json::value("2024-05-01T12:30:00.000Z")) == sys_days{2024y / May / 1} + 12h + 30min));
    BOOST_TEST(wrong<sys_seconds>("2024-05-01T12:30:00.5Z").find("finer") != std::string::npos);
    BOOST_TEST(wrong<sys_seconds>("2024-05-01T12:30:00", reading::lenient).find("no offset") != std::string::npos);
    BOOST_TEST(wrong<sys_time<nanoseconds>>("9999-05-01T12:30:00Z").find("beyond") != std::string::npos);
    BOOST_TEST(wrong<sys_time<hours>>("2024-05-01T12:30:00Z").find("finer") != std::string::npos);
    BOOST_TEST(wrong<hh_mm_ss<seconds>>("25:00:00") != "");
    BOOST_TEST(wrong<hh_mm_ss<seconds>>("12:00:00+02:00") != "");
    BOOST_TEST(wrong<minutes>("PT90S").find("finer") != std::string::npos);
    BOOST_TEST(wrong<nanoseconds>("P300000000D") != "");
    BOOST_TEST((from_json<minutes>(json::value("PT1H30M")) == 90min));
    for (const char* no : {"", "P", "PT", "P1H", "PT1H1H", "-", "1", "P1Y"}) BOOST_TEST(wrong<seconds>(no) != "", no);
    BOOST_CHECK_THROW(to_json(hh_mm_ss<seconds>{25h}), std::exception);
    BOOST_CHECK_THROW(to_json(2023y / February / 29), std::exception);
}

BOOST_AUTO_TEST_CASE(long_numbers_keep_their_digits_in_texts_and_are_refused_in_numbers) {
    for (const char* digits : {"123456789012345678901234567890", "-98765432109876543210", "1e400"}) {
        std::string text = std::string{"{\"n\": "} + digits + "}";
        auto v = repair_json(text);
        BOOST_TEST(v.at("n").is_string(), digits);
        BOOST_TEST(python_str(v.at("n")) == digits);
        auto unclosed = repair_json(text.substr(0, text.size() - 1) + ", 'b': 1");
        BOOST_TEST(python_str(unclosed.at("n")) == digits);
        for (const char* type : {"integer", "number"})
            for (auto how : {reading::strict, reading::lenient}) {
                auto read = schema{json::object{{"type", type}}}.read(v.at("n"), how);
                BOOST_TEST(!read.ok(), type << ' ' << digits);
                const bool beyond = std::string_view{digits} == "1e400";
                BOOST_TEST(to_string(read.violations)
                               .find(beyond ? "larger than any number" : "more digits than a number keeps") !=
                           std::string::npos);
            }
    }
    for (const char* kept :
         {"0.1", "1e23", "100000000000000000000", "5e-324", "1.50", "-0.0", "1E+2", "0.30000000000000004"}) {
        auto v = repair_json(std::string{"["} + kept + "]");
        BOOST_TEST(v.at(0).is_number(), kept);
    }
    BOOST_TEST(!python_literal("123456789012345678901234567890")->is_number());
    // What a double has rounded already is no whole number any more; a fraction is rounded by every reader.
    auto reads = [](const char* type, const char* digits) {
        return schema{json::object{{"type", type}}}
            .read(repair_json(std::string{"["} + digits + "]").at(0), reading::lenient)
            .ok();
    };
    for (const char* whole :
         {"9007199254740993.0", "9007199254740992.0", "-9007199254740993.0", "1e18", "9007199254740993e0"})
        BOOST_TEST(!reads("integer", whole), whole);
    for (const char* whole : {"9007199254740993", "9007199254740991.0", "-4e3", "18446744073709551615"})
        BOOST_TEST(reads("integer", whole), whole);
    for (const char* n : {"9007199254740993", "18446744073709551615", "12345678901234567890123"})
        BOOST_TEST(!reads("number", n), n);
    for (const char* n : {"9007199254740992", "3.14159265358979323846264338327950288", "9007199254740993.5", "0.1"})
        BOOST_TEST(reads("number", n), n);
}

BOOST_AUTO_TEST_CASE(a_number_that_a_cpp_type_would_round_is_refused) {
    BOOST_TEST(!try_from_json<double>(json::value(std::int64_t{9007199254740993})));
    BOOST_TEST(from_json<double>(json::value(std::int64_t{9007199254740992})) == 9007199254740992.0);
    BOOST_TEST(!try_from_json<double>(json::value(18446744073709551615ull)));
    BOOST_TEST(from_json<std::int64_t>(json::value(std::int64_t{9007199254740993})) == 9007199254740993);
    BOOST_TEST(!schema{json::parse(R"({"type":"integer"})")}.read(json::value(1e29), reading::lenient).ok());
    BOOST_TEST(!try_from_json<double>(json::value("1e400"), reading::lenient));
    BOOST_TEST(std::isinf(from_json<double>(json::value("inf"), reading::lenient)));
}

BOOST_AUTO_TEST_CASE(a_moment_that_is_not_held_is_refused) {
    using nanoseconds = std::chrono::sys_time<std::chrono::nanoseconds>;
    for (auto how : {reading::strict, reading::lenient}) {
        for (const char* lost :
             {"2024-01-01T00:00:00.1234567891Z", "2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00"})
            BOOST_TEST(!try_from_json<nanoseconds>(json::value(lost), how), lost);
        for (const char* held :
             {"2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00.1234567890Z", "2024-01-01T00:60:00Z"})
            BOOST_TEST(try_from_json<nanoseconds>(json::value(held), how).value.has_value() == (held[14] != '6'), held);
        BOOST_TEST(!try_from_json<std::chrono::nanoseconds>(json::value("PT0.0000000001S"), how));
    }
}

BOOST_AUTO_TEST_SUITE_END()
