// What outlives its temporary: views within arguments that a run keeps, what is taken out of a temporary prediction,
// functions within options. As lifetimes.cpp, run under AddressSanitizer and UBSan.
#include <reagent/reagent.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>

#include <array>
#include <cstdio>
#include <functional>
#include <future>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace rg = reagent;
namespace asio = boost::asio;
namespace json = boost::json;
using namespace reagent::literals;

namespace {

const std::string expected = "a text that is longer than what a std::string keeps inside of itself";
using texts = std::vector<std::string>;
using views = std::vector<std::string_view>;
using parts = std::tuple<std::string_view, std::optional<const char*>, std::variant<int, std::string_view>>;

rg::task<void> suspend() { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); }

using qa = rg::predict<rg::sig<"question -> answer">>;
using thought = rg::chain_of_thought<rg::sig<"question -> answer">>;
using list = rg::predict<rg::sig<"question -> items: list[str]">>;
using of_list = rg::predict<rg::sig<"context: list[str] -> answer">>;
using of_optional = rg::predict<rg::sig<"context: Optional[str] -> answer">>;
using of_map = rg::predict<rg::sig<"context: dict[str, str] -> answer">>;

rg::scripted answering() {
    return rg::scripted{[](const rg::lm_request& request) {
        bool asks_for_list = rg::to_text(request).find("## items ##") != std::string::npos;
        return asks_for_list
                   ? rg::scripted_answer{{{"items", json::array{json::string(expected), json::string(expected)}}}}
                   : rg::scripted_answer{{{"answer", json::string(expected)}, {"reasoning", json::string(expected)}}};
    }};
}

/// Starts what `give` makes of a text that is gone before the run begins. @return what the model was asked
template <class Give>
std::string asked(Give give) {
    rg::runtime rt;
    auto lm = answering();
    auto handle = [&] {
        std::string gone = expected;
        auto h = give(rt, lm, gone);
        gone.assign(gone.size(), '-');
        return h;
    }();
    handle.get();
    return lm.last_prompt().find(expected) != std::string::npos ? expected : lm.last_prompt();
}

const of_list ask_list{};
const of_optional ask_optional{};
const of_map ask_map{};

std::string best_of_views() {
    rg::best_of_n best{ask_list, [](const auto&, const views& given) { return given.at(0) == expected ? 1.0 : 0.0; }};
    return asked([&](auto& rt, auto& lm, auto& s) { return rt.start(lm, best, "context"_f = views{s, s}); });
}
std::string views_by_future() {
    return asked([&](auto& rt, auto& lm, auto& s) {
        return rt.async_run(lm, ask_list, "context"_f = views{s, s}, asio::use_future);
    });
}
std::string views_detached() {
    std::promise<void> ended;
    rg::runtime rt;
    auto lm = answering();
    {
        std::string gone = expected;
        rt.detach(
            lm, ask_list, [&](std::exception_ptr, const rg::run_report&) { ended.set_value(); },
            "context"_f = views{gone});
        gone.assign(gone.size(), '-');
    }
    ended.get_future().get();
    return lm.last_prompt().find(expected) != std::string::npos ? expected : lm.last_prompt();
}

/// A program of the user's own, given what refers to a text that is gone. The type that it takes stays what it was.
template <class T>
std::string program_given(std::function<T(const texts&)> refer, std::function<std::string_view(const T&)> look) {
    rg::runtime rt;
    auto handle = [&] {
        texts gone{expected, expected};
        auto program = [look](rg::run&, const T& given) -> rg::task<std::string> {
            co_await suspend();
            co_return std::string{look(given)};
        };
        auto h = rt.start(answering(), std::move(program), refer(gone));
        for (auto& t : gone) t.assign(t.size(), '-');
        return h;
    }();
    return handle.get();
}
std::string beside_what_cannot_be_copied() {
    rg::runtime rt;
    auto handle = [&] {
        std::string gone = expected;
        auto program = [](rg::run&, std::unique_ptr<int>, views v) -> rg::task<std::string> {
            co_await suspend();
            co_return std::string{v.at(0)};
        };
        auto h = rt.start(answering(), std::move(program), std::make_unique<int>(1), views{gone});
        gone.assign(gone.size(), '-');
        return h;
    }();
    return handle.get();
}

template <class F>
std::string in_run(F body) {
    rg::runtime rt;
    return rt.run(answering(), body);
}

// What is taken out of a temporary.
std::string reference_to_an_output() {
    rg::runtime rt;
    qa ask;
    thought think;
    const auto& a = rt.run(answering(), ask, "question"_f = "q").get<"answer">();
    const auto& b = rt.execute(answering(), ask, "question"_f = "q").value.get<"answer">();
    const auto& c = rt.run(answering(), think, "question"_f = "q").get<"reasoning">();
    const std::string& d = rt.run(answering(), think, "question"_f = "q").reasoning();
    return a == b && c == d ? a : "another";
}
std::string loop_over_an_output() {
    rg::runtime rt;
    list ask;
    std::string last;
    for (const auto& s : rt.run(answering(), ask, "question"_f = "q").get<"items">()) last = s;
    for (const auto& [name, value] : rt.run(answering(), ask, "question"_f = "q").to_json())
        if (name != "items" || value.as_array().at(1).as_string() != last) return "another";
    return last;
}
std::string loop_over_an_awaited_output() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        list ask;
        std::string last;
        for (const auto& s : (co_await ask(r, "question"_f = "q")).get<"items">()) last = s;
        const auto& all = (co_await ask(r, "question"_f = last)).get<"items">();
        co_return all.at(1) == last ? last : "another";
    });
}
std::string loop_over_a_trajectory() {
    rg::tools all;
    all.add("look", "looks", [](std::string q) { return q; }, {"q"});
    rg::react<rg::sig<"question -> answer">> agent{all, {.max_iters = 3, .mode = rg::react_mode::native}};
    rg::scripted lm{rg::scripted_answer::calls({{"look", {{"q", expected}}}}),
                    rg::scripted_answer::calls({{"submit", {{"answer", expected}}}})};
    rg::runtime rt;
    std::string seen;
    for (const auto& step : rt.run(lm, agent, "question"_f = "q").trajectory())
        if (step.tool == "look") seen = std::string{step.args.at("q").as_string()};
    return seen;
}
std::string loop_over_a_request() {
    rg::runtime rt;
    qa ask;
    auto lm = answering();
    rt.run(lm, ask, "question"_f = expected);
    std::string first, last;
    for (const auto& m : lm.requests().front().messages) first = m.content;
    const auto& request = lm.requests().back();
    last = request.messages.back().content;
    return first == last && last.find(expected) != std::string::npos ? expected : last;
}

// What is written inside `co_await`.
std::string options_in_place() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        auto keep = std::make_shared<rg::variation>();
        auto vary = [keep](std::size_t) { return keep; };
        std::function<std::shared_ptr<const rg::variation>(std::size_t)> other = vary;
        auto f = [](rg::run&, const std::string& s) -> rg::task<std::string> {
            co_await suspend();
            co_return s;
        };
        auto a = co_await rg::parallel_map(r, texts(3, expected), f, {.max_concurrency = 2, .vary = vary});
        auto b = co_await rg::parallel_map(r, texts(3, expected), f, {.vary = other});
        co_return a.at(2) == b.at(1) && keep.use_count() > 2 ? a.at(2) : "another";
    });
}
std::string options_whose_function_is_gone() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        auto f = [](rg::run&, const std::string& s) -> rg::task<std::string> {
            co_await suspend();
            co_return s;
        };
        auto work = [&] {
            auto vary = [keep = std::make_shared<rg::variation>()](std::size_t) { return keep; };
            return rg::parallel_map(r, texts(3, expected), f, {.max_concurrency = 1, .vary = vary});
        }();
        auto all = co_await std::move(work);
        co_return all.at(2);
    });
}
std::string callbacks_named_first() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        std::string text = expected;
        auto effect = [text]() -> rg::task<json::value> {
            co_await suspend();
            co_return json::value(json::string(text));
        };
        auto v = co_await r.call_tool("self", "tool", json::object{}, effect);
        auto work = [text] { return json::value(json::string(text)); };
        auto w = co_await r.blocking(work);
        rg::lm_request request;
        request.messages.push_back({rg::role::user, text});
        std::size_t heard = 0;
        auto hear = [text, &heard](const rg::lm_event&) { heard += text.size(); };
        auto answer = co_await r.call_model("self", {}, request, hear);
        co_return v == w && !answer->text.empty() && heard > 0 ? std::string{v.as_string()} : "another";
    });
}
std::string condition_of_tasks_named_first() {
    return in_run([](rg::run& r) -> rg::task<std::string> {
        qa ask;
        bool late = r.branch_name() != "nowhere";
        auto work = late ? ask(r, "question"_f = expected) : ask(r, "question"_f = "b");
        auto p = co_await std::move(work);
        co_return p.get<"answer">();
    });
}

struct shape {
    const char* name;
    std::function<std::string()> run;
};

template <class Program, class Refer>
auto started(const Program& program, Refer refer) {
    return [&program, refer] {
        return asked([&](auto& rt, auto& lm, auto& gone) { return rt.start(lm, program, refer(gone)); });
    };
}

const shape shapes[]{
    {"start: \"x\"_f = vector<string_view>", started(ask_list,
                                                     [](auto& s) {
                                                         return "context"_f = views{s, s};
                                                     })},
    {"start: vector<string_view>", started(ask_list,
                                           [](auto& s) {
                                               return views{s, s};
                                           })},
    {"start: vector<const char*>",
     started(ask_list, [](auto& s) { return "context"_f = std::vector<const char*>{s.c_str()}; })},
    {"start: optional<string_view>",
     started(ask_optional, [](auto& s) { return "context"_f = std::optional<std::string_view>{s}; })},
    {"start: map<string, string_view>", started(ask_map,
                                                [](auto& s) {
                                                    return std::map<std::string, std::string_view>{{"k", s}};
                                                })},
    {"start: array<string_view>", started(ask_list, [](auto& s) { return std::array<std::string_view, 1>{s}; })},
    {"start: vector<string_view>, best_of_n", best_of_views},
    {"async_run: vector<string_view>, use_future", views_by_future},
    {"detach: vector<string_view>", views_detached},
    {"program: span<const string>",
     [] {
         return program_given<std::span<const std::string>>(
             [](const texts& t) { return std::span<const std::string>{t}; },
             [](const auto& s) -> std::string_view { return s[1]; });
     }},
    {"program: set<string_view>",
     [] {
         return program_given<std::set<std::string_view>>(
             [](const texts& t) {
                 return std::set<std::string_view>{t.begin(), t.end()};
             },
             [](const auto& s) { return *s.begin(); });
     }},
    {"program: optional<vector<string_view>>",
     [] {
         return program_given<std::optional<views>>(
             [](const texts& t) {
                 return views{t[0], t[1]};
             },
             [](const auto& s) { return s->at(1); });
     }},
    {"program: tuple<string_view, optional<const char*>, variant<int, string_view>>",
     [] {
         return program_given<parts>(
             [](const texts& t) {
                 return parts{t[0], t[0].c_str(), std::string_view{t[1]}};
             },
             [](const parts& p) {
                 bool same = std::get<0>(p) == *std::get<1>(p) && std::get<0>(p) == std::get<1>(std::get<2>(p));
                 return same ? std::get<0>(p) : std::string_view{"another"};
             });
     }},
    {"program: vector<string_view> beside a unique_ptr", beside_what_cannot_be_copied},
    {"run(...).get<>(), by reference", reference_to_an_output},
    {"for (x : run(...).get<>())", loop_over_an_output},
    {"for (x : (co_await ask(...)).get<>())", loop_over_an_awaited_output},
    {"for (x : run(...).trajectory())", loop_over_a_trajectory},
    {"for (x : lm.requests().front().messages)", loop_over_a_request},
    {"parallel_map: options in place, with a function that has a name", options_in_place},
    {"parallel_map: the function of its options is gone", options_whose_function_is_gone},
    {"run: call_tool, call_model and blocking, named first", callbacks_named_first},
    {"?: of two tasks, named first", condition_of_tasks_named_first},
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
