#include "support/folder.hpp"
#include "support/loopback_server.hpp"

#include <reagent/reagent.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/retrieve/retrieve.hpp>
#include <reagent/retrieve/vectors.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <set>

using namespace reagent;
using namespace reagent::test;

namespace {

// Vectors of two numbers, by whether a text has an `a` and a `b`; the first `failures` requests are refused.
class embedding_server {
public:
    std::atomic<int> failures{0}, texts{0}, most_at_once{0};
    std::multiset<std::size_t> sizes;

    std::string url() const { return server_.url("/v1"); }
    int requests() const { return server_.requests(); }

private:
    server_response answer(const server_request& r) {
        if (failures > 0) {
            --failures;
            return {.status = 503, .body = "{}"};
        }
        json::array data;
        const auto asked = json::parse(r.body);
        for (const auto& t : asked.at("input").as_array()) {
            const std::string text{t.as_string()};
            json::array v{text.find('a') != text.npos, text.find('b') != text.npos};
            for (auto& x : v) x = x.as_bool() ? 1.0 : 0.25;
            if (text == "longer") v.push_back(1.0);
            data.push_back(json::object{{"index", data.size()}, {"embedding", v}});
        }
        texts += static_cast<int>(data.size());
        sizes.insert(data.size());
        return {.body = json::serialize(json::object{{"data", data}, {"usage", {{"prompt_tokens", data.size()}}}})};
    }

    loopback_server server_{[this](const server_request& r) { return answer(r); }};
};

vector_source source_of(const embedding_server& server) {
    vector_options o;
    o.model = {.api_base = server.url(), .api_key = secret{"key-1"}, .batch = 3};
    o.retry = {.base = std::chrono::milliseconds{1}};
    o.max_text_bytes = 100;
    return vector_source{"openai/e", o};
}

struct bulk {
    vector_source with;
    std::vector<std::string> texts;
    std::vector<std::size_t>* told;
    task<std::vector<std::vector<float>>> forward(run& r) const {
        lm_context where{r.http()};
        std::function<void(std::size_t)> done = [told = told](std::size_t n) { told->push_back(n); };
        auto made = co_await with.embed(where, texts, embedding_use::document, done);
        co_return made.vectors;
    }
};

struct asks : module {
    reagent::retrieve docs;
    explicit asks(std::shared_ptr<const retriever> r) : docs{*this, "docs", std::move(r)} {}
    task<std::string> forward(run& r, std::string question) const {
        auto found = co_await docs(r, question, 1);
        co_return found.empty() ? "nothing" : found[0].id;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(embedding)

BOOST_AUTO_TEST_CASE(many_texts_go_in_batches_and_failed_ones_again) {
    embedding_server server;
    server.failures = 2;
    std::vector<std::size_t> told;
    std::vector<std::string> texts{"a", "b", "ab", "c", "a2", "b2", "ab2"};
    runtime rt;
    const bulk work{source_of(server), texts, &told};
    const auto vectors = rt.run(run_options{}, work);
    BOOST_REQUIRE(vectors.size() == 7u);
    BOOST_TEST((vectors[2] == std::vector<float>{1, 1}));
    BOOST_TEST((vectors[5] == std::vector<float>{0.25F, 1}));
    BOOST_TEST((server.sizes == std::multiset<std::size_t>{1, 3, 3}));
    BOOST_TEST(told.back() == 7u);
    BOOST_TEST((rt.run(run_options{}, work) == vectors));
    BOOST_TEST(server.texts == 7);  // the second time from the cache
}

BOOST_AUTO_TEST_CASE(texts_that_would_be_cut_off_and_odd_vectors_are_refused) {
    embedding_server server;
    std::vector<std::size_t> told;
    runtime rt;
    const bulk too_long{source_of(server), {std::string(101, 'a')}, &told};
    BOOST_CHECK_EXCEPTION(rt.run(run_options{}, too_long), retrieve_error,
                          [](const retrieve_error& e) { return e.code() == retrieve_errc::too_large; });
    const bulk longer{source_of(server), {"a", "a", "a", "longer"}, &told};
    BOOST_CHECK_EXCEPTION(rt.run(run_options{}, longer), retrieve_error,
                          [](const retrieve_error& e) { return e.code() == retrieve_errc::wrong_model; });
}

BOOST_AUTO_TEST_CASE(a_query_is_embedded_within_the_run) {
    test::folder dir;
    embedding_server server;
    auto i = passage_index::create(dir.path / "x", {.embedder = "openai/e"});
    auto w = i.write();
    w.put({.id = "a", .text = "a"}, {1, 0.25F});
    w.put({.id = "b", .text = "b"}, {0.25F, 1});
    w.commit();
    asks program{nearest(i, source_of(server))};
    runtime rt;
    auto first = rt.execute(run_options{}, program, "only b");
    BOOST_TEST(first.value == "b");
    BOOST_TEST(first.report.usage.prompt_tokens == 1u);
    BOOST_TEST(first.report.history->events().size() == 2u);  // the vector, and the retrieval around it
    run_options again;
    again.replay = first.report.history;
    BOOST_TEST(rt.run(again, program, "only b") == "b");
    BOOST_TEST(server.requests() == 1);
    BOOST_CHECK_EXCEPTION(nearest(i, vector_source{"words"}), retrieve_error, [](const retrieve_error& e) {
        return e.code() == retrieve_errc::wrong_model && std::string{e.what()}.find("openai/e") != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(without_a_model_words_make_the_vector) {
    test::folder dir;
    const vector_source words{"words"};
    BOOST_TEST(words.name() == "words-512");
    BOOST_TEST(vector_source{"words-64"}.is_of_words());
    BOOST_CHECK_THROW(vector_source{"words-3"}, retrieve_error);
    BOOST_CHECK_THROW(vector_source{"words-many"}, retrieve_error);
    std::vector<std::size_t> told;
    runtime rt;
    const bulk work{words, {"The parcel was delivered late", "Refunds take five days", "Паспорт и виза", ""}, &told};
    const auto vectors = rt.run(run_options{}, work);
    auto i = passage_index::create(dir.path / "x", {.embedder = words.name()});
    auto w = i.write();
    for (std::size_t n = 0; n < 4; ++n) w.put({.id = std::to_string(n), .text = "x"}, vectors[n]);
    w.commit();
    asks program{nearest(i, words)};
    BOOST_TEST(rt.run(run_options{}, program, "late deliveries of parcels") == "0");
    BOOST_TEST(rt.run(run_options{}, program, "how many days until a refund") == "1");
    BOOST_TEST(rt.run(run_options{}, program, "нужна ли виза") == "2");
    BOOST_TEST(rt.run(run_options{}, program, "?!") == "nothing");
    asks by_words{lexical(i)};
    BOOST_TEST(by_words.docs.from()->name() == "lexical:x");
    BOOST_TEST(rt.run(run_options{}, by_words, "x") == "0");
}

BOOST_AUTO_TEST_SUITE_END()
