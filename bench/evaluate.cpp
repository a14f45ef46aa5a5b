// How near an evaluation comes to what its concurrency allows: evaluate PORT EXAMPLES CONCURRENCY DELAY_MS
// [CANDIDATES]. The server is completion_server. Ideal: examples / concurrency * delay. With candidates, as many sets
// of parameters are scored on one module.
#include "measure.hpp"

#include <reagent/reagent.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

namespace rg = reagent;

namespace {

double resident_mb() {
    std::ifstream in{"/proc/self/statm"};
    double all = 0, resident = 0;
    in >> all >> resident;
    return resident * 4096 / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5 && argc != 6) {
        std::cerr << "usage: evaluate PORT EXAMPLES CONCURRENCY DELAY_MS [CANDIDATES]\n";
        return 2;
    }
    allow_many_files();
    auto number = [&](int i) { return std::strtoul(argv[i], nullptr, 10); };
    const unsigned long examples = number(2), concurrency = number(3), delay = number(4),
                        candidates = argc == 6 ? number(5) : 1;
    rg::dataset data;
    for (unsigned long i = 0; i < examples; ++i) {
        rg::json::object fields{{"question", "What is " + std::to_string(i) + " plus 1?"}, {"next_tool_name", "add"}};
        data.push_back(rg::example{fields, {"question"}});
    }
    rg::predict<rg::sig<"question -> next_tool_name">> program;
    rg::runtime_options options;
    options.http.max_idle_connections = concurrency;
    rg::runtime runtime{options};
    rg::evaluate_options how;
    how.run.lm = rg::language_model{"openai/load", {.api_base = std::string{"http://127.0.0.1:"} + argv[1] + "/v1"}};
    how.concurrency = concurrency;
    how.keep_histories = false;
    auto metric = rg::exact_match_of("next_tool_name");
    const double ideal =
        static_cast<double>(examples) / static_cast<double>(concurrency) * static_cast<double>(delay) / 1000;
    double first_mb = 0, sum = 0;
    for (unsigned long c = 0; c < candidates; ++c) {
        rg::parameters p;
        p.predictors["self"].instructions = "Candidate " + std::to_string(c) + ".";
        how.run.parameters = std::make_shared<const rg::parameters>(std::move(p));
        auto e = rg::evaluate(runtime, rg::as_program(program), data, metric, how);
        if (e.score != 100) std::cerr << "score " << e.score << "\n";
        double seconds = static_cast<double>(e.elapsed.count()) / 1000;
        sum += seconds;
        if (c == 0) {
            first_mb = resident_mb();
            std::printf(
                "evaluate: examples=%lu concurrency=%lu delay_ms=%lu wall_s=%.3f ideal_s=%.3f ratio=%.3f rss_mb=%.1f\n",
                examples, concurrency, delay, seconds, ideal, seconds / ideal, first_mb);
        }
    }
    if (candidates > 1)
        std::printf("%lu candidates: mean wall_s=%.3f ratio=%.3f rss_mb=%.1f (after the first %.1f)\n", candidates,
                    sum / static_cast<double>(candidates), sum / static_cast<double>(candidates) / ideal, resident_mb(),
                    first_mb);
}
