#include "support/cases.hpp"

#include <reagent/adapter/field_stream.hpp>

#include <map>
#include <random>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

using fields = std::vector<std::pair<std::string, std::string>>;

// The fields as they have grown, in order of appearance.
fields grown(adapter a, const signature& s, std::string_view text, std::size_t step, int* pieces = nullptr) {
    field_stream stream{a, s};
    fields all;
    auto take = [&](const std::vector<field_piece>& some) {
        for (const auto& p : some) {
            BOOST_TEST(!p.text.empty());
            if (pieces) ++*pieces;
            if (all.empty() || all.back().first != p.field) all.emplace_back(p.field, "");
            all.back().second += p.text;
        }
    };
    for (std::size_t i = 0; i < text.size(); i += step) take(stream.feed(text.substr(i, step)));
    take(stream.finish());
    return all;
}

const signature two = parse_signature("question -> reasoning, answer");

}  // namespace

BOOST_AUTO_TEST_CASE(fields_grow_in_all_three_formats) {
    struct {
        adapter a;
        std::string_view text;
        fields expected;
    } cases[] = {
        {adapter::chat,
         "[[ ## reasoning ## ]]\nIt is  so.\n\nYes.\n\n[[ ## answer ## ]]\n42\n\n[[ ## completed ## ]]",
         {{"reasoning", "It is  so.\n\nYes."}, {"answer", "42"}}},
        {adapter::chat, "prose\n  [[ ## answer ## ]] 4 2 \r\nrest\r\n", {{"answer", "4 2 \nrest"}}},
        {adapter::chat,
         "[[ ## answer ## ]]\na [[ ## reasoning ## ]] b\n[[ ##\n[[ ## x\n[[ ## ]]\n",
         {{"answer", "a [[ ## reasoning ## ]] b\n[[ ##\n[[ ## x\n[[ ## ]]"}}},
        {adapter::chat,
         "[[ ## answer ## ]]\n[[ \\## reasoning ## ]]\n[[ \\\\## x",
         {{"answer", "[[ ## reasoning ## ]]\n[[ \\## x"}}},
        {adapter::chat,
         "[[ ## other ## ]]\nno\n[[ ## answer ## ]]\nyes\n[[ ## answer ## ]]\nagain",
         {{"answer", "yes"}}},
        {adapter::chat, "[[ ## answer ## ]]\nGrüße ✓ 😀", {{"answer", "Grüße ✓ 😀"}}},
        {adapter::chat, "no marker at all", {}},
        {adapter::json,
         "{\"reasoning\": \"a \\\"b\\\" \\u00fc \\ud83d\\ude00\\n\", \"answer\": \"4\"}",
         {{"reasoning", "a \"b\" ü 😀\n"}, {"answer", "4"}}},
        {adapter::json,
         "```json\n{\"answer\" : [1, {\"a\": \"}\"}] , \"x\": {\"answer\": 1}}\n```",
         {{"answer", "[1, {\"a\": \"}\"}]"}}},
        {adapter::json, "{answer: true}", {{"answer", "true"}}},
        {adapter::json, "{\"answer\": \"cut o", {{"answer", "cut o"}}},
        {adapter::xml,
         "<reasoning>\n a &lt;b&gt; &amp; &#252; <i>c</i>\n</reasoning>\n<answer>4</answer>",
         {{"reasoning", "a <b> & ü <i>c</i>"}, {"answer", "4"}}},
        {adapter::xml, "<answer>a < b & c; <", {{"answer", "a < b & c; <"}}},
        {adapter::xml, "<answer>&#65;&#x42;&#x10FFFF;&quot;&apos;</answer>", {{"answer", "AB\U0010FFFF\"'"}}},
        {adapter::xml,
         "<answer>&#x110000;&#0;&#x;&#;&nbsp;&#6a;</answer>",
         {{"answer", "&#x110000;&#0;&#x;&#;&nbsp;&#6a;"}}},
        {adapter::xml, "<x>1</x><answer/>", {}},
    };
    for (const auto& c : cases)
        for (std::size_t step : {1, 2, 3, 7, 1000})
            BOOST_TEST((grown(c.a, two, c.text, step) == c.expected), "step " << step << ": " << c.text);
}

// Lines that are there to their end are decided on at once, others character by character.
BOOST_AUTO_TEST_CASE(whole_lines_say_what_single_characters_say) {
    const std::string long_name(120, 'n');
    const std::string pieces[] = {"[[ ## answer ## ]]",
                                  "[[ ## reasoning ## ]]",
                                  "[[ ## completed ## ]]",
                                  "[[ ## " + long_name + " ## ]]",
                                  "**[[ ## answer ## ]]**",
                                  "[[",
                                  "##",
                                  "]]",
                                  "[",
                                  "<",
                                  "<think>",
                                  "</think>",
                                  "*",
                                  "`",
                                  "\n",
                                  "\n",
                                  "\r\n",
                                  "\r",
                                  " ",
                                  "\t",
                                  "words.",
                                  "\u200b",
                                  "\u4e2d",
                                  "\xe4",
                                  std::string(90, ' '),
                                  std::string(250, 'w')};
    std::mt19937 random{7};
    for (int i = 0; i < 20'000; ++i) {
        std::string text = i % 2 ? "[[ ## answer ## ]]" : "";
        for (auto n = 1 + random() % 12; n > 0; --n) text += pieces[random() % std::size(pieces)];
        if (grown(adapter::chat, two, text, text.size()) != grown(adapter::chat, two, text, 1))
            BOOST_ERROR("differs: " + text);
    }
}

// Whatever a field holds and however its answer is cut into pieces, what was shown is what is read.
BOOST_AUTO_TEST_CASE(every_split_shows_what_is_read) {
    const std::vector<std::string> parts{"a",
                                         " ",
                                         "\n",
                                         "\t",
                                         "\r",
                                         "\r\n",
                                         "[[ ## answer ## ]]",
                                         "[[ ##",
                                         "\\",
                                         "\"",
                                         "'",
                                         "<b>",
                                         "&amp;",
                                         "]]>",
                                         "<think>",
                                         "{",
                                         "}",
                                         "\u00FC",
                                         "\u20AC",
                                         "\U0001F600",
                                         "<!--x",
                                         "```",
                                         "**",
                                         "[",
                                         "#",
                                         "[[ ## completed ## ]]",
                                         "\u200B",
                                         "</answer>",
                                         "x\ny",
                                         "[[\u2065##"};
    std::mt19937 random{7};
    for (int n = 0; n < 3000; ++n) {
        json::object values;
        for (const char* field : {"reasoning", "answer"}) {
            std::string text;
            for (auto left = random() % 7; left > 0; --left) text += parts[random() % parts.size()];
            values[field] = text;
        }
        for (auto a : {adapter::chat, adapter::json, adapter::xml}) {
            prompt_parts p;
            p.demos = {values};
            p.demos[0]["question"] = "?";
            std::string completion = format(a, two, p)[2].content;
            if (n % 3 == 0) completion = "<think>a [[ ## answer ## ]] b</think>\n" + completion;
            if (n % 5 == 0) completion = "\uFEFF" + completion;
            auto read = parse(a, two, completion);
            if (!read) continue;  // a tag within a field that begins with one
            std::size_t at = random() % (completion.size() + 1);
            for (std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{5}, completion.size()}) {
                std::map<std::string, std::string> shown;
                for (const auto& [name, text] : grown(a, two, completion, step)) shown[name] += text;
                for (const char* field : {"reasoning", "answer"})
                    BOOST_TEST(shown[field] == (*read)[field].as_string(), to_string(a)
                                                                               << " by " << step << ": " << completion);
            }
            field_stream halves{a, two};
            std::map<std::string, std::string> shown;
            for (const auto& piece : {completion.substr(0, at), completion.substr(at)})
                for (const auto& f : halves.feed(piece)) shown[f.field] += f.text;
            for (const auto& f : halves.finish()) shown[f.field] += f.text;
            for (const char* field : {"reasoning", "answer"})
                BOOST_TEST(shown[field] == (*read)[field].as_string(), completion << " at " << at);
        }
    }
}

BOOST_AUTO_TEST_CASE(half_a_surrogate_pair_and_odd_escapes_are_shown_as_they_are_read) {
    for (const char* text :
         {R"({"answer": "a\ud83d b"})", R"({"answer": "\ude00\ud83d"})", R"({"answer": "\ud83d\ud83d\ude00\n"})",
          R"({"answer": "C:\dir \u12G4 \'"})", R"({"\u0061nswer": " a "})"}) {
        auto read = parse(adapter::json, two, std::string{R"({"reasoning": "r", )"} + (text + 1));
        BOOST_REQUIRE_MESSAGE(read.has_value(), text);
        for (std::size_t step : {1, 2, 3, 1000}) {
            auto shown = grown(adapter::json, two, text, step);
            BOOST_REQUIRE(shown.size() == 1u);
            BOOST_TEST(shown[0].second == (*read)["answer"].as_string(), text);
        }
    }
}

// The effort would grow with the square of the length: this would take an hour.
BOOST_AUTO_TEST_CASE(streaming_is_linear) {
    for (auto a : {adapter::chat, adapter::json, adapter::xml})
        for (std::string part : {" ", "[ ", "[[ \\", "\u200B", "[[ ## completed ## ]] ", "<", "&", "\n", "["}) {
            std::string open = a == adapter::chat   ? "[[ ## answer ## ]]\nx"
                               : a == adapter::json ? "{\"answer\": \"x"
                                                    : "<answer>x";
            field_stream stream{a, two};
            stream.feed(open);
            for (std::size_t i = 0; i < 1'000'000; i += part.size())
                for (char c : part) stream.feed(std::string_view{&c, 1});
            stream.finish();
        }
    BOOST_TEST(true);
}

BOOST_AUTO_TEST_CASE(text_appears_while_it_is_written) {
    for (auto a : {adapter::chat, adapter::json, adapter::xml}) {
        std::string words = "one two three four five six seven eight nine ten", text;
        if (a == adapter::chat) text = "[[ ## answer ## ]]\n" + words;
        if (a == adapter::json) text = "{\"answer\": \"" + words + "\"}";
        if (a == adapter::xml) text = "<answer>" + words + "</answer>";
        int pieces = 0;
        grown(a, two, text, 1, &pieces);
        BOOST_TEST(pieces > 30);
    }
}

// For every completion that people recorded: what streaming shows of a text field is what parsing reads.
BOOST_AUTO_TEST_CASE(what_is_shown_is_what_is_read) {
    struct {
        const char* file;
        adapter a;
    } const files[]{
        {"chat_parse.json", adapter::chat}, {"xml_parse.json", adapter::xml}, {"json_parse.json", adapter::json}};
    for (const auto& f : files) {
        auto types = models_of(f.file);
        int compared = 0, same = 0;
        for (const auto& c : cases_of(f.file)) {
            auto s = parse_signature(c.text("signature"), types);
            std::string completion = c.text("completion");
            auto whole = grown(f.a, s, completion, 1000);
            BOOST_TEST((grown(f.a, s, completion, 1) == whole), c.id());
            auto read = parse(f.a, s, completion);
            if (!read) continue;
            for (const auto& [name, text] : whole) {
                const auto* field = s.output(name);
                if (!field || field->type != "str") continue;
                ++compared;
                same += (*read)[name] == json::value(json::string(text));
            }
        }
        BOOST_TEST(compared > 0);
        // A value that is no text, or broken JSON, is shown as it comes; it is converted and repaired when it is whole.
        BOOST_TEST(same * 100 >= compared * (f.a == adapter::json ? 75 : 99),
                   f.file << ": " << same << " of " << compared);
    }
}
