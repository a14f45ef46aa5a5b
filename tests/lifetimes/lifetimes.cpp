// Every way to call that a user writes, run once: with temporaries, with references, as members, awaited later. Meant
// to be run under AddressSanitizer and UBSan (check.sh); README.md has the table.
#include <reagent/reagent.hpp>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include <cstdio>
#include <functional>
#include <future>
#include <string>
#include <vector>

namespace rg = reagent;
namespace asio = boost::asio;
using namespace reagent::literals;

namespace {

// Longer than what a std::string keeps inside of itself, so that a read after its end is seen.
std::string long_text(const std::string& s) { return s + " and so on, until it no longer fits into the string itself"; }
const std::string expected = long_text("text");

rg::task<void> suspend() { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); }

/// Suspends, then answers every field with the text of the first input.
class echo final : public rg::lm_backend {
public:
    std::string name() const override { return "test/echo"; }
    rg::task<rg::lm_response> complete(rg::lm_context, const rg::lm_request& request) const override {
        std::string asked = request.messages.back().content;
        co_await suspend();
        auto begin = asked.find("]]\n") + 3;
        std::string text = asked.substr(begin, asked.find('\n', begin) - begin);
        rg::lm_response r;
        r.text = "[[ ## reasoning ## ]]\n" + text + "\n\n[[ ## answer ## ]]\n" + text + "\n\n[[ ## completed ## ]]";
        co_return r;
    }
};

rg::run_options options() { return rg::run_options{rg::language_model{std::make_shared<echo>()}}; }

using qa = rg::predict<rg::sig<"question -> answer">>;
struct asked {
    struct input {
        std::string question;
    };
    struct output {
        std::string answer;
    };
};

/// A program made of one coroutine, so that shapes that need a run are short to write.
template <class F>
std::string in_run(F body) {
    rg::runtime rt;
    return rt.run(options(), body);
}

// --- tools
// ---------------------------------------------------------------------------------------------------------------------------

struct order {
    std::string what;
    std::vector<std::string> notes;
};

rg::task<std::string> by_reference(const std::string& s) {
    co_await suspend();
    co_return s;
}
rg::task<std::string> by_value(std::string s) {
    co_await suspend();
    co_return s;
}
rg::task<std::string> by_rvalue(std::string&& s) {
    co_await suspend();
    co_return s;
}
rg::task<std::string> behind_run(rg::run&, const std::string& s) {
    co_await suspend();
    co_return s;
}
rg::task<std::string> behind_key(const rg::call_key& key, const std::string& s) {
    co_await suspend();
    co_return key.text.empty() ? std::string{"no key"} : s;
}
rg::task<std::string> of_struct(const order& o) {
    co_await suspend();
    co_return o.notes.at(1);
}
rg::task<std::string> of_many(const std::vector<std::string>& all, const std::optional<std::string>& last) {
    co_await suspend();
    co_return last.value_or(all.at(0));
}
rg::task<void> nothing(const std::string& s) {
    co_await suspend();
    if (s != expected) throw std::runtime_error{"not what was given"};
}
struct shop {
    std::string name = expected;
    rg::task<std::string> find(const std::string& s) const {
        co_await suspend();
        co_return s == name ? name : "another";
    }
};

std::string call(rg::tools all, rg::json::object arguments) {
    struct caller {
        rg::tools tools;
        rg::json::object arguments;
        rg::task<std::string> operator()(rg::run& r) const {
            auto work = tools.call(r, "self", "tool", rg::json::value(arguments));
            auto seen = co_await std::move(work);
            co_return seen.text();
        }
    };
    return in_run(caller{std::move(all), std::move(arguments)});
}
template <class F>
std::string tool(F f, std::initializer_list<rg::argument> names, rg::json::object arguments) {
    rg::tools all;
    all.add("tool", "", std::move(f), names);
    return call(std::move(all), std::move(arguments));
}
const rg::json::object text_argument{{"s", expected}};

std::string tool_of_a_member(bool shared) {
    rg::tools all;
    shop here;
    if (shared)
        all.add("tool", "", &shop::find, std::make_shared<shop>(), {"s"});
    else
        all.add("tool", "", &shop::find, &here, {"s"});
    return call(std::move(all), text_argument);
}
std::string tool_with_captures() {
    return tool(
        [kept = expected](const std::string& s) -> rg::task<std::string> {
            co_await suspend();
            co_return s == kept ? kept : "another";
        },
        {"s"}, text_argument);
}
std::string tool_whose_registry_is_gone() {
    rg::runtime rt;
    auto handle = [&] {
        rg::tools all;
        all.add("tool", "", by_reference, {"s"});
        return rt.start(options(), [all](rg::run& r) -> rg::task<std::string> {
            auto work = all.call(r, "self", "tool", rg::json::value(text_argument));
            auto seen = co_await std::move(work);
            co_return seen.text();
        });
    }();
    return handle.get();
}

// --- parallel
// ------------------------------------------------------------------------------------------------------------------------

rg::task<std::string> item_by_reference(rg::run&, const std::string& s) {
    co_await suspend();
    co_return s;
}
rg::task<std::string> item_by_value(rg::run&, std::string s) {
    co_await suspend();
    co_return s;
}

template <class F>
std::string mapped(F f) {
    return in_run([f](rg::run& r) -> rg::task<std::string> {
        auto all = co_await rg::parallel_map(r, std::vector<std::string>(3, expected), f, {.max_concurrency = 2});
        co_return all.at(2);
    });
}
std::string map_awaited_later() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        auto work = [&] {
            std::vector<std::string> items(3, expected);
            std::string captured = expected;
            auto f = [captured](rg::run&, const std::string& s) -> rg::task<std::string> {
                co_await suspend();
                co_return s == captured ? captured : "another";
            };
            return rg::parallel_map(r, items, f);
        }();
        auto all = co_await std::move(work);
        co_return all.at(0);
    });
}
std::string map_of_what_cannot_be_copied() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        std::vector<std::unique_ptr<std::string>> items;
        items.push_back(std::make_unique<std::string>(expected));
        auto f = [](rg::run&, const std::unique_ptr<std::string>& p) -> rg::task<std::string> {
            co_await suspend();
            co_return *p;
        };
        auto all = co_await rg::parallel_map(r, std::move(items), f);
        co_return all.at(0);
    });
}
std::string branches_awaited_later() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        auto work = [&] {
            std::string captured = expected;
            auto branch = [captured](rg::run&) -> rg::task<std::string> {
                co_await suspend();
                co_return captured;
            };
            auto other = [captured](rg::run&) { return by_value(captured); };
            return rg::parallel(r, branch, other);
        }();
        auto [a, b] = co_await std::move(work);
        co_return a == b ? a : "another";
    });
}
std::string branches_with_references() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        std::string text = expected;
        auto [a, b] = co_await rg::parallel(
            r, [&](rg::run&) { return by_reference(text); }, [&](rg::run&) { return by_value(text); });
        co_return a == b ? a : "another";
    });
}

// --- programs
// ------------------------------------------------------------------------------------------------------------------------

struct program {
    rg::task<std::string> forward(rg::run&, const std::string& s) const {
        co_await suspend();
        co_return s;
    }
};
struct takes_ownership {
    rg::task<std::string> forward(rg::run&, const std::unique_ptr<std::string>& p) const {
        co_await suspend();
        co_return *p;
    }
};

template <class Module, class Argument>
std::string started(const Module& m, std::function<Argument()> make) {
    rg::runtime rt;
    auto handle = rt.start(options(), m, make());
    return handle.get();
}
std::string started_temporary_function() {
    rg::runtime rt;
    auto handle = [&] {
        std::string captured = expected;
        return rt.start(
            options(),
            [captured](rg::run&, const std::string& s) -> rg::task<std::string> {
                co_await suspend();
                co_return s == captured ? captured : "another";
            },
            long_text("text"));
    }();
    return handle.get();
}
std::string started_temporary_struct() {
    rg::runtime rt;
    auto handle = rt.start(options(), program{}, long_text("text"));
    return handle.get();
}
std::string started_with_a_view() {
    rg::runtime rt;
    program p;
    auto handle = [&] {
        std::string gone = long_text("text");
        return rt.start(options(), p, std::string_view{gone});
    }();
    return handle.get();
}
std::string ran_temporary() {
    rg::runtime rt;
    return rt.run(options(), program{}, long_text("text"));
}
std::string detached_temporary() {
    std::promise<std::string> seen;
    {
        rg::runtime rt;
        std::string captured = expected;
        std::promise<void> ended;
        rt.detach(
            options(),
            [captured, &seen](rg::run&, const std::string& s) -> rg::task<void> {
                co_await suspend();
                seen.set_value(s == captured ? captured : "another");
            },
            [&ended](std::exception_ptr, const rg::run_report&) { ended.set_value(); }, long_text("text"));
        ended.get_future().get();
    }
    return seen.get_future().get();
}

// --- predictors
// ----------------------------------------------------------------------------------------------------------------------

template <class F>
std::string with_qa(F f) {
    return in_run([f](rg::run& r) -> rg::task<std::string> {
        qa ask;
        auto work = f(ask, r);
        auto p = co_await std::move(work);
        co_return p.template get<"answer">();
    });
}
std::string awaited_in_place() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        qa ask;
        auto a = co_await ask(r, "question"_f = long_text("text"));
        auto b = co_await ask(r, long_text("text"));
        auto c = co_await ask(r, std::string_view{a.get<"answer">()});
        auto d = co_await ask(r, "question"_f = std::string{b.get<"answer">()});
        co_return c.get<"answer">() == d.get<"answer">() ? c.get<"answer">() : "another";
    });
}
std::string argument_kept_for_later() {
    return with_qa([](const qa& ask, rg::run& r) {
        auto question = "question"_f = long_text("text");
        std::string other = long_text("what takes the place of a text that is gone");
        return ask(r, question);
    });
}
std::string argument_of_a_variable() {
    return with_qa([](const qa& ask, rg::run& r) {
        std::string text = long_text("text");
        auto question = "question"_f = text;
        return ask(r, question);
    });
}
std::string condition_named_first() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        qa ask;
        std::string other = long_text("other");
        bool first = r.branch_name() != "nowhere";
        std::string question = first ? long_text("text") : other;
        auto p = co_await ask(r, question);
        auto later = ask(r, first ? long_text("text") : other);  // outside of the co_await it is right
        auto q = co_await std::move(later);
        co_return p.get<"answer">() == q.get<"answer">() ? p.get<"answer">() : "another";
    });
}
std::string struct_named_first() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        rg::predict<asked> ask;
        asked::input in{.question = long_text("text")};
        auto p = co_await ask(r, in);
        co_return p->answer;
    });
}
std::string hint_in_place() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        rg::chain_of_thought_with_hint<rg::sig<"question -> answer">> ask;
        auto p = co_await ask(r, rg::hint{long_text("look")}, "question"_f = long_text("text"));
        co_return p.get<"answer">();
    });
}
std::string thought_awaited_later() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        rg::chain_of_thought<rg::sig<"question -> answer">> ask;
        auto work = ask(r, long_text("text"));
        auto p = co_await std::move(work);
        co_return p.get<"answer">();
    });
}

// --- attempts
// ------------------------------------------------------------------------------------------------------------------------

std::string best_awaited_later() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        qa ask;
        auto work = [&] {
            rg::best_of_n best{ask, [kept = expected](const auto& p, const std::string& q) {
                                   return p.template get<"answer">() == kept && q == kept;
                               }};
            return best(r, "question"_f = long_text("text"));  // `best` itself is gone before the task begins
        }();
        auto p = co_await std::move(work);
        co_return p.get<"answer">();
    });
}
std::string best_with_a_reward_that_waits() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        qa ask;
        rg::best_of_n best{ask, [kept = expected](rg::run&, const auto& p, const std::string& q) -> rg::task<bool> {
                               co_await suspend();
                               co_return p.template get<"answer">() == kept&& q == kept;
                           }};
        auto p = co_await best(r, "question"_f = long_text("text"));
        co_return p.template get<"answer">();
    });
}
std::string refined() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        program inner;
        rg::refine better{inner, [kept = expected](const std::string& s) { return s == kept; }};
        auto s = co_await better(r, long_text("text"));
        co_return s;
    });
}

// --- what a run does
// -----------------------------------------------------------------------------------------------------------------

std::string effect_named_first() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        std::string text = long_text("text");
        std::function<rg::task<rg::json::value>()> effect = [text]() -> rg::task<rg::json::value> {
            co_await suspend();
            co_return rg::json::value(rg::json::string(text));
        };
        auto v = co_await r.call_tool("self", "tool", rg::json::object{}, std::move(effect));
        std::function<rg::json::value()> work = [text] { return rg::json::value(rg::json::string(text)); };
        auto w = co_await r.blocking(std::move(work));
        co_return v == w ? std::string{v.as_string()} : "another";
    });
}

struct shape {
    const char* name;
    std::function<std::string()> run;
};

const shape shapes[]{
    {"tool: const T&", [] { return tool(by_reference, {"s"}, text_argument); }},
    {"tool: T", [] { return tool(by_value, {"s"}, text_argument); }},
    {"tool: T&&", [] { return tool(by_rvalue, {"s"}, text_argument); }},
    {"tool: run&, const T&", [] { return tool(behind_run, {"s"}, text_argument); }},
    {"tool: const call_key&, const T&", [] { return tool(behind_key, {"s"}, text_argument); }},
    {"tool: const struct&",
     [] {
         return tool(of_struct, {}, {{"what", "x"}, {"notes", {"a", expected}}});
     }},
    {"tool: const vector&, const optional&",
     [] {
         return tool(of_many, {"all", "last"}, {{"all", {"a"}}, {"last", expected}});
     }},
    {"tool: task<void>", [] { return tool(nothing, {"s"}, text_argument) == "Done." ? expected : "failed"; }},
    {"tool: member, by pointer", [] { return tool_of_a_member(false); }},
    {"tool: member, by shared_ptr", [] { return tool_of_a_member(true); }},
    {"tool: lambda with captures", tool_with_captures},
    {"tool: its registry is gone", tool_whose_registry_is_gone},
    {"parallel_map: const T&", [] { return mapped(item_by_reference); }},
    {"parallel_map: T", [] { return mapped(item_by_value); }},
    {"parallel_map: awaited later", map_awaited_later},
    {"parallel_map: items that cannot be copied", map_of_what_cannot_be_copied},
    {"parallel: awaited later", branches_awaited_later},
    {"parallel: captures by reference", branches_with_references},
    {"start: const T&", [] { return started<program, std::string>(program{}, [] { return long_text("text"); }); }},
    {"start: const unique_ptr&",
     [] {
         return started<takes_ownership, std::unique_ptr<std::string>>(
             takes_ownership{}, [] { return std::make_unique<std::string>(expected); });
     }},
    {"start: a temporary lambda", started_temporary_function},
    {"start: a temporary struct", started_temporary_struct},
    {"start: string_view", started_with_a_view},
    {"run: a temporary program", ran_temporary},
    {"detach: a temporary lambda", detached_temporary},
    {"predict: awaited in place", awaited_in_place},
    {"predict: \"x\"_f = temporary, used later", argument_kept_for_later},
    {"predict: \"x\"_f = variable, used later", argument_of_a_variable},
    {"predict: ?: named first", condition_named_first},
    {"predict: a struct named first", struct_named_first},
    {"chain_of_thought_with_hint: a hint in place", hint_in_place},
    {"chain_of_thought: awaited later", thought_awaited_later},
    {"best_of_n: awaited when it is gone", best_awaited_later},
    {"best_of_n: a reward that waits", best_with_a_reward_that_waits},
    {"refine: const T&", refined},
    {"run: call_tool and blocking, named first", effect_named_first},
};

}  // namespace

// With words: only the shapes whose names hold them.
int main(int argc, char** argv) {
    int failed = 0;
    for (const auto& s : shapes) {
        if (argc > 1 && std::string_view{s.name}.find(argv[1]) == std::string_view::npos) continue;
        std::string got;
        try {
            got = s.run();
        } catch (const std::exception& e) {
            got = e.what();
        }
        bool right = got == expected;
        failed += right ? 0 : 1;
        std::printf("%s %s%s%s\n", right ? "ok  " : "WRONG", s.name, right ? "" : ": ", right ? "" : got.c_str());
        std::fflush(stdout);
    }
    return failed == 0 ? 0 : 1;
}
