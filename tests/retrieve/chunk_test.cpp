#include <reagent/retrieve/chunk.hpp>

#include <boost/test/unit_test.hpp>

#include <random>
#include <set>

using namespace reagent;

namespace {

using kind = document_kind;

std::string refusal(const std::string& document, kind k, chunk_options o = {}) {
    try {
        chunks_of(document, k, o);
    } catch (const retrieve_error& e) {
        return e.what();
    }
    return {};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

std::string repeated(const std::string& text, std::size_t n) {
    std::string all;
    for (std::size_t i = 0; i < n; ++i) all += text;
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chunks)

BOOST_AUTO_TEST_CASE(markdown_is_cut_by_headings) {
    const std::string document =
        "Before all.\n\n# Returns #\n\nSend it back.\n\n## Refunds\nFive days.\n\nUnderlined\n==========\nText. #no "
        "heading\n"
        "### Deep\nx\n";
    const auto found = chunks_of(document, kind::markdown);
    BOOST_REQUIRE(found.size() == 5u);
    BOOST_TEST(found[0].heading == "");
    BOOST_TEST(found[1].heading == "Returns");
    BOOST_TEST(found[1].text == "# Returns #\n\nSend it back.");
    BOOST_TEST(found[2].heading == "Returns > Refunds");
    BOOST_TEST(found[3].heading == "Underlined");
    BOOST_TEST(found[3].text == "Underlined\n==========\nText. #no heading");
    BOOST_TEST(found[4].heading == "Underlined > Deep");
    for (const auto& c : found) BOOST_TEST(document.substr(c.begin, c.end - c.begin) == c.text);
}

BOOST_AUTO_TEST_CASE(blocks_of_code_stay_whole) {
    const std::string code = "```cpp\n# no heading\n" + repeated("int a = 1;\n\n", 60) + "```\n";
    const auto found = chunks_of("# A\n" + repeated("Some words here. ", 30) + "\n" + code + "After.\n", kind::markdown,
                                 {.tokens = 64, .overlap = 0});
    std::size_t holding = 0;
    for (const auto& c : found) {
        holding += has(c.text, "# no heading") && has(c.text, "```cpp") && c.text.ends_with("```");
        BOOST_TEST(c.heading == "A");
    }
    BOOST_TEST(holding == 1u);
    // One that is never closed goes to the end; one that is longer than the limit is cut.
    BOOST_TEST(chunks_of("~~~\n# a\n", kind::markdown).at(0).heading == "");
    BOOST_TEST(chunks_of("```\n" + repeated("x = 1\n", 5000) + "```\n", kind::markdown).size() > 10u);
}

// Whatever the text: every byte that is no space is in a chunk, chunks are in order, none is too long, and neighbours
// overlap.
BOOST_AUTO_TEST_CASE(chunks_cover_their_document) {
    std::mt19937 rng{3};
    const char* pieces[]{"word ",   "A sentence. ", "\n\n", "\n", "# H\n", "```\n", "Ж",    "中文。",
                         "x",       "\"",           ",",    "[",  "}",     " ",     "\r\n", "\xff",
                         "- - -\n", "===\n"};
    for (int n = 0; n < 400; ++n) {
        std::string document;
        const auto size = rng() % 400;
        for (std::size_t i = 0; i < size; ++i) document += pieces[rng() % std::size(pieces)];
        for (auto k : {kind::text, kind::markdown, kind::json, kind::source}) {
            const chunk_options o{.tokens = 8 + rng() % 40, .overlap = rng() % 5, .code_tokens = 64};
            const auto found = chunks_of(document, k, o);
            std::vector<bool> covered(document.size());
            std::size_t last = 0;
            for (const auto& c : found) {
                BOOST_REQUIRE(c.begin >= last);
                BOOST_REQUIRE((c.begin < c.end && c.end <= document.size()));
                BOOST_REQUIRE(c.text.size() <= 4 * (std::max(o.tokens, o.code_tokens) + 2) * 3);
                last = c.begin;
                for (auto i = c.begin; i < c.end; ++i) covered[i] = true;
            }
            for (std::size_t i = 0; i < document.size(); ++i)
                BOOST_REQUIRE_MESSAGE(covered[i] || std::isspace(static_cast<unsigned char>(document[i])),
                                      "byte " << i << " of " << document << " is in no chunk");
        }
    }
}

BOOST_AUTO_TEST_CASE(neighbours_overlap_within_a_heading) {
    std::string document;
    for (int i = 0; i < 40; ++i) document += "This is sentence number " + std::to_string(i) + ". ";
    const auto found = chunks_of(document, kind::text, {.tokens = 40, .overlap = 10});
    BOOST_REQUIRE(found.size() > 3u);
    for (std::size_t i = 1; i < found.size(); ++i) BOOST_TEST(found[i].begin < found[i - 1].end);
    const auto apart = chunks_of(document, kind::text, {.tokens = 40, .overlap = 0});
    for (std::size_t i = 1; i < apart.size(); ++i) BOOST_TEST(apart[i].begin >= apart[i - 1].end);
    BOOST_TEST(has(refusal("x", kind::text, {.tokens = 10, .overlap = 6}), "overlap"));
}

BOOST_AUTO_TEST_CASE(html_is_read_as_browsers_do) {
    const std::string document =
        "<!doctype html><title>Shop &amp; "
        "more</title><style>p{}</style><script>alert('<p>no</p>')</script><h1>Returns</h1><p>Send it "
        "<b>back</b>.<p>R&eacute;sum&eacute; &lt;kept&gt;<ul><li>one<li>two</ul><h2>Code</h2><pre>a  b\n  c</pre><!-- "
        "gone --><img alt=x>";
    const auto found = chunks_of(document, kind::html);
    BOOST_REQUIRE(found.size() == 2u);
    BOOST_TEST(found[0].heading == "Shop & more > Returns");
    BOOST_TEST(found[0].text == "Returns\n\nSend it back.\n\nRésumé <kept>\n\none\n\ntwo");
    BOOST_TEST(found[1].text == "Code\n\na  b\n  c");
    BOOST_TEST(found[1].heading == "Shop & more > Returns > Code");
    const auto cited = document.substr(found[0].begin, found[0].end - found[0].begin);
    BOOST_TEST(has(cited, "Send it"));
    BOOST_TEST(has(cited, "two"));
    BOOST_TEST(chunks_of("", kind::html).empty());
    BOOST_TEST(chunks_of("plain", kind::html).at(0).text == "plain");
}

BOOST_AUTO_TEST_CASE(tables_keep_their_header) {
    std::string document = "name,price\n";
    for (int i = 0; i < 50; ++i) document += "\"item\n" + std::to_string(i) + "\"," + std::to_string(i) + "\n";
    const auto found = chunks_of(document, kind::csv, {.tokens = 40, .overlap = 0});
    BOOST_REQUIRE(found.size() > 3u);
    for (const auto& c : found) {
        BOOST_TEST(c.text.starts_with("name,price\n\"item\n"));
        BOOST_TEST("name,price\n" + document.substr(c.begin, c.end - c.begin) == c.text);
    }
    BOOST_TEST(chunks_of("only,a,header\n", kind::csv).at(0).text == "only,a,header");
}

BOOST_AUTO_TEST_CASE(json_is_cut_between_elements) {
    std::string document = "[";
    for (int i = 0; i < 50; ++i)
        document += (i ? "," : "") + std::string{R"({"id": )"} + std::to_string(i) + R"(, "text": "a, b ] }"})";
    document += "]";
    for (const auto& c : chunks_of(document, kind::json, {.tokens = 30, .overlap = 0}))
        BOOST_TEST((c.text.find(R"({"id")") != std::string::npos && (c.text.ends_with("},") || c.text.ends_with("}]"))),
                   c.text);
}

// Each of these has to be done in well under a second, or refused; a test of time would fail on a busy machine, so they
// only have to end.
BOOST_AUTO_TEST_CASE(hostile_documents_do_no_harm) {
    const std::size_t million = 1'000'000;
    std::string formats;
    for (int i = 0; i < 2000; ++i) formats += "<b a" + std::to_string(i) + ">";
    BOOST_TEST(has(refusal(repeated("# a\n", million), kind::markdown), "headings"));
    BOOST_TEST(has(refusal(std::string(17 << 20, ' '), kind::html), "MiB"));
    BOOST_TEST(has(refusal("<p>" + formats + repeated("<p>x", 100'000), kind::html),
                   "memory or time"));  // each paragraph opens all of them again
    BOOST_TEST(has(refusal(repeated("a. ", million), kind::text, {.tokens = 8, .overlap = 0}), "chunks"));
    // Done or refused, both are well.
    refusal(repeated("<h1>a</h1>", million), kind::html);
    refusal(repeated("<div>", million) + "x", kind::html);
    refusal(std::string("<x>") + repeated("<y>", 100'000) + repeated("</z>", 20'000), kind::html);
    refusal("<a " + repeated("a b=c ", 3000) + ">x", kind::html);
    refusal(repeated("<table><td>", 50'000), kind::html);
    refusal(std::string(8 << 20, 'x'), kind::text);
    refusal(std::string(million, '['), kind::json);
    refusal(std::string(million, '`'), kind::markdown);
    refusal(repeated("\n", million), kind::markdown);
    refusal(repeated("- ", million), kind::markdown);
    refusal(std::string(million, '"'), kind::csv);
    refusal(std::string(100'000, '\0'), kind::text);
    for (const auto& c : chunks_of(std::string(1000, '\xff'), kind::text)) BOOST_TEST(has(c.text, "\uFFFD"));
}

BOOST_AUTO_TEST_CASE(kinds_are_known_by_name) {
    BOOST_TEST((document_kind_of("a/b.MD") == kind::markdown));
    BOOST_TEST((document_kind_of("x.cpp") == kind::source));
    BOOST_TEST((document_kind_of("x.jsonl") == kind::source));
    BOOST_TEST(!document_kind_of("x.pdf"));
    BOOST_TEST(!document_kind_of("Makefile"));
}

BOOST_AUTO_TEST_SUITE_END()
