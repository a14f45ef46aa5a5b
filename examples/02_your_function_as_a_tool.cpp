// 2. Your function as a tool: one line registers it. Its parameters become the tool's arguments; what it throws becomes
// an observation for the model.
#include <reagent/reagent.hpp>

#include <cstdlib>
#include <iostream>
#include <map>
#include <stdexcept>

using namespace reagent::literals;
namespace rg = reagent;

std::string search(std::string query) {
    static const std::map<std::string, std::string> facts{{"height", "The lighthouse of Vardholm is 38 metres high."},
                                                          {"built", "The lighthouse of Vardholm was built in 1896."}};
    for (const auto& [word, fact] : facts)
        if (query.find(word) != query.npos) return R"([{"document": "lighthouse.txt", "snippet": ")" + fact + R"("}])";
    throw std::runtime_error{"nothing is known about that"};
}

int main() {
    rg::tools tools;
    tools.add("search", "Searches facts about lighthouses.", search, {{"query", "the words to look for"}});

    rg::react<rg::sig<"question -> answer">> agent{tools, {.max_iters = 5}};
    rg::runtime runtime;
    const char* name = std::getenv("REAGENT_LM");
    auto p = runtime.run(rg::language_model{name ? name : "offline/demo"}, agent,
                         "question"_f = "When was the lighthouse of Vardholm built?");

    for (const auto& step : p.trajectory()) std::cout << step.tool << ": " << step.observation << "\n";
    std::cout << p.get<"answer">() << "\n";
}
