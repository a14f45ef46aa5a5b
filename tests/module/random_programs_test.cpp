// Random programs with random assertions: whatever goes back where, the journal replays to the same end without a model
// or a tool, what was paid is counted, and nothing that came before a cut happens twice.
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <random>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

using ask_signature = sig<"text -> answer: int">;

struct step {
    enum kind_t { call, tool, both, loop, assertion, suggestion } kind{};
    int who = 0;              // predictor
    int wanted = 0;           // an assertion holds when its predictor's last answer here is at least this
    bool by_default = false;  // blames the last predictor that ran
    std::vector<std::vector<step>> inside;
};

std::vector<step> random_steps(std::mt19937& random, int depth) {
    auto upto = [&](int n) { return std::uniform_int_distribution<int>{0, n}(random); };
    std::vector<step> steps;
    for (int n = 1 + upto(3); n > 0; --n) {
        step s;
        s.who = upto(2);
        s.wanted = upto(7) == 0 ? 5 : upto(2);
        s.by_default = upto(2) == 0;
        int kind = upto(9);
        s.kind = kind < 4                 ? step::call
                 : kind == 4              ? step::tool
                 : kind == 5 && depth > 0 ? step::both
                 : kind == 6 && depth > 0 ? step::loop
                 : kind < 9               ? step::assertion
                                          : step::suggestion;
        if (s.kind == step::both)
            for (int b = 2 + upto(1); b > 0; --b) s.inside.push_back(random_steps(random, depth - 1));
        if (s.kind == step::loop) s.inside.push_back(random_steps(random, depth - 1));
        steps.push_back(std::move(s));
    }
    return steps;
}

// Answers with the number of earlier attempts that the prompt shows, after a random number of turns of the event loop.
class counting_model final : public lm_backend {
public:
    explicit counting_model(unsigned seed) : random_{seed} {}
    std::string name() const override { return "test/counting"; }
    task<lm_response> complete(lm_context, const lm_request& request) const override {
        ++calls;
        const std::string question = request.messages.back().content;
        auto executor = co_await asio::this_coro::executor;
        for (auto n = random_() % 4; n > 0; --n) co_await asio::post(executor, asio::use_awaitable);
        int shown = 0;
        while (question.find("[[ ## feedback_" + std::to_string(shown) + " ## ]]") != question.npos) ++shown;
        lm_response r;
        r.text = chat_completion({{"answer", shown}});
        r.usage = {1, 1, 1, {}};
        co_return r;
    }
    mutable std::size_t calls = 0;

private:
    mutable std::mt19937 random_;
};

struct random_program : module {
    predict<ask_signature> a{*this, "a"}, b{*this, "b"}, c{*this, "c"};
    std::vector<step> steps;
    mutable std::map<std::string, int> acted;  // by branch and what had been answered before: the causal past of a deed

    const predict<ask_signature>& predictor(int n) const { return n == 0 ? a : n == 1 ? b : c; }

    task<std::string> forward(run& r) const {
        std::string seen = "start";
        co_await follow(r, steps, seen);
        co_return seen;
    }

    task<void> follow(run& r, const std::vector<step>& all, std::string& seen) const {
        std::map<int, std::int64_t> last;
        std::int64_t latest = 9;
        for (const auto& s : all) {
            if (s.kind == step::call) {
                auto p = co_await predictor(s.who)(r, "text"_f = seen);
                last[s.who] = latest = p.get<"answer">();
                seen += "." + std::to_string(s.who) + std::to_string(latest);
            } else if (s.kind == step::tool) {
                json::value args = json::object{{"seen", seen}};
                std::string key = r.branch_name() + "|" + seen;
                std::function<task<json::value>()> effect = [&]() -> task<json::value> {
                    ++acted[key];
                    co_return json::value(static_cast<std::int64_t>(seen.size()));
                };
                auto result = co_await r.call_tool("tool", "tool", args, effect);
                seen += "!" + std::to_string(result.as_int64());
            } else if (s.kind == step::both) {
                std::vector<std::size_t> branches(s.inside.size());
                for (std::size_t i = 0; i < branches.size(); ++i) branches[i] = i;
                auto one = [&](run& own, std::size_t i) -> task<std::string> {
                    std::string mine = seen;
                    co_await follow(own, s.inside[i], mine);
                    co_return mine;
                };
                auto found = co_await parallel_map(r, branches, one);
                for (const auto& f : found) seen += "(" + f.substr(std::min(f.size(), seen.find('('))) + ")";
                if (seen.size() > 400) seen.resize(400);
                last.clear();
                latest = 9;
            } else if (s.kind == step::loop) {
                for (int i = 0; i < 2; ++i) co_await follow(r, s.inside[0], seen);
                last.clear();
                latest = 9;
            } else {
                bool holds = s.by_default ? latest >= s.wanted : !last.contains(s.who) || last[s.who] >= s.wanted;
                std::string message = "at least " + std::to_string(s.wanted);
                if (s.kind == step::suggestion && s.by_default)
                    r.suggest_that(holds, message);
                else if (s.kind == step::suggestion)
                    r.suggest_that(holds, message, predictor(s.who));
                else if (s.by_default)
                    r.assert_that(holds, message);
                else
                    r.assert_that(holds, message, predictor(s.who));
            }
        }
    }
};

struct end {
    std::string how;
    run_report report;
};

end go(runtime& rt, const random_program& p, run_options options) {
    auto r = rt.start(std::move(options), p);
    end e;
    try {
        e.how = r.get();
    } catch (const assertion_failed& failed) {
        e.how = std::string{"assertion: "} + failed.what();
    } catch (const std::exception& other) {
        e.how = std::string{"error: "} + other.what();
    }
    e.report = r.report();
    return e;
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_programs_go_back_and_replay) {
    runtime rt;
    std::size_t backtracks = 0, failures = 0;
    for (unsigned seed = 1; seed <= 1500; ++seed) {
        std::mt19937 random{seed};
        random_program p;
        p.steps = random_steps(random, 2);
        auto model = std::make_shared<counting_model>(seed);
        run_options options{language_model{model}};
        options.budget.calls = 3000;
        auto first = go(rt, p, options);
        const auto& history = *first.report.history;
        BOOST_TEST_CONTEXT("seed " << seed) {
            BOOST_TEST(first.how.find("error: ") != 0u, first.how);
            // Where one branch fails, calls under way in others are given up, and are in no journal.
            bool whole = !first.how.starts_with("assertion: ");
            if (whole) BOOST_TEST(first.report.usage.calls == model->calls);
            auto tools_acted = std::exchange(p.acted, {});
            // A deed with the same past happens once for each time that its past was made anew, and never more often
            // than that.
            for (const auto& [past, times] : tools_acted) BOOST_TEST(times <= 64, past << " " << times);

            auto none = std::make_shared<counting_model>(seed + 1);
            run_options again{language_model{none}};
            again.replay = first.report.history;
            auto second = go(rt, p, again);
            BOOST_TEST((second.how == first.how || (!whole && second.how.starts_with("assertion: "))), second.how);
            if (whole) {
                BOOST_TEST(none->calls == 0u);
                BOOST_TEST(p.acted.empty());
                BOOST_TEST(second.report.history->events().size() == history.events().size());
            }
            BOOST_TEST(second.report.history->violations().size() == history.violations().size());

            // Another order of arrival makes no difference.
            auto other = std::make_shared<counting_model>(seed + 77);
            run_options same{language_model{other}};
            same.budget.calls = 3000;
            auto third = go(rt, p, same).how;
            // Of two branches that fail, the first to fail ends the run; else everything is the same.
            BOOST_TEST(
                (third == first.how || (first.how.starts_with("assertion: ") && third.starts_with("assertion: "))),
                third);
            p.acted.clear();
        }
        backtracks += history.violations().size();
        failures += first.how.starts_with("assertion: ");
    }
    BOOST_TEST_MESSAGE(backtracks << " violations, " << failures << " programs failed");
    BOOST_TEST(backtracks > 500u);
    BOOST_TEST(failures > 50u);
    BOOST_TEST(failures < 1400u);
}
