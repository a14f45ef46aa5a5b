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
    {"aaaaab aab", "aab", "aab"},
    {"o\ufb00er a \ufb06op", "offer a stop", "o\ufb00er a \ufb06op"},
    {"X\u884c\u304b\u306a\u3044", "X\u884c", "(not there)"},  // what negates follows
    {"abcabcabd ab", "abcabd", "(not there)"},
    {"x ababababc y", "ababababc", "ababababc"},
    {"go 10 km/h now", "go 10 km", "go 10 km"},
    {"go 10 m/5 now", "go 10 m", "(not there)"},
    {"go 5/x now", "go 5", "(not there)"},
    {"It costs 12.5 euro", "2.5 euro", "(not there)"},
    {"bad \xff byte", "bad \xff byte", "bad \xff byte"},
    {"bad \xff byte", "bad \xfe byte", "(not there)"},
    {"", "x", "(not there)"},
    // Nothing is cut out of a number, an amount, or a word that a hyphen or an apostrophe joins.
    {"The fee is $1,000,000 per year.", "000 per year", "(not there)"},
    {"The fee is $1,000,000 per year.", "1,000,000 per year", "(not there)"},
    {"The fee is $1,000,000 per year.", "$1,000,000 per year", "$1,000,000 per year"},
    {"The fee is \u20ac 50 per year.", "50 per year", "(not there)"},
    {"The fee is 50 \u20ac per year.", "fee is 50", "(not there)"},
    {"It costs 3.50 euro", "50 euro", "(not there)"},
    {"It costs 3.50 euro", "It costs 3", "(not there)"},
    {"It costs -50 euro", "50 euro", "(not there)"},
    {"It costs \u221250 euro", "50 euro", "(not there)"},
    {"It costs -50 euro", "-50 euro", "-50 euro"},
    {"It costs 10-50 euro", "50 euro", "(not there)"},
    {"1,5 percent", "5 percent", "(not there)"},
    {"1'000'000 francs", "000 francs", "(not there)"},
    {"1\u202f000\u202f000 francs", "000 francs", "(not there)"},
    {"1\u066b5 percent", "5 percent", "(not there)"},
    {"at 12:30 today", "30 today", "(not there)"},
    {"50% of it", "is 50", "(not there)"},
    {"it is 50% of all", "it is 50", "(not there)"},
    {"it is 50% of all", "it is 50%", "it is 50%"},
    {"non-refundable tickets", "refundable tickets", "(not there)"},
    {"non\u2011refundable tickets", "refundable tickets", "(not there)"},
    {"non-\nrefundable tickets", "refundable tickets", "(not there)"},
    {"non-refundable tickets", "non-refundable", "non-refundable"},
    {"refundable-only tickets", "refundable", "(not there)"},
    {"You can't return it", "t return it", "(not there)"},
    {"You can\u2019t return it", "You can", "(not there)"},
    {"prix de l\u2019argent", "argent", "argent"},
    {"some_name is set", "name is set", "(not there)"},
    {"see example.com now", "com now", "(not there)"},
    {"It was so.Then it ended", "Then it ended", "Then it ended"},
    {"refunds\u2014all of them", "all of them", "all of them"},
    {"in 2023, 100 people", "100 people", "100 people"},
    {"(refunds) \"all\"", "refunds", "refunds"},
    {"'refunds' here", "refunds", "refunds"},
    // Half a syllable, and a verb without its negation.
    {"\uc774\ubbf8 \ud658\ubd88\ub428 \ucc98\ub9ac", "\ud658\ubd88\ub418", "(not there)"},
    {"\uc774\ubbf8 \ud658\ubd88\ub428 \ucc98\ub9ac", "\ud658\ubd88\ub428", "\ud658\ubd88\ub428"},
    {"\uac01", "\uac00", "(not there)"},
    {"\u0e40\u0e23\u0e32\u0e44\u0e21\u0e48\u0e04\u0e37\u0e19\u0e40\u0e07\u0e34\u0e19",
     "\u0e04\u0e37\u0e19\u0e40\u0e07\u0e34\u0e19", "(not there)"},
    {"\u0e40\u0e23\u0e32 \u0e04\u0e37\u0e19\u0e40\u0e07\u0e34\u0e19", "\u0e04\u0e37\u0e19\u0e40\u0e07\u0e34\u0e19",
     "\u0e04\u0e37\u0e19\u0e40\u0e07\u0e34\u0e19"},
    {"\u672c\u5e97\u4e0d\u9000\u6b3e", "\u9000\u6b3e", "(not there)"},
    {"\u672c\u5e97\u4e0d\u9000\u6b3e", "\u4e0d\u9000\u6b3e", "\u4e0d\u9000\u6b3e"},
    {"\u8fd4\u91d1\u306f\u652f\u6255\u308f\u308c\u307e\u305b\u3093\u3002", "\u8fd4\u91d1\u306f\u652f\u6255\u308f\u308c",
     "(not there)"},
    {"\u8fd4\u91d1\u306f\u652f\u6255\u308f\u308c\u307e\u305b\u3093\u3002", "\u8fd4\u91d1", "\u8fd4\u91d1"},
    {"\u30ad\u30e3\u30f3\u30bb\u30eb\u6599", "\u30bb\u30eb\u6599", "(not there)"},
    {"\u0928\u093f\u092f\u092e \u0939\u0948", "\u0928", "(not there)"},  // a letter without its vowel sign
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
        {"The answer is no. It costs much [1].", {"The answer is no.", "It costs much [1]."}},
        {"See no. 5 and fig. 3 there.", {"See no. 5 and fig. 3 there."}},
        {"See plan B. It costs much [1].", {"See plan B.", "It costs much [1]."}},
        {"He met J. R. R. Tolkien.", {"He met J. R. R. Tolkien."}},
        {"\u0917\u0932\u0924\u0964 \u0938\u0939\u0940 [1]\u0964",
         {"\u0917\u0932\u0924\u0964", "\u0938\u0939\u0940 [1]\u0964"}},
        {"\u062e\u0637\u0623\u061f \u0635\u062d [1].", {"\u062e\u0637\u0623\u061f", "\u0635\u062d [1]."}},
        {"Invented\u2028True [1].", {"Invented", "True [1]."}},
        {"Invented\u2029True [1].", {"Invented", "True [1]."}},
        {"Invented\rTrue [1].", {"Invented", "True [1]."}},
        {"Invented\u0085True [1].", {"Invented", "True [1]."}},
        {"Invented.True [1].", {"Invented.", "True [1]."}},
        {"Invented!True [1].", {"Invented!", "True [1]."}},
        {"Use Node.js or example.com today.", {"Use Node.js or example.com today."}},
        {"It is \u201cinvented.\u201d True [1].", {"It is \u201cinvented.\u201d", "True [1]."}},
        {"Invented\u203d True\u2047 Yes\uff61", {"Invented\u203d", "True\u2047", "Yes\uff61"}},
        {"1. Refunds within 14 days [1].\n2. Nothing else [1].",
         {"1. Refunds within 14 days [1].", "2. Nothing else [1]."}},
        {"a) One [1].\n  (b) Two [1].\n10) Ten", {"a) One [1].", "(b) Two [1].", "10) Ten"}},
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

// A marker is one in whatever spelling: what it refers to has to be quoted.
BOOST_AUTO_TEST_CASE(markers_in_every_spelling_are_looked_at) {
    for (const char* m : {"[9]",
                          "[9-12]",
                          "[9\u201312]",
                          "\uff3b\uff19\uff3d",
                          "\u30109\u3011",
                          "[9, p. 3]",
                          "[#9]",
                          "[9\u2020source]",
                          "[passage 9]",
                          "[1 and 9]",
                          "[\u00a09]",
                          "\\[9\\]",
                          "[^9]",
                          "[1-99]",
                          "[Passage 9]",
                          "[source: 9]",
                          "[1][9]",
                          "[[9]]",
                          "[1, 9]",
                          "[1; 9]",
                          "[1 & 9]",
                          "[1/9]",
                          "[1\u3001"
                          "9]",
                          "[\u0669]",
                          "[passages 1 to 9]",
                          "\u3014"
                          "9\u3015",
                          "[ref. 9]",
                          "[9](http://x)",
                          "\u301a"
                          "9\u301b",
                          "{9}",
                          "[9: a title]",
                          "[No. 9]",
                          "[\u200b"
                          "9]",
                          "[0]",
                          "[1\u201d9]"}) {
        const auto text = std::string{"Paris "} + m + ".";
        BOOST_TEST(!checked(text, {{1, "capital of France"}}).ok(), m);
    }
    for (const char* m : {"[1]", "[1-1]", "\uff3b\uff11\uff3d", "\u30101\u3011", "[1, p. 3]", "[#1]", "[1\u2020source]",
                          "[passage 1]", "[1 and 1]", "\\[1\\]", "[^1]", "[1: Paris]"}) {
        const auto text = std::string{"Paris "} + m + ".";
        BOOST_TEST(checked(text, {{1, "capital of France"}}, {.every_sentence = true}).ok(), m);
    }
}

BOOST_AUTO_TEST_CASE(brackets_that_are_no_markers_are_left_alone) {
    for (const char* text :
         {"Use `row[0]` to read it [1].", "The [2024] edition says so [1].", "```\na[9] = b[2];\n```\nSo it is [1].",
          "As [Smith 2020] says [1].", "It is [sic] so [1].", "See [table 3] there [1].", "- [x] done [1]"})
        BOOST_TEST(checked(text, {{1, "capital of France"}}).ok(), text);
    BOOST_TEST(!checked("It is so `[9]`.", {{1, "capital of France"}}).ok());  // nothing but a marker
}

BOOST_AUTO_TEST_CASE(lists_headings_and_tables_have_their_citations_where_they_say_something) {
    const citation_rules each{.every_sentence = true};
    const auto ok = [&](const char* text) { return checked(text, {{1, "capital of France"}}, each).ok(); };
    BOOST_TEST(ok("1. Paris is it [1].\n2. Nothing else [1]."));
    BOOST_TEST(ok("# Capitals\n\nParis [1]."));
    BOOST_TEST(ok("**Capitals**\n\nParis [1]."));
    BOOST_TEST(ok("| Country | Capital |\n|---|---|\n| France | Paris [1] |"));
    BOOST_TEST(ok("Capitals of countries:\n- Paris [1]\n- Paris again [1]"));
    BOOST_TEST(!ok("1. Paris is it.\n2. Nothing else [1]."));
    BOOST_TEST(!ok("# The fee is 1 million\n\nParis [1]."));
    BOOST_TEST(!ok("# It is Rome. Really\n\nParis [1]."));
    BOOST_TEST(!ok("| Country | Capital |\n|---|---|\n| France | Rome |\n| France | Paris [1] |"));
    BOOST_TEST(!ok("The answer is no. It costs a million euro [1]."));
}

BOOST_AUTO_TEST_CASE(words_are_counted_in_scripts_without_blanks) {
    const std::vector<passage> japanese{
        {.id = "j",
         .text =
             "\u8fd4\u91d1\u306f\u5341\u56db\u65e5\u4ee5\u5185\u306b\u652f\u6255\u308f\u308c\u307e\u305b\u3093\u3002"
             "\u9045\u308c\u305f\u8377\u7269\u306b\u306f\u5238\u304c\u51fa\u307e\u3059\u3002"}};
    auto ok = [&](const char* quote, std::size_t least) {
        return check_citations("x [1].", {{std::int64_t{1}, std::string{quote}}}, japanese, {.min_quote_words = least})
            .ok();
    };
    BOOST_TEST(ok("\u8fd4", 1));
    BOOST_TEST(!ok("\u8fd4", 3));
    BOOST_TEST(!ok("\u8fd4", 10));
    BOOST_TEST(ok(japanese[0].text.c_str(), 10));
    BOOST_TEST(ok(japanese[0].text.c_str(), 1000));  // all of it
}

// It has to end: it was quadratic.
BOOST_AUTO_TEST_CASE(long_texts_of_one_letter_are_searched) {
    const std::string text(4'000'000, 'a'), quote = std::string(400'000, 'a') + "b";
    BOOST_TEST(!find_quote(text, quote));
    BOOST_TEST(!find_quote(text, std::string(400'000, 'a')));  // within a word
    std::string words;
    for (int i = 0; i < 1'000'000; ++i) words += "a-";
    BOOST_TEST(!find_quote(words, "a-a-a-b"));
}

BOOST_AUTO_TEST_SUITE_END()
