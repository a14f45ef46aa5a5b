// What a journal could not give back is refused before it is written.
#include "fixture.hpp"

#include <boost/json.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

json::value nested(int depth) {
    json::value v = 1;
    for (int i = 0; i < depth; ++i) v = json::array{v};
    return v;
}

const std::string limit = std::to_string(max_stored_depth);

}  // namespace

BOOST_FIXTURE_TEST_CASE(inputs_are_stored_whole_or_refused, fixture) {
    json::object fits{{"a", nested(max_stored_depth - 1)}}, deep{{"a", nested(max_stored_depth)}};
    store->create({.program = "p", .inputs = fits, .id = "fits"});
    BOOST_TEST((store->get("fits").inputs == fits));
    for (const auto& inputs : {deep, json::object{{"a", nested(3000)}}})
        BOOST_TEST(thrown(run_errc::not_possible, [&] {
                       store->create({.program = "p", .inputs = inputs, .id = "deep"});
                   }).find(limit) != std::string::npos);
    BOOST_TEST(!store->find("deep"));
}

BOOST_FIXTURE_TEST_CASE(what_a_program_answers_is_stored_whole_or_fails_the_run, fixture) {
    int depth = 0;
    program_function program = [&](run&, const json::object&) -> task<json::object> {
        json::object out;
        out["a"] = nested(depth);
        co_return out;
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program, options());
    depth = max_stored_depth - 1;
    BOOST_TEST((rt.run_durably("p", {}, "fits").outputs->at("a") == nested(depth)));
    for (int d : {max_stored_depth, 300, 3000}) {
        depth = d;
        auto r = rt.run_durably("p", {}, "deep" + std::to_string(d));
        BOOST_TEST((r.status == run_status::failed));
        BOOST_TEST(r.error.find(limit) != std::string::npos, r.error);
    }
}

BOOST_FIXTURE_TEST_CASE(what_a_tool_returns_is_read_back_or_is_a_failed_observation, fixture) {
    int depth = 0;
    tools t;
    t.add("fetch", "", [&]() { return nested(depth); });
    program_function program = [&](run& r, const json::object&) -> task<json::object> {
        json::object none, out;
        auto o = co_await t.call(r, "x", "fetch", none);
        out["failed"] = o.failed;
        out["said"] = o.text();
        co_return out;
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program, options());
    for (int d : {max_stored_depth, max_stored_depth + 1, 300}) {
        depth = d;
        std::string id = "r" + std::to_string(d);
        auto r = rt.run_durably("p", {}, id);
        BOOST_REQUIRE_MESSAGE((r.status == run_status::finished), r.error);
        BOOST_TEST(r.outputs->at("failed").as_bool() == (d > max_stored_depth));
        if (d > max_stored_depth)
            BOOST_TEST(std::string{r.outputs->at("said").as_string()}.find(limit) != std::string::npos,
                       r.outputs->at("said"));
        BOOST_TEST(store->records(id).size() == r.records);  // each of them can be read
        BOOST_TEST(rt.replay(id).differences.empty());
    }
}

BOOST_FIXTURE_TEST_CASE(a_turn_of_the_most_depth_is_read_in_the_next_one, fixture) {
    program_function program = [&](run&, const json::object& in) -> task<json::object> {
        json::object out;
        out["turns"] = in.at("history").at("messages").as_array().size();
        out["a"] = nested(max_stored_depth - 1);
        co_return out;
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program, options());
    for (int i = 0; i < 3; ++i) {
        auto r = rt.converse("s", "p", {{"q", nested(max_stored_depth - 1)}});
        BOOST_REQUIRE_MESSAGE((r.status == run_status::finished), r.error);
        BOOST_TEST(r.outputs->at("turns").to_number<int>() == i);
    }
}
