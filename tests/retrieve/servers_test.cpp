// Stores on servers that answer oddly: what is not understood is an error, and nothing is believed.
#include "support/loopback_server.hpp"

#include <reagent/reagent.hpp>
#include <reagent/retrieve/chroma.hpp>
#include <reagent/retrieve/qdrant.hpp>
#include <reagent/retrieve/retrieve.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>

using namespace reagent;
using namespace reagent::test;

namespace {

struct job {
    std::function<task<void>(run&)> work;
    task<int> forward(run& r) const {
        co_await work(r);
        co_return 0;
    }
};

template <class Work>
std::string refusal(retrieve_errc code, Work work) {
    try {
        work();
    } catch (const retrieve_error& e) {
        return e.code() == code ? e.what() : "another code: " + std::string{e.what()};
    } catch (const std::exception& e) {
        return std::string{"another exception: "} + e.what();
    }
    return "nothing was thrown";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

json::object point(const std::string& id, double score, int n = 1) {
    return {{"id", "6004acc8-276b-5bce-957e-1625b1d027ee"},
            {"score", score},
            {"payload", json::object{{"id", id}, {"text", "t"}, {"metadata", json::object{{"n", n}}}}}};
}

// A Qdrant whose answers are whatever a case says.
struct odd_server {
    std::string distance = "Cosine", written = R"({"result":{"operation_id":1,"status":"completed"},"status":"ok"})",
                counted = R"({"result":{"count":2},"status":"ok"})";
    std::function<server_response(const json::value&)> query;
    loopback_server server{[this](const server_request& r) -> server_response {
        if (r.method == "GET")
            return {.body = R"({"result":{"config":{"params":{"vectors":{"size":16,"distance":")" + distance +
                            R"("}}}},"status":"ok"})"};
        if (has(r.target, "/points/query")) return query(json::parse(r.body));
        if (has(r.target, "count")) return {.body = counted};
        return {.body = written};
    }};

    std::shared_ptr<const passage_store> store(std::size_t max_fetched = 100'000) const {
        qdrant_options o;
        o.collection = "c";
        o.vectors = vector_source{"words-16"};
        o.url = server.url("");
        o.api_key = secret{"key-SECRET-123456"};
        o.max_fetched = max_fetched;
        return qdrant(o);
    }
    void answer(json::array points) {
        query = [points](const json::value&) {
            return server_response{
                .body = json::serialize(json::object{{"result", json::object{{"points", points}}}, {"status", "ok"}})};
        };
    }
};

void does(std::function<task<void>(run&)> work) {
    runtime rt;
    rt.run(run_options{}, job{std::move(work)});
}

std::string found(const std::shared_ptr<const passage_store>& in, retrieval what) {
    std::string ids;
    does([&](run& r) -> task<void> {
        auto all = co_await in->retrieve(r, what);
        for (const auto& p : all) ids += (ids.empty() ? "" : " ") + p.id;
    });
    return ids;
}
void put(const std::shared_ptr<const passage_store>& to) {
    does([&](run& r) -> task<void> {
        std::vector<passage> some{{.id = "a", .text = "t"}};
        co_await to->put(r, some);
    });
}
void remove(const std::shared_ptr<const passage_store>& from) {
    does([&](run& r) -> task<void> {
        std::vector<std::string> some{"a"};
        co_await from->remove(r, some);
    });
}
std::uint64_t count(const std::shared_ptr<const passage_store>& of) {
    std::uint64_t n = 0;
    does([&](run& r) -> task<void> { n = co_await of->count(r); });
    return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(odd_servers)

BOOST_AUTO_TEST_CASE(a_collection_with_another_distance_is_refused) {
    odd_server s;
    s.answer({point("near", .1), point("far", 9.0)});
    BOOST_TEST(found(s.store(), {"q", 2}) == "far near");
    for (const char* distance : {"Euclid", "Manhattan", "?"}) {
        s.distance = distance;
        BOOST_TEST(has(refusal(retrieve_errc::wrong_model, [&] { found(s.store(), {"q", 2}); }), distance));
        BOOST_TEST(has(refusal(retrieve_errc::wrong_model, [&] { put(s.store()); }), distance));
    }
}

BOOST_AUTO_TEST_CASE(a_chroma_collection_with_another_distance_is_refused) {
    std::string about;
    loopback_server server{[&](const server_request&) { return server_response{.body = about}; }};
    chroma_options o;
    o.collection = "c";
    o.vectors = vector_source{"words-16"};
    o.url = server.url("");
    const auto store = chroma(o);
    for (const char* odd : {R"({"id":"1","dimension":16,"configuration_json":{"hnsw":{"space":"l2"}}})",
                            R"({"id":"1","dimension":16,"metadata":{"hnsw:space":"l2"}})",
                            R"({"id":"1","dimension":16,"configuration_json":{"spann":{"space":"l2"}}})"}) {
        about = odd;
        const auto told = refusal(retrieve_errc::wrong_model, [&] { found(store, {"q", 2}); });
        BOOST_TEST(has(told, "l2"), told);
    }
    about = R"({"id":"1","dimension":-1})";
    BOOST_TEST(has(refusal(retrieve_errc::server, [&] { found(store, {"q", 2}); }), "chroma:c"));
}

BOOST_AUTO_TEST_CASE(an_id_is_found_once) {
    odd_server s;
    s.answer({point("a", .5), point("a", .5), point("a", .5), point("b", .4)});
    BOOST_TEST(found(s.store(), {"q", 4}) == "a b");
    s.query = [](const json::value& asked) {
        json::array points;
        const char* ids[]{"a", "a", "a", "b", "c", "d", "e"};
        for (std::size_t i = 0; i < asked.at("limit").to_number<std::size_t>() && i < std::size(ids); ++i)
            points.push_back(point(ids[i], 1 - 0.1 * static_cast<double>(i)));
        return server_response{
            .body = json::serialize(json::object{{"result", json::object{{"points", points}}}, {"status", "ok"}})};
    };
    BOOST_TEST(found(s.store(), {"q", 3}) == "a b c");  // and more is asked for
}

BOOST_AUTO_TEST_CASE(a_search_that_comes_to_its_limit_says_so) {
    odd_server s;
    s.query = [](const json::value& asked) {
        json::array points;
        for (std::size_t i = 0; i < asked.at("limit").to_number<std::size_t>(); ++i)
            points.push_back(point("n" + std::to_string(i), .5));
        return server_response{
            .body = json::serialize(json::object{{"result", json::object{{"points", points}}}, {"status", "ok"}})};
    };
    BOOST_TEST(has(refusal(retrieve_errc::too_large,
                           [&] {
                               retrieval what{"q", 5};
                               what.where = filter::gt("n", 5);
                               found(s.store(500), what);
                           }),
                   "500"));
    BOOST_TEST(found(s.store(500), {"q", 2}) == "n0 n1");
}

BOOST_AUTO_TEST_CASE(an_answer_that_says_nothing_is_not_believed) {
    odd_server s;
    BOOST_TEST(refusal(retrieve_errc::server, [&] { put(s.store()); }) == "nothing was thrown");
    for (const char* odd :
         {R"({"status":{"error":"disk full"},"result":null})", "{}", "[]", "null", "", "7",
          R"({"status":"ok","result":null})", R"({"status":"ok","result":{"status":"clock_rejected"}})",
          R"({"status":"error","result":{"status":"completed"}})"}) {
        s.written = odd;
        BOOST_TEST(has(refusal(retrieve_errc::server, [&] { put(s.store()); }), "qdrant:c"), odd);
        BOOST_TEST(has(refusal(retrieve_errc::server, [&] { remove(s.store()); }), "qdrant:c"), odd);
    }
}

BOOST_AUTO_TEST_CASE(a_count_that_is_none_is_the_servers_error) {
    odd_server s;
    BOOST_TEST(count(s.store()) == 2u);
    for (const char* odd : {"-5", "1.5", "1e300", "null", "\"2\""}) {
        s.counted = std::string{R"({"status":"ok","result":{"count":)"} + odd + "}}";
        const auto told = refusal(retrieve_errc::server, [&] { count(s.store()); });
        BOOST_TEST(has(told, "qdrant:c"), odd << ": " << told);
        BOOST_TEST(!has(told, "/usr/include"), told);
    }
}

BOOST_AUTO_TEST_CASE(a_key_that_a_server_says_again_is_not_shown) {
    odd_server s;
    for (const char* body :
         {"wrong key: key-SECRET-123456", R"({"status":{"error":"no such key: key-SECRET-123456"}})"}) {
        s.query = [&](const json::value&) { return server_response{.status = 403, .body = body}; };
        const auto told = refusal(retrieve_errc::server, [&] { found(s.store(), {"q", 2}); });
        BOOST_TEST(has(told, "status 403"), told);
        BOOST_TEST(!has(told, "SECRET"), told);
    }
    loopback_server server{[&](const server_request&) {
        return server_response{.status = 401, .body = "token token-SECRET-123456 is wrong"};
    }};
    chroma_options o;
    o.collection = "c";
    o.url = server.url("");
    o.token = secret{"token-SECRET-123456"};
    const auto told = refusal(retrieve_errc::server, [&] { found(chroma(o), {"q", 2}); });
    BOOST_TEST(has(told, "status 401"), told);
    BOOST_TEST(!has(told, "SECRET"), told);
}

BOOST_AUTO_TEST_SUITE_END()
