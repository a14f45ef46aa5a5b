// 18. Questions that take two retrievals, and an optimizer that teaches a model to write the second query.
#include <reagent/agents/multi_hop.hpp>
#include <reagent/evaluate/retrieval_metrics.hpp>
#include <reagent/optimize/few_shot.hpp>
#include <reagent/reagent.hpp>
#include <reagent/retrieve/lexical.hpp>

#include <unistd.h>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace rg = reagent;
namespace fs = std::filesystem;

constexpr std::array<std::array<const char*, 3>, 6> lighthouses{{{"Vardholm", "Ada Berg", "Norvik"},
                                                                 {"Skerry Point", "Tom Hale", "Leith"},
                                                                 {"Cape Marrow", "Ines Roca", "Lugo"},
                                                                 {"Dune Head", "Karl Voss", "Husum"},
                                                                 {"Gull Rock", "Mary Quill", "Bude"},
                                                                 {"Long Spit", "Jan Visser", "Hoorn"}}};

rg::passage_index make_index(const fs::path& folder) {
    auto index = rg::passage_index::create(folder);
    auto writer = index.write();
    for (const auto& [light, builder, town] : lighthouses) {
        writer.put({.id = light, .text = std::string{"The lighthouse of "} + light + " was built by " + builder + "."});
        writer.put({.id = builder, .text = std::string{builder} + " was born in " + town + ", by the sea."});
        writer.put({.id = std::string{light} + "/visit",
                    .text = std::string{"A visit to the lighthouse of "} + light + " takes an hour."});
    }
    writer.commit();
    return index;
}

// Stands in for a model: it repeats the question, unless it was shown how to do better, or knows the lighthouse well.
rg::scripted_answer stand_in(const rg::lm_request& request) {
    const std::string& asked = request.messages.back().content;
    const bool shown = request.messages.size() > 2;
    for (const auto& [light, builder, town] : lighthouses) {
        if (asked.find(std::string{"builder of "} + light) == asked.npos) continue;
        if (asked.find("`[[ ## query ## ]]`") != asked.npos)
            return {{"reasoning", "Who was it?"},
                    {"query", shown || light == lighthouses[0][0] ? builder : std::string{"builder of "} + light}};
        const std::string born = std::string{"was born in "} + town;
        const auto at = asked.find(born);
        if (at == asked.npos)
            return {{"reasoning", "-"}, {"answer", "The passages do not say."}, {"citations", rg::json::array{}}};
        const auto number = asked.substr(asked.rfind('[', at) + 1, 1);
        return {{"reasoning", "-"},
                {"answer", town},
                {"citations", rg::json::array{rg::json::object{{"passage", std::stoi(number)}, {"quote", born}}}}};
    }
    return {{"reasoning", "-"}, {"query", "-"}};
}

int main() {
    const fs::path folder = fs::temp_directory_path() / ("reagent-lighthouses-" + std::to_string(::getpid()));
    rg::multi_hop ask{rg::lexical(make_index(folder)), {.max_hops = 2, .k = 2}};
    rg::dataset questions;
    for (const auto& [light, builder, town] : lighthouses)
        questions.push_back({{{"question", std::string{"In which town was the builder of "} + light + " born?"},
                              {"answer", town},
                              {"relevant", rg::json::array{light, builder}}},
                             {"question"}});
    const rg::dataset train(questions.begin(), questions.begin() + 2), test(questions.begin() + 2, questions.end());

    rg::runtime runtime;
    const char* name = std::getenv("REAGENT_LM");
    rg::evaluate_options how;
    how.run.lm = name ? rg::language_model{name} : rg::language_model{rg::scripted{stand_in}};
    auto tell = [&](const char* when) {
        std::cout << when << ": answers " << rg::evaluate(runtime, ask, test, rg::exact_match_of("answer"), how).score
                  << ", recall "
                  << rg::evaluate(runtime, ask, test,
                                  rg::retrieval_metric_of("relevant", rg::retrieval_measure::recall), how)
                         .score
                  << "\n";
    };
    tell("as it is");
    rg::compile_options compiling;
    compiling.run.lm = how.run.lm;
    compiling.measure = false;
    const auto made =
        rg::bootstrap_few_shot{}.compile(runtime, ask, train, {}, rg::exact_match_of("answer"), compiling);
    how.run.parameters = std::make_shared<const rg::parameters>(made.best);
    tell("compiled");

    auto a = runtime.run(how.run, ask, "In which town was the builder of Gull Rock born?");
    std::cout << a.answer << ", by \"" << a.citations.at(0).quote << "\" of " << a.citations.at(0).passage_id << "\n";
    fs::remove_all(folder);
}
