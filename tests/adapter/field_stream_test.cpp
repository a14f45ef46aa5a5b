#include "support/cases.hpp"

#include <reagent/adapter/field_stream.hpp>

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
        {adapter::chat, "[[ ## answer ## ]]\n[[ \\## reasoning ## ]]\n[[ \\\\## x", {{"answer", "[[ ## reasoning ## ]]\n[[ \\## x"}}},
        {adapter::chat, "[[ ## other ## ]]\nno\n[[ ## answer ## ]]\nyes\n[[ ## answer ## ]]\nagain", {{"answer", "yes"}}},
        {adapter::chat, "[[ ## answer ## ]]\nGrüße ✓ 😀", {{"answer", "Grüße ✓ 😀"}}},
        {adapter::chat, "no marker at all", {}},
        {adapter::json,
         "{\"reasoning\": \"a \\\"b\\\" \\u00fc \\ud83d\\ude00\\n\", \"answer\": \"4\"}",
         {{"reasoning", "a \"b\" ü 😀"}, {"answer", "4"}}},
        {adapter::json, "```json\n{\"answer\" : [1, {\"a\": \"}\"}] , \"x\": {\"answer\": 1}}\n```", {{"answer", "[1, {\"a\": \"}\"}]"}}},
        {adapter::json, "{answer: true}", {{"answer", "true"}}},
        {adapter::json, "{\"answer\": \"cut o", {{"answer", "cut o"}}},
        {adapter::xml,
         "<reasoning>\n a &lt;b&gt; &amp; &#252; <i>c</i>\n</reasoning>\n<answer>4</answer>",
         {{"reasoning", "a <b> & ü <i>c</i>"}, {"answer", "4"}}},
        {adapter::xml, "<answer>a < b & c; <", {{"answer", "a < b & c; <"}}},
        {adapter::xml, "<x>1</x><answer/>", {}},
    };
    for (const auto& c : cases)
        for (std::size_t step : {1, 2, 3, 7, 1000})
            BOOST_TEST((grown(c.a, two, c.text, step) == c.expected), "step " << step << ": " << c.text);
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
    } const files[]{{"chat_parse.json", adapter::chat}, {"xml_parse.json", adapter::xml}, {"json_parse.json", adapter::json}};
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
        BOOST_TEST(same * 100 >= compared * (f.a == adapter::json ? 75 : 99), f.file << ": " << same << " of " << compared);
    }
}
