#include "support/folder.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/tools/search.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

BOOST_AUTO_TEST_SUITE(search_tool)

BOOST_AUTO_TEST_CASE(an_agent_searches_with_a_retriever_as_its_tool) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    auto w = i.write();
    w.put({.id = "a",
           .text = "Refunds take five days. " + std::string(3000, 'x'),
           .title = "Returns",
           .source = "returns.md"});
    w.commit();
    tools all;
    all.add(ready::passage_search(lexical(i), {.max_passage_bytes = 100}));
    react<sig<"question -> answer">> agent{all};
    scripted lm{
        {{"next_thought", "look"}, {"next_tool_name", "search"}, {"next_tool_args", json::object{{"query", "refund"}}}},
        {{"next_thought", "again"},
         {"next_tool_name", "search"},
         {"next_tool_args", json::object{{"query", "nothingness"}}}},
        {{"next_thought", "done"}, {"next_tool_name", "finish"}, {"next_tool_args", json::object{}}},
        {{"reasoning", "it says so"}, {"answer", "five days"}}};
    runtime rt;
    auto first = rt.execute(run_options{.lm = lm}, agent, "How long?");
    BOOST_TEST(first.value.get<"answer">() == "five days");
    const auto shown = lm.requests().at(1).messages.back().content;
    BOOST_TEST(shown.find("Refunds take five days. xxx") != shown.npos);
    BOOST_TEST(shown.find(std::string(100, 'x')) == shown.npos);  // cut
    BOOST_TEST(shown.find("returns.md") != shown.npos);
    BOOST_TEST(lm.requests().at(2).messages.back().content.find("Nothing found") != std::string::npos);
    const auto& call = first.report.history->events().at(1);
    BOOST_TEST(call.tool == "search");
    BOOST_TEST((call.flow.untrusted && call.flow.private_data));
    BOOST_CHECK_THROW(ready::passage_search(nullptr), tool_error);
}

BOOST_AUTO_TEST_SUITE_END()
