// 17. Search in a folder of documents: files become passages in an index, a question finds some, and the answer stands
// on them.
#include "support/canned_model.hpp"

#include <reagent/reagent.hpp>
#include <reagent/retrieve/build.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/retrieve/retrieve.hpp>

#include <filesystem>
#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;
namespace fs = std::filesystem;

struct indexing {
    fs::path documents, index;
    rg::task<rg::build_report> forward(rg::run& run) const { return rg::build_index(run, documents, index); }
};

struct answer : rg::module {
    rg::retrieve manual;
    rg::predict<rg::sig<"context: list[str], question -> answer">> reply{*this, "reply"};
    explicit answer(std::shared_ptr<const rg::retriever> r) : manual{*this, "manual", std::move(r)} {}

    rg::task<std::string> forward(rg::run& run, std::string question) const {
        auto found = co_await manual(run, question, 2);
        std::vector<std::string> context;
        for (const auto& p : found) {
            std::cout << "found: " << p.source << ", bytes " << p.metadata.at("begin") << " to " << p.metadata.at("end")
                      << "\n";
            context.push_back(p.title + ": " + p.text);
        }
        auto r = co_await reply(run, "context"_f = context, "question"_f = question);
        co_return r.get<"answer">();
    }
};

int main(int argc, char** argv) {
    const fs::path documents = argc > 1 ? argv[1] : REAGENT_EXAMPLE_DATA "/documents";
    const fs::path index =
        argc > 2 ? fs::path{argv[2]} : fs::temp_directory_path() / ("reagent-index-" + std::to_string(::getpid()));
    rg::runtime runtime;
    auto report = runtime.run(rg::run_options{},
                              indexing{documents, index});  // the next time only what has changed is read again
    std::cout << report.files << " files\n";
    auto lm = model_or({"[[ ## answer ## ]]\nWithin 45 days.\n\n[[ ## completed ## ]]"});
    answer program{rg::lexical(rg::passage_index::open(index))};
    std::cout << runtime.run(lm, program, "How long may I return a kettle?") << "\n";
    if (argc <= 2) fs::remove_all(index);
}
