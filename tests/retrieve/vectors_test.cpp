#include "support/folder.hpp"

#include <reagent/retrieve/index.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <random>
#include <set>

using namespace reagent;

namespace {

constexpr std::size_t dimensions = 24;

// Points around some centres, as embeddings of texts lie around topics.
class points {
public:
    explicit points(unsigned seed) : rng_{seed} {
        for (auto& c : centres_) c = noise(1);
    }
    std::vector<float> next() {
        auto v = noise(0.6F);
        const auto& c = centres_[rng_() % centres_.size()];
        for (std::size_t i = 0; i < dimensions; ++i) v[i] += c[i];
        return v;
    }

private:
    std::vector<float> noise(float much) {
        std::normal_distribution<float> normal{0, much};
        std::vector<float> v;
        for (std::size_t i = 0; i < dimensions; ++i) v.push_back(normal(rng_));
        return v;
    }

    std::mt19937 rng_;
    std::array<std::vector<float>, 50> centres_;
};

void add(const passage_index& to, points& from, int begin, int end) {
    auto w = to.write();
    for (int n = begin; n < end; ++n)
        w.put({.id = std::to_string(n), .text = "x", .metadata = {{"n", n}, {"percent", n % 100}}}, from.next());
    w.commit();
}

// How many of the ten nearest are found, of 100; fails where there are fewer than ten.
double recall(const passage_index& i, points queries, const filter& where) {
    std::size_t found = 0;
    constexpr std::size_t asked = 60, k = 10;
    for (std::size_t q = 0; q < asked; ++q) {
        const auto query = queries.next();
        std::set<std::string> truth;
        for (const auto& p : i.by_vector_exactly(query, k, where)) truth.insert(p.id);
        const auto got = i.by_vector(query, k, where);
        BOOST_REQUIRE(got.size() == truth.size());
        for (const auto& p : got) {
            BOOST_REQUIRE(matches(where, p.metadata));
            found += truth.contains(p.id);
        }
    }
    return 100.0 * static_cast<double>(found) / (asked * k);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(vectors)

BOOST_AUTO_TEST_CASE(a_graph_finds_nearly_all_and_filters_are_exact) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x", {.language = "none", .embedder = "test"});
    points from{1};
    add(i, from, 0, 21'000);
    BOOST_TEST(i.manifest().graph_rows == 21'000u);
    for (int percent : {100, 90, 50, 10, 1}) {
        BOOST_TEST_INFO(percent << " %");
        BOOST_TEST(recall(i, from, filter::lt("percent", percent)) >= 95);
    }
    BOOST_TEST(i.by_vector(from.next(), 10, filter::in("n", {3, 4})).size() == 2u);
    BOOST_TEST(i.by_vector(from.next(), 10, filter::lt("n", 0)).empty());
    BOOST_TEST(i.by_vector(from.next(), 30'000).size() == 21'000u);

    // What is outside of the graph is found too; then the graph takes it in.
    add(i, from, 21'000, 22'000);
    BOOST_TEST(i.manifest().graph_rows == 21'000u);
    BOOST_TEST(recall(i, from, {}) >= 95);
    for (const char* id : {"21000", "21500", "21999"})
        BOOST_TEST(i.by_vector(i.vectors_of({id}).at(0), 1).at(0).id == id);
    add(i, from, 22'000, 27'000);
    BOOST_TEST(i.manifest().graph_rows == 27'000u);
    BOOST_TEST(recall(i, from, {}) >= 95);

    // What was removed or replaced is never found.
    auto w = i.write();
    for (int n = 0; n < 3'000; ++n) w.remove(std::to_string(n));
    w.put({.id = "9000", .text = "replaced", .metadata = {{"n", 9000}}}, from.next());
    w.commit();
    BOOST_TEST(recall(i, from, {}) >= 95);
    for (int q = 0; q < 50; ++q)
        for (const auto& p : i.by_vector(from.next(), 20)) BOOST_REQUIRE(p.metadata.at("n").to_number<int>() >= 3'000);
    const auto replaced = i.vectors_of({"9000"}).at(0);
    BOOST_TEST(i.by_vector(replaced, 1).at(0).text == "replaced");
    BOOST_TEST(passage_index::open(i.folder()).check().empty());

    const auto before = i.manifest();
    BOOST_TEST(before.removed == 3'001u);
    i.compact();
    BOOST_TEST(i.manifest().removed == 0u);
    BOOST_TEST(i.manifest().passages == 24'000u);
    BOOST_TEST(i.manifest().graph_rows == 24'000u);
    BOOST_TEST(i.manifest().bytes < before.bytes);
    BOOST_TEST(recall(i, from, filter::lt("percent", 50)) >= 95);
}

// Damage of the graph is found before it is searched; `compact` makes a new one.
BOOST_AUTO_TEST_CASE(a_damaged_graph_is_named_and_made_anew) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x", {.language = "none", .embedder = "test"});
    points from{2};
    add(i, from, 0, 21'000);
    const auto file = dir.path / "x" / "gen-1" / "graph-1";
    {
        std::fstream f{file, std::ios::in | std::ios::out | std::ios::binary};
        f.seekp(5000);
        f.put('\x7f');
    }
    auto again = passage_index::open(i.folder());
    BOOST_CHECK_EXCEPTION(again.by_vector(from.next(), 5), retrieve_error, [](const retrieve_error& e) {
        return e.code() == retrieve_errc::corrupt &&
               std::string{e.what()}.find("graph-1 is damaged") != std::string::npos;
    });
    BOOST_REQUIRE(again.check().size() == 1u);
    BOOST_TEST(again.check().at(0).file == "gen-1/graph-1");
    BOOST_TEST(again.by_vector_exactly(from.next(), 5).size() == 5u);
    again.compact();
    BOOST_TEST(again.check().empty());
    BOOST_TEST(again.by_vector(from.next(), 5).size() == 5u);
}

BOOST_AUTO_TEST_SUITE_END()
