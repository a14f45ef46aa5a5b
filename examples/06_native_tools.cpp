// 6. An agent with the provider's own tool calling: calls that the model makes together run together. The run's events
// are shown as they happen.
#include <reagent/reagent.hpp>

#include <cstdlib>
#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

int main() {
    rg::tools tools{rg::ready::calculator(), rg::ready::current_time()};
    rg::react<rg::sig<"question -> answer: float">> agent{tools, {.mode = rg::react_mode::native}};

    const char* name = std::getenv("REAGENT_LM");
    rg::run_options options{rg::language_model{name ? name : "offline/demo"}};
    options.on_event = [](const rg::run_event& e) {
        if (e.kind == rg::run_event::tool_started) std::cout << "calls " << e.tool << " with " << *e.arguments << "\n";
        if (e.kind == rg::run_event::tool_finished) std::cout << "gets " << *e.result << "\n";
    };
    rg::runtime runtime;
    auto p = runtime.run(options, agent, "question"_f = "What is the square root of 1764?");
    std::cout << p.get<"answer">() << "\n";
}
