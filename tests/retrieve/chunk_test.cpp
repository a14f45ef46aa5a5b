#include <reagent/retrieve/chunk.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
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
        "gone --><img alt=\"\">";
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
    BOOST_TEST((document_kind_of("x.jsonl") == kind::json));
    BOOST_TEST(!document_kind_of("x.pdf"));
    BOOST_TEST(!document_kind_of("Makefile"));
}

namespace {

// Each line that is no longer than a chunk stands whole in one.
void lines_stand_whole(const std::string& document, kind k) {
    const auto found = chunks_of(document, k);
    BOOST_REQUIRE(found.size() > 3u);
    std::size_t torn = 0, begin = 0;
    for (auto end = document.find('\n'); end != document.npos; begin = end + 1, end = document.find('\n', begin)) {
        const auto line = document.substr(begin, end - begin);
        torn += std::none_of(found.begin(), found.end(), [&](const chunk& c) { return has(c.text, line); });
    }
    BOOST_TEST(torn == 0u);
    for (std::size_t i = 1; i < found.size(); ++i) {
        BOOST_TEST(found[i].begin < found[i - 1].end);  // they overlap
        BOOST_TEST(found[i].end > found[i - 1].end);
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(lines_of_lists_tables_and_logs_stay_whole) {
    std::string list = "# Prices\n\n", numbered = list, table = list + "| name | price |\n|---|---|\n", log,
                code = "```\n", quoted = list;
    for (int i = 0; i < 200; ++i) {
        const auto n = std::to_string(i), price = std::to_string(7000 + i * 3);
        list += "- article number " + n + " costs " + price + " euro\n";
        numbered += n + ". article number costs " + price + " euro\n";
        table += "| article " + n + " | " + price + " euro |\n";
        log += "2026-11-26 12:00:" + n + " request " + price + " was served in time\n";
        code += "call(" + n + ", " + price + ", somebody);\n";
        quoted += "> article number " + n + " costs " + price + " euro\n";
    }
    code += "```\n";
    lines_stand_whole(list, kind::markdown);
    lines_stand_whole(numbered, kind::markdown);
    lines_stand_whole(table, kind::markdown);
    lines_stand_whole(quoted, kind::markdown);
    lines_stand_whole(log, kind::text);
    lines_stand_whole(list, kind::text);
    lines_stand_whole(code, kind::markdown);
    BOOST_TEST(has(chunks_of(list, kind::markdown).at(0).text, "article number 0"));  // the heading is not alone
}

BOOST_AUTO_TEST_CASE(long_text_without_full_stops_is_cut_at_lines_and_words) {
    std::string words, prose;
    for (int i = 0; i < 2000; ++i) words += "word" + std::to_string(i) + " ";
    for (int i = 0; i < 2000; ++i) prose += "word" + std::to_string(i) + (i % 10 == 9 ? "\n" : " ");
    for (const auto& document : {words, prose}) {
        const auto found = chunks_of(document, kind::text);
        for (std::size_t i = 0; i < found.size(); ++i) {
            const bool at_word =
                found[i].begin == 0 || document[found[i].begin - 1] == ' ' || document[found[i].begin - 1] == '\n';
            BOOST_TEST(at_word);
            BOOST_TEST((found[i].end == document.size() || std::isspace(document[found[i].end])));
        }
    }
}

BOOST_AUTO_TEST_CASE(no_chunk_lies_within_the_one_before) {
    std::string minutes;
    for (int i = 0; i < 20; ++i) {
        minutes += "Speaker " + std::to_string(i) + " on refunds.\n\n";
        for (int j = 0; j < 40; ++j) minutes += "uh we talked about item " + std::to_string(j) + " and then ";
        minutes += "\n\n";
    }
    std::mt19937 rng{7};
    std::vector<std::pair<kind, std::string>> documents{{kind::text, minutes}, {kind::markdown, minutes}};
    for (int n = 0; n < 100; ++n) {
        std::string text, json = "[";
        for (int b = 0; b < 12; ++b) {
            const auto size = rng() % 3 ? rng() % 400 : 1;
            for (std::size_t w = 0; w < size; ++w)
                text += "word" + std::to_string(rng() % 100) + (rng() % 30 ? " " : ". ");
            text += "\n\n";
            json += (b ? ",\"" : "\"") + std::string(rng() % 900, 'x') + " " + std::string(rng() % 900, 'y') + "\"";
        }
        documents.emplace_back(kind::text, text);
        documents.emplace_back(kind::json, json + "]");
    }
    for (const auto& [k, document] : documents) {
        const auto found = chunks_of(document, k);
        for (std::size_t i = 1; i < found.size(); ++i) BOOST_REQUIRE(found[i].end > found[i - 1].end);
    }
}

BOOST_AUTO_TEST_CASE(passages_of_html_point_to_their_own_bytes) {
    std::string document = "<html><body><p>";
    for (int i = 0; i < 100; ++i)
        document += "Sentence <b>number</b> " + std::to_string(i) + " &amp; more is here for you to r&eacute;ad. ";
    document += "</p><pre>";
    for (int i = 0; i < 400; ++i) document += "line " + std::to_string(i) + " &lt; code\n";
    document += "</pre></body></html>";
    const auto found = chunks_of(document, kind::html);
    BOOST_REQUIRE(found.size() > 5u);
    for (const auto& c : found) {
        const auto bytes = document.substr(c.begin, c.end - c.begin);
        const auto again = chunks_of(bytes, kind::html, {.tokens = 5000, .overlap = 0, .code_tokens = 5000});
        BOOST_REQUIRE(again.size() >= 1u);
        std::string got, expected;
        for (const auto& a : again)
            for (char ch : a.text)
                if (!std::isspace(static_cast<unsigned char>(ch))) got += ch;
        for (char ch : c.text)
            if (!std::isspace(static_cast<unsigned char>(ch))) expected += ch;
        BOOST_TEST(got == expected);
    }
}

BOOST_AUTO_TEST_CASE(all_text_of_html_that_a_reader_may_see_is_read) {
    const auto found = chunks_of(
        "<title>T</title><p>visible</p><noscript><p>fallback</p></noscript><select><option>Frankfurt</option><option>"
        "Bonn</option></select><textarea>typed &amp; kept</textarea><img alt=\"Chart of growth\"><svg><title>Drawing"
        "</title><desc>Shape</desc><text>Label</text></svg><object>instead</object><iframe>inner</iframe>"
        "<input placeholder=\"Your name\" value=\"Ada\"><script>no1</script><style>no2</style><template>no3</template>",
        kind::html);
    std::string text;
    for (const auto& c : found) text += c.text + "\n";
    for (const char* word : {"visible", "fallback", "Frankfurt", "Bonn", "typed & kept", "Chart of growth", "Drawing",
                             "Shape", "Label", "instead"})
        BOOST_TEST(has(text, word), word << " is not in: " << text);
    for (const char* word : {"no1", "no2"}) BOOST_TEST(!has(text, word), word);
    for (const auto& c : found) BOOST_TEST(c.heading == "T");  // a drawing's title is not the page's
}

BOOST_AUTO_TEST_CASE(a_long_header_of_a_table_is_in_each_chunk_as_far_as_it_fits) {
    std::string header, row;
    for (int i = 0; i < 500; ++i) {
        header += (i ? ",column_" : "column_") + std::to_string(i);
        row += (i ? "," : "") + std::to_string(i);
    }
    std::string document = header + "\n";
    for (int i = 0; i < 5; ++i) document += row + "\n";
    for (const auto& c : chunks_of(document, kind::csv)) {
        BOOST_TEST(c.text.starts_with("column_0,column_1,"));
        BOOST_TEST(c.text.size() <= 3u * 1024u);
        const auto first = c.text.substr(0, c.text.find('\n'));
        const auto last = first.substr(first.rfind(',') + 1);
        BOOST_TEST((last == "..." || last == "column_499"), last);
        // Rows are cut between their fields.
        BOOST_TEST((document[c.begin] != ',' &&
                    (c.begin == 0 || document[c.begin - 1] == ',' || document[c.begin - 1] == '\n')));
    }
}

BOOST_AUTO_TEST_CASE(headings_of_markdown_are_those_that_a_reader_sees) {
    const auto all = [](const std::string& document) {
        std::set<std::string> headings;
        for (const auto& c : chunks_of(document, kind::markdown)) headings.insert(c.heading);
        return headings;
    };
    BOOST_TEST((all("---\ntitle: x\n# a comment\n---\n# Real\ntext\n") == std::set<std::string>{"", "Real"}));
    BOOST_TEST((all("<!--\n# Hidden\n-->\n# Real\ntext\n") == std::set<std::string>{"", "Real"}));
    BOOST_TEST(
        (all("A heading of\nseveral lines\n===\ntext\n") == std::set<std::string>{"A heading of several lines"}));
    BOOST_TEST((all("# One\rtext\r\r# Two\rmore\r") == std::set<std::string>{"One", "Two"}));
    BOOST_TEST((all("<!-- # One --> text\n\n# Two\nmore\n") == std::set<std::string>{"", "Two"}));
}

BOOST_AUTO_TEST_SUITE_END()
