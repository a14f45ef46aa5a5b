// Characters that a stream cuts: whole again, wherever the cut is; what stays half of one is U+FFFD.
#include "../../sdk/src/lm/providers/text_pieces.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent::provider;

namespace {

const std::string lone = "\xEF\xBF\xBD";

std::string read(const std::vector<std::string_view>& pieces) {
    text_pieces text;
    std::string all;
    for (auto p : pieces) all += text.feed(p);
    return all + text.finish();
}

// The same, wherever it is cut into two, and byte by byte.
void check(const std::string& bytes, const std::string& expected) {
    std::vector<std::string_view> single;
    for (const char& c : bytes) single.emplace_back(&c, 1);
    BOOST_TEST(read(single) == expected);
    for (std::size_t at = 0; at <= bytes.size(); ++at)
        BOOST_TEST(read({std::string_view{bytes}.substr(0, at), std::string_view{bytes}.substr(at)}) == expected,
                   "cut at " << at);
}

struct surrogates {
    const char *escapes, *character;
};
std::ostream& operator<<(std::ostream& out, const surrogates& s) { return out << s.escapes; }

const surrogates pairs[]{{R"(\ud800\udc00)", "\U00010000"}, {R"(\uD800\uDFFF)", "\U000103FF"},
                         {R"(\ud83d\ude00)", "\U0001F600"}, {R"(\udbff\udc00)", "\U0010FC00"},
                         {R"(\udbff\udfff)", "\U0010FFFF"}, {R"(\udbc0\udc01)", "\U00100001"}};
const char* const halves[]{R"(\ud800)", R"(\ud83d)", R"(\udbff)", R"(\udc00)", R"(\ude00)", R"(\udfff)", R"(\udfbf)"};

}  // namespace

BOOST_AUTO_TEST_SUITE(pieces_of_text)

BOOST_DATA_TEST_CASE(two_surrogates_are_a_character, pairs, p) {
    const std::string escapes = p.escapes, whole = "a" + escapes + "z";
    BOOST_TEST(with_surrogates_as_bytes(whole) == whole);  // a JSON parser reads the pair
    const std::string first = with_surrogates_as_bytes(escapes.substr(0, 6)),
                      second = with_surrogates_as_bytes(escapes.substr(6));
    BOOST_TEST(first.size() == 3u);
    check("a" + first + second + "z", "a" + std::string{p.character} + "z");
    check(second + first, lone + lone);
}

BOOST_DATA_TEST_CASE(half_of_a_character_is_none, halves, escape) {
    const std::string half = with_surrogates_as_bytes(escape);
    BOOST_TEST(half.size() == 3u);
    for (const char* more : {"", "z", "\u00FC", "\uD7FF", "\uE000", "\U0001F600"}) {
        check(half + more, lone + more);
        check(more + half, more + lone);
    }
}

BOOST_AUTO_TEST_CASE(other_escapes_stay) {
    for (const char* text :
         {R"(\ud7ff)", R"(\ue000)", R"(\u0041)", R"(\\ud83d)", R"(\ud83)", R"(\ud83g)", R"(\n\u)", "\\", "a"})
        BOOST_TEST(with_surrogates_as_bytes(text) == text);
    BOOST_TEST(with_surrogates_as_bytes(R"(\\\ud83d)").size() == 5u);
    BOOST_TEST(with_surrogates_as_bytes(R"(\ud83d\u0041)").ends_with(R"(\u0041)"));
}

BOOST_AUTO_TEST_CASE(utf8_is_joined_to_the_last_and_first_of_each_length) {
    for (const char* character : {"A", "\u0080", "\u07FF", "\u0800", "\u0FFF", "\u1000", "\uD7FF", "\uE000", "\uFFFF",
                                  "\U00010000", "\U0003FFFF", "\U00040000", "\U000FFFFF", "\U00100000", "\U0010FFFF"})
        check(std::string{character} + "b" + character, std::string{character} + "b" + character);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_are_replaced) {
    check("a\xFFz", "a" + lone + "z");
    check("a\x80z", "a" + lone + "z");
    check("\xC1\x81", lone + lone);                        // longer than needed
    check("\xE0\x9F\xBF", lone + lone + lone);             // as well
    check("\xF0\x8F\xBF\xBF", lone + lone + lone + lone);  // as well
    check("\xF4\x90\x80\x80", lone + lone + lone + lone);  // beyond the last
    check("\xF5\x80\x80\x80", lone + lone + lone + lone);  // as well
    for (const char* cut : {"\xC3", "\xE2\x82", "\xE2", "\xF0\x9F\x98", "\xF0\x9F", "\xF0"}) {
        text_pieces text;
        BOOST_TEST(text.feed(cut) == "");
        BOOST_TEST(text.finish() == lone);
        BOOST_TEST(text.finish() == "");
    }
    check("\xC3z", lone + "z");
}

BOOST_AUTO_TEST_CASE(texts_in_a_value_are_cleaned_with_the_names_of_members) {
    json::value v = json::object{{"a\xFF", json::array{"b\xFF", 1, json::object{{"c", "d\xFF"}}}}, {"e", "f"}};
    clean_texts(v);
    const json::value expected =
        json::object{{"a" + lone, json::array{"b" + lone, 1, json::object{{"c", "d" + lone}}}}, {"e", "f"}};
    BOOST_TEST((v == expected), json::serialize(v));
}

BOOST_AUTO_TEST_CASE(json_that_arrives_in_pieces_has_an_end) {
    auto closed_at = [](const std::string& text) {
        json_extent extent;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (extent.closed()) return i;
            extent.feed(std::string_view{text}.substr(i, 1));
        }
        return extent.closed() ? text.size() : text.npos;
    };
    BOOST_TEST(closed_at("{} x") == 2u);
    BOOST_TEST(closed_at(" [1,[2]] ]") == 8u);
    BOOST_TEST(closed_at(R"({"a":"}\"}\\"}{})") == 14u);
    for (const char* open : {"", " ", "{", "[[]", R"({"a":"})", R"(["\"])", "x{}", "\"{}\"", "1"})
        BOOST_TEST(closed_at(open) == std::string::npos, open);
}

BOOST_AUTO_TEST_SUITE_END()
