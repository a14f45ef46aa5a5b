#include "support/loopback_server.hpp"

#include <reagent/reagent.hpp>
#include <reagent/retrieve/cached.hpp>
#include <reagent/retrieve/diverse.hpp>
#include <reagent/retrieve/expand.hpp>
#include <reagent/retrieve/hybrid.hpp>
#include <reagent/retrieve/rerank.hpp>
#include <reagent/retrieve/retrieve.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>

using namespace reagent;
using namespace reagent::test;

namespace {

// Answers with these ids, or by the query; keeps what it was asked.
struct fixed final : retriever {
    std::vector<std::string> ids;
    mutable std::mutex mutex;
    mutable std::vector<std::string> asked;
    mutable std::size_t most = 0;

    explicit fixed(std::vector<std::string> i) : ids{std::move(i)} {}

    task<std::vector<passage>> retrieve(run&, retrieval what) const override {
        std::lock_guard lock{mutex};
        asked.push_back(what.query);
        most = what.k;
        std::vector<passage> found;
        for (const auto& id : ids)
            if (found.size() < what.k) found.push_back({.id = id == "?" ? what.query : id, .text = "text of " + id});
        co_return found;
    }
    std::string name() const override { return "fixed"; }
};

std::shared_ptr<const fixed> answers(std::vector<std::string> ids) {
    return std::make_shared<const fixed>(std::move(ids));
}

std::string ids(const std::vector<passage>& found) {
    std::string text;
    for (const auto& p : found) text += (text.empty() ? "" : " ") + p.id;
    return text;
}

struct program : module {
    reagent::retrieve docs;
    std::size_t k;
    program(std::shared_ptr<const retriever> r, std::size_t most) : docs{*this, "docs", std::move(r)}, k{most} {}
    task<std::string> forward(run& r, std::string query) const {
        auto found = co_await docs(r, query, k);
        co_return ids(found);
    }
};

std::string found(const std::shared_ptr<const retriever>& from, std::size_t k, const std::string& query = "q",
                  language_model lm = {}) {
    const program p{from, k};
    runtime rt;
    return rt.run(run_options{.lm = std::move(lm)}, p, query);
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

}  // namespace

BOOST_AUTO_TEST_SUITE(around_retrievers)

BOOST_AUTO_TEST_CASE(ranks_are_joined) {
    auto list = [](std::initializer_list<const char*> of) {
        std::vector<passage> l;
        for (const char* id : of) l.push_back({.id = id, .score = 9});
        return l;
    };
    const auto two = fused({list({"a", "b", "c"}), list({"c", "a", "d"})}, {1, 1});
    BOOST_TEST(ids(two) == "a c b d");
    BOOST_TEST(two[0].score == 1.0 / 61 + 1.0 / 62, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(two[3].score == 1.0 / 63, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(ids(fused({list({"a", "b"}), list({"b", "a"})}, {1, 2})) == "b a");
    BOOST_TEST(ids(fused({list({"a"}), list({"b"})}, {1, 1})) == "a b");  // equal: the earlier list
    BOOST_TEST(fused({}, {}).empty());
    BOOST_CHECK_THROW(fused({{}}, {}), retrieve_error);
}

BOOST_AUTO_TEST_CASE(a_hybrid_asks_all_and_deeper) {
    auto words = answers({"a", "b", "c", "d"}), vectors = answers({"d", "c", "x", "y"});
    BOOST_TEST(found(hybrid({{words}, {vectors}}), 3) == "d c a");
    BOOST_TEST(words->most == 20u);
    BOOST_TEST(found(hybrid({{words, 5}, {vectors}}), 2) == "c d");  // 5/63 + 1/62 and 5/64 + 1/61, before 5/61
    BOOST_TEST(hybrid({{words}, {vectors}})->name() == "hybrid(fixed, fixed)");
    BOOST_TEST(refusal(retrieve_errc::no_retriever, [] { hybrid({}); }) == "a hybrid has retrievers");
    BOOST_CHECK_THROW(hybrid({{words, -1}}), retrieve_error);
}

BOOST_AUTO_TEST_CASE(diverse_passages_are_chosen) {
    const std::vector<std::vector<float>> passages{{1, 0}, {0.99F, 0.1F}, {0.7F, 0.7F}};
    BOOST_TEST((most_diverse({1, 0.09F}, passages, 2, 1) == std::vector<std::size_t>{1, 0}));
    BOOST_TEST((most_diverse({1, 0}, passages, 2, 0.4) == std::vector<std::size_t>{0, 2}));
    BOOST_TEST((most_diverse({1, 0}, passages, 9, 0.4).size() == 3u));
    struct texts final : retriever {
        task<std::vector<passage>> retrieve(run&, retrieval) const override {
            std::vector<passage> all;
            for (const char* t : {"parcels are late today", "parcels are late today again", "late refunds of parcels"})
                all.push_back({.id = std::to_string(all.size()), .text = t});
            co_return all;
        }
        std::string name() const override { return "texts"; }
    };
    BOOST_TEST(found(diverse(std::make_shared<const texts>(), vector_source{"words"}, {.relevance = 0.3}), 2,
                     "parcels late today") == "0 2");
    BOOST_CHECK_THROW(diverse(std::make_shared<const texts>(), vector_source{"words"}, {.relevance = 2}),
                      retrieve_error);
    BOOST_CHECK_THROW(diverse(nullptr, vector_source{"words"}), retrieve_error);
}

BOOST_AUTO_TEST_CASE(a_model_ranks_and_what_it_invents_is_passed_over) {
    auto inner = answers({"a", "b", "c", "d"});
    auto by = reranked(inner);
    const auto ranks = [&](const char* ranking) { return found(by, 3, "q", scripted{{{"ranking", ranking}}}); };
    BOOST_TEST(ranks("[3, 1, 2, 4]") == "c a b");
    BOOST_TEST(ranks("[4, 4, 99, 0, -1]") == "d a b");
    BOOST_TEST(ranks("[]") == "a b c");
    BOOST_TEST(found(reranked(answers({"a"})), 3) == "a");  // nothing to rank: no model is asked
    const program p{by, 3};
    scripted lm{{{"ranking", "[2]"}}};
    runtime rt;
    auto first = rt.execute(run_options{.lm = lm}, p, "which?");
    BOOST_TEST(first.value == "b a c");
    const auto asked = lm.requests().at(0).messages.back().content;
    BOOST_TEST(asked.find("which?") != asked.npos);
    BOOST_TEST(asked.find("[4] text of d") != asked.npos);
    BOOST_REQUIRE(by->parts().size() == 1u);
    BOOST_TEST(by->parts()[0]->children().at(0)->path() == "rerank");
    BOOST_TEST(p.is_or_contains(by->parts()[0]->children().at(0)));
}

// Bodies after Cohere's documentation.
BOOST_AUTO_TEST_CASE(a_rerank_server_ranks) {
    std::string body =
        R"({"id":"1","results":[{"index":2,"relevance_score":0.9},{"index":0,"relevance_score":0.2}],"meta":{}})";
    std::atomic<int> failures{1};
    server_request seen;
    loopback_server server{[&](const server_request& r) {
        seen = r;
        return failures-- > 0 ? server_response{.status = 503, .body = "later"} : server_response{.body = body};
    }};
    auto inner = answers({"a", "b", "c"});
    auto by = reranked(
        inner, rerank_endpoint{.model = "rerank-v3.5", .api_base = server.url("/v2"), .api_key = secret{"key-123456"}});
    BOOST_TEST(found(by, 2) == "c a");
    BOOST_TEST(seen.target == "/v2/rerank");
    BOOST_TEST(seen.authorization == "Bearer key-123456");
    BOOST_TEST(
        (json::parse(seen.body) ==
         json::parse(
             R"({"model":"rerank-v3.5","query":"q","documents":["text of a","text of b","text of c"],"top_n":2})")));
    for (const char* bad :
         {"{}", "x", R"({"results":[{"index":7,"relevance_score":1}]})", R"({"results":[{"index":0}]})",
          R"({"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":1}]})", R"({"results":[1]})"}) {
        body = bad;
        BOOST_TEST(refusal(retrieve_errc::server, [&] { found(by, 2); }).find("/v2/rerank") != std::string::npos);
    }
    loopback_server refusing{
        [&](const server_request&) { return server_response{.status = 401, .body = "no: key-123456"}; }};
    auto refused = reranked(
        inner, rerank_endpoint{.model = "m", .api_base = refusing.url("/v1"), .api_key = secret{"key-123456"}});
    const auto told = refusal(retrieve_errc::server, [&] { found(refused, 2); });
    BOOST_TEST(told.find("status 401") != told.npos);
    BOOST_TEST(told.find("key-123456") == told.npos);
    BOOST_TEST(refusing.requests() == 1);
    BOOST_CHECK_THROW(reranked(inner, rerank_endpoint{}), retrieve_error);
}

BOOST_AUTO_TEST_CASE(other_queries_are_written_and_their_answers_joined) {
    auto inner = answers({"?", "same"});
    auto by = expanded(inner, {.queries = 2});
    BOOST_TEST(found(by, 9, "q", scripted{{{"queries", R"(["one", "q", "", "two", "three"])"}}}) == "same q one two");
    BOOST_TEST((inner->asked == std::vector<std::string>{"q", "one", "two"}));
    BOOST_TEST(by->parts()[0]->children().at(0)->path() == "expand");
}

BOOST_AUTO_TEST_CASE(an_answer_is_kept_for_a_while) {
    auto inner = answers({"?"});
    auto by = cached(inner, {.max_entries = 2});
    for (const char* query : {"a", "b", "a"}) found(by, 1, query);
    BOOST_TEST(inner->asked.size() == 2u);
    found(by, 2, "a");  // another k
    found(by, 1, "b");  // had to go: `a` was used later
    BOOST_TEST(inner->asked.size() == 4u);
    const program p{by, 1};
    BOOST_TEST(by->name() == "cached(fixed)");
    auto brief = cached(inner, {.max_age = std::chrono::seconds{1}});
    found(brief, 1, "x");
    found(brief, 1, "x");
    BOOST_TEST(inner->asked.size() == 5u);
}

BOOST_AUTO_TEST_CASE(an_id_counts_once_in_a_list) {
    auto list = [](std::initializer_list<const char*> of) {
        std::vector<passage> l;
        for (const char* id : of) l.push_back({.id = id});
        return l;
    };
    const auto one = fused({list({"a", "b", "b", "b"})}, {1});
    BOOST_TEST(ids(one) == "a b");
    BOOST_TEST(one[1].score == 1.0 / 62, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_rerank_server_that_names_too_few_loses_nothing_quietly) {
    std::string body;
    loopback_server server{[&](const server_request&) { return server_response{.body = body}; }};
    auto by = reranked(answers({"a", "b", "c", "d"}), rerank_endpoint{.model = "m", .api_base = server.url("/v1")});
    for (const char* few : {R"({"results":[{"index":3,"relevance_score":0.9}]})", R"({"results":[]})"}) {
        body = few;
        BOOST_TEST(refusal(retrieve_errc::server, [&] { found(by, 3); }).find("of 3") != std::string::npos, few);
    }
}

BOOST_AUTO_TEST_SUITE_END()
