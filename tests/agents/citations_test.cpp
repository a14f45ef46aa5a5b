#include <reagent/agents/citations.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
namespace data = boost::unit_test::data;

namespace {

std::string found(std::string_view text, std::string_view quote) {
    auto at = find_quote(text, quote);
    return at ? std::string{text.substr(at->first, at->second - at->first)} : "(not there)";
}

struct quoting {
    const char *text, *quote, *found;
    friend std::ostream& operator<<(std::ostream& out, const quoting& q) { return out << q.text << " / " << q.quote; }
};

const quoting quotings[]{
    {"Paris is the capital of France.", "the capital of France", "the capital of France"},
    {"Paris is the capital of France.", "The capital of France", "(not there)"},  // case counts
    {"Paris is the capital of France.", "is the capita", "(not there)"},          // half a word
    {"Paris is the capital of France.", "aris is", "(not there)"},
    {"Paris is the capital of France.", "\"the capital of France.\"", "the capital of France."},
    {"Paris is the capital of France.", "...the capital of France\u2026", "the capital of France"},
    {"Paris is the capital of France.", "Paris ... France", "(not there)"},  // left out inside
    {"Paris is the capital of France.", "Paris is capital", "(not there)"},
    {"Paris is the capital of France.", "", "(not there)"},
    {"Paris is the capital of France.", ".", "(not there)"},
    {"Paris is the capital of France.", "\u2026", "(not there)"},
    {"Paris\u00a0is\n  the\tcapital", "Paris is the capital", "Paris\u00a0is\n  the\tcapital"},
    {"Paris is the capital", " Paris  is\nthe capital ", "Paris is the capital"},
    {"caf\u00e9 noir", "cafe\u0301 noir", "caf\u00e9 noir"},  // composed and not
    {"cafe\u0301 noir", "caf\u00e9", "cafe\u0301"},
    {"cafe\u0301 noir", "cafe", "(not there)"},  // half a character
    {"caf\u00e9 noir", "cafe", "(not there)"},
    {"a\u0323\u0307 dot", "a\u0307\u0323 dot", "a\u0323\u0307 dot"},  // marks in another order
    {"it\u2019s \u201cfine\u201d", "it's \"fine\"", "it\u2019s \u201cfine\u201d"},
    {"1914\u20131918", "1914-1918", "1914\u20131918"},
    {"co\u00adoperate now", "cooperate now", "co\u00adoperate now"},  // soft hyphen
    {"zero\u200bwidth", "zerowidth", "zero\u200bwidth"},
    {"\ufb01nal o\ufb03ce", "final office", "\ufb01nal o\ufb03ce"},
    {"10\u00b2 metres", "102 metres", "(not there)"},  // a power is no digit
    {"\u7f8e\u56fd\u7684\u9996\u90fd\u662f\u534e\u76db\u987f", "\u9996\u90fd\u662f\u534e\u76db\u987f",
     "\u9996\u90fd\u662f\u534e\u76db\u987f"},
    {"party, art", "art", "art"},
    {"It costs 12.5 euro", "2.5 euro", "(not there)"},
    {"bad \xff byte", "bad \xff byte", "bad \xff byte"},
    {"bad \xff byte", "bad \xfe byte", "(not there)"},
    {"", "x", "(not there)"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(citations)

BOOST_DATA_TEST_CASE(a_quote_is_found_where_a_reader_would_find_it, data::make(quotings), q) {
    BOOST_TEST(found(q.text, q.quote) == q.found);
}

BOOST_AUTO_TEST_CASE(sentences_end_where_a_reader_would_end_them) {
    const std::vector<std::pair<const char*, std::vector<std::string>>> cases{
        {"Paris is big [1]. Rome is old. [2] Bonn?", {"Paris is big [1].", "Rome is old. [2]", "Bonn?"}},
        {"Dr. J. R. Smith paid 3.5 euro, e.g. in cash [1]. Then he left [1, 2].",
         {"Dr. J. R. Smith paid 3.5 euro, e.g. in cash [1].", "Then he left [1, 2]."}},
        {"It is made by Acme Inc. It is large.", {"It is made by Acme Inc.", "It is large."}},
        {"Acme Inc. sells it. no capital here.", {"Acme Inc. sells it.", "no capital here."}},
        {"- one thing\n- another [2]\n\n", {"- one thing", "- another [2]"}},
        {"\u4ed6\u6765\u4e86\u3002[1]\u5979\u8d70\u4e86\u3002",
         {"\u4ed6\u6765\u4e86\u3002[1]", "\u5979\u8d70\u4e86\u3002"}},
        {"He said \"go.\" [1] She went!", {"He said \"go.\" [1]", "She went!"}},
        {"Paris [1]", {"Paris [1]"}},
        {"", {}},
        {" ... [1] ", {}},
    };
    for (const auto& [text, expected] : cases)
        BOOST_TEST(sentences(text) == expected, boost::test_tools::per_element());
}

namespace {

const std::vector<passage> passages{{.id = "p", .text = "Paris is the capital of France.", .source = "a.md"},
                                    {.id = "r", .text = "Rome is the capital of Italy. It is old."}};

checked_citations checked(std::string_view answer, std::vector<std::pair<int, const char*>> cites,
                          citation_rules rules = {}) {
    std::vector<written_citation> written;
    for (auto [n, quote] : cites) written.push_back({std::int64_t{n}, std::string{quote}});
    return check_citations(answer, written, passages, rules);
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_not_supported_is_told) {
    BOOST_TEST(checked("Paris", {{1, "capital of France"}}).ok());
    BOOST_TEST(checked("Paris", {{1, "Paris is the capital of Spain"}}).message() ==
               "citation 1: passage 1 does not say \"Paris is the capital of Spain\"; copy its words exactly, or do "
               "not cite it");
    BOOST_TEST(checked("Paris", {{2, "capital of France"}}).message() ==
               "citation 1: passage 2 does not say \"capital of France\"; passage 1 does");
    for (int none : {0, 3, -1, 1 << 30})
        BOOST_TEST(checked("Paris", {{none, "capital"}}).wrong.at(0) ==
                   "citation 1: there is no passage " + std::to_string(none) + "; there are 2");
    BOOST_TEST(checked("Paris", {}).message() == "the answer has no citation");
    BOOST_TEST(checked("  ", {{1, "capital of France"}}).message() == "the answer is blank");
    BOOST_TEST(checked("Paris [1], not Rome [2]", {{1, "capital of France"}}).message() ==
               "the answer refers to [2], which no correct citation quotes");
    BOOST_TEST(checked("Paris [99999999999999999999]", {{1, "capital of France"}}).wrong.size() == 1u);
    BOOST_TEST(!checked("Paris", {{1, "capital"}}, {.min_quote_words = 3}).ok());
    const std::string endless(10'000, 'x');
    BOOST_TEST(checked("Paris", {{1, endless.c_str()}}).wrong.at(0) ==
               "citation 1: the quote is too long; quote a sentence");
}

BOOST_AUTO_TEST_CASE(an_answer_that_there_is_none_needs_no_citation_but_may_not_have_a_wrong_one) {
    BOOST_TEST(checked("The passages do not say.", {}).ok());
    BOOST_TEST(checked(" The passages do not say ", {}, {.every_sentence = true}).ok());
    BOOST_TEST(!checked("The passages do not say. It is Paris.", {}).ok());
    BOOST_TEST(!checked("The passages do not say.", {{1, "Madrid"}}).ok());
    BOOST_TEST(!checked("", {}, {.no_answer = ""}).ok());
}

BOOST_AUTO_TEST_CASE(each_sentence_has_a_citation_where_that_is_asked_for) {
    const citation_rules each{.every_sentence = true};
    BOOST_TEST(checked("Paris is in France [1]. Rome is old. [2]", {{1, "Paris"}, {2, "It is old."}}, each).ok());
    auto half = checked("Paris is in France [1]. Rome is old.", {{1, "Paris"}, {2, "It is old."}}, each);
    BOOST_TEST(half.message() == "this sentence has no number of a passage that supports it: \"Rome is old.\"");
    BOOST_TEST(checked("Paris is in France [1]. Rome is old.", {{1, "Paris"}}).ok());
    // Its marker is there, but what it cites is wrong.
    BOOST_TEST(!checked("Paris is in France [1]. Rome is old [2].", {{1, "Paris"}, {2, "It is young."}}, each).ok());
}

BOOST_AUTO_TEST_CASE(a_citation_points_into_its_passage) {
    auto c = checked("Old.", {{2, "\u201cIt  is old.\u201d"}}).citations.at(0);
    BOOST_TEST((c == citation{2, "r", "It is old.", "", "", 30, 40}));
    BOOST_TEST(passages[1].text.substr(c.begin, c.end - c.begin) == c.quote);
}

BOOST_AUTO_TEST_SUITE_END()
