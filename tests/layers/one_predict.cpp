// The smallest program: what it links is what everybody pays for.
#include <reagent/module/predict.hpp>
#include <reagent/run/runtime.hpp>

#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

int main(int argc, char** argv) try {
    rg::predict<rg::sig<"question -> answer">> answer;
    rg::runtime runtime;
    auto p = runtime.run(argc > 1 ? argv[1] : "openai/gpt-4o-mini", answer, "question"_f = "What is 2 + 2?");
    std::cout << p.get<"answer">() << "\n";
} catch (const rg::error& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
