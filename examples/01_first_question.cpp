// 1. A first question: an agent with a calculator. Without a key it runs on the built-in stand-in; to ask a real model,
// set REAGENT_LM=openai/gpt-4o-mini and OPENAI_API_KEY.
#include <reagent/reagent.hpp>

#include <cstdlib>
#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

int main() {
    const char* name = std::getenv("REAGENT_LM");
    rg::language_model lm{name ? name : "offline/demo"};

    rg::tools tools{rg::ready::calculator()};
    rg::react<rg::sig<"question -> answer: float">> agent{tools};

    rg::runtime runtime;
    auto p = runtime.run(lm, agent, "question"_f = "What is 17% of 2,340 plus 12?");
    std::cout << p.get<"answer">() << "\n";
}
