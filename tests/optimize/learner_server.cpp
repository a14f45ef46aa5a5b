// The in-context learner as an OpenAI-compatible server, for the command line and for DSPy: learner_server [NOISE
// [WITHOUT_HINTS [DELAY_MS [FAILURES [PORT [LABELS]]]]]]. LABELS: what it guesses, as a,b,c. Prints its address; /count
// tells how many requests came and how many were repeated. Ends with its standard input.
#include "support/learner.hpp"

#include <cstdlib>
#include <iostream>
#include <sstream>

int main(int argc, char** argv) {
    auto argument = [&](int i) { return argc > i ? static_cast<unsigned>(std::atoi(argv[i])) : 0u; };
    reagent::test::learner_options options{.noise = argument(1), .without_hints = argument(2)};
    std::istringstream labels{argc > 6 ? argv[6] : ""};
    for (std::string label; std::getline(labels, label, ',');) options.labels.push_back(label);
    reagent::test::learner_server server{options, std::chrono::milliseconds{argument(3)}, argument(4),
                                         static_cast<unsigned short>(argument(5))};
    std::cout << server.url() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
    }
    std::cerr << server.requests() << " requests, " << server.repeated() << " repeated\n";
}
