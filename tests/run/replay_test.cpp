#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

// Draws a number, and then does what it did not do when it was recorded.
struct changed {
    std::function<task<void>(run&)> more;
    task<double> forward(run& r) const {
        double drawn = r.random();
        if (more) co_await more(r);
        co_return drawn;
    }
};

std::string replay_of(const std::shared_ptr<const journal>& history, changed m) {
    runtime rt;
    run_options again;
    again.replay = history;
    try {
        rt.run(again, m);
    } catch (const run_error& e) {
        return e.code() == run_errc::replay_mismatch ? e.what() : std::string{"another error: "} + e.what();
    }
    return "it came to an end";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replays)

namespace {

struct asks {
    std::string text;
    task<std::string> forward(run& r) const {
        lm_request q;
        q.messages.push_back({role::user, text});
        std::string path = "x", tool = "send";
        auto answer = co_await r.call_model(path, language_model{}, q);
        json::value arguments = json::object{{"text", text}};
        std::function<task<json::value>()> effect = []() -> task<json::value> { co_return json::value("sent"); };
        co_await r.call_tool(path, tool, arguments, effect);
        co_return answer->text;
    }
};

}  // namespace

// A difference is told by a window of the texts: wherever that begins and ends, no part of a key is in it.
BOOST_AUTO_TEST_CASE(a_difference_tells_no_part_of_a_key) {
    const std::string own = "q7Xk!own/key+9Lm2VbT4sZ", drawn = "sk-proj-Ab12Cd34Ef56Gh78Ij90";
    for (const auto& key : {own, drawn})
        for (std::size_t before : {0u, 20u, 31u, 40u})
            for (std::size_t after = 0; after < 230; after += 1) {
                auto text = [&](char differs) {
                    return "w " + key + " " + std::string(before, 'b') + differs + " " + std::string(after, 'a') + " " +
                           key + " z";
                };
                runtime rt{{.secrets = {secret{own}}}};
                run_options o{language_model{scripted_model::texts({"one"})}};
                auto history = rt.execute(o, asks{text('1')}).report.history;
                run_options again;
                again.replay = history;
                std::string told;
                again.on_difference = [&](const std::string& place, const std::string& what) {
                    told += place + ": " + what + "\n";
                };
                rt.run(again, asks{text('2')});
                BOOST_TEST(!told.empty());
                for (std::size_t at = 0; at + 6 <= key.size(); ++at)
                    BOOST_REQUIRE_MESSAGE(told.find(key.substr(at, 6)) == told.npos, told);
            }
}

// What has no model answers from the journal only, also once the program wants a time or a number that nobody recorded.
BOOST_AUTO_TEST_CASE(what_only_replays_does_nothing_new) {
    auto history = runtime{}.execute(run_options{}, changed{}).report.history;
    BOOST_TEST(replay_of(history, {}) == "it came to an end");
    int acted = 0;
    auto act = [&acted](run& r) -> task<void> {
        json::value none = json::object{};
        std::string path = "x", tool = "send";
        std::function<task<json::value>()> effect = [&acted]() -> task<json::value> {
            ++acted;
            co_return json::value("sent");
        };
        co_await r.call_tool(path, tool, none, effect);
    };
    auto model = scripted_model::texts({"asked"});
    auto ask = [&model](run& r) -> task<void> {
        language_model own{model};
        lm_request q;
        q.messages.push_back({role::user, "x"});
        std::string path = "own";
        co_await r.call_model(path, own, q);
    };
    int consented = 0;
    tools destructive;
    destructive.add("drop", "", [&acted] { return ++acted; }, {}, {.destructive = true});
    destructive.on_approval([&consented](run&, const tool&, const json::object&) -> task<bool> {
        ++consented;
        co_return true;
    });
    auto drop = [&destructive](run& r) -> task<void> {
        json::value none = json::object{};
        std::string path = "x", name = "drop";
        co_await destructive.call(r, path, name, none);
    };
    auto later = [](auto what) {
        return [what](run& r) -> task<void> {
            r.now("new");
            co_await what(r);
        };
    };
    auto in_a_branch = [](auto what) {
        return [what](run& r) -> task<void> {
            auto part = [&what](run& own) -> task<void> {
                own.random();
                co_await what(own);
            };
            co_await parallel(r, part);
        };
    };
    for (const auto& more : std::initializer_list<std::function<task<void>(run&)>>{
             act, ask, drop, later(act), later(ask), later(drop), in_a_branch(act), in_a_branch(ask),
             in_a_branch(drop)}) {
        auto said = replay_of(history, {more});
        BOOST_TEST(said.find("which the journal does not hold") != said.npos, said);
    }
    BOOST_TEST(acted == 0);
    BOOST_TEST(consented == 0);
    BOOST_TEST(model->requests().empty());
}

BOOST_AUTO_TEST_SUITE_END()
