// Thinking in XML: an output's own element is none, whatever its name, and within an output a tag is text.
#include <reagent/adapter/adapter.hpp>
#include <reagent/adapter/field_stream.hpp>
#include <reagent/adapter/thinking.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

const char* const names_of_thinking[]{"think", "thinking", "thought", "reasoning"};

// What a reader of the stream sees, by field.
std::map<std::string, std::string> shown(const signature& s, std::string_view completion, std::size_t step) {
    field_stream stream{adapter::xml, s};
    std::map<std::string, std::string> fields;
    auto add = [&](const std::vector<field_piece>& pieces) {
        for (const auto& p : pieces) fields[p.field] += p.text;
    };
    for (std::size_t at = 0; at < completion.size(); at += step) add(stream.feed(completion.substr(at, step)));
    add(stream.finish());
    return fields;
}

void check(const signature& s, const std::string& completion, const std::map<std::string, std::string>& expected) {
    auto outputs = parse(adapter::xml, s, completion);
    BOOST_REQUIRE_MESSAGE(outputs.has_value(), completion << ": " << (outputs ? "" : outputs.error().message));
    for (const auto& [name, text] : expected) BOOST_TEST((*outputs)[name].as_string() == text, completion);
    for (std::size_t step : {1u, 3u, 1000u})
        BOOST_TEST((shown(s, completion, step) == expected), completion << " by " << step);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(thinking_in_xml)

BOOST_DATA_TEST_CASE(an_output_may_be_named_as_thinking_is, names_of_thinking, name) {
    const std::string n = name, element = "<" + n + ">r</" + n + ">", answer = "<answer>a</answer>";
    auto s = parse_signature("q -> " + n + ", answer");
    for (const std::string& completion :
         {element + answer, answer + "\n" + element, "Well.\n" + element + "\n" + answer})
        check(s, completion, {{n, "r"}, {"answer", "a"}});
}

BOOST_DATA_TEST_CASE(a_tag_within_an_output_is_text, names_of_thinking, name) {
    const std::string n = name;
    auto s = parse_signature("q -> answer, note");
    const std::string text = "Write <" + n + "> and </" + n + "> around it.";
    check(s, "<answer>" + text + "</answer><note>b</note>", {{"answer", text}, {"note", "b"}});
    check(s, "<note>b</note>\n<answer>" + text + "</answer>", {{"answer", text}, {"note", "b"}});
}

BOOST_AUTO_TEST_CASE(thinking_behind_other_words_is_no_part_of_an_answer) {
    auto s = parse_signature("q -> answer, note");
    const std::string draft = "<answer>draft</answer>", good = "<answer>a</answer><note>b</note>";
    for (const std::string& thought : {"<think>" + draft + "</think>", "<THINKING >" + draft + "</thinking>",
                                       "<think>" + draft + "<think>" + draft + "</think>" + draft + "</think>",
                                       "<think>a < b" + draft + "</think><think>" + draft + "</think>"}) {
        check(s, "Well. " + thought + good, {{"answer", "a"}, {"note", "b"}});
        check(s, "<answer>a</answer>" + thought + "<note>b</note>", {{"answer", "a"}, {"note", "b"}});
        check(s, good + thought, {{"answer", "a"}, {"note", "b"}});
    }
}

// A model that falls into a loop writes such; with the square of their length each would take hours.
BOOST_AUTO_TEST_CASE(a_megabyte_of_beginnings_is_read_in_time) {
    auto often = [](std::string_view piece) {
        std::string text;
        while (text.size() < 1'000'000) text += piece;
        return text;
    };
    const auto s = parse_signature("q -> answer");
    for (const char* piece :
         {"<", "<answer>", "<!--", "<![CDATA[", "<think>", "<think>a</think>", "</think>", "<reasoning a=b>x"})
        for (auto a : {adapter::chat, adapter::json, adapter::xml}) parse(a, s, often(piece));
    BOOST_TEST(without_thinking(often("<think>a</think>") + "42").text == "42");
    without_thinking("```\n" + often("</thought>"));
    BOOST_TEST(without_thinking(often("<think>") + "42").open);
    BOOST_TEST(without_thinking(often("[THINK]a[/THINK] ") + "42").text == "42");
}

BOOST_AUTO_TEST_SUITE_END()
