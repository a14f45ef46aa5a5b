// Runs a ReAct agent many times against an OpenAI-compatible server on localhost.
#include "measure.hpp"

#include <reagent/lm/decorators.hpp>
#include <reagent/reagent.hpp>

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <optional>

using namespace reagent::literals;
namespace rg = reagent;

namespace {

std::int64_t add(std::int64_t a, std::int64_t b) { return a + b; }

using agent = rg::react<rg::sig<"question -> answer: int">>;

struct tally {
    unsigned long calls = 0, failed = 0;
    std::map<std::string, unsigned long> errors;

    void add(std::exception_ptr failure) {
        ++failed;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& e) {
            ++errors[e.what()];
        }
    }
};

// A run that does nothing but look how late it is woken: what else its event loop does at a stretch.
struct stall_probe {
    std::atomic<bool>& over;
    double& longest_ms;

    rg::task<bool> forward(rg::run&) const {
        boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor};
        while (!over) {
            timer.expires_after(std::chrono::milliseconds{1});
            auto due = timer.expiry();
            co_await timer.async_wait(boost::asio::use_awaitable);
            double late = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - due).count();
            longest_ms = std::max(longest_ms, late);
        }
        co_return true;
    }
};

// The same runs with their journals in a store: every answer is on disk before the agent sees it, every tool's call
// before it acts.
int durable(const std::string& where, const agent& a, const rg::language_model& model, unsigned long runs,
            unsigned long concurrency, bool look_for_stalls) {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(where + end);
    auto store = rg::journal_store::open(where);
    rg::runtime_options options{.journals = store};
    options.http.max_idle_connections = concurrency;
    rg::runtime runtime{options};
    auto program = [&a](rg::run& r, const rg::json::object& in) { return a.call(r, in); };
    runtime.serve("load", rg::program_function{program}, {model});
    for (unsigned long i = 0; i < runs; ++i)
        runtime.submit("load", {{"question", "What is " + std::to_string(i) + " plus 1?"}});
    std::atomic<bool> over = false;
    double longest_ms = 0;
    auto start_probe = [&] { return runtime.start({model}, stall_probe{over, longest_ms}); };
    std::optional<decltype(start_probe())> probe;
    if (look_for_stalls) probe.emplace(start_probe());
    stopwatch watch;
    runtime.work({.concurrency = concurrency, .until_idle = true});
    over = true;
    if (probe) probe->get();
    unsigned long calls = 0, failed = 0;
    for (const auto& r : store->list({.most = runs + 1})) {
        calls += r.usage.calls;
        failed += r.status != rg::run_status::finished;
    }
    watch.report("react_load", runs, calls, failed);
    if (look_for_stalls) std::printf("longest stall of the event loop: %.2f ms\n", longest_ms);
    return failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    bool decorated = argc == 5 && std::string_view{argv[4]} == "decorated",
         traced = argc == 5 && std::string_view{argv[4]} == "traced";
    const bool stalls = argc == 6 && std::string_view{argv[4]} == "stalls";
    std::string journals = stalls || (argc == 6 && std::string_view{argv[4]} == "durable") ? argv[5] : "";
    if (argc != 4 && !decorated && !traced && journals.empty()) {
        std::cerr
            << "usage: react_load PORT RUNS CONCURRENCY [decorated | traced | durable JOURNALS | stalls JOURNALS]\n"
               "Runs a ReAct agent (question -> answer: int, one tool add(a, b)) RUNS times, CONCURRENCY at a time, on "
               "one\n"
               "thread, against http://127.0.0.1:PORT/v1, and reports CPU time per model call; `decorated` puts a "
               "cache and\n"
               "retries around the model; `traced` sends the spans of every run to PORT too; `durable` keeps the "
               "journals in a\n"
               "file of SQLite (made anew) or at postgresql://...; `stalls` looks besides how long its event loop "
               "keeps a timer waiting\n";
        return 2;
    }
    allow_many_files();
    if (journals.empty()) use_one_arena();  // else two threads would wait for each other's turn in it
    std::string port = argv[1];
    unsigned long runs = std::strtoul(argv[2], nullptr, 10),
                  concurrency = std::max(1ul, std::strtoul(argv[3], nullptr, 10));

    rg::tools tools;
    tools.add("add", "Adds two numbers.", add, {"a", "b"}, {.read_only = true, .quick = true});
    agent a{tools, {.max_iters = 100}};
    rg::language_model model{"openai/load", {.api_base = "http://127.0.0.1:" + port + "/v1"}};
    if (decorated) model = rg::cached(rg::retrying(model));
    if (!journals.empty()) return durable(journals, a, model, runs, concurrency, stalls);
    rg::runtime_options options;
    options.http.max_idle_connections = concurrency;
    if (traced)
        options.telemetry =
            std::make_shared<rg::telemetry>(rg::telemetry_options{.endpoint = "http://127.0.0.1:" + port});
    rg::runtime runtime{options};

    // A window of `concurrency` runs: each that ends starts the next, on the loop's own thread.
    tally total;
    stopwatch watch;
    std::atomic<unsigned long> next = 0, left = runs;
    auto all_ended = std::make_shared<std::promise<void>>();  // shared: it is still in use when this thread wakes
    std::function<void()> launch = [&] {
        unsigned long number = next++;
        if (number >= runs) return;
        auto done = [&, all_ended](std::exception_ptr failure, const rg::run_report& report) {
            total.calls += report.usage.calls;
            if (failure) total.add(failure);
            if (--left == 0)
                all_ended->set_value();
            else
                launch();
        };
        runtime.detach({model}, a, done, "question"_f = "What is " + std::to_string(number) + " plus 1?");
    };
    for (unsigned long i = 0; i < std::min(runs, concurrency); ++i) launch();
    if (runs > 0) all_ended->get_future().wait();
    watch.report("react_load", runs, total.calls, total.failed);
    for (const auto& [what, count] : total.errors) std::cerr << count << " x " << what << "\n";
    return total.failed ? 1 : 0;
}
