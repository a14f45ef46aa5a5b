// Runs a ReAct agent many times against an OpenAI-compatible server on localhost.
#include "measure.hpp"

#include <reagent/lm/decorators.hpp>
#include <reagent/reagent.hpp>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <map>

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

}  // namespace

int main(int argc, char** argv) {
    bool decorated = argc == 5 && std::string_view{argv[4]} == "decorated";
    if (argc != 4 && !decorated) {
        std::cerr << "usage: react_load PORT RUNS CONCURRENCY [decorated]\n"
                     "Runs a ReAct agent (question -> answer: int, one tool add(a, b)) RUNS times, CONCURRENCY at a time, on one\n"
                     "thread, against http://127.0.0.1:PORT/v1, and reports CPU time per model call; `decorated` puts a cache and\n"
                     "retries around the model.\n";
        return 2;
    }
    allow_many_files();
    use_one_arena();
    std::string port = argv[1];
    unsigned long runs = std::strtoul(argv[2], nullptr, 10), concurrency = std::max(1ul, std::strtoul(argv[3], nullptr, 10));

    rg::tools tools;
    tools.add("add", "Adds two numbers.", add, {"a", "b"}, {.read_only = true, .quick = true});
    agent a{tools, {.max_iters = 10}};
    rg::language_model model{"openai/load", {.api_base = "http://127.0.0.1:" + port + "/v1"}};
    if (decorated) model = rg::cached(rg::retrying(model));
    rg::runtime_options options;
    options.http.max_idle_connections = concurrency;
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
