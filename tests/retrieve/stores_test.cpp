// One suite of behaviours, over every store of passages. stores.sh runs it with real servers.
#include "support/tried_store.hpp"

#include <reagent/reagent.hpp>
#include <reagent/retrieve/retrieve.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <future>
#include <set>

using namespace reagent;
using namespace reagent::test;

namespace {

std::string of_this_case;  // a collection's name

// In the collection of this case.
class tried : public tried_store {
public:
    explicit tried(store_kind& kind, store_options o = {}, const std::string& collection = of_this_case)
        : tried_store{kind, std::move(o), collection} {}
};

std::set<std::string> ids(const std::vector<passage>& found) {
    std::set<std::string> all;
    for (const auto& p : found) all.insert(p.id);
    return all;
}

std::string first(const std::vector<passage>& found) { return found.empty() ? "(none)" : found.front().id; }

void is_error(retrieve_errc code, const std::function<void()>& what) {
    BOOST_CHECK_EXCEPTION(what(), retrieve_error, [&](const retrieve_error& e) {
        BOOST_TEST_INFO(e.what());
        return e.code() == code;
    });
}

// Cases share the servers.
void for_each_kind(const std::function<void(store_kind&)>& behaviour) {
    static const auto kinds = all_of(store_kinds());
    test::for_each_kind(kinds, [&](store_kind& kind, const std::string& collection) {
        of_this_case = collection;
        behaviour(kind);
    });
}

std::vector<float> around(double angle) {
    return {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stores)

BOOST_AUTO_TEST_CASE(what_is_put_is_found_as_it_was) {
    const passage p{.id = "a#1 \u00e9/\u4e2d?&%\"'",
                    .text = "Zweitausend \U0001F600 Stra\u00dfen\n\"quoted\" \\ 'single'",
                    .title = "T > U",
                    .source = "a b.md",
                    .metadata = {{"n", 3},
                                 {"x", 2.5},
                                 {"yes", true},
                                 {"none", nullptr},
                                 {"list", {1, 2}},
                                 {"deep", {{"a", "b"}}},
                                 {"wh\u00e4t's \"up\"", "v"}}};
    for_each_kind([&](store_kind& kind) {
        tried t{kind};
        t.put({p, {.id = "b"}}, {around(0), around(1)});
        auto found = t.near(around(0.1), 5);
        BOOST_REQUIRE(found.size() == 2u);
        BOOST_TEST(found[0].score == std::cos(0.1), boost::test_tools::tolerance(1e-5));
        BOOST_TEST(found[1].id == "b");
        found[0].score = 0;
        BOOST_TEST(json::serialize(to_json(found[0])) == json::serialize(to_json(p)));
        BOOST_TEST(t.near(around(0.1), 1, filter::eq("wh\u00e4t's \"up\"", "v")).size() == 1u);
        BOOST_TEST(t.near(around(0.1), 0).empty());
    });
}

BOOST_AUTO_TEST_CASE(texts_have_vectors_by_their_words) {
    for_each_kind([](store_kind& kind) {
        tried t{kind};
        t.put({{.id = "late", .text = "parcels that come late"}, {.id = "refund", .text = "how refunds are paid"}});
        BOOST_TEST(first(t.find({"late parcels", 1})) == "late");
        BOOST_TEST(first(t.find({"refunds paid", 1})) == "refund");
    });
}

BOOST_AUTO_TEST_CASE(a_passage_is_replaced_with_all_that_it_had) {
    for_each_kind([](store_kind& kind) {
        tried t{kind};
        t.put({{.id = "a", .text = "old", .metadata = {{"lang", "en"}, {"year", 1}}}}, {around(0)});
        t.put({{.id = "a", .text = "new", .metadata = {{"kind", "x"}}}, {.id = "a", .text = "newest"}},
              {around(1), around(2)});
        BOOST_TEST(t.count() == 1u);
        auto found = t.near(around(2), 5, filter::ne("lang", "en"));
        BOOST_REQUIRE(found.size() == 1u);
        BOOST_TEST(found[0].text == "newest");
        BOOST_TEST(found[0].score == 1.0, boost::test_tools::tolerance(1e-5));
        BOOST_TEST(found[0].metadata.empty());
        BOOST_TEST(t.near(around(2), 5, filter::eq("lang", "en")).empty());
        BOOST_TEST(t.near(around(2), 5, filter::eq("kind", "x")).empty());
    });
}

BOOST_AUTO_TEST_CASE(what_is_removed_is_gone) {
    for_each_kind([](store_kind& kind) {
        tried t{kind};
        t.put({{.id = "a"}, {.id = "b"}, {.id = "c"}}, {around(0), around(1), around(2)});
        t.remove({"b", "not there"});
        t.remove({});
        BOOST_TEST(t.count() == 2u);
        BOOST_TEST((ids(t.near(around(1), 5)) == std::set<std::string>{"a", "c"}));
        t.remove({"a", "c"});
        BOOST_TEST(t.near(around(1), 5).empty());
    });
}

BOOST_AUTO_TEST_CASE(filters_mean_everywhere_what_matches_says) {
    std::vector<passage> all;
    vectors v;
    const json::value values[]{nullptr,
                               true,
                               false,
                               0,
                               1,
                               2,
                               1.0,
                               1.5,
                               -3,
                               9007199254740993,
                               9007199254740992,
                               1e300,
                               "",
                               "a",
                               "b",
                               "B",
                               "1",
                               "\u00e9",
                               json::array{1, "a"},
                               json::object{{"a", 1}}};
    for (const auto& x : values)
        for (const json::value& y : {json::value("en"), json::value("de")}) {
            all.push_back({.id = "p" + std::to_string(all.size()), .metadata = {{"x", x}, {"lang", y}}});
            v.push_back(around(0.01 * static_cast<double>(all.size())));
        }
    all.push_back({.id = "bare"});
    all.push_back(
        {.id = "odd",
         .metadata = {{"$x", 1}, {"#x", 1}, {"x.y", 1}, {"reagent", 1}, {"chroma:x", 1}, {"", 1}, {"a b", 1}}});
    v.push_back(around(1));
    v.push_back(around(1.1));
    std::vector<filter> filters{filter{}, filter::any_of({}), filter::in("x", {}), !filter::in("x", {}),
                                filter::in("x", {1, "a", nullptr, true})};
    for (const auto& x : values) {
        if (x.is_structured()) continue;
        for (const auto& f :
             {filter::eq("x", x), filter::lt("x", x), filter::lte("x", x), filter::gt("x", x), filter::gte("x", x)}) {
            filters.push_back(f);
            filters.push_back(!f);
            filters.push_back(f && filter::eq("lang", "en"));
            filters.push_back(!(f || filter::ne("lang", "en")));
        }
    }
    for (const char* field : {"$x", "#x", "x.y", "reagent", "chroma:x", "", "a b", "absent", "' OR true --"})
        for (const auto& f : {filter::eq(field, 1), filter::ne(field, 1), filter::gt(field, 0)}) filters.push_back(f);
    for_each_kind([&](store_kind& kind) {
        tried t{kind};
        t.put(all, v);
        for (const auto& f : filters) {
            std::set<std::string> expected;
            for (const auto& p : all)
                if (matches(f, p.metadata)) expected.insert(p.id);
            BOOST_TEST_INFO(json::serialize(f.to_json()));
            BOOST_TEST(ids(t.near(around(0), all.size(), f)) == expected, boost::test_tools::per_element());
        }
    });
}

BOOST_AUTO_TEST_CASE(few_of_many_are_found_and_ten_thousand_too) {
    constexpr std::size_t many = 10'000;
    std::vector<passage> all;
    vectors v;
    for (std::size_t i = 0; i < many; ++i) {
        all.push_back({.id = std::to_string(i), .text = "t", .metadata = {{"rare", i % 500 == 7}, {"half", i % 2}}});
        v.push_back({static_cast<float>(i + 1), static_cast<float>((i * 7919) % many),
                     static_cast<float>((i * 104729) % many), 1});
    }
    for_each_kind([&](store_kind& kind) {
        tried t{kind};
        t.put(all, v);
        BOOST_TEST(t.count() == many);
        const auto rare = t.near({1, 0, 0, 0}, 20, filter::eq("rare", true));
        BOOST_TEST(rare.size() == 20u);  // all of them, though few of the nearest are
        BOOST_TEST(std::is_sorted(rare.begin(), rare.end(),
                                  [](const passage& a, const passage& b) { return a.score > b.score; }));
        BOOST_TEST(t.near({1, 0, 0, 0}, 50, filter::eq("rare", true)).size() == 20u);
        BOOST_TEST(t.near({1, 0, 0, 0}, 300).size() == 300u);
        BOOST_TEST(t.near({1, 0, 0, 0}, 3000, filter::eq("half", 1)).size() == 3000u);
        BOOST_TEST(t.near({1, 0, 0, 0}, 20'000).size() == many);
        BOOST_TEST(t.near({1, 0, 0, 0}, 10, filter::eq("half", 3)).empty());
    });
}

BOOST_AUTO_TEST_CASE(vectors_of_another_length_or_model_are_refused) {
    for_each_kind([](store_kind& kind) {
        tried t{kind};
        t.put({{.id = "a"}}, {around(0)});
        is_error(retrieve_errc::wrong_model, [&] { t.put({{.id = "b"}}, {{1, 2, 3}}); });
        is_error(retrieve_errc::wrong_model, [&] { t.near({1, 2, 3}, 1); });
        is_error(retrieve_errc::wrong_model, [&] { t.put({{.id = "b"}}, {{1, std::nanf("")}}); });
        BOOST_TEST(t.count() == 1u);
        store_options of_another;
        of_another.vectors = vector_source{"words-64"};
        tried other{kind, of_another};
        is_error(retrieve_errc::wrong_model, [&] { other.near(around(0), 1); });
    });
}

BOOST_AUTO_TEST_CASE(what_is_no_passage_is_refused_and_the_rest_is_not_put_either) {
    for_each_kind([](store_kind& kind) {
        tried t{kind};
        t.put({{.id = "a"}}, {around(0)});
        is_error(retrieve_errc::bad_passage, [&] { t.put({{.id = "b"}, {.id = ""}}, {around(1), around(1)}); });
        is_error(retrieve_errc::bad_passage,
                 [&] { t.put({{.id = "b"}, {.id = "c", .text = "\xff"}}, {around(1), around(1)}); });
        BOOST_TEST(t.count() == 1u);
    });
}

BOOST_AUTO_TEST_CASE(dot_products_count_the_length_of_a_vector) {
    for_each_kind([](store_kind& kind) {
        store_options by_dot;
        by_dot.by = similarity::dot;
        tried t{kind, by_dot};
        t.put({{.id = "short"}, {.id = "long"}}, {{1, 0}, {5, 5}});
        const auto found = t.near({2, 0}, 2);
        BOOST_TEST(first(found) == "long");
        BOOST_TEST(found.at(0).score == 10.0, boost::test_tools::tolerance(1e-5));
        BOOST_TEST(found.at(1).score == 2.0, boost::test_tools::tolerance(1e-5));
    });
}

namespace {

void write_rounds(store_kind& kind, std::size_t writer) {
    tried own{kind};
    for (std::size_t round = 0; round < 3; ++round) {
        std::vector<passage> some;
        vectors v;
        for (std::size_t i = 0; i < 20; ++i) {
            some.push_back({.id = "p" + std::to_string((i * 7 + writer * 10) % 40), .text = std::to_string(writer)});
            v.push_back(around(static_cast<double>(i)));
        }
        own.put(std::move(some), std::move(v));
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(writers_at_the_same_time_do_not_lose_each_others_passages) {
    for_each_kind([](store_kind& kind) {
        tried t{kind};
        t.put({{.id = "p0"}}, {around(0)});
        std::vector<std::future<void>> writers;
        for (std::size_t w = 0; w < 4; ++w)
            writers.push_back(std::async(std::launch::async, [&kind, w] { write_rounds(kind, w); }));
        for (auto& w : writers) w.get();
        BOOST_TEST(t.count() == 40u);
    });
}

BOOST_AUTO_TEST_CASE(a_collection_that_is_not_there_is_named) {
    for_each_kind([](store_kind& kind) {
        if (kind.name() == "index") return;
        tried t{kind, {}, "missing"};
        BOOST_CHECK_EXCEPTION(t.near(around(0), 1), retrieve_error, [](const retrieve_error& e) {
            return e.code() == retrieve_errc::server && std::string{e.what()}.find("missing") != std::string::npos;
        });
    });
}

namespace {

struct asks : module {
    reagent::retrieve docs;
    explicit asks(std::shared_ptr<const retriever> r) : docs{*this, "docs", std::move(r)} {}
    task<std::string> forward(run& r, std::string query) const {
        auto found = co_await docs(r, query, 1);
        co_return found.empty() ? std::string{} : found[0].id;
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_server_that_is_gone_is_an_error_and_a_recorded_answer_is_not) {
    const auto behaviour = [](store_kind& kind) {
        store_options impatient;
        impatient.timeout = std::chrono::seconds{5};
        tried t{kind, impatient};
        t.put({{.id = "a", .text = "late parcels"}});
        asks program{t.store()};
        runtime rt;
        auto before = rt.execute(run_options{}, program, "parcels");
        BOOST_TEST(before.value == "a");
        if (!kind.stop()) return;
        is_error(retrieve_errc::server, [&] { t.find({"parcels", 1}); });
        is_error(retrieve_errc::server, [&] { t.put({{.id = "b", .text = "x"}}); });
        is_error(retrieve_errc::server, [&] { t.count(); });
        run_options again;
        again.replay = before.report.history;
        BOOST_TEST(rt.run(again, program, "parcels") == "a");
    };
    test::for_each_kind(all_of(store_kinds()), [&](store_kind& kind, const std::string& collection) {
        of_this_case = collection;
        behaviour(kind);
    });
}

BOOST_AUTO_TEST_CASE(a_store_needs_a_collection) {
    for_each_kind([](store_kind& kind) {
        if (kind.name() != "index") BOOST_CHECK_THROW(kind.open({}), retrieve_error);
    });
}

BOOST_AUTO_TEST_SUITE_END()
