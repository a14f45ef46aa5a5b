// 5. Talking to a server of your own: anything that speaks OpenAI's protocol (Ollama, llama.cpp, vLLM). Give its
// address:
//    05_local_server http://127.0.0.1:11434/v1 llama3.1
#include <reagent/reagent.hpp>

#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

std::int64_t add(std::int64_t a, std::int64_t b) { return a + b; }

int main(int argc, char** argv) try {
    if (argc < 2) {
        std::cerr << "usage: 05_local_server API_BASE [MODEL]\n";
        return 2;
    }
    rg::language_model lm{"openai/" + std::string{argc > 2 ? argv[2] : "default"}, {.api_base = argv[1]}};

    rg::tools tools;
    tools.add("add", "Adds two numbers.", add, {"a", "b"});
    rg::react<rg::sig<"question -> answer: int">> agent{tools};

    rg::run_options options{lm};
    options.deadline = std::chrono::minutes{5};
    options.budget.calls = 20;
    rg::runtime runtime;
    auto done = runtime.execute(options, agent, "question"_f = "What is 1 + 1?");
    std::cout << done.value.get<"answer">() << " after " << done.report.usage.calls << " calls\n";
} catch (const rg::error& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
