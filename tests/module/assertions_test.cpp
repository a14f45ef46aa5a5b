// Backtracking as a table: a program, what the model answers, and which calls, tools and events must come of it.
#include "support/scripted_openai.hpp"

#include <reagent/lm/decorators.hpp>
#include <reagent/reagent.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
using namespace std::chrono_literals;

namespace {

// Answers by the output that it is asked for, from a list for each; the last answer again and again. Notes every call
// as `first`, or `first(2)` when the prompt shows two earlier attempts.
class by_output final : public lm_backend {
public:
    explicit by_output(std::map<std::string, std::vector<std::string>> script) : script_{std::move(script)} {}
    std::string name() const override { return "test/by-output"; }
    task<lm_response> complete(lm_context, const lm_request& request) const override {
        std::lock_guard lock{mutex_};
        lm_response r;
        r.usage = {1, 1, 1, {}};
        requests.push_back(request);
        const std::string& question = request.messages.back().content;
        std::size_t shown = 0;
        while (question.find("[[ ## feedback_" + std::to_string(shown) + " ## ]]") != question.npos) ++shown;
        auto asked = question.substr(question.rfind("Write the field"));
        for (auto& [output, answers] : script_) {
            if (asked.find("[[ ## " + output + " ## ]]") == asked.npos) continue;
            calls += (calls.empty() ? "" : " ") + output + (shown ? "(" + std::to_string(shown) + ")" : "");
            auto& n = used_[output];
            const std::string& text = answers[std::min(n++, answers.size() - 1)];
            r.text = text.starts_with("[[") ? text : chat_completion({{output, text}});
            if (pause) pause();
            co_return r;
        }
        throw lm_error{lm_errc::invalid_request, "the script has no answer to: " + question};
    }
    mutable std::string calls;
    mutable std::vector<lm_request> requests;
    std::function<void()> pause;

private:
    std::map<std::string, std::vector<std::string>> script_;
    mutable std::map<std::string, std::size_t> used_;
    mutable std::mutex mutex_;
};

using first_signature = sig<"text -> first">;
using second_signature = sig<"text -> second">;
using third_signature = sig<"text -> third">;

// What a scenario counts besides the model's calls.
struct world {
    std::string acted;  // tools, in the order of their deeds
    task<void> act(run& r, std::string tool) {
        json::value nothing = json::object{};
        std::function<task<json::value>()> effect = [this, tool]() -> task<json::value> {
            acted += (acted.empty() ? "" : " ") + tool;
            co_return json::value(nullptr);
        };
        co_await r.call_tool(tool, tool, nothing, effect);
    }
};

struct pipeline : module {
    predict<first_signature> a{*this, "a"};
    predict<second_signature> b{*this, "b"};
    predict<third_signature> c{*this, "c"};
    using module::module;
};

bool is_good(const std::string& s) { return s.starts_with("good"); }

template <class P>
task<std::string> ask(run& r, const P& p, std::string text) {
    auto found = co_await p(r, "text"_f = text);
    co_return std::string{found.to_json().begin()->value().as_string()};
}

using script = std::map<std::string, std::vector<std::string>>;
using program = std::function<task<std::string>(run&, world&)>;

struct scenario {
    std::string name;
    script answers;
    program what;
    std::string calls;      // of the model, in order
    std::string acted;      // tools
    std::string result;     // or the error
    std::string journal;    // the events that count in the end: branch:path
    std::string abandoned;  // those that a backtrack undid
    std::string violations;
    std::function<void(run_options&)> change{};
};
std::ostream& operator<<(std::ostream& out, const scenario& s) { return out << s.name; }

std::string list(const std::vector<event>& events) {
    std::string text;
    for (const auto& e : events) text += (text.empty() ? "" : " ") + (e.branch.empty() ? "" : e.branch + ":") + e.path;
    return text;
}
std::string list(const std::vector<failed_assertion>& all) {
    std::string text;
    for (const auto& a : all)
        text += (text.empty() ? "" : " | ") + std::string(a.soft ? "suggest " : "assert ") + a.blamed.path + ": " +
                a.message + (a.final ? " (final)" : "");
    return text;
}

struct nested : module {
    struct inner : module {
        pipeline deepest{*this, "deepest"};
        using module::module;
        task<std::string> forward(run& r, std::string text) const {
            std::string x = co_await ask(r, deepest.a, text);
            std::string y = co_await ask(r, deepest.b, x);
            co_return y;
        }
    };
    inner in{*this, "in"};
    predict<third_signature> c{*this, "c"};
};

std::vector<scenario> scenarios() {
    auto p = std::make_shared<pipeline>();
    auto n = std::make_shared<nested>();
    std::vector<scenario> all;
    auto add = [&](scenario s) { all.push_back(std::move(s)); };
    const std::string ok = "good";

    add({"the first predictor is to blame",
         {{"first", {"bad", ok}}, {"second", {"s"}}, {"third", {"t"}}},
         [p](run& r, world& w) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             co_await w.act(r, "send");
             std::string y = co_await ask(r, p->b, x);
             std::string z = co_await ask(r, p->c, y);
             r.assert_that(is_good(x), "be good", p->a);
             co_return x + y + z;
         },
         "first second third first(1) second third",
         "send send",
         "goodst",
         "a send b c",
         "a send b c",
         "assert a: be good"});

    add({"the middle predictor is to blame",
         {{"first", {"f"}}, {"second", {"bad", ok}}, {"third", {"t"}}},
         [p](run& r, world& w) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             co_await w.act(r, "send");
             std::string y = co_await ask(r, p->b, x);
             std::string z = co_await ask(r, p->c, y);
             r.assert_that(is_good(y), "be good", p->b);
             co_return x + y + z;
         },
         "first second third second(1) third",
         "send",
         "fgoodt",
         "a send b c",
         "b c",
         "assert b: be good"});

    add({"the last predictor is to blame",
         {{"first", {"f"}}, {"second", {"s"}}, {"third", {"bad", "bad", ok}}},
         [p](run& r, world& w) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             std::string y = co_await ask(r, p->b, x);
             co_await w.act(r, "send");
             std::string z = co_await ask(r, p->c, y);
             r.assert_that(is_good(z), "be good", p->c);
             co_return x + y + z;
         },
         "first second third third(1) third(2)",
         "send",
         "fsgood",
         "a b send c",
         "c c",
         "assert c: be good | assert c: be good"});

    add({"by default the last that ran is to blame",
         {{"first", {"f"}}, {"second", {"bad", ok}}},
         [p](run& r, world& w) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             std::string y = co_await ask(r, p->b, x);
             co_await w.act(r, "send");
             r.assert_that(is_good(y), "be good");
             co_return x + y;
         },
         "first second second(1)",
         "send send",
         "fgood",
         "a b send",
         "b send",
         "assert b: be good"});

    add({"nested: an inner predictor is blamed from outside",
         {{"first", {"bad", ok}}, {"second", {"s"}}, {"third", {"t"}}},
         [n](run& r, world&) -> task<std::string> {
             std::string y = co_await n->in.forward(r, "x");
             std::string z = co_await ask(r, n->c, y);
             r.assert_that(r.history().predictor_calls().front()->outputs.at("first").as_string() == "good", "be good",
                           n->in.deepest.a);
             co_return y + z;
         },
         "first second third first(1) second third",
         "",
         "st",
         "in.deepest.a in.deepest.b c",
         "in.deepest.a in.deepest.b c",
         "assert in.deepest.a: be good"});

    add({"nested: a module is blamed, so its last predictor",
         {{"first", {"f"}}, {"second", {"bad", ok}}, {"third", {"t"}}},
         [n](run& r, world&) -> task<std::string> {
             std::string y = co_await n->in.forward(r, "x");
             std::string z = co_await ask(r, n->c, y);
             r.assert_that(is_good(y), "be good", n->in);
             co_return y + z;
         },
         "first second third second(1) third",
         "",
         "goodt",
         "in.deepest.a in.deepest.b c",
         "in.deepest.b c",
         "assert in.deepest.b: be good"});

    add({"nested: the whole program is blamed, so the last predictor",
         {{"first", {"f"}}, {"second", {"s"}}, {"third", {"bad", ok}}},
         [n](run& r, world&) -> task<std::string> {
             std::string y = co_await n->in.forward(r, "x");
             std::string z = co_await ask(r, n->c, y);
             r.assert_that(is_good(z), "be good", *n);
             co_return y + z;
         },
         "first second third third(1)",
         "",
         "sgood",
         "in.deepest.a in.deepest.b c",
         "c",
         "assert c: be good"});

    add({"in a loop: one round is repeated",
         {{"first", {"good1", "bad", "good2", "good3"}}},
         [p](run& r, world& w) -> task<std::string> {
             std::string text;
             for (int i = 0; i < 3; ++i) {
                 std::string x = co_await ask(r, p->a, std::to_string(i));
                 r.assert_that(is_good(x), "be good", p->a);
                 co_await w.act(r, "send" + std::to_string(i));
                 text += x;
             }
             co_return text;
         },
         "first first first(1) first",
         "send0 send1 send2",
         "good1good2good3",
         "a send0 a send1 a send2",
         "a",
         "assert a: be good"});

    add({"in a loop: every round has its own backtracks",
         {{"first", {"bad", "bad", "good", "bad", "bad", "good"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string text;
             for (int i = 0; i < 2; ++i) {
                 std::string x = co_await ask(r, p->a, std::to_string(i));
                 r.assert_that(is_good(x), "be good", p->a);
                 text += x;
             }
             co_return text;
         },
         "first first(1) first(2) first first(1) first(2)",
         "",
         "goodgood",
         "a a",
         "a a a a",
         "assert a: be good | assert a: be good | assert a: be good | assert a: be good",
         [](run_options& o) { o.max_backtracks = 2; }});

    add({"after a loop: its last round is repeated",
         {{"first", {"1", "2", "bad", "good"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string text, x;
             for (int i = 0; i < 3; ++i) {
                 x = co_await ask(r, p->a, std::to_string(i));
                 text += x;
             }
             r.assert_that(is_good(x), "be good", p->a);
             co_return text;
         },
         "first first first first(1)",
         "",
         "12good",
         "a a a",
         "a",
         "assert a: be good"});

    add({"two assertions on one predictor: what was said adds up",
         {{"first", {"bad", "good but long", "good"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             r.assert_that(is_good(x), "be good", p->a);
             r.assert_that(x.size() < 5, "be short", p->a);
             co_return x;
         },
         "first first(1) first(2)",
         "",
         "good",
         "a",
         "a a",
         "assert a: be good | assert a: be short"});

    add({"two assertions on two predictors",
         {{"first", {"bad", "good"}}, {"second", {"bad", "bad", "good"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             std::string y = co_await ask(r, p->b, x);
             r.assert_that(is_good(y), "second, be good", p->b);
             r.assert_that(is_good(x), "first, be good", p->a);
             co_return x + y;
         },
         "first second second(1) second(2) first(1) second",
         "",
         "goodgood",
         "a b",
         "b b a b",
         "assert b: second, be good | assert b: second, be good | assert a: first, be good"});

    add({"an assertion after a suggestion: told together",
         {{"first", {"bad and long", "good"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             r.suggest_that(x.size() < 5, "be short", p->a);
             r.assert_that(is_good(x), "be good", p->a);
             co_return x;
         },
         "first first(1)",
         "",
         "good",
         "a",
         "a",
         "suggest a: be short | assert a: be good"});

    add({"suggestions in a row: told together at the next effect",
         {{"first", {"bad and long", "good"}}, {"second", {"s"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             r.suggest_that(x.size() < 5, "be short");
             r.suggest_that(is_good(x), "be good");
             std::string y = co_await ask(r, p->b, x);
             co_return x + y;
         },
         "first first(1) second",
         "",
         "goods",
         "a b",
         "a",
         "suggest a: be short | suggest a: be good"});

    add({"conditions in a list: told together",
         {{"first", {"bad and long", "good"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             r.assert_that({{x.size() < 5, "be short"}, {is_good(x), "be good"}, {true, "never told"}}, p->a);
             co_return x;
         },
         "first first(1)",
         "",
         "good",
         "a",
         "a",
         "assert a: be short\nbe good"});

    add({"of suggestions on two predictors the earlier one counts",
         {{"first", {"bad", "good"}}, {"second", {"bad", "good"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             std::string y = co_await ask(r, p->b, x);
             r.suggest_that(is_good(y), "second, be good", p->b);
             r.suggest_that(is_good(x), "first, be good", p->a);
             co_return x + y;
         },
         "first second first(1) second",
         "",
         "goodgood",
         "a b",
         "a b",
         "suggest a: first, be good"});

    add({"a suggestion that is never followed is let go",
         {{"first", {"bad"}}, {"second", {"s"}}},
         [p](run& r, world& w) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             r.suggest_that(is_good(x), "be good", p->a);
             co_await w.act(r, "send");
             std::string y = co_await ask(r, p->b, x);
             co_return x + y;
         },
         "first first(1) first(2) first(3) second",
         "send",
         "bads",
         "a send b",
         "a a a",
         "suggest a: be good | suggest a: be good | suggest a: be good | suggest a: be good (final)"});

    add({"an assertion that never holds is thrown",
         {{"first", {"bad"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             r.assert_that(is_good(x), "be good", p->a);
             co_return x;
         },
         "first first(1) first(2) first(3)",
         "",
         "assertion failed: be good (`a` was asked again in vain, 4 attempts)",
         "a",
         "a a a",
         "assert a: be good | assert a: be good | assert a: be good | assert a: be good (final)"});

    add({"without backtracks",
         {{"first", {"bad"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             r.suggest_that(is_good(x), "be good", p->a);
             r.assert_that(is_good(x), "be good", p->a);
             co_return x;
         },
         "first",
         "",
         "assertion failed: be good (`a` was asked again in vain, 1 attempt)",
         "a",
         "",
         "suggest a: be good (final) | assert a: be good (final)",
         [](run_options& o) { o.max_backtracks = 0; }});

    add({"nobody to blame",
         {{"first", {"f"}}},
         [p](run& r, world&) -> task<std::string> {
             r.suggest_that(false, "impossible");
             r.assert_that(false, "impossible", p->a);
             co_return "unreached";
         },
         "",
         "",
         "assertion failed: impossible (no predictor has run that could be asked again, 1 attempt)",
         "",
         "",
         "suggest : impossible (final) | assert : impossible (final)"});

    add({"a suggestion at the very end",
         {{"first", {"bad", "good"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             r.suggest_that(is_good(x), "be good");
             co_return x;
         },
         "first first(1)",
         "",
         "good",
         "a",
         "a",
         "suggest a: be good"});

    add({"parallel: one branch starts again alone",
         {{"first", {"bad", "good"}}, {"second", {"s"}}},
         [p](run& r, world& w) -> task<std::string> {
             auto left = [&](run& own) -> task<std::string> {
                 std::string x = co_await ask(own, p->a, "x");
                 own.assert_that(is_good(x), "be good", p->a);
                 co_return x;
             };
             auto right = [&](run& own) -> task<std::string> {
                 std::string y = co_await ask(own, p->b, "y");
                 co_await w.act(own, "send");
                 co_return y;
             };
             auto both = co_await parallel(r, left, right);
             co_return std::get<0>(both) + std::get<1>(both);
         },
         "first first(1) second",
         "send",
         "goods",
         "0:a 1:b 1:send",
         "0:a",
         "assert a: be good"});

    add({"parallel: blamed after the branches have joined",
         {{"first", {"bad", "good"}}, {"second", {"s"}}, {"third", {"t"}}},
         [p](run& r, world& w) -> task<std::string> {
             auto left = [&](run& own) -> task<std::string> {
                 std::string x = co_await ask(own, p->a, "x");
                 co_return x;
             };
             auto right = [&](run& own) -> task<std::string> {
                 std::string y = co_await ask(own, p->b, "y");
                 co_await w.act(own, "send");
                 co_return y;
             };
             auto both = co_await parallel(r, left, right);
             co_await w.act(r, "after");
             std::string z = co_await ask(r, p->c, "z");
             r.assert_that(is_good(std::get<0>(both)), "be good", p->a);
             co_return std::get<0>(both) + std::get<1>(both) + z;
         },
         "first second third first(1) third",
         "send after after",
         "goodst",
         "0:a 1:b 1:send after c",
         "0:a after c",
         "assert a: be good"});

    add({"parallel: a branch blames what came before the branches",
         {{"first", {"bad", "good"}}, {"second", {"s"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             auto left = [&](run& own) -> task<std::string> {
                 std::string y = co_await ask(own, p->b, "left");
                 own.assert_that(is_good(x), "be good", p->a);
                 co_return y;
             };
             auto right = [&](run& own) -> task<std::string> {
                 std::string y = co_await ask(own, p->b, "right");
                 co_return y;
             };
             auto both = co_await parallel(r, left, right);
             co_return x + std::get<0>(both) + std::get<1>(both);
         },
         "first second second first(1) second second",
         "",
         "goodss",
         "a 0:b 1:b",
         "a 0:b 1:b",
         "assert a: be good"});

    add({"parallel_map: each item by itself",
         {{"first", {"bad", "good1", "good2", "bad", "good3"}}},
         [p](run& r, world& w) -> task<std::string> {
             std::vector<std::string> items{"x", "y", "z"};
             auto one = [&](run& own, std::string item) -> task<std::string> {
                 co_await w.act(own, "open-" + item);
                 std::string x = co_await ask(own, p->a, item);
                 own.assert_that(is_good(x), "be good");
                 co_return x;
             };
             parallel_options in_turn;
             in_turn.max_concurrency = 1;
             auto found = co_await parallel_map(r, items, one, in_turn);
             co_return found[0] + found[1] + found[2];
         },
         "first first(1) first first first(1)",
         "open-x open-y open-z",
         "good1good2good3",
         "0:open-x 0:a 1:open-y 1:a 2:open-z 2:a",
         "0:a 2:a",
         "assert a: be good | assert a: be good"});

    add({"what a program catches are errors, never a backtrack",
         {{"first", {"bad", "good"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             try {
                 r.assert_that(is_good(x), "be good", p->a);
             } catch (const std::exception&) {
                 x = "caught";
             }
             co_return x;
         },
         "first first(1)",
         "",
         "good",
         "a",
         "a",
         "assert a: be good"});

    add({"a backtrack that is swallowed comes again at the next effect",
         {{"first", {"bad", "good"}}, {"second", {"s"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             try {
                 r.assert_that(is_good(x), "be good", p->a);
             } catch (...) {
             }
             std::string y = co_await ask(r, p->b, x);
             co_return x + y;
         },
         "first first(1) second",
         "",
         "goods",
         "a b",
         "a",
         "assert a: be good"});

    add({"an exhausted assertion may be caught",
         {{"first", {"bad"}}, {"second", {"s"}}},
         [p](run& r, world&) -> task<std::string> {
             std::string x = co_await ask(r, p->a, "x");
             try {
                 r.assert_that(is_good(x), "be good", p->a);
             } catch (const assertion_failed& e) {
                 x = std::to_string(e.attempts().size()) +
                     std::string{e.attempts().back().outputs.at("first").as_string()};
             }
             std::string y = co_await ask(r, p->b, x);
             co_return x + y;
         },
         "first first(1) first(2) first(3) second",
         "",
         "4bads",
         "a b",
         "a a a",
         "assert a: be good | assert a: be good | assert a: be good | assert a: be good (final)"});

    add({"clock and random numbers before the cut stay",
         {{"first", {"bad", "good"}}},
         [p](run& r, world& w) -> task<std::string> {
             auto time = r.now();
             double number = r.random("dice");
             std::string seen = std::to_string(time.time_since_epoch().count()) + "," + std::to_string(number);
             std::string x = co_await ask(r, p->a, "x");
             if (w.acted.empty())
                 w.acted = seen;  // what it was the first time
             else if (w.acted == seen)
                 w.acted = "same";
             r.assert_that(is_good(x), "be good");
             co_return x;
         },
         "first first(1)",
         "same",
         "good",
         "dice a",
         "a",
         "assert a: be good"});

    add({"a tool with a program of its own goes back on its own",
         {{"first", {"f"}}, {"second", {"bad", "good"}}},
         [p](run& r, world& w) -> task<std::string> {
             tools t;
             t.add("helper", "", [p, &w](run& own) -> task<std::string> {
                 co_await w.act(own, "inside");
                 std::string y = co_await ask(own, p->b, "y");
                 own.assert_that(is_good(y), "be good");
                 co_return y;
             });
             std::string x = co_await ask(r, p->a, "x");
             auto seen = co_await t.call(r, "agent", "helper", json::object{});
             co_return x + seen.text();
         },
         "first second second(1)",
         "inside",
         "fgood",
         "a 0:inside 0:b agent",
         "0:b",
         "assert b: be good"});

    return all;
}

const auto all_scenarios = scenarios();

}  // namespace

BOOST_AUTO_TEST_SUITE(assertions)

BOOST_DATA_TEST_CASE(backtracking, boost::unit_test::data::make(all_scenarios), s) {
    auto model = std::make_shared<by_output>(s.answers);
    run_options options{language_model{model}};
    if (s.change) s.change(options);
    struct wrapper {
        const scenario& s;
        world& w;
        task<std::string> forward(run& r) const { return s.what(r, w); }
    };
    auto go = [&](run_options o, world& w, std::shared_ptr<const journal>& history, std::uint64_t& calls) {
        runtime rt;
        wrapper m{s, w};
        auto r = rt.start(std::move(o), m);
        std::string result;
        try {
            result = r.get();
        } catch (const std::exception& e) {
            result = e.what();
        }
        history = r.report().history;
        calls = r.report().usage.calls;
        return result;
    };
    world w;
    std::shared_ptr<const journal> history;
    std::uint64_t paid = 0;
    BOOST_TEST(go(options, w, history, paid) == s.result);
    BOOST_TEST(model->calls == s.calls);
    BOOST_TEST(w.acted == s.acted);
    BOOST_TEST(list(history->events()) == s.journal);
    BOOST_TEST(list(history->abandoned()) == s.abandoned);
    BOOST_TEST(list(history->violations()) == s.violations);
    BOOST_TEST(paid == model->requests.size());

    // The journal replays to the same end: no model, no tool.
    run_options again;
    again.max_backtracks = options.max_backtracks;
    again.replay = history;
    world still;
    std::shared_ptr<const journal> second;
    std::uint64_t counted = 0;
    BOOST_TEST(go(again, still, second, counted) == s.result);
    if (s.acted != "same") BOOST_TEST(still.acted == "");
    BOOST_TEST(list(second->violations()) == s.violations);
    BOOST_TEST(second->events().size() == history->events().size());
}

BOOST_AUTO_TEST_CASE(long_past_outputs_are_cut_of_every_type) {
    std::vector<std::string> many(3000, "something that is said often");
    auto model = scripted_model::texts(
        {chat_completion({{"all", json::value_from(many)}}), chat_completion({{"all", json::array{"one"}}})});
    struct program {
        predict<sig<"text -> all: list[str]">> list;
        task<std::size_t> forward(run& r) const {
            auto p = co_await list(r, "text"_f = "x");
            r.assert_that(p.get<"all">().size() < 10, "Fewer.", list);
            co_return p.get<"all">().size();
        }
    } m;
    runtime rt;
    BOOST_TEST(rt.run(language_model{model}, m) == 1u);
    const std::string last = model->requests().back().messages.back().content;
    BOOST_TEST(last.find("past_all_0") != last.npos);
    BOOST_TEST(last.find("something that is said often") != last.npos);
    BOOST_TEST(last.size() < 25'000u);
}

BOOST_AUTO_TEST_CASE(the_blamed_predictor_alone_sees_its_past_outputs_and_what_was_wrong) {
    auto model = std::make_shared<by_output>(script{{"first", {"bad one", "bad two", "good"}}, {"second", {"s"}}});
    pipeline p;
    struct program {
        const pipeline& p;
        task<std::string> forward(run& r) const {
            std::string x = co_await ask(r, p.a, "the text");
            std::string y = co_await ask(r, p.b, x);
            r.assert_that(is_good(x), "Begin with the word good.", p.a);
            co_return y;
        }
    };
    runtime rt;
    program m{p};
    rt.run(language_model{model}, m);
    const std::string last = model->requests[4].messages.back().content;
    auto at = [&](const char* text) { return last.find(text); };
    BOOST_TEST(at("the text") < at("[[ ## past_first_0 ## ]]\nbad one"));
    BOOST_TEST(at("[[ ## past_first_0 ## ]]\nbad one") < at("[[ ## feedback_0 ## ]]\n"));
    BOOST_TEST(at("[[ ## feedback_0 ## ]]\n") < at("[[ ## past_first_1 ## ]]\nbad two"));
    BOOST_TEST(at("Begin with the word good.") < at("bad two"));
    BOOST_TEST(at("[[ ## feedback_1 ## ]]") != last.npos);
    for (std::size_t i : {1u, 3u, 5u})
        BOOST_TEST(model->requests[i].messages.back().content.find("feedback_") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_exhausted_assertion_carries_every_attempt) {
    auto model = std::make_shared<by_output>(script{{"first", {"one", "two", "three", "four"}}});
    struct program {
        predict<first_signature> a;
        task<void> forward(run& r) const {
            auto x = co_await a(r, "x");
            r.assert_that(false, x.get<"first">() + " is wrong", a);
        }
    };
    runtime rt;
    program m;
    try {
        rt.run(language_model{model}, m);
        BOOST_ERROR("held");
    } catch (const assertion_failed& e) {
        BOOST_TEST((e.code() == run_errc::assertion_failed));
        BOOST_REQUIRE(e.attempts().size() == 4u);
        BOOST_TEST(e.attempts()[2].message == "three is wrong");
        BOOST_TEST(e.attempts()[2].outputs.at("first").as_string() == "three");
        BOOST_TEST(e.attempts()[0].site.find("assertions_test.cpp:") == 0u);
        BOOST_TEST(std::string{e.what()}.find("four is wrong") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(under_a_teacher_the_trace_is_whole_and_clean) {
    // What an optimizer does: another model and demonstrations by parameters, and the trace of the run for new ones.
    auto teacher = std::make_shared<by_output>(script{{"first", {"bad", "good"}}, {"second", {"s"}}});
    pipeline p;
    struct program {
        const pipeline& p;
        task<std::string> forward(run& r) const {
            std::string x = co_await ask(r, p.a, "the text");
            r.assert_that(is_good(x), "be good", p.a);
            std::string y = co_await ask(r, p.b, x);
            co_return y;
        }
    };
    auto with = std::make_shared<parameters>();
    with->predictors["a"].lm = language_model{teacher};
    with->predictors["a"].demos = {json::object{{"text", "demo text"}, {"first", "good demo"}}};
    with->predictors["b"].lm = language_model{teacher};
    run_options options{language_model{std::make_shared<by_output>(script{})}};
    options.parameters = with;
    runtime rt;
    program m{p};
    auto done = rt.execute(options, m);
    const auto& calls = done.report.history->predictor_calls();
    BOOST_REQUIRE(calls.size() == 2u);
    BOOST_TEST(json::serialize(calls[0]->inputs) == R"({"text":"the text"})");
    BOOST_TEST(json::serialize(calls[0]->outputs) == R"({"first":"good"})");
    BOOST_TEST(calls[1]->place.path == "b");
    BOOST_TEST(done.report.history->violations().size() == 1u);
    BOOST_TEST(teacher->calls == "first first(1) second");
    for (std::size_t i : {0u, 1u})
        BOOST_TEST(teacher->requests[i].messages[1].content.find("demo text") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_run_can_be_cancelled_in_mid_backtrack) {
    auto model = std::make_shared<by_output>(script{{"first", {"bad"}}});
    struct program {
        predict<first_signature> a;
        task<void> forward(run& r) const {
            auto x = co_await a(r, "x");
            r.assert_that(is_good(x.get<"first">()), "be good", a);
        }
    };
    runtime rt;
    program m;
    run_options options{language_model{model}};
    options.max_backtracks = 1'000'000'000;
    std::atomic<bool> deep = false;
    model->pause = [&] {
        if (model->requests.size() > 5) deep = true;
        if (model->requests.size() > 200) std::this_thread::sleep_for(1ms);
    };
    auto r = rt.start(options, m);
    while (!deep && !r.wait_for(1ms)) {  // a run that has ended goes no deeper
    }
    BOOST_TEST(deep);
    r.cancel();
    BOOST_CHECK_EXCEPTION(r.get(), run_error, [](const run_error& e) { return e.code() == run_errc::cancelled; });
}

BOOST_AUTO_TEST_CASE(a_cache_never_answers_with_what_was_rejected) {
    auto model = std::make_shared<by_output>(script{{"first", {"bad", "good", "bad", "bad"}}});
    struct program {
        predict<first_signature> a;
        task<std::string> forward(run& r) const {
            auto x = co_await a(r, "x");
            r.assert_that(is_good(x.get<"first">()), "be good", a);
            co_return x.get<"first">();
        }
    };
    auto lm = cached(language_model{model});
    runtime rt;
    program m;
    BOOST_TEST(rt.run(lm, m) == "good");
    BOOST_TEST(rt.run(lm, m) == "good");  // both calls come from the cache
    BOOST_TEST(model->calls == "first first(1)");
}

BOOST_AUTO_TEST_CASE(a_stream_says_what_starts_over) {
    auto model = std::make_shared<by_output>(script{{"first", {"bad", "good"}}, {"second", {"one", "two"}}});
    pipeline p;
    struct program {
        const pipeline& p;
        task<std::string> forward(run& r) const {
            std::string x = co_await ask(r, p.a, "x");
            std::string y = co_await ask(r, p.b, x);
            r.assert_that(is_good(x), "be good", p.a);
            co_return y;
        }
    };
    std::map<std::string, std::string> shown;
    std::string log;
    run_options options{language_model{model}};
    options.stream = true;
    options.on_event = [&](const run_event& e) {
        if (e.kind == run_event::piece) shown[std::string{e.path}] += e.text;
        if (e.kind == run_event::restart)
            shown[std::string{e.path}].clear(), log += "restart " + std::string{e.path} + ";";
        if (e.kind == run_event::backtrack)
            log += "backtrack " + std::string{e.path} + ": " + std::string{e.error} + ";";
    };
    runtime rt;
    program m{p};
    BOOST_TEST(rt.run(options, m) == "two");
    BOOST_TEST(log == "backtrack a: be good;restart a;restart b;");
    BOOST_TEST(shown["a"] == "good");
    BOOST_TEST(shown["b"] == "two");
}

namespace {

// A program that is not pure: what it asks for depends on how often it ran.
struct fickle {
    std::function<task<std::string>(run&, const pipeline&, int)> what;
    mutable pipeline p;
    mutable int runs = 0;
    task<std::string> forward(run& r) const { return what(r, p, runs++); }
};

std::string mismatch_of(decltype(fickle::what) what) {
    auto model =
        std::make_shared<by_output>(script{{"first", {"bad", "good"}}, {"second", {"bad", "good"}}, {"third", {"t"}}});
    runtime rt;
    fickle m;
    m.what = std::move(what);
    try {
        rt.run(language_model{model}, m);
    } catch (const run_error& e) {
        BOOST_TEST((e.code() == run_errc::replay_mismatch));
        return e.what();
    }
    return "nothing was noticed";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_program_that_does_something_else_the_second_time_is_found_out) {
    auto other_input = mismatch_of([](run& r, const pipeline& p, int n) -> task<std::string> {
        std::string x = co_await ask(r, p.a, "x" + std::to_string(n));
        std::string y = co_await ask(r, p.b, x);
        r.assert_that(is_good(y), "be good");
        co_return y;
    });
    BOOST_TEST(other_input.find("a model call at \"a\", but with other messages") != std::string::npos, other_input);
    auto left_out = mismatch_of([](run& r, const pipeline& p, int n) -> task<std::string> {
        if (n == 0) co_await ask(r, p.a, "x");
        std::string y = co_await ask(r, p.b, "y");
        r.assert_that(is_good(y), "be good");
        co_return y;
    });
    BOOST_TEST(left_out.find("without the model_call at \"a\"") != std::string::npos, left_out);
    auto something_new = mismatch_of([](run& r, const pipeline& p, int n) -> task<std::string> {
        std::string x = co_await ask(r, p.a, "x");
        if (n > 0) co_await ask(r, p.c, "z");
        std::string y = co_await ask(r, p.b, x);
        r.assert_that(is_good(y), "be good");
        co_return y;
    });
    BOOST_TEST(something_new.find("a model call at \"c\", before it comes back to \"b\"") != std::string::npos,
               something_new);
    auto never_back = mismatch_of([](run& r, const pipeline& p, int n) -> task<std::string> {
        std::string x = co_await ask(r, p.a, "x");
        if (n > 0) co_return x;
        std::string y = co_await ask(r, p.b, x);
        r.assert_that(is_good(y), "be good");
        co_return y;
    });
    BOOST_TEST(never_back.find("ended without coming back to \"b\"") != std::string::npos, never_back);
}

BOOST_AUTO_TEST_CASE(a_replay_that_asks_for_more_or_for_something_else_names_the_place) {
    pipeline p;
    struct two_calls {
        const pipeline& p;
        bool more = false;
        task<std::string> forward(run& r) const {
            std::string x = co_await ask(r, p.a, "x");
            std::string y = co_await ask(r, p.b, "y");
            if (more) x = co_await ask(r, p.c, "z");
            co_return x + y;
        }
    };
    two_calls m{p};
    runtime rt;
    run_options again;
    again.replay =
        rt.execute(language_model{std::make_shared<by_output>(script{{"first", {"f"}}, {"second", {"s"}}})}, m)
            .report.history;
    BOOST_TEST(rt.run(again, m) == "fs");
    auto message = [&](two_calls changed) -> std::string {
        try {
            rt.run(again, changed);
        } catch (const run_error& e) {
            BOOST_TEST((e.code() == run_errc::replay_mismatch));
            return e.what();
        }
        return "replayed";
    };
    BOOST_TEST(message({p, true}).find("a model call at \"c\", which the journal does not hold") != std::string::npos);
    struct third_first {
        const pipeline& p;
        task<std::string> forward(run& r) const {
            std::string z = co_await ask(r, p.c, "z");
            co_return z;
        }
    };
    third_first other{p};
    try {
        rt.run(again, other);
        BOOST_ERROR("replayed");
    } catch (const run_error& e) {
        BOOST_TEST(std::string{e.what()}.find("a model call at \"c\", where the journal has a model call at \"a\"") !=
                       std::string::npos,
                   e.what());
    }
}

BOOST_AUTO_TEST_CASE(arguments_are_there_again) {
    auto model = std::make_shared<by_output>(script{{"first", {"bad", "good"}}});
    struct program {
        predict<first_signature> a;
        task<std::string> forward(run& r, std::string text, std::vector<int> numbers) const {
            auto x = co_await a(r, "text"_f = text + std::to_string(numbers.at(0)));
            r.assert_that(is_good(x.get<"first">()), "be good");
            text.clear();
            co_return x.get<"first">();
        }
    };
    runtime rt;
    program m;
    auto r = [&] {
        std::string gone = "gone by now, gone by now";
        return rt.start(language_model{model}, m, std::string_view{gone}, std::vector<int>{7});
    }();
    BOOST_TEST(r.get() == "good");
    BOOST_TEST(model->requests[1].messages.back().content.find("gone by now, gone by now7") != std::string::npos);

    struct once {
        predict<first_signature> a;
        task<std::string> forward(run& r, std::unique_ptr<int> p) const {
            auto x = co_await a(r, "x");
            r.assert_that(is_good(x.get<"first">()) && p, "be good");
            co_return "done";
        }
    };
    once o;
    auto again = std::make_shared<by_output>(script{{"first", {"bad", "good"}}});
    BOOST_CHECK_EXCEPTION(
        rt.run(language_model{again}, o, std::make_unique<int>(1)), run_error,
        [](const run_error& e) { return std::string{e.what()}.find("cannot be copied") != std::string::npos; });
}

BOOST_AUTO_TEST_SUITE_END()
