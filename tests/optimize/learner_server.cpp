// The in-context learner as an OpenAI-compatible server, for the command line and for DSPy: learner_server [NOISE [WITHOUT_HINTS [DELAY_MS
// [FAILURES [PORT]]]]]. Prints its address; /count tells how many requests came and how many were repeated. Ends with its standard input.
#include "support/learner.hpp"

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
    auto argument = [&](int i) { return argc > i ? static_cast<unsigned>(std::atoi(argv[i])) : 0u; };
    reagent::test::learner_server server{{.noise = argument(1), .without_hints = argument(2)},
                                         std::chrono::milliseconds{argument(3)},
                                         argument(4),
                                         static_cast<unsigned short>(argument(5))};
    std::cout << server.url() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
    }
    std::cerr << server.requests() << " requests, " << server.repeated() << " repeated\n";
}
