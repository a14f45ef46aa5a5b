#include "support/folder.hpp"

#include <reagent/retrieve/index.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/retrieve/retrieve.hpp>
#include <reagent/run/runtime.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <random>
#include <thread>

using namespace reagent;

namespace {

std::vector<passage> made(std::size_t count, unsigned seed) {
    const char* words[]{"parcel", "parcels", "late",     "refund", "refunds",   "paid",         "Oslo",
                        "kettle", "the",     "warranty", "of",     "m\u00fcde", "\u4eac\u90fd", "returning"};
    std::mt19937 dice{seed};
    std::vector<passage> all;
    for (std::size_t i = 0; i < count; ++i) {
        passage p{.id = "p" + std::to_string(i),
                  .source = "s" + std::to_string(i % 7),
                  .metadata = {{"n", i}, {"lang", i % 3 ? "en" : "de"}}};
        for (std::size_t n = 3 + dice() % 30; n > 0; --n) p.text += std::string{words[dice() % std::size(words)]} + " ";
        if (i % 2) p.title = words[dice() % std::size(words)];
        all.push_back(std::move(p));
    }
    return all;
}

std::string shown(const std::vector<passage>& found) { return json::serialize(to_json(found)); }

struct asks : module {
    reagent::retrieve docs;
    explicit asks(std::shared_ptr<const retriever> r) : docs{*this, "docs", std::move(r)} {}
    task<std::string> forward(run& r, std::string query) const {
        auto found = co_await docs(r, query, 1);
        co_return found.empty() ? std::string{} : found[0].id;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(indexes_in_memory)

BOOST_AUTO_TEST_CASE(what_an_index_on_disk_finds_one_in_memory_finds) {
    test::folder dir;
    const auto disk = passage_index::create(dir.path / "x");
    memory_index memory;
    auto w = disk.write();
    for (const auto& p : made(300, 1)) w.put(p), memory.put(p);
    for (const auto& p : made(40, 2)) w.put(p), memory.put(p);  // replaces
    for (const char* id : {"p7", "p200", "not there"}) BOOST_TEST(w.remove(id) == memory.remove(id));
    w.commit();
    BOOST_TEST(memory.size() == 298u);
    const filter filters[]{
        {}, filter::eq("lang", "de"), filter::gte("n", 250), !filter::lt("n", 290), filter::eq("x", 1)};
    for (const char* query : {"late parcels", "the refund", "m\u00fcde", "\u4eac\u90fd Oslo", "of the", "nothing", ""})
        for (const auto& where : filters)
            BOOST_TEST(shown(disk.by_words(query, 20, where)) == shown(memory.by_words(query, 20, where)), query);
    const std::string asked = "\"late parcel\" -kettle +refund*";
    BOOST_TEST(shown(disk.by_words(asked, 300, {}, query_syntax::operators)) ==
               shown(memory.by_words(asked, 300, {}, query_syntax::operators)));
    BOOST_CHECK_THROW(memory.by_words("\"late", 1, {}, query_syntax::operators), retrieve_error);
    BOOST_TEST(memory.get("p3")->text == disk.get("p3")->text);
    BOOST_TEST(!memory.get("p7"));
}

BOOST_AUTO_TEST_CASE(an_excerpt_is_the_part_of_a_text_that_fits) {
    memory_index memory;
    std::string text;
    for (int i = 0; i < 500; ++i) text += "Nothing of it is said here. ";
    memory.put({.id = "a", .text = text + "A <b>kettle</b> & its warranty. " + text});
    const auto found = memory.excerpts("warranties of kettles", 5, 100);
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST(found[0].text.find("kettle</b> & its warranty") != std::string::npos, found[0].text);
    BOOST_TEST(found[0].text.size() < 200u);
}

BOOST_AUTO_TEST_CASE(what_is_no_passage_is_not_put) {
    memory_index memory;
    BOOST_CHECK_THROW(memory.put({.id = ""}), retrieve_error);
    BOOST_CHECK_THROW(memory.put({.id = "a", .text = "\xff"}), retrieve_error);
    BOOST_CHECK_THROW(memory_index{"klingon"}, retrieve_error);
    BOOST_TEST(memory.size() == 0u);
    BOOST_TEST(memory.by_words("a", 5).empty());
}

BOOST_AUTO_TEST_CASE(it_is_a_retriever) {
    memory_index memory;
    for (const auto& p : made(20, 3)) memory.put(p);
    memory.put({.id = "best", .text = "zeppelin"});
    asks program{lexical(memory)};
    runtime rt;
    BOOST_TEST(program.docs.from()->name() == "lexical:memory");
    BOOST_TEST(rt.run(run_options{}, program, "zeppelins") == "best");
}

BOOST_AUTO_TEST_CASE(threads_that_share_it_wait_for_each_other) {
    memory_index memory;
    const auto all = made(200, 4);
    for (const auto& p : all) memory.put(p);
    const auto expected = shown(memory.by_words("late parcels", 10));
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            for (int n = 0; n < 50; ++n) wrong += shown(memory.by_words("late parcels", 10)) != expected;
        });
    threads.emplace_back([&] {
        for (int n = 0; n < 50; ++n) memory.put(all[static_cast<std::size_t>(n)]);
    });
    threads.clear();
    BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_SUITE_END()
