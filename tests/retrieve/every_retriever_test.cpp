// What every retriever does alike, asked by words: one by words, by vectors, by both, and the stores on servers.
// stores.sh runs it with real servers.
#include "support/loopback_server.hpp"
#include "support/tried_store.hpp"

#include <reagent/retrieve/chroma.hpp>
#include <reagent/retrieve/qdrant.hpp>
#include <reagent/retrieve/retrieve.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <set>
#include <thread>

using namespace reagent;
using namespace reagent::test;

namespace {

// Vectors of few numbers would mix up words; those of many are slow to send.
store_options few_numbers() {
    store_options o;
    o.vectors = vector_source{"words-16"};
    return o;
}

void every(const std::function<void(store_kind&, tried_store&)>& behaviour, store_options o = {}) {
    static const auto kinds = all_of(retriever_kinds());
    for_each_kind(kinds, [&](store_kind& kind, const std::string& collection) {
        tried_store t{kind, o, collection};
        behaviour(kind, t);
    });
}

std::string ids(const std::vector<passage>& found) {
    std::string all;
    for (const auto& p : found) all += (all.empty() ? "" : " ") + p.id;
    return all;
}

void fails(retrieve_errc code, const std::function<void()>& what) {
    BOOST_CHECK_EXCEPTION(what(), retrieve_error, [&](const retrieve_error& e) {
        BOOST_TEST_INFO(e.what());
        return e.code() == code;
    });
}

const passage late{.id = "late", .text = "parcels that come late", .metadata = {{"lang", "en"}, {"year", 2023}}},
    refund{.id = "refund", .text = "how refunds are paid", .metadata = {{"lang", "en"}, {"year", 2024}}},
    visa{.id = "\u0432\u0438\u0437\u0430/1",
         .text =
             "\u043f\u0430\u0441\u043f\u043e\u0440\u0442 \u0438 "
             "\u0432\u0438\u0437\u0430 \U0001F600",
         .metadata = {{"lang", "\u0440\u0443"}}},
    kyoto{.id = "\u4eac\u90fd",
          .text = "\u6628\u65e5\u306f\u4eac\u90fd\u3078\u884c\u304d\u307e\u3057\u305f",
          .metadata = {{"lang", "ja"}}};

}  // namespace

BOOST_AUTO_TEST_SUITE(every_retriever)

BOOST_AUTO_TEST_CASE(what_is_added_is_found_and_counted) {
    every([](store_kind&, tried_store& t) {
        t.put({late, refund});
        BOOST_TEST(ids(t.find({"late parcels", 1})) == "late");
        t.put({visa});
        BOOST_TEST(ids(t.find({"refunds paid", 1})) == "refund");
        BOOST_TEST(t.count() == 3u);
    });
}

BOOST_AUTO_TEST_CASE(what_is_replaced_is_there_once_and_new) {
    every([](store_kind&, tried_store& t) {
        t.put({late});
        passage newer = late;
        newer.text = "parcels that come early";
        newer.metadata = {{"lang", "de"}};
        t.put({newer});
        const auto found = t.find({"early parcels", 5});
        BOOST_REQUIRE(ids(found) == "late");
        BOOST_TEST(found[0].text == newer.text);
        BOOST_TEST(t.find({"parcels", 5, filter::eq("lang", "en")}).empty());
        BOOST_TEST(t.count() == 1u);
    });
}

BOOST_AUTO_TEST_CASE(what_is_removed_is_not_found) {
    every([](store_kind&, tried_store& t) {
        t.put({late, refund});
        t.remove({"late", "never there"});
        BOOST_TEST(ids(t.find({"parcels that are paid", 5})) == "refund");
        BOOST_TEST(t.count() == 1u);
    });
}

BOOST_AUTO_TEST_CASE(a_filter_leaves_what_fits_and_all_of_it) {
    every([](store_kind&, tried_store& t) {
        std::vector<passage> all;
        for (int i = 0; i < 60; ++i)
            all.push_back({.id = std::to_string(i), .text = "parcel " + std::to_string(i), .metadata = {{"n", i}}});
        t.put(all);
        const auto found = t.find({"parcel", 10, filter::gte("n", 10) && filter::lt("n", 15)});
        BOOST_TEST(found.size() == 5u);
        for (const auto& p : found) BOOST_TEST(p.metadata.at("n").to_number<int>() / 5 == 2);
        BOOST_TEST(t.find({"parcel", 10, !filter::lt("n", 60)}).empty());
    });
}

// The first pages do not change when more is asked for.
BOOST_AUTO_TEST_CASE(a_longer_answer_begins_with_the_shorter_one) {
    every([](store_kind&, tried_store& t) {
        std::vector<passage> all;
        std::string others;
        for (int i = 0; i < 15; ++i) {
            all.push_back({.id = std::to_string(i), .text = "parcel" + others});
            others += " word" + std::to_string(i);
        }
        t.put(all);
        const auto whole = t.find({"parcel", 15});
        BOOST_TEST(whole.size() == 15u);
        for (std::size_t k = 0; k < 15; ++k) {
            auto page = t.find({"parcel", k});
            BOOST_TEST(ids(page) == ids({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(k)}));
        }
    });
}

BOOST_AUTO_TEST_CASE(every_script_is_found_as_it_was) {
    every([](store_kind&, tried_store& t) {
        t.put({late, visa, kyoto});
        auto found = t.find({"\u0432\u0438\u0437\u0430", 1});
        BOOST_REQUIRE(ids(found) == visa.id);
        found[0].score = 0;
        BOOST_TEST(json::serialize(to_json(found[0])) == json::serialize(to_json(visa)));
        BOOST_TEST(ids(t.find({"\u4eac\u90fd", 1})) == kyoto.id);
        BOOST_TEST(ids(t.find({"\u0432\u0438\u0437\u0430", 5, filter::eq("lang", "\u0440\u0443")})) == visa.id);
    });
}

BOOST_AUTO_TEST_CASE(none_and_ten_thousand_are_answers) {
    constexpr std::size_t many = 10'000;
    std::vector<passage> all;
    for (std::size_t i = 0; i < many; ++i)
        all.push_back({.id = std::to_string(i), .text = "parcel " + std::to_string(i), .metadata = {{"n", 1}}});
    every(
        [&](store_kind&, tried_store& t) {
            t.put(all);
            BOOST_TEST(t.find({"parcel", 0}).empty());
            BOOST_TEST(t.find({"parcel", 10, filter::eq("n", 2)}).empty());
            std::set<std::string> found;
            for (const auto& p : t.find({"parcel", 2 * many})) found.insert(p.id);
            BOOST_TEST(found.size() == many);
        },
        few_numbers());
}

BOOST_AUTO_TEST_CASE(vectors_that_do_not_fit_are_refused) {
    every([](store_kind& kind, tried_store& t) {
        t.put({late});
        fails(retrieve_errc::wrong_model, [&] { t.put({refund}, {{1, 2, 3}}); });
        BOOST_TEST(t.count() == 1u);
        retrieval what{"parcels", 1};
        what.vector = {1, 2, 3};
        if (kind.name() == "lexical")  // which looks at no vector
            BOOST_TEST(ids(t.find(what)) == "late");
        else
            fails(retrieve_errc::wrong_model, [&] { t.find(what); });
    });
}

BOOST_AUTO_TEST_CASE(writers_at_once_lose_nothing) {
    for_each_kind(all_of(retriever_kinds()), [](store_kind& kind, const std::string& collection) {
        tried_store t{kind, few_numbers(), collection};
        t.put({{.id = "p0", .text = "parcel"}});
        std::vector<std::future<void>> writers;
        for (std::size_t w = 0; w < 4; ++w)
            writers.push_back(std::async(std::launch::async, [&, w] {
                tried_store own{kind, few_numbers(), collection};
                for (std::size_t i = 0; i < 10; ++i)
                    own.put({{.id = "p" + std::to_string(w * 10 + i), .text = "parcel"}});
            }));
        for (auto& w : writers) w.get();
        BOOST_TEST(t.count() == 40u);
        BOOST_TEST(t.find({"parcel", 100}).size() == 40u);
    });
}

// While one puts and another searches; an index on disk has its own test, by kill -9 (index_crash.cpp).
BOOST_AUTO_TEST_CASE(a_server_that_goes_in_the_middle_is_an_error_and_no_wait) {
    for_each_kind(all_of(retriever_kinds()), [](store_kind& kind, const std::string& collection) {
        store_options impatient = few_numbers();
        impatient.timeout = std::chrono::seconds{5};
        tried_store first{kind, impatient, collection};
        first.put({late});
        std::atomic<bool> gone = false, ends = false;
        std::atomic<int> puts = 0, finds = 0;
        const auto until_it_fails = [&](std::atomic<int>& done, const std::function<void(tried_store&)>& work) {
            return std::async(std::launch::async, [&, work] {
                tried_store own{kind, impatient, collection};
                try {
                    for (; !ends; ++done) work(own);
                } catch (const retrieve_error& e) {
                    const std::string what = e.code() == retrieve_errc::server ? "server" : e.what();
                    return gone ? what : "too early: " + what;
                }
                return std::string{"no error"};
            });
        };
        auto putting = until_it_fails(puts, [](tried_store& t) { t.put({refund}); });
        auto finding = until_it_fails(finds, [](tried_store& t) { t.find({"parcels", 1}); });
        while (puts < 3 || finds < 3) std::this_thread::yield();
        gone = true;
        ends = !kind.stop();
        const std::string expected = ends ? "no error" : "server";
        BOOST_TEST(putting.get() == expected);
        BOOST_TEST(finding.get() == expected);
    });
}

namespace {

// Says what a collection is, and goes in the middle of the answer to a search.
struct leaving_server {
    server_response last;
    loopback_server server{[this](const server_request& r) -> server_response {
        if (r.method == "GET")
            return {.body = R"({"id":"1","dimension":16,"configuration_json":{"hnsw":{"space":"cosine"}},)"
                            R"("result":{"config":{"params":{"vectors":{"size":16,"distance":"Cosine"}}}}})"};
        return last;
    }};
};

template <class Options>
void leaves(Options o, std::shared_ptr<const passage_store> (*open)(Options)) {
    const server_response ways[]{{.drop = true},
                                 {.reset = true},
                                 {.raw = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"result\":"},
                                 {.raw = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"res"}};
    leaving_server s;
    o.collection = "c";
    o.vectors = vector_source{"words-16"};
    o.url = s.server.url("");
    o.timeout = std::chrono::seconds{5};
    for (const auto& way : ways) {
        s.last = way;
        runtime rt;
        const auto store = open(o);
        fails(retrieve_errc::server, [&] {
            rt.run(run_options{}, [store](run& r) -> task<int> {
                auto found = co_await store->retrieve(r, {"parcels", 3});
                co_return static_cast<int>(found.size());
            });
        });
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(half_an_answer_is_none) {
    leaves<qdrant_options>({}, qdrant);
    leaves<chroma_options>({}, chroma);
}

BOOST_AUTO_TEST_SUITE_END()
