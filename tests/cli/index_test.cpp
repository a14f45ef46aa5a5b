#include "support/cli.hpp"
#include "support/folder.hpp"
#include "support/scripted_openai.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>

using namespace reagent;
using namespace reagent::test;
namespace fs = std::filesystem;

namespace {

struct documents {
    folder dir;
    std::string index = (dir.path / "manuals.index").string(), docs = (dir.path / "docs").string();
    documents() {
        fs::create_directories(docs);
        dir.write("docs/returns.md", "# Returns\n\nSend it back.\n\n## Refunds\n\nA refund takes five days.\n");
        dir.write("docs/post.txt", "Parcels are insured against loss.");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(index_command, documents)

BOOST_AUTO_TEST_CASE(a_folder_is_indexed_and_searched) {
    auto built = reagent_cli("index build " + docs + " --out " + index);
    BOOST_TEST(built.code == 0);
    BOOST_TEST(built.out == "2 files, 3 passages (2 files new or changed, 0 gone)\n");
    BOOST_TEST(reagent_cli("index build " + docs + " --out " + index).out ==
               "2 files, 3 passages (nothing has changed)\n");
    auto found = reagent_cli("index search " + index + " 'how long do refunds take' --json -k 1");
    BOOST_TEST(found.code == 0);
    const auto first = json::parse(found.out).at(0);
    BOOST_TEST(first.at("source").as_string() == "returns.md");
    BOOST_TEST(first.at("title").as_string() == "Returns > Refunds");
    BOOST_TEST(reagent_cli("index search " + index + " refund").out.find("1. Returns > Refunds  returns.md:26-63") ==
               0u);
    BOOST_TEST(reagent_cli("index search " + index + " nothingness").out == "nothing found\n");
    auto filtered =
        reagent_cli("index search " + index + " 'refund parcels' --json --where '{\"source\": \"post.txt\"}'");
    BOOST_TEST(json::parse(filtered.out).as_array().size() == 1u);
    BOOST_TEST(json::parse(reagent_cli("index search " + index + " '\"five days\"' --syntax operators --json").out)
                   .as_array()
                   .size() == 1u);

    auto shown = json::parse(reagent_cli("index show " + index + " --json").out);
    BOOST_TEST(shown.at("passages").to_number<int>() == 3);
    BOOST_TEST(shown.at("files").to_number<int>() == 2);
    BOOST_TEST(reagent_cli("index show " + index).out.find("vectors: none") != std::string::npos);
    BOOST_TEST(reagent_cli("index check " + index).out == "nothing is damaged\n");
    BOOST_TEST(reagent_cli("index compact " + index).code == 0);
    fs::resize_file(fs::path{index} / "gen-2/text/docdata.glass", 10);
    auto damaged = reagent_cli("index check " + index, true);
    BOOST_TEST(damaged.code == 1);
    BOOST_TEST(damaged.out.find("docdata.glass") != std::string::npos, damaged.out);
}

BOOST_AUTO_TEST_CASE(vectors_of_our_own_are_said_to_be_that) {
    auto built = reagent_cli("index build " + docs + " --out " + index + " --embed words");
    BOOST_TEST(built.out.find("they know no synonyms") != std::string::npos);
    BOOST_TEST(reagent_cli("index show " + index).out.find("vectors: words-512, 512 numbers") != std::string::npos);
    for (const char* by : {"words", "vectors", "both"}) {
        auto found = reagent_cli("index search " + index + " 'refund in days' -k 1 --json --by " + by);
        BOOST_TEST(json::parse(found.out).at(0).at("id").as_string() == "returns.md#1", by);
    }
    auto other = reagent_cli("index build " + docs + " --out " + index, true);
    BOOST_TEST(other.code == 1);
    BOOST_TEST(other.out.find("has vectors of \"words-512\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told) {
    BOOST_TEST(reagent_cli("index search " + index + " x", true).out.find("is no index") != std::string::npos);
    BOOST_TEST(reagent_cli("index build " + docs + "x --out " + index).code == 1);
    BOOST_TEST(reagent_cli("index build " + docs + " --out " + index + " --embed nobody/x", true).code == 1);
    BOOST_TEST(reagent_cli("index build " + docs + " --out " + docs, true).out.find("not empty") != std::string::npos);
    BOOST_TEST(
        reagent_cli("index build " + docs + " --out " + index + " --language klingon", true).out.find("no stemmer") !=
        std::string::npos);
    dir.write("docs/bad.html", std::string(17 << 20, ' '));
    auto built = reagent_cli("index build " + docs + " --out " + index, true);
    BOOST_TEST(built.code == 0);
    BOOST_TEST(built.out.find("left out: bad.html: HTML of more than") != std::string::npos);
    BOOST_TEST(reagent_cli("index search " + index + " x --where nonsense").code == 2);
    BOOST_TEST(reagent_cli("index search " + index + " x --where '{\"$xor\": 1}'", true).out.find("no such operator") !=
               std::string::npos);
    BOOST_TEST(reagent_cli("index search " + index + " x --by vectors").code == 2);
    BOOST_TEST(reagent_cli("index search " + index + " 'AND (' --syntax operators", true).out.find("cannot be read") !=
               std::string::npos);
    BOOST_TEST(reagent_cli("index").code == 2);
}

BOOST_AUTO_TEST_CASE(an_agent_searches_an_index) {
    reagent_cli("index build " + docs + " --out " + index);
    std::string seen;
    loopback_server server{[&](const server_request& r) {
        seen = r.body;
        const bool searched = r.body.find("five days") != std::string::npos;
        return server_response{.body = openai_text(chat_completion(
                                   searched ? json::object{{"next_thought", "found"},
                                                           {"next_tool_name", "finish"},
                                                           {"next_tool_args", json::object{}},
                                                           {"reasoning", "it says so"},
                                                           {"answer", "five days"}}
                                            : json::object{{"next_thought", "look"},
                                                           {"next_tool_name", "search"},
                                                           {"next_tool_args", json::object{{"query", "refund"}}}}))};
    }};
    auto asked = reagent_cli("ask 'How long does a refund take?' --quiet --lm openai/x --api-base " +
                             server.url("/v1") + " --tools index:" + index);
    BOOST_TEST(asked.code == 0);
    BOOST_TEST(asked.out == "five days\n");
    BOOST_TEST(seen.find("returns.md#1") != std::string::npos);
    BOOST_TEST(reagent_cli("tools").out.find("index:INDEX") != std::string::npos);
    BOOST_TEST(reagent_cli("tools --tools index:" + docs, true).out.find("is no index") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_second_index_is_a_tool_of_its_folders_name) {
    reagent_cli("index build " + docs + " --out " + index);
    const auto other = (dir.path / "other manuals.index").string();
    reagent_cli("index build " + docs + " --out '" + other + "'");
    auto listed = reagent_cli("tools --json --tools 'index:" + index + ",index:" + other + ",index:" + index +
                              ",index:" + index + "'");
    BOOST_TEST(listed.code == 0);
    for (const char* name : {"\"search\"", "\"search_other_manuals\"", "\"search_manuals\"", "\"search_manuals_2\""})
        BOOST_TEST(listed.out.find(name) != std::string::npos, name);
}

BOOST_AUTO_TEST_CASE(a_filter_is_taken_as_it_is_written_or_not_at_all) {
    reagent_cli("index build " + docs + " --out " + index);
    for (const char* where : {R"({"begin":{"$gt":100},"begin":{"$gte":0}})", R"({"begin":{"$lt":1e400}})",
                              R"({"begin":{"$lt":-1e400}})", R"({"$and":[{"a":1,"a":2}]})"})
        BOOST_TEST(reagent_cli("index search " + index + " refund --where '" + where + "'", true).code == 2, where);
    const auto where = R"({"begin":{"$gte":0,"$lt":1e30},"source":"returns.md"})";
    BOOST_TEST(reagent_cli("index search " + index + " refund --where '" + where + "'").out.find("1. ") == 0u);
}

BOOST_AUTO_TEST_CASE(a_first_build_that_fails_leaves_no_index) {
    auto failed = reagent_cli(
        "index build " + docs + " --out " + index + " --embed openai/typo --api-base http://127.0.0.1:1/v1", true);
    BOOST_TEST(failed.code == 1);
    BOOST_TEST(!fs::exists(index));
    BOOST_TEST(reagent_cli("index search " + index + " refund", true).code == 1);
    BOOST_TEST(reagent_cli("index build " + docs + " --out " + index).code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
