// A search is work for the threads for what blocks: while the only one of them is held, no search ends, and the run's
// thread goes on.
#include "support/folder.hpp"

#include <reagent/module/parallel.hpp>
#include <reagent/retrieve/hybrid.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/retrieve/vectors.hpp>
#include <reagent/run/runtime.hpp>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <future>

using namespace reagent;

namespace {

using work = std::function<task<void>(run&)>;

// Does `searches` while the pool is held; tells what had ended when the run's thread had had its turns.
struct with_held_pool {
    work searches;

    task<std::string> forward(run& r) const {
        std::promise<void> gate;
        bool ended = false;
        std::string told = "the run's thread had no turn";
        auto holding = [&]() -> task<void> {
            std::function<json::value()> wait = [opened = gate.get_future().share()] {
                opened.wait();
                return json::value(nullptr);
            };
            co_await r.blocking(std::move(wait));
        };
        auto searching = [&]() -> task<void> {
            co_await searches(r);
            ended = true;
        };
        auto turning = [&]() -> task<void> {
            auto executor = co_await asio::this_coro::executor;
            for (int turn = 0; turn < 1000; ++turn) co_await asio::post(executor, asio::use_awaitable);
            told = ended ? "it was done on the run's thread" : "it waited";
            gate.set_value();
        };
        std::vector<task<void>> all;
        all.push_back(holding());
        all.push_back(searching());
        all.push_back(turning());
        if (const auto failure = co_await detail::all_or_first_failure(std::move(all))) std::rethrow_exception(failure);
        co_return ended ? told : "it did not end";
    }
};

std::string told(work searches) {
    runtime rt{{.threads = 1, .blocking_threads = 1}};
    return rt.run(run_options{}, with_held_pool{std::move(searches)});
}

std::string told(const std::shared_ptr<const retriever>& from, const retrieval& what) {
    return told([&](run& r) -> task<void> {
        auto found = co_await from->retrieve(r, what);
        BOOST_TEST(found.size() == 2u);
    });
}

struct fixture {
    test::folder dir;
    vector_source words{"words-64"};
    memory_index memory;
    passage_index disk = passage_index::create(dir.path / "x", {.embedder = "words-64", .dimensions = 64});
    retrieval by_text{"late parcels", 2}, by_vector{"", 2};

    fixture() {
        by_vector.vector.assign(64, 1);
        auto w = disk.write();
        for (const char* id : {"a", "b", "c"}) {
            const passage p{.id = id, .text = "late parcels"};
            w.put(p, by_vector.vector);
            memory.put(p);
        }
        w.commit();
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(off_the_loop, fixture)

BOOST_AUTO_TEST_CASE(a_search_by_words_leaves_the_run_s_thread_alone) {
    BOOST_TEST(told(lexical(disk), by_text) == "it waited");
    BOOST_TEST(told(lexical(memory), by_text) == "it waited");
}

BOOST_AUTO_TEST_CASE(a_search_by_vectors_leaves_the_run_s_thread_alone) {
    BOOST_TEST(told(nearest(disk, words), by_vector) == "it waited");
    BOOST_TEST(told(nearest(disk, words, {.exactly = true}), by_vector) == "it waited");
}

BOOST_AUTO_TEST_CASE(a_hybrid_leaves_the_run_s_thread_alone) {
    BOOST_TEST(told(hybrid({{lexical(disk)}, {nearest(disk, words)}}), by_text) == "it waited");
}

BOOST_AUTO_TEST_CASE(vectors_by_words_are_made_off_the_run_s_thread) {
    BOOST_TEST(told([this](run& r) -> task<void> {
                   std::vector<std::string> texts{"late parcels"};
                   auto made = co_await words.embed(r, "embed", std::move(texts), embedding_use::query);
                   BOOST_TEST(made.vectors.size() == 1u);
               }) == "it waited");
}

BOOST_AUTO_TEST_SUITE_END()
