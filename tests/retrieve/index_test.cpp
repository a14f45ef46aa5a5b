#include "support/folder.hpp"

#include <reagent/retrieve/index.hpp>

#include <sys/stat.h>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cmath>
#include <fstream>
#include <random>
#include <set>
#include <thread>

using namespace reagent;
namespace fs = std::filesystem;

namespace {

passage made(std::string id, std::string text, json::object metadata = {}, std::string source = {}) {
    return {.id = std::move(id), .text = std::move(text), .source = std::move(source), .metadata = std::move(metadata)};
}

void put(const passage_index& to, const std::vector<passage>& passages) {
    auto w = to.write();
    for (const auto& p : passages) w.put(p);
    w.commit();
}

std::string ids(const std::vector<passage>& found) {
    std::string text;
    for (const auto& p : found) text += (text.empty() ? "" : " ") + p.id;
    return text;
}

template <class Work>
std::string refusal(retrieve_errc code, Work work) {
    try {
        work();
    } catch (const retrieve_error& e) {
        return e.code() == code ? e.what() : "another code: " + std::string{e.what()};
    }
    return "nothing was thrown";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(indexes)

BOOST_AUTO_TEST_CASE(passages_are_put_replaced_and_removed_by_id) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    const passage first{.id = "a",
                        .text = "Parcels are late.",
                        .title = "Post > Delays",
                        .source = "post.md",
                        .metadata = {{"begin", 3}}};
    put(i, {first, made("b", "Parcels get lost; a parcel is insured.")});
    BOOST_TEST(ids(i.by_words("parcel", 5)) == "b a");
    BOOST_TEST((i.get("a") == first));
    BOOST_TEST(i.by_words("delays", 5).at(0).id == "a");  // by its title
    put(i, {made("b", "Letters, nothing else.")});
    BOOST_TEST(ids(i.by_words("parcels", 5)) == "a");
    BOOST_TEST(i.manifest().passages == 2u);
    auto w = i.write();
    BOOST_TEST(w.remove("a"));
    BOOST_TEST(!w.remove("a"));
    BOOST_TEST(!w.remove("nobody"));
    w.commit();
    BOOST_TEST(i.by_words("parcels", 5).empty());
    BOOST_TEST(!i.get("a"));
    BOOST_TEST(passage_index::open(dir.path / "x").manifest().passages == 1u);
    BOOST_TEST(i.check().empty());
}

BOOST_AUTO_TEST_CASE(one_change_may_put_and_remove_the_same_id_again) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    put(i, {made("a", "one", {}, "s"), made("b", "two", {}, "s")});
    auto w = i.write();
    w.put(made("a", "three", {}, "t"));
    w.put(made("a", "four", {}, "s"));
    w.put(made("c", "five", {}, "s"));
    BOOST_TEST(w.remove("c"));
    w.put(made("c", "six", {}, "t"));
    BOOST_TEST(w.passages() == 3u);
    BOOST_TEST(w.remove_source("s") == 2u);
    BOOST_TEST(w.passages() == 1u);
    w.put(made("b", "seven"));
    w.commit();
    BOOST_TEST(i.get("c")->text == "six");
    BOOST_TEST(i.get("b")->text == "seven");
    BOOST_TEST(!i.get("a"));
    BOOST_TEST(i.count() == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_not_committed_did_not_happen) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    put(i, {made("a", "old")});
    {
        auto w = i.write();
        w.put(made("a", "new"));
        w.put(made("b", "new"));
        w.set_source("s", {{"hash", "1"}});
        BOOST_TEST(i.get("a")->text == "old");
    }
    BOOST_TEST(i.get("a")->text == "old");
    BOOST_TEST(passage_index::open(i.folder()).manifest().passages == 1u);
    BOOST_TEST(i.sources().empty());
    auto w = i.write();
    w.set_source("s", {{"hash", "1"}});
    w.set_settings({{"bytes", 10}});
    w.commit();
    BOOST_TEST(json::serialize(i.sources().at("s")) == R"({"hash":"1"})");
    BOOST_TEST(i.manifest().settings.at("bytes") == 10);
}

BOOST_AUTO_TEST_CASE(there_is_one_writer_at_a_time) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    auto first = std::make_unique<index_writer>(i.write());
    BOOST_TEST(has(refusal(retrieve_errc::locked, [&] { i.write({.patience = std::chrono::milliseconds{1}}); }),
                   "another writer"));
    std::jthread other{[&] { put(i, {made("b", "second")}); }};
    first->put(made("a", "first"));
    first->commit();
    first.reset();
    other.join();
    BOOST_TEST(i.count() == 2u);
}

BOOST_AUTO_TEST_CASE(words_are_stemmed_by_language) {
    test::folder dir;
    auto german = passage_index::create(dir.path / "de", {.language = "german"});
    put(german,
        {made("a", "Die Häuser stehen leer."), made("b", "这是一个关于退款的说明"), made("c", "Version 2024 is out")});
    BOOST_TEST(ids(german.by_words("haus häusern", 5)) == "a");
    BOOST_TEST(ids(german.by_words("退款", 5)) == "b");
    BOOST_TEST(ids(german.by_words("2024?", 5)) == "c");
    auto exact = passage_index::create(dir.path / "none", {.language = "none"});
    put(exact, {made("a", "run"), made("b", "running")});
    BOOST_TEST(ids(exact.by_words("running", 5)) == "b");
    BOOST_TEST(has(
        refusal(retrieve_errc::bad_options, [&] { passage_index::create(dir.path / "no", {.language = "klingon"}); }),
        "english"));
}

BOOST_AUTO_TEST_CASE(operators_count_only_where_they_are_asked_for) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    put(i, {made("a", "the quick brown fox"), made("b", "brown and quick"), made("c", "a slow fox"),
            made("d", "foxglove")});
    auto operators = [&](const std::string& q) {
        std::set<std::string> found;
        for (const auto& p : i.by_words(q, 10, {}, query_syntax::operators)) found.insert(p.id);
        return json::serialize(json::value_from(found));
    };
    BOOST_TEST(operators(R"("quick brown")") == R"(["a"])");
    BOOST_TEST(operators("quick AND NOT fox") == R"(["b"])");
    BOOST_TEST(operators("+fox -quick") == R"(["c"])");
    BOOST_TEST(operators("foxg*") == R"(["d"])");
    BOOST_TEST(has(refusal(retrieve_errc::bad_query, [&] { operators("AND AND ("); }), "cannot be read"));
    BOOST_TEST(i.by_words("-quick \"slow AND (", 10).size() == 3u);  // as words
    BOOST_TEST(i.by_words("the and", 10).size() == 2u);              // stop words, since there are no others
    BOOST_TEST(i.by_words("", 10).empty());
    BOOST_TEST(i.by_words("?!", 10).empty());
    BOOST_TEST(i.by_words(std::string(1 << 20, 'x') + " fox", 10).size() == 0u);
    BOOST_TEST(i.by_words("fox \xff\xfe", 10).size() == 2u);
    BOOST_TEST(i.by_words("fox", 0).empty());
}

// Scores are those of the formula, by hand.
BOOST_AUTO_TEST_CASE(scores_are_bm25) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x", {.language = "none"});
    put(i, {made("a", "apple apple pear"), made("b", "apple"), made("c", "plum pear")});
    const auto found = i.by_words("apple", 5);
    BOOST_REQUIRE(ids(found) == "b a" || ids(found) == "a b");
    auto score = [](double tf, double length) {
        const double idf = std::log(1 + (3 - 2 + 0.5) / (2 + 0.5));
        return idf * tf / (tf + 1.2 * (1 - 0.75 + 0.75 * length / 2));
    };
    for (const auto& p : found)
        BOOST_TEST(p.score == (p.id == "a" ? score(2, 3) : score(1, 1)), boost::test_tools::tolerance(1e-9));
}

namespace {

json::value random_value(std::mt19937& rng) {
    switch (rng() % 6) {
        case 0: return static_cast<std::int64_t>(rng() % 5) - 2;
        case 1: return static_cast<double>(rng() % 5) / 2;
        case 2: return json::value(std::string(1, static_cast<char>('a' + rng() % 4)));
        case 3: return rng() % 2 == 0;
        case 4: return rng() % 3 == 0 ? json::value(nullptr) : json::value(std::string(150 + 60 * (rng() % 3), 'z'));
        default: return std::uint64_t{9007199254740992} + rng() % 3;
    }
}

filter random_filter(std::mt19937& rng, int depth = 0) {
    const std::string field(1, static_cast<char>('p' + rng() % 4));
    switch (rng() % (depth < 3 ? 9 : 6)) {
        case 0: return filter::eq(field, random_value(rng));
        case 1: return filter::ne(field, random_value(rng));
        case 2: return filter::lt(field, random_value(rng));
        case 3: return filter::gte(field, random_value(rng));
        case 4: return filter::lte(field, random_value(rng));
        case 5: return filter::in(field, {random_value(rng), random_value(rng)});
        case 6: return random_filter(rng, depth + 1) && random_filter(rng, depth + 1);
        case 7: return random_filter(rng, depth + 1) || random_filter(rng, depth + 1);
        default: return !random_filter(rng, depth + 1);
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(filters_are_exact_and_never_return_too_few) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x", {.embedder = "test", .dimensions = 2});
    std::mt19937 rng{1};
    std::map<std::string, json::object> known;
    auto w = i.write();
    for (int n = 0; n < 600; ++n) {
        json::object metadata{{"list", json::array{1}}};
        for (char field = 'p'; field < 't'; ++field)
            if (rng() % 4) metadata[std::string(1, field)] = random_value(rng);
        const auto id = std::to_string(rng() % 400);  // some replace others
        known[id] = metadata;
        w.put(made(id, "word " + id, metadata), {1, static_cast<float>(n)});
    }
    w.commit();
    std::size_t some = 0;
    for (int n = 0; n < 1500; ++n) {
        const auto where = random_filter(rng);
        std::set<std::string> expected, by_words, by_vector;
        for (const auto& [id, metadata] : known)
            if (matches(where, metadata)) expected.insert(id);
        for (const auto& p : i.by_words("word", 1000, where)) by_words.insert(p.id);
        for (const auto& p : i.by_vector({1, 1}, 1000, where)) by_vector.insert(p.id);
        BOOST_TEST_INFO(json::serialize(where.to_json()));
        BOOST_REQUIRE(by_words == expected);
        BOOST_REQUIRE(by_vector == expected);
        BOOST_REQUIRE(i.count(where) == expected.size());
        BOOST_REQUIRE(i.by_words("word", 3, where).size() == std::min<std::size_t>(3, expected.size()));
        some += !expected.empty() && expected.size() < known.size();
    }
    BOOST_TEST(some > 800u);
}

BOOST_AUTO_TEST_CASE(fields_beyond_those_with_slots_are_filtered_too) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    auto w = i.write();
    for (int n = 0; n < 300; ++n) w.put(made(std::to_string(n), "word", {{"field" + std::to_string(n), n}}));
    w.commit();
    BOOST_TEST(ids(i.by_words("word", 5, filter::gt("field299", 298))) == "299");
    BOOST_TEST(ids(i.by_words("word", 5, filter::lte("field3", 3))) == "3");
    BOOST_TEST(ids(i.by_words("word", 5, filter::eq("field298", 298.0))) == "298");
    BOOST_TEST(i.count(filter::gt("nothing", 0)) == 0u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_stored_is_refused) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    auto w = i.write();
    auto refused = [&](const passage& p) { return refusal(retrieve_errc::bad_passage, [&] { w.put(p); }); };
    BOOST_TEST(has(refused(made("", "text")), "no id"));
    BOOST_TEST(has(refused(made("a", "\xff")), "UTF-8"));
    BOOST_TEST(has(refused(made("a", std::string(5 << 20, 'x'))), "bytes of text"));
    BOOST_TEST(has(refused(made(std::string(2000, 'i'), "text")), "its id"));
    BOOST_TEST(has(refused(made("a", "text", {{"n", std::nan("")}})), "metadata"));
    BOOST_TEST(has(refusal(retrieve_errc::wrong_model, [&] { w.put(made("a", "text"), {1, 2}); }), "no vectors"));
    w.put(
        made(std::string(1000, 'i'), "\0nul is kept", {{std::string(500, 'f'), json::value(std::string(5000, 'v'))}}));
    w.commit();
    BOOST_TEST(i.count(filter::eq(std::string(500, 'f'), std::string(5000, 'v'))) == 1u);
    BOOST_TEST(i.count(filter::eq(std::string(500, 'f'), std::string(5001, 'v'))) == 0u);
    BOOST_TEST(i.get(std::string(1000, 'i')).has_value());
}

BOOST_AUTO_TEST_CASE(ten_thousand_results_come_in_order) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    auto w = i.write();
    for (int n = 0; n < 10'000; ++n)
        w.put(made(std::to_string(n), "word " + std::string(static_cast<std::size_t>(n % 7), 'x')));
    w.commit();
    const auto found = i.by_words("word", 20'000);
    BOOST_TEST(found.size() == 10'000u);
    BOOST_TEST(
        std::is_sorted(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; }));
}

BOOST_AUTO_TEST_CASE(what_is_no_index_is_told_so) {
    test::folder dir;
    BOOST_TEST(
        has(refusal(retrieve_errc::not_an_index, [&] { passage_index::open(dir.path / "nothing"); }), "no index"));
    std::ofstream{dir.path / "file"} << "text";
    BOOST_TEST(has(refusal(retrieve_errc::bad_options, [&] { passage_index::create(dir.path); }), "not empty"));
    BOOST_TEST(has(refusal(retrieve_errc::unwritable, [&] { passage_index::create(dir.path / "file"); }), "folder"));
    auto i = passage_index::create(dir.path / "x");
    BOOST_TEST(has(refusal(retrieve_errc::bad_options, [&] { passage_index::create(dir.path / "x"); }), "already"));
    std::ofstream{dir.path / "x" / "index.json"}
        << R"({"format": "reagent index", "version": 1, "generation": "gen-1"})";
    BOOST_TEST(has(refusal(retrieve_errc::unknown_version, [&] { passage_index::open(dir.path / "x"); }), "version 1"));
    BOOST_TEST(has(refusal(retrieve_errc::unknown_version, [&] { i.count(); }), "version 1"));
    std::ofstream{dir.path / "x" / "index.json"} << "{";
    BOOST_TEST(
        has(refusal(retrieve_errc::corrupt, [&] { passage_index::open(dir.path / "x"); }), "index.json is damaged"));
    fs::create_directories(dir.path / "half" / "gen-1");  // an interrupted `create`
    BOOST_TEST(passage_index::create(dir.path / "half").count() == 0u);
}

// Every passage carries the number of its change: a reader must never see two of them.
BOOST_AUTO_TEST_CASE(readers_see_one_state_while_a_writer_writes) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x", {.embedder = "test", .dimensions = 2});
    auto change = [&](int number) {
        auto w = i.write();
        for (int n = 0; n < 50; ++n)
            w.put(made(std::to_string(n), "word", {{"change", number}}), {1, static_cast<float>(n)});
        w.commit();
    };
    change(0);
    std::atomic<bool> done{false};
    std::atomic<int> reads{0}, wrong{0}, distinct{0};
    std::vector<std::jthread> readers;
    for (int r = 0; r < 3; ++r)
        readers.emplace_back([&, r] {
            auto own = r == 0 ? i : passage_index::open(i.folder());
            int last = -1;
            while (!done) {
                const auto found = reads % 2 ? own.by_words("word", 100) : own.by_vector({1, 0}, 100);
                ++reads;
                wrong += found.size() != 50;
                for (const auto& p : found) wrong += p.metadata.at("change") != found.front().metadata.at("change");
                const int now = static_cast<int>(found.front().metadata.at("change").to_number<int>());
                wrong += now < last;
                distinct += now != last;
                last = now;
            }
        });
    for (int n = 1; n <= 40; ++n) {
        change(n);
        if (n % 10 == 0) i.compact();
    }
    done = true;
    readers.clear();
    BOOST_TEST(wrong == 0);
    BOOST_TEST(distinct > 3);
    BOOST_TEST(i.check().empty());
    BOOST_TEST(i.manifest().removed == 0u);
}

BOOST_AUTO_TEST_CASE(vectors_of_another_model_are_refused) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x", {.embedder = "test"});
    BOOST_TEST(i.by_vector({1, 2, 3}, 5).empty());  // nothing is there yet
    auto w = i.write();
    w.put(made("a", "text"), {3, 4});
    BOOST_TEST(has(refusal(retrieve_errc::wrong_model,
                           [&] {
                               w.put(made("b", "text"), {1, 2, 3});
                           }),
                   "this one has 3"));
    BOOST_TEST(has(refusal(retrieve_errc::wrong_model, [&] { w.put(made("b", "text")); }), "has no vector"));
    BOOST_TEST(has(refusal(retrieve_errc::wrong_model, [&] { w.put(made("b", "text"), {1, NAN}); }), "no number"));
    w.commit();
    BOOST_TEST(i.manifest().options.dimensions == 2u);
    BOOST_TEST(has(refusal(retrieve_errc::wrong_model, [&] { i.by_vector({1, 2, 3}, 5); }), "\"test\" (2 numbers)"));
    BOOST_TEST(i.by_vector({0, 0}, 5).empty());
    BOOST_TEST(i.by_vector({6, 8}, 5).at(0).score == 1, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(i.vectors_of({"a", "b"}).at(0).at(1) == 0.8f, boost::test_tools::tolerance(1e-6f));
    auto words = passage_index::create(dir.path / "y");
    BOOST_TEST(has(refusal(retrieve_errc::wrong_model, [&] { words.by_vector({1}, 5); }), "without an embedder"));
}

BOOST_AUTO_TEST_CASE(dot_products_are_not_normalized) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x", {.embedder = "test", .by = similarity::dot});
    auto w = i.write();
    w.put(made("long", "text"), {10, 10});
    w.put(made("near", "text"), {1, 0});
    w.commit();
    BOOST_TEST(ids(i.by_vector({1, 0}, 5)) == "long near");
    BOOST_TEST(i.by_vector({1, 0}, 5).at(0).score == 10);
}

BOOST_AUTO_TEST_CASE(damage_is_named) {
    test::folder dir;
    auto make = [&] {
        fs::remove_all(dir.path / "x");
        auto i = passage_index::create(dir.path / "x", {.embedder = "test", .dimensions = 4});
        auto w = i.write();
        std::mt19937 rng{2};
        for (int n = 0; n < 500; ++n)
            w.put(made(std::to_string(n), "some words of passage number " + std::to_string(n * 7919), {{"n", n}}),
                  {1, static_cast<float>(rng() % 10), static_cast<float>(rng() % 10), 2});
        w.commit();
    };
    for (const char* file :
         {"vectors", "text/docdata.glass", "text/postlist.glass", "text/termlist.glass", "text/position.glass"}) {
        make();
        const auto path = dir.path / "x" / "gen-1" / file;
        const auto size = fs::file_size(path);
        {
            std::fstream f{path, std::ios::in | std::ios::out | std::ios::binary};
            for (std::size_t at = size / 3; at < size / 3 + 9000; ++at) {
                f.seekp(static_cast<std::streamoff>(at));
                f.put('\x5a');
            }
        }
        std::string told;
        try {
            for (const auto& problem : passage_index::open(dir.path / "x").check())
                told += problem.file + ": " + problem.what + "\n";
        } catch (const retrieve_error& e) {
            told = e.what();
        }
        BOOST_TEST(has(told, file), file << " is not named by: " << told);
        fs::resize_file(path, size / 2);
        try {
            told.clear();
            auto i = passage_index::open(dir.path / "x");
            for (const auto& problem : i.check()) told += problem.file + ": " + problem.what + "\n";
        } catch (const retrieve_error& e) {
            told = e.what();
        }
        BOOST_TEST(has(told, std::string_view{file} == "vectors" ? "vectors" : "text"),
                   file << " is not named by: " << told);
    }
}

// A stemmer of Xapian's has a state of its own, so that no two searches may share one.
BOOST_AUTO_TEST_CASE(threads_that_share_an_index_find_what_one_alone_finds) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    auto word = [](int n) { return "word" + std::to_string(n) + "ing "; };
    std::vector<passage> all;
    for (int n = 0; n < 60; ++n) {
        auto& p = all.emplace_back(made(std::to_string(n), ""));
        for (int m = 0; m < 40; ++m) p.text += word((n * 7 + m * m) % 160);
    }
    put(i, all);
    std::vector<std::string> queries(4);
    for (int n = 0; n < 160; ++n) queries[static_cast<std::size_t>(n / 40)] += word(n);
    std::vector<std::vector<passage>> expected;
    for (const auto& q : queries) expected.push_back(i.by_words(q, 20));
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                const auto syntax = t % 2 ? query_syntax::operators : query_syntax::words;
                for (int n = 0; n < 500; ++n) {
                    const auto found = i.by_words(queries[t], 20, {}, syntax);
                    if (syntax == query_syntax::words) wrong += found != expected[t];
                }
            });
    }
    BOOST_TEST(wrong == 0);
}

namespace {

void flip(const fs::path& file, std::size_t at, int bit) {
    std::fstream f{file, std::ios::in | std::ios::out | std::ios::binary};
    f.seekg(static_cast<std::streamoff>(at));
    const char old = static_cast<char>(f.get());
    f.seekp(static_cast<std::streamoff>(at));
    f.put(static_cast<char>(old ^ (1 << bit)));
}

passage_index filled(const fs::path& folder, const std::string& word, unsigned seed = 3) {
    auto i = passage_index::create(folder, {.embedder = "test", .dimensions = 2});
    auto w = i.write();
    std::mt19937 rng{seed};
    for (int n = 0; n < 60; ++n) {
        std::string text = word + " refund";
        for (int m = 0; m < 100; ++m) text += " word" + std::to_string(rng() % 300);
        w.put(made(std::to_string(n), text), {1, static_cast<float>(n + static_cast<int>(seed))});
    }
    w.commit();
    return i;
}

std::string told_by_check(const fs::path& folder) {
    std::string told;
    try {
        for (const auto& p : passage_index::open(folder).check()) told += p.file + ": " + p.what + "\n";
    } catch (const retrieve_error& e) {
        told = e.what();
    }
    return told;
}

constexpr const char* text_files[]{"termlist.glass", "docdata.glass", "postlist.glass", "position.glass", "iamglass"};

}  // namespace

BOOST_AUTO_TEST_CASE(check_sees_each_flipped_bit_and_lives) {
    test::folder dir;
    filled(dir.path / "good", "yes");
    BOOST_TEST(told_by_check(dir.path / "good") == "");
    std::mt19937 rng{3};
    for (const char* file : text_files)
        for (int n = 0; n < 12; ++n) {
            fs::remove_all(dir.path / "x");
            fs::copy(dir.path / "good", dir.path / "x", fs::copy_options::recursive);
            const auto path = dir.path / "x" / "gen-1" / "text" / file;
            flip(path, rng() % fs::file_size(path), static_cast<int>(rng() % 8));
            BOOST_TEST(has(told_by_check(dir.path / "x"), "text"), file);
        }
}

BOOST_AUTO_TEST_CASE(files_of_another_index_are_seen) {
    test::folder dir;
    filled(dir.path / "a", "yes");
    filled(dir.path / "b", "nah", 4);
    std::vector<std::string> files{"vectors"};
    for (const char* file : text_files) files.push_back(std::string{"text/"} + file);
    for (const auto& file : files) {
        fs::remove_all(dir.path / "x");
        fs::copy(dir.path / "a", dir.path / "x", fs::copy_options::recursive);
        fs::copy_file(dir.path / "b" / "gen-1" / file, dir.path / "x" / "gen-1" / file,
                      fs::copy_options::overwrite_existing);
        BOOST_TEST(has(told_by_check(dir.path / "x"), file == "vectors" ? "vectors" : "text"), file);
        // Nothing is built upon it either.
        if (file == "vectors") continue;
        const auto added = refusal(retrieve_errc::corrupt, [&] {
            auto w = passage_index::open(dir.path / "x").write();
            w.put(made("new", "text"), {1, 2});
            w.commit();
        });
        BOOST_TEST(has(added, "damaged"), file << ": " << added);
        const auto compacted = refusal(retrieve_errc::corrupt, [&] { passage_index::open(dir.path / "x").compact(); });
        BOOST_TEST(has(compacted, "damaged"), file << ": " << compacted);
        BOOST_TEST(!fs::exists(dir.path / "x" / "gen-2"));
    }
    // The texts of another index are not shown as ours.
    fs::remove_all(dir.path / "x");
    fs::copy(dir.path / "a", dir.path / "x", fs::copy_options::recursive);
    fs::copy_file(dir.path / "b" / "gen-1/text/docdata.glass", dir.path / "x" / "gen-1/text/docdata.glass",
                  fs::copy_options::overwrite_existing);
    BOOST_TEST(has(refusal(retrieve_errc::corrupt, [&] { passage_index::open(dir.path / "x").by_words("refund", 3); }),
                   "damaged"));
}

// What an interrupted writer leaves is no damage, and is checked as well as may be.
BOOST_AUTO_TEST_CASE(a_writer_that_ends_without_commit_leaves_nothing_to_complain_of) {
    test::folder dir;
    auto i = filled(dir.path / "x", "yes");
    {
        auto w = i.write();
        for (int n = 0; n < 2000; ++n) w.put(made("n" + std::to_string(n), "some text"), {1, 2});
        fs::copy(dir.path / "x", dir.path / "killed", fs::copy_options::recursive);
    }
    BOOST_TEST(told_by_check(dir.path / "x") == "");
    BOOST_TEST(told_by_check(dir.path / "killed") == "");
    std::mt19937 rng{3};
    const auto file = dir.path / "killed" / "gen-1/text/termlist.glass";
    for (int n = 0; n < 20; ++n) {  // it may see nothing, but it lives
        flip(file, 8192 + rng() % (fs::file_size(file) - 8192), static_cast<int>(rng() % 8));
        told_by_check(dir.path / "killed");
    }
    BOOST_TEST(passage_index::open(dir.path / "x").count() == 60u);
}

BOOST_AUTO_TEST_CASE(a_pipe_in_the_place_of_a_file_is_not_waited_for) {
    test::folder dir;
    auto i = filled(dir.path / "x", "yes");
    fs::remove(dir.path / "x/gen-1/vectors");
    BOOST_REQUIRE(::mkfifo((dir.path / "x/gen-1/vectors").c_str(), 0600) == 0);
    BOOST_TEST(has(refusal(retrieve_errc::corrupt, [&] { passage_index::open(dir.path / "x"); }), "regular"));
    BOOST_TEST(has(told_by_check(dir.path / "x"), "vectors"));
}

BOOST_AUTO_TEST_CASE(numbers_that_are_none_are_damage_and_no_score) {
    test::folder dir;
    filled(dir.path / "x", "yes");
    {
        std::fstream f{dir.path / "x/gen-1/vectors", std::ios::in | std::ios::out | std::ios::binary};
        f.write("\0\0\300\177", 4);
    }
    BOOST_TEST(has(refusal(retrieve_errc::corrupt,
                           [&] {
                               passage_index::open(dir.path / "x").by_vector({1, 2}, 60);
                           }),
                   "vectors"));
}

BOOST_AUTO_TEST_CASE(operators_that_cannot_be_read_are_an_error) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    put(i, {made("a", "refunds are paid"), made("b", "nothing")});
    for (const char* q :
         {"\"refunds are", "(refund", "refund)", "*", "+", "-", "\"\"", "()", "+ refund", "?!", "((refund)"})
        BOOST_TEST(has(refusal(retrieve_errc::bad_query, [&] { i.by_words(q, 5, {}, query_syntax::operators); }),
                       "cannot be read"),
                   q);
    for (const char* q : {"\"refunds (are\"", "(refund)", "+refund", "refund*", "pay AND (refund OR nothing)"})
        i.by_words(q, 5, {}, query_syntax::operators);
}

BOOST_AUTO_TEST_CASE(long_words_are_found) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    const std::string hash(128, 'a'), longest(200, 'b'), deal = "\u0634" + std::string(90, 'c');
    put(i, {made("a", "id " + hash + " x"), made("b", longest), made("c", deal)});
    BOOST_TEST(ids(i.by_words(hash, 5)) == "a");
    BOOST_TEST(ids(i.by_words(longest, 5)) == "b");
    BOOST_TEST(ids(i.by_words(deal, 5)) == "c");
    BOOST_TEST(ids(i.by_words(hash, 5, {}, query_syntax::operators)) == "a");
}

BOOST_AUTO_TEST_CASE(a_text_of_four_mebibytes_is_too_long) {
    test::folder dir;
    auto i = passage_index::create(dir.path / "x");
    auto w = i.write();
    w.put(made("a", std::string((4 << 20) - 1, ' ')));
    BOOST_TEST(has(refusal(retrieve_errc::bad_passage, [&] { w.put(made("b", std::string(4 << 20, ' '))); }),
                   "bytes of text"));
}

BOOST_AUTO_TEST_SUITE_END()
