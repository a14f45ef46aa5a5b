// 20. A question about a document of 5 MB: it stays in the interpreter, the model looks into it by code and asks a
// smaller model about what it found. The model is a script, so that this needs no key; with REAGENT_LM set a real one
// is asked.
#include "support/canned_model.hpp"

#include <reagent/agents/code.hpp>
#include <reagent/reagent.hpp>

#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

namespace {

std::string step(const std::string& thought, const std::string& code) {
    return "[[ ## next_thought ## ]]\n" + thought + "\n\n[[ ## next_code ## ]]\n" + code + "\n\n[[ ## completed ## ]]";
}

// A ship's log of 5 MB, in which one entry matters.
std::string log_of_a_ship() {
    std::string text;
    for (int day = 1; text.size() < 5'000'000; ++day)
        text += "Day " + std::to_string(day) + ": wind from the west, calm sea, nothing to report." +
                (day == 54'321 ? " The mate sighted the wreck of the Halcyon off Vardholm." : "") + "\n";
    return text;
}

}  // namespace

int main() {
    rg::rlm<rg::sig<"document, question -> answer, day: int">> reader;
    auto lm = model_or(
        {step("It is large; I search it.", "hits = [l for l in document.splitlines() if 'wreck' in l.lower()]\nhits"),
         step("One line; a smaller model reads it.", "name = llm('Which ship was wrecked? ' + hits[0])\nname"),
         "[[ ## response ## ]]\nthe Halcyon\n\n[[ ## completed ## ]]",
         step("Done.", "submit(answer=name, day=int(hits[0].split()[1].rstrip(':')))")});

    rg::runtime runtime;
    const std::string document = log_of_a_ship();
    auto result = runtime.execute(rg::run_options{lm}, reader, "document"_f = document,
                                  "question"_f = "Which wreck was seen, and when?");
    std::cout << result.value.get<"answer">() << ", on day " << result.value.get<"day">() << "\n";
    std::cout << document.size() / 1'000'000 << " MB, " << result.report.usage.calls << " model calls\n";
}
