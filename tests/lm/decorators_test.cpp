#include "support/ask.hpp"
#include "support/loopback_server.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/decorators.hpp>

#include <sqlite3.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace std::chrono_literals;

namespace {

// Answers with the question and a number; counts; may wait or fail.
class counting final : public lm_backend {
public:
    explicit counting(std::string name = "test/counting") : name_{std::move(name)} {}
    std::string name() const override { return name_; }
    task<lm_response> complete(lm_context, const lm_request& r) const override {
        int n = ++calls;
        now_ = ++inside;
        most = std::max(most.load(), now_);
        struct leave {
            std::atomic<int>& i;
            ~leave() { --i; }
        } left{inside};
        if (delay.count() > 0) {
            asio::steady_timer t{co_await asio::this_coro::executor, delay};
            co_await t.async_wait(asio::use_awaitable);
        }
        if (fails && fails(n)) std::rethrow_exception(fails(n));
        lm_response out;
        out.text = r.messages.back().content + "#" + std::to_string(n);
        out.usage = {.calls = 1, .prompt_tokens = 10, .completion_tokens = 5, .cost = 0.25};
        out.tool_calls = {{"c", "t", "{}"}};
        co_return out;
    }
    mutable std::atomic<int> calls = 0, inside = 0, most = 0;
    std::function<std::exception_ptr(int)> fails;
    std::chrono::milliseconds delay{0};

private:
    std::string name_;
    mutable int now_ = 0;
};

std::exception_ptr failing(lm_errc code) { return std::make_exception_ptr(lm_error{code, "failed on purpose"}); }

template <class Error>
error_code code_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& e) {
        return e.code();
    }
    return {};
}

struct folder {
    std::filesystem::path path;
    folder() {
        char name[] = "/tmp/reagent-lm-XXXXXX";
        path = mkdtemp(name);
    }
    ~folder() { std::filesystem::remove_all(path); }
    std::string operator/(const char* file) const { return path / file; }
};

// Several calls at once on one thread.
std::vector<std::string> together(const language_model& model, const std::vector<std::string>& questions) {
    std::vector<std::string> answers(questions.size());
    boost::asio::io_context context;
    http::client client{context.get_executor(), {}};
    auto one = [&](std::size_t i) -> task<void> {
        lm_request r = question(questions[i]);
        lm_context where{client, clock::now() + 10s};
        try {
            auto a = co_await model.backend()->complete(where, r);
            answers[i] = a.text;
        } catch (const error& e) {
            answers[i] = std::string{"error "} + e.what();
        }
    };
    for (std::size_t i = 0; i < questions.size(); ++i)
        boost::asio::co_spawn(context, one(i), [](std::exception_ptr e) { BOOST_TEST(!e); });
    context.run();
    return answers;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_cache_answers_what_was_asked_before) {
    auto m = std::make_shared<counting>();
    auto model = cached(language_model{m});
    BOOST_TEST(model.name() == "test/counting");
    auto first = ask(model, question("a"));
    auto again = ask(model, question("a"));
    BOOST_TEST(again.text == first.text);
    BOOST_TEST((again.tool_calls == first.tool_calls));
    BOOST_TEST(!first.from_cache);
    BOOST_TEST(again.from_cache);
    BOOST_TEST(first.usage.tokens() == 15u);
    BOOST_TEST((again.usage == usage{}));
    BOOST_TEST(m->calls == 1);
    // Everything counts.
    std::vector<lm_request> others(7, question("a"));
    others[0].rollout_id = 1;
    others[1].sampling.temperature = 1;
    others[2].tools = {{"t", "d", json::object{}}};
    others[3].outputs_schema = json::object{};
    others[4].messages.front().role = role::system;
    others[5].tool_choice.kind = tool_choice::none;
    others[6].messages.front().images = {image::from_url("https://x/y.png")};
    for (const auto& r : others) BOOST_TEST(!ask(model, r).from_cache);
    for (const auto& r : others) BOOST_TEST(ask(model, r).from_cache);
    BOOST_TEST(m->calls == 8);
    // Streams read and fill the same cache.
    BOOST_TEST(ask_streaming(model, question("a")).response.from_cache);
    BOOST_TEST(!ask_streaming(model, question("s")).response.from_cache);
    BOOST_TEST(ask(model, question("s")).from_cache);
}

BOOST_AUTO_TEST_CASE(a_cache_forgets_what_is_old_or_too_much) {
    auto m = std::make_shared<counting>();
    auto small = cached(language_model{m}, {.max_memory_bytes = 3 * 800});
    for (const char* q : {"a", "b", "c"}) ask(small, question(q));
    BOOST_TEST(ask(small, question("a")).from_cache);
    ask(small, question("d"));  // b goes: a was used since
    BOOST_TEST(ask(small, question("a")).from_cache);
    BOOST_TEST(!ask(small, question("b")).from_cache);
    auto failing_once = std::make_shared<counting>();
    failing_once->fails = [](int n) { return n == 1 ? failing(lm_errc::server_error) : nullptr; };
    auto model = cached(language_model{failing_once});
    BOOST_TEST(code_of<lm_error>([&] { ask(model, question("x")); }) == error_code{lm_errc::server_error});
    BOOST_TEST(ask(model, question("x")).text == "x#2");  // failures are not kept
}

BOOST_AUTO_TEST_CASE(equal_requests_under_way_are_sent_once) {
    auto m = std::make_shared<counting>();
    m->delay = 20ms;
    auto model = cached(language_model{m});
    auto answers = together(model, {"a", "a", "b", "a", "b"});
    BOOST_TEST(m->calls == 2);
    BOOST_TEST(answers[0] == answers[1]);
    BOOST_TEST(answers[0] == answers[3]);
    BOOST_TEST(answers[2] == answers[4]);
    m->fails = [](int) { return failing(lm_errc::server_error); };
    answers = together(model, {"c", "c"});
    BOOST_TEST(m->calls == 3);
    BOOST_TEST(answers[1].starts_with("error failed on purpose"));
}

BOOST_AUTO_TEST_CASE(when_the_first_is_cancelled_another_asks) {
    auto m = std::make_shared<counting>();
    m->delay = 50ms;
    auto model = cached(language_model{m});
    boost::asio::io_context context;
    http::client client{context.get_executor(), {}};
    boost::asio::cancellation_signal stop;
    std::string second;
    auto one = [&](std::string* to) -> task<void> {
        lm_request r = question("a");
        lm_context where{client, clock::now() + 10s};
        auto a = co_await model.backend()->complete(where, r);
        if (to) *to = a.text;
    };
    bool cancelled = false;
    boost::asio::co_spawn(
        context, one(nullptr),
        boost::asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e) { cancelled = e != nullptr; }));
    boost::asio::co_spawn(context, one(&second), [](std::exception_ptr e) { BOOST_TEST(!e); });
    boost::asio::steady_timer t{context, 10ms};
    t.async_wait([&](auto) { stop.emit(boost::asio::cancellation_type::terminal); });
    context.run();
    BOOST_TEST(cancelled);
    BOOST_TEST(second == "a#2");
}

BOOST_AUTO_TEST_CASE(a_cache_file_outlives_the_process) {
    folder dir;
    auto m = std::make_shared<counting>();
    std::string first = ask(cached(language_model{m}, {.file = dir / "c.db"}), question("a")).text;
    auto later = cached(language_model{m}, {.file = dir / "c.db"});
    auto known = ask(later, question("a"));
    BOOST_TEST(known.text == first);
    BOOST_TEST(known.from_cache);
    BOOST_TEST((known.tool_calls == std::vector<tool_call>{{"c", "t", "{}"}}));
    BOOST_TEST(m->calls == 1);
    // Another model is another question.
    BOOST_TEST(
        !ask(cached(language_model{std::make_shared<counting>("test/other")}, {.file = dir / "c.db"}), question("a"))
             .from_cache);
}

BOOST_AUTO_TEST_CASE(broken_entries_and_files_are_misses) {
    folder dir;
    auto m = std::make_shared<counting>();
    for (const char* q : {"a", "b"}) ask(cached(language_model{m}, {.file = dir / "c.db"}), question(q));
    sqlite3* db = nullptr;
    sqlite3_open((dir / "c.db").c_str(), &db);
    sqlite3_exec(db, "UPDATE answers SET value = CAST('{\"content\": \"forged\"}' AS BLOB)", nullptr, nullptr, nullptr);
    sqlite3_close(db);
    BOOST_TEST(ask(cached(language_model{m}, {.file = dir / "c.db"}), question("a")).text == "a#3");
    BOOST_TEST(ask(cached(language_model{m}, {.file = dir / "c.db"}), question("a")).text == "a#3");
    // What is no database is set aside, each time, and nothing of it lost.
    for (const char* aside : {"d.db.broken", "d.db.broken-2"}) {
        std::ofstream{dir / "d.db", std::ios::trunc} << std::string(8192, 'x') << aside;
        BOOST_TEST(!ask(cached(language_model{m}, {.file = dir / "d.db"}), question("a")).from_cache);
        BOOST_TEST(ask(cached(language_model{m}, {.file = dir / "d.db"}), question("a")).from_cache);
        std::ifstream in{dir / aside};
        BOOST_TEST((std::string{std::istreambuf_iterator<char>{in}, {}} == std::string(8192, 'x') + aside));
    }
    BOOST_TEST(code_of<lm_error>([&] { cached(language_model{m}, {.file = dir / "no/such/folder.db"}); }) ==
               error_code{lm_errc::unavailable});
}

BOOST_AUTO_TEST_CASE(a_cache_counts_all_of_an_answer) {
    class reasoning final : public lm_backend {
    public:
        std::string name() const override { return "test/reasoning"; }
        task<lm_response> complete(lm_context, const lm_request&) const override {
            ++calls;
            lm_response r;
            r.text = "x";
            r.reasoning_blocks.emplace_back(json::object{{"thinking", std::string(60'000, 't')}});
            co_return r;
        }
        mutable std::atomic<int> calls = 0;
    };
    auto m = std::make_shared<reasoning>();
    auto model = cached(language_model{m}, {.max_memory_bytes = 200'000});
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 10; ++i) ask(model, question(std::to_string(i)));
    BOOST_TEST(m->calls == 20);  // three fit: none of ten is left when it comes round again
}

BOOST_AUTO_TEST_CASE(a_cache_file_keeps_to_its_size_and_age) {
    folder dir;
    auto m = std::make_shared<counting>();
    auto model = cached(language_model{m}, {.file = dir / "c.db", .max_file_bytes = 20'000});
    for (int i = 0; i < 400; ++i) ask(model, question(std::to_string(i) + std::string(200, 'x')));
    sqlite3* db = nullptr;
    sqlite3_open((dir / "c.db").c_str(), &db);
    std::int64_t bytes = 0;
    sqlite3_exec(
        db, "SELECT SUM(LENGTH(value)) FROM answers",
        [](void* to, int, char** v, char**) { return *static_cast<std::int64_t*>(to) = std::stoll(v[0]), 0; }, &bytes,
        nullptr);
    BOOST_TEST(bytes > 0);
    BOOST_TEST(bytes < 20'000 + 64 * 500);
    sqlite3_exec(db, "UPDATE answers SET made = made - 100", nullptr, nullptr, nullptr);
    sqlite3_close(db);
    std::string last = "399" + std::string(200, 'x');
    BOOST_TEST(ask(cached(language_model{m}, {.file = dir / "c.db"}), question(last)).from_cache);
    for (auto [number, age] : {std::pair{"398", 50s}, {"397", 1s}})
        BOOST_TEST(!ask(cached(language_model{m}, {.file = dir / "c.db", .max_age = age}),
                        question(number + std::string(200, 'x')))
                        .from_cache);
    // What was read from the file is as old in memory as it was there.
    auto aging = cached(language_model{m}, {.file = dir / "c.db", .max_age = 110s});
    BOOST_TEST(ask(aging, question(last)).from_cache);
    sqlite3_open((dir / "c.db").c_str(), &db);
    sqlite3_exec(db, "DELETE FROM answers", nullptr, nullptr, nullptr);
    sqlite3_close(db);
    BOOST_TEST(ask(aging, question(last)).from_cache);  // from memory
    std::this_thread::sleep_for(10'500ms);
    BOOST_TEST(!ask(aging, question(last)).from_cache);
}

BOOST_AUTO_TEST_CASE(many_processes_share_a_cache_file) {
    folder dir;
    std::vector<pid_t> children;
    for (int p = 0; p < 4; ++p) {
        pid_t child = fork();
        if (child == 0) {
            int wrong = 0;
            auto m = std::make_shared<counting>();
            auto model = cached(language_model{m}, {.file = dir / "c.db"});
            for (int i = 0; i < 50; ++i)
                wrong += !ask(model, question(std::to_string(i))).text.starts_with(std::to_string(i) + "#");
            _exit(wrong);
        }
        children.push_back(child);
    }
    for (auto c : children) {
        int status = 0;
        waitpid(c, &status, 0);
        BOOST_TEST(status == 0);
    }
    auto m = std::make_shared<counting>();
    auto model = cached(language_model{m}, {.file = dir / "c.db"});
    for (int i = 0; i < 50; ++i) ask(model, question(std::to_string(i)));
    BOOST_TEST(m->calls == 0);
}

BOOST_AUTO_TEST_CASE(a_fallback_goes_on_to_the_next) {
    auto bad = std::make_shared<counting>("test/bad"), good = std::make_shared<counting>("test/good");
    bad->fails = [](int) { return failing(lm_errc::invalid_request); };
    auto model = fallback({language_model{bad}, language_model{good}});
    BOOST_TEST(model.name() == "test/bad|test/good");
    BOOST_TEST(ask(model, question("a")).text == "a#1");
    BOOST_TEST(ask_streaming(model, question("a")).response.text == "a#2");
    BOOST_TEST(bad->calls == 2);
    good->fails = [](int) { return failing(lm_errc::rate_limited); };
    BOOST_CHECK_EXCEPTION(ask(model, question("a")), lm_error, [](const lm_error& e) {
        std::string words = e.what();
        return e.code() == lm_errc::rate_limited && words.find("test/bad: failed on purpose") != words.npos;
    });
    BOOST_CHECK_THROW(fallback({}), std::invalid_argument);
    BOOST_CHECK_THROW(fallback({language_model{}}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_balance_spreads_calls) {
    auto a = std::make_shared<counting>("test/a"), b = std::make_shared<counting>("test/b");
    a->delay = b->delay = 5ms;
    auto model = balanced({language_model{a}, language_model{b}});
    together(model, std::vector<std::string>(20, "q"));
    BOOST_TEST(a->calls == 10);
    BOOST_TEST(b->calls == 10);
    a->fails = [](int) { return failing(lm_errc::server_error); };
    for (const auto& answer : together(model, std::vector<std::string>(6, "q"))) BOOST_TEST(answer.starts_with("q#"));
    a->fails = [](int) { return failing(lm_errc::invalid_request); };  // the next one would say the same
    int errors = 0;
    for (const auto& answer : together(model, std::vector<std::string>(6, "q"))) errors += answer.starts_with("error");
    BOOST_TEST(errors == 3);
}

BOOST_AUTO_TEST_CASE(concurrency_is_limited_and_gives_way) {
    auto m = std::make_shared<counting>();
    m->delay = 3ms;
    auto model = concurrency_limited(language_model{m}, 4);
    auto answers = together(model, std::vector<std::string>(20, "q"));
    BOOST_TEST(m->calls == 20);
    BOOST_TEST(m->most == 4);
    // A rate limit halves the number; as many successes as it stands at raise it by one.
    m->fails = [](int n) { return n == 21 ? failing(lm_errc::rate_limited) : nullptr; };
    BOOST_CHECK_THROW(ask(model, question("q")), lm_error);
    m->most = 0;
    together(model, {"q", "q", "q"});
    BOOST_TEST(m->most == 2);
    m->most = 0;
    together(model, std::vector<std::string>(20, "q"));
    BOOST_TEST(m->most == 4);
    ask_streaming(model, question("s"));  // lets go at its end
    m->most = 0;
    together(model, std::vector<std::string>(8, "q"));
    BOOST_TEST(m->most == 4);
}

BOOST_AUTO_TEST_CASE(a_rate_is_kept) {
    auto m = std::make_shared<counting>();
    auto model =
        rate_limited(language_model{m}, {.requests_per_minute = 600});  // a minute's worth at once, then ten a second
    auto start = clock::now();
    together(model, std::vector<std::string>(600, "q"));
    auto burst = clock::now() - start;
    together(model, std::vector<std::string>(4, "q"));
    BOOST_TEST((clock::now() - start - burst >= 200ms));
    BOOST_TEST(m->calls == 604);
    auto tokens = rate_limited(language_model{m}, {.tokens_per_minute = 60});
    ask(tokens, question("abcd"));
    ask(tokens, question("abcd"));
    ask(tokens, question("abcd"));
    ask(tokens, question("abcd"));  // 60 tokens are used
    BOOST_TEST(code_of<lm_error>([&] { ask(tokens, question("abcd"), {}, 100ms); }) ==
               error_code{lm_errc::rate_limited});
}

BOOST_AUTO_TEST_CASE(a_budget_is_kept) {
    auto m = std::make_shared<counting>();
    auto stops = [&](spending_limit limit, int after, run_errc code) {
        auto model = budgeted(language_model{m}, limit);
        for (int i = 0; i < after; ++i) ask(model, question("q"));
        BOOST_TEST(code_of<run_error>([&] { ask(model, question("q")); }) == error_code{code});
        BOOST_TEST(code_of<run_error>([&] { ask_streaming(model, question("q")); }) == error_code{code});
    };
    stops({.calls = 3}, 3, run_errc::budget_calls);
    stops({.tokens = 40}, 3, run_errc::budget_tokens);
    stops({.dollars = 0.5}, 2, run_errc::budget_cost);
}

BOOST_AUTO_TEST_CASE(what_fails_and_what_is_sent_again_counts) {
    auto m = std::make_shared<counting>();
    m->fails = [](int) { return failing(lm_errc::server_error); };
    auto failing_calls = budgeted(language_model{m}, {.calls = 3});
    for (int i = 0; i < 3; ++i) BOOST_CHECK_THROW(ask(failing_calls, question("q")), lm_error);
    BOOST_CHECK_THROW(ask(failing_calls, question("q")), run_error);
    BOOST_TEST(m->calls == 3);
    m->calls = 0;
    language_model again = retrying(language_model{m}, {.max_attempts = 4, .base = 0ms});
    for (bool many : {false, true}) {
        auto model = budgeted(many ? fallback({again, again}) : again, {.calls = 6});
        m->calls = 0;
        for (int i = 0; i < 5; ++i) BOOST_CHECK_THROW(ask(model, question("q")), error);
        BOOST_TEST(m->calls == 6);
        m->calls = 0;
        for (int i = 0; i < 5; ++i)
            BOOST_CHECK_THROW(ask_streaming(budgeted(again, {.calls = 2}), question("q")), error);
        BOOST_TEST(m->calls == 10);
    }
}

// Many calls at once, until the limit ends them. @return what they cost
double spent_at_once(const std::function<std::shared_ptr<lm_backend>()>& make, double limit, std::uint64_t max_tokens,
                     int* most) {
    auto m = make();
    auto model = budgeted(language_model{m}, {.dollars = limit});
    boost::asio::io_context context;
    http::client client{context.get_executor(), {}};
    double cost = 0;
    int refused = 0;
    auto one = [&](int i) -> task<void> {
        lm_request r = question(std::to_string(i));
        if (max_tokens) r.sampling.max_tokens = max_tokens;
        lm_context where{client};
        try {
            auto a = co_await model.backend()->complete(where, r);
            cost += a.usage.cost.value_or(0);
        } catch (const run_error& e) {
            refused += e.code() == run_errc::budget_cost;
        }
    };
    for (int i = 0; i < 60; ++i) boost::asio::co_spawn(context, one(i), [](std::exception_ptr e) { BOOST_TEST(!e); });
    context.run();
    BOOST_TEST(refused > 0);
    if (auto* counted = dynamic_cast<counting*>(m.get()); counted && most) *most = counted->most;
    return cost;
}

BOOST_AUTO_TEST_CASE(a_limit_of_dollars_is_passed_by_one_call_at_most_whatever_the_concurrency) {
    // A price that is not known: each costs 0.25.
    int most = 0;
    auto unknown = [] {
        auto m = std::make_shared<counting>();
        m->delay = 1ms;
        return m;
    };
    double cost = spent_at_once(unknown, 8, 0, &most);
    BOOST_TEST(cost >= 8);
    BOOST_TEST(cost <= 8.25);
    BOOST_TEST(most > 4);  // and they did not go one by one
    // A known one: $0.60 per million tokens of completion, and answers of every length up to what was asked for.
    class priced final : public lm_backend {
    public:
        std::string name() const override { return "openai/gpt-4o-mini"; }
        task<lm_response> complete(lm_context, const lm_request& r) const override {
            int n = ++calls;
            asio::steady_timer t{co_await asio::this_coro::executor, 1ms};
            co_await t.async_wait(asio::use_awaitable);
            lm_response out;
            out.text = "x";
            out.usage = {.calls = 1, .prompt_tokens = 1, .completion_tokens = n < 10 ? 10 : *r.sampling.max_tokens};
            out.usage.cost = price_of(name(), out.usage);
            co_return out;
        }
        mutable std::atomic<int> calls = 0;
    };
    // A server that tells no usage is charged with what a call may cost at most.
    class silent final : public lm_backend {
    public:
        std::string name() const override { return "openai/gpt-4o-mini"; }
        task<lm_response> complete(lm_context, const lm_request&) const override {
            ++calls;
            lm_response out;
            out.text = "x";
            out.usage = {.calls = 1};
            co_return out;
        }
        mutable std::atomic<int> calls = 0;
    };
    // A server that counts far more than the model can use.
    class lying final : public lm_backend {
    public:
        std::string name() const override { return "openai/gpt-4o-mini"; }
        task<lm_response> complete(lm_context, const lm_request&) const override {
            asio::steady_timer t{co_await asio::this_coro::executor, 1ms};
            co_await t.async_wait(asio::use_awaitable);
            lm_response out;
            out.text = "x";
            out.usage = {.calls = 1, .prompt_tokens = 200'000, .completion_tokens = 75'000};
            out.usage.cost = price_of(name(), out.usage);
            co_return out;
        }
    };
    const double lie = 0.15 * 0.2 + 0.6 * 0.075;
    cost = spent_at_once([] { return std::make_shared<lying>(); }, 0.2, 1000, nullptr);
    BOOST_TEST(cost >= 0.2);
    BOOST_TEST(cost <= 0.2 + lie);
    std::shared_ptr<silent> told_nothing;
    spent_at_once([&] { return told_nothing = std::make_shared<silent>(); }, 0.01, 1000, nullptr);
    BOOST_TEST(told_nothing->calls < 25);
    double each = 0.6 * 1000 / 1e6 + 0.15 / 1e6;
    cost = spent_at_once([] { return std::make_shared<priced>(); }, each * 5, 1000, nullptr);
    BOOST_TEST(cost >= each * 5);
    BOOST_TEST(cost <= each * 6);
}

BOOST_AUTO_TEST_CASE(a_limit_of_tokens_is_passed_by_one_call_at_most_whatever_the_concurrency) {
    class thousand final : public lm_backend {
    public:
        std::string name() const override { return "test/thousand"; }
        task<lm_response> complete(lm_context, const lm_request&) const override {
            ++calls;
            asio::steady_timer t{co_await asio::this_coro::executor, 1ms};
            co_await t.async_wait(asio::use_awaitable);
            lm_response out;
            out.text = "x";
            out.usage = {.calls = 1, .prompt_tokens = 400, .completion_tokens = 600};
            co_return out;
        }
        mutable std::atomic<int> calls = 0;
    };
    for (std::uint64_t max_tokens : {0, 600}) {
        auto m = std::make_shared<thousand>();
        auto model = budgeted(language_model{m}, {.tokens = 2500});
        boost::asio::io_context context;
        http::client client{context.get_executor(), {}};
        int refused = 0;
        auto one = [&](int i) -> task<void> {
            lm_request r = question(std::to_string(i));
            if (max_tokens) r.sampling.max_tokens = max_tokens;
            lm_context where{client};
            try {
                co_await model.backend()->complete(where, r);
            } catch (const run_error& e) {
                refused += e.code() == run_errc::budget_tokens;
            }
        };
        for (int i = 0; i < 60; ++i)
            boost::asio::co_spawn(context, one(i), [](std::exception_ptr e) { BOOST_TEST(!e); });
        context.run();
        BOOST_TEST(m->calls == 3);
        BOOST_TEST(refused == 57);
    }
}

BOOST_AUTO_TEST_CASE(a_cassette_is_recorded_and_replayed) {
    folder dir;
    std::string file = dir / "calls.jsonl";
    auto m = std::make_shared<counting>();
    m->fails = [](int n) { return n == 3 ? failing(lm_errc::rate_limited) : nullptr; };
    auto live = recorded(language_model{m}, file);
    lm_request with_key = question("my key is sk-abcdefghijklmnop");
    ask(live, question("a"));
    ask_streaming(live, question("b"));
    BOOST_CHECK_THROW(ask(live, question("c")), lm_error);
    ask(live, with_key);
    std::ifstream in{file};
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 4);
    BOOST_TEST(text.find("abcdefghijklmnop") == text.npos);

    auto tape = replayed(file);
    BOOST_TEST(tape.name() == "test/counting");
    BOOST_TEST(ask(tape, question("b")).text == "b#2");  // in any order
    BOOST_TEST(ask_streaming(tape, question("a")).response.text == "a#1");
    BOOST_TEST(code_of<lm_error>([&] { ask(tape, question("c")); }) == error_code{lm_errc::rate_limited});
    BOOST_CHECK_EXCEPTION(ask(tape, question("my key is gone")), lm_error, [](const lm_error& e) {
        std::string words = e.what();
        BOOST_TEST_MESSAGE(words);
        return words.find("$.request.messages[0].content") != words.npos && words.find("gone") != words.npos &&
               words.find("(secret)") != words.npos;
    });
    BOOST_TEST(ask(tape, with_key).text.find("#4") != std::string::npos);
    BOOST_CHECK_EXCEPTION(ask(tape, question("a")), lm_error, [](const lm_error& e) {
        return std::string{e.what()}.find("given out") != std::string::npos;
    });
    std::ofstream{dir / "bad.jsonl"} << "{\"request\": 1}\n";
    BOOST_CHECK_EXCEPTION(replayed(dir / "bad.jsonl"), lm_error,
                          [](const lm_error& e) { return std::string{e.what()}.find("line 1") != std::string::npos; });
    BOOST_CHECK_THROW(replayed(dir / "none.jsonl"), lm_error);
    BOOST_CHECK_THROW(recorded(language_model{m}, "/nonexistent/x.jsonl"), lm_error);
}

// Everything that is written, with a key in it and a server that quotes it.
BOOST_AUTO_TEST_CASE(a_key_is_written_nowhere) {
    folder dir;
    const std::string key = "planted-KEY-0123456789";
    std::atomic<int> n = 0;
    loopback_server server{[&](const server_request& r) {
        BOOST_TEST(r.authorization == "Bearer " + key);
        std::string quoting = R"({"error":{"message":"bad key )" + key + R"(","type":"server_error"}})";
        switch (n++ % 4) {
            case 0: return server_response{.status = 401, .body = quoting};
            case 1: return server_response{.body = quoting};
            case 2:
                return server_response{.content_type = "text/event-stream", .pieces = {"data: " + quoting + "\n\n"}};
            default: return server_response{.body = openai_text("fine")};
        }
    }};
    language_model plain{"openai/x", {.api_base = server.url("/v1"), .api_key = secret{key}}};
    auto model = cached(recorded(plain, dir / "calls.jsonl"), {.file = dir / "cache.db"});
    for (int i = 0; i < 4; ++i) {
        lm_request r = question("q" + std::to_string(i));
        try {
            if (i == 2)
                ask_streaming(model, r);
            else
                ask(model, r);
            BOOST_TEST(i == 3);
        } catch (const error& e) {
            BOOST_TEST(i < 3);
            BOOST_TEST(std::string{e.what()}.find(key) == std::string::npos, e.what());
            BOOST_TEST(e.details().provider_message.find(key) == std::string::npos);
            BOOST_TEST(std::string{e.what()}.find("(secret)") != std::string::npos, e.what());
        }
    }
    int files = 0;
    for (const auto& f : std::filesystem::directory_iterator{dir.path}) {
        std::ifstream in{f.path(), std::ios::binary};
        std::string text{std::istreambuf_iterator<char>{in}, {}};
        BOOST_TEST(text.find(key) == text.npos, f.path());
        ++files;
    }
    BOOST_TEST(files >= 2);
}
