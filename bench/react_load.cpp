// Runs a ReAct agent many times against an OpenAI-compatible server on localhost.
#include "measure.hpp"

#include <reagent/reagent.hpp>

#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>

using namespace reagent::literals;
namespace rg = reagent;

namespace {

std::int64_t add(std::int64_t a, std::int64_t b) { return a + b; }

using agent = rg::react<rg::sig<"question -> answer: int">>;

struct tally {
    unsigned long calls = 0, failed = 0;
    std::map<std::string, unsigned long> errors;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: react_load PORT RUNS CONCURRENCY\n"
                     "Runs a ReAct agent (question -> answer: int, one tool add(a, b)) RUNS times, CONCURRENCY at a time, on one\n"
                     "thread, against http://127.0.0.1:PORT/v1, and reports CPU time per model call.\n";
        return 2;
    }
    allow_many_files();
    std::string port = argv[1];
    unsigned long runs = std::strtoul(argv[2], nullptr, 10), concurrency = std::max(1ul, std::strtoul(argv[3], nullptr, 10));

    rg::tools tools;
    tools.add("add", "Adds two numbers.", add, {"a", "b"}, {.read_only = true, .quick = true});
    agent a{tools, {.max_iters = 10}};
    rg::language_model model{"openai/load", {.api_base = "http://127.0.0.1:" + port + "/v1"}};
    rg::runtime_options options;
    options.http.max_idle_connections = concurrency;
    rg::runtime runtime{options};

    // A window of `concurrency` runs: each that ends makes room for the next.
    tally total;
    stopwatch watch;
    std::mutex mutex;
    std::condition_variable ended;
    std::size_t active = 0;
    for (unsigned long i = 0; i < runs; ++i) {
        {
            std::unique_lock lock{mutex};
            ended.wait(lock, [&] { return active < concurrency; });
            ++active;
        }
        runtime.detach(
            {model}, a,
            [&](std::exception_ptr failure, const rg::run_report& report) {
                std::lock_guard lock{mutex};
                total.calls += report.usage.calls;
                if (failure) {
                    ++total.failed;
                    try {
                        std::rethrow_exception(failure);
                    } catch (const std::exception& e) {
                        ++total.errors[e.what()];
                    }
                }
                --active;
                ended.notify_one();
            },
            "question"_f = "What is " + std::to_string(i) + " plus 1?");
    }
    {
        std::unique_lock lock{mutex};
        ended.wait(lock, [&] { return active == 0; });
    }
    watch.report("react_load", runs, total.calls, total.failed);
    for (const auto& [what, count] : total.errors) std::cerr << count << " x " << what << "\n";
    return total.failed ? 1 : 0;
}
