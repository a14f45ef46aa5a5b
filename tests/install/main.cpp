#include <reagent/reagent.hpp>

#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

int main() {
    rg::tools tools;
    tools.add(rg::ready::calculator());
    rg::react<rg::sig<"question -> answer: float">> agent{tools};
    rg::runtime runtime;
    auto p = runtime.run(rg::language_model{"offline/demo"}, agent, "question"_f = "What is 6 times 7?");
    std::cout << p.get<"answer">() << "\n";
    return p.get<"answer">() == 42 ? 0 : 1;
}
