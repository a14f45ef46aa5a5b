// Programs as data: a tag moves, a file is broken, a request keeps what it began with.
#include "service.hpp"

#include <reagent/module/program_store.hpp>

#include <boost/test/unit_test.hpp>

#include <unistd.h>

using namespace reagent;
using reagent::test::service;

namespace {

// Answers with the instructions that it was asked with.
scripted echo() {
    return scripted{scripted::function{[](const lm_request& r) {
        const std::string& text = r.messages.front().content;
        return scripted_answer{{{"answer", text.find("SECOND") != text.npos  ? "two"
                                           : text.find("FIRST") != text.npos ? "one"
                                                                             : "none"}}};
    }}};
}

struct stored {
    predict<sig<"question -> answer">> qa;
    std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("reagent-serve-" + std::to_string(::getpid()));
    stored() { std::filesystem::remove_all(folder); }
    ~stored() { std::filesystem::remove_all(folder); }
    std::uint64_t put(const std::string& instructions) {
        parameters p;
        p.predictors["self"].instructions = instructions;
        return program_store{folder}.put(to_saved(qa, p));
    }
    std::string saved() const { return folder.string() + "@production"; }
};

const std::string question = R"({"question": "q"})";

// Until the answer is that, for ten seconds: the tag is looked at now and then.
test::raw_reply until(test::raw_client& c, const std::string& version) {
    test::raw_reply r;
    for (auto end = clock::now() + std::chrono::seconds{10}; clock::now() < end;
         std::this_thread::sleep_for(std::chrono::milliseconds{10})) {
        r = c.post("/ask", question);
        if (r.headers["x-program-version"] == version) break;
    }
    return r;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(versions)

BOOST_AUTO_TEST_CASE(there_is_no_program_yet_then_one_then_another_and_a_broken_one_changes_nothing) {
    stored s;
    service v;
    v.server.add("/ask", s.qa, {.run = echo(), .saved = s.saved(), .poll = std::chrono::milliseconds{20}});
    v.server.start();
    auto c = v.client();
    auto none = c.post("/ask", question);
    BOOST_TEST(none.status == 503);
    BOOST_TEST(!none.headers["retry-after"].empty());
    BOOST_TEST(c.get("/readyz").status == 503);
    auto first = s.put("FIRST");
    program_store{s.folder}.tag("production", first);
    BOOST_TEST(until(c, "1").body == R"({"answer": "one"})");
    BOOST_TEST(c.get("/readyz").status == 200);
    program_store{s.folder}.tag("production", s.put("SECOND"));
    BOOST_TEST(until(c, "2").body == R"({"answer": "two"})");

    predict<sig<"other -> thing">> another;
    auto wrong = program_store{s.folder}.put(to_saved(another));
    program_store{s.folder}.tag("production", wrong);
    for (int i = 0; i < 500 && c.get("/metrics").body.find("reagent_versions_refused_total{program=\"ask\"} 0") !=
                                   std::string::npos;
         ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    auto still = c.post("/ask", question);
    BOOST_TEST(still.headers["x-program-version"] == "2");
    BOOST_TEST(still.body == R"({"answer": "two"})");
    program_store{s.folder}.roll_back("production");
    program_store{s.folder}.roll_back("production");
    BOOST_TEST(until(c, "1").body == R"({"answer": "one"})");
}

BOOST_AUTO_TEST_CASE(a_given_version_answers_beside_the_requests) {
    stored s;
    program_store{s.folder}.tag("production", s.put("FIRST"));
    s.put("SECOND");
    service v;
    v.server.add("/ask", s.qa, {.run = echo(), .saved = s.saved()});
    v.server.start();
    std::promise<versioned_answer> promise;
    v.server.answer_by("2", "/ask", {{"question", "q"}}, [&](const versioned_answer& a) { promise.set_value(a); });
    auto a = promise.get_future().get();
    BOOST_TEST_REQUIRE(a.output.has_value());
    BOOST_TEST(a.version == "2");
    BOOST_TEST(a.output->at("answer").as_string() == "two");
    BOOST_TEST(a.usage.calls == 1u);
    BOOST_TEST(v.client().post("/ask", question).body == R"({"answer": "one"})");
}

BOOST_AUTO_TEST_SUITE_END()
