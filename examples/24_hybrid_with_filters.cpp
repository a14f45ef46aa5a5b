// 24. By words and by vectors at once, among passages that fit a filter.
#include <reagent/reagent.hpp>
#include <reagent/retrieve/hybrid.hpp>
#include <reagent/retrieve/index.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/retrieve/retrieve.hpp>
#include <reagent/retrieve/vectors.hpp>

#include <filesystem>
#include <iostream>

namespace rg = reagent;
namespace fs = std::filesystem;

const std::vector<rg::passage> notes{
    {.id = "a1",
     .text = "Parcels to Oslo are delivered within two days.",
     .metadata = {{"year", 2023}, {"lang", "en"}}},
    {.id = "a2",
     .text = "Parcels to Oslo are delivered within three days.",
     .metadata = {{"year", 2026}, {"lang", "en"}}},
    {.id = "a3", .text = "Pakker til Oslo leveres innen tre dager.", .metadata = {{"year", 2026}, {"lang", "no"}}},
    {.id = "a4", .text = "A kettle may be returned within 45 days.", .metadata = {{"year", 2026}, {"lang", "en"}}}};

struct fill {
    fs::path folder;
    rg::vector_source vectors;
    rg::task<std::uint64_t> forward(rg::run& run) const {
        std::vector<std::string> texts;
        for (const auto& n : notes) texts.push_back(n.text);
        auto made = co_await vectors.embed(run, "embed", texts, rg::embedding_use::document);
        auto index = rg::passage_index::create(folder, {.embedder = vectors.name()});
        auto writer = index.write();
        for (std::size_t i = 0; i < notes.size(); ++i) writer.put(notes[i], made.vectors[i]);
        writer.commit();
        co_return index.count();
    }
};

struct search {
    rg::retrieve notes;  // the run's retriever
    rg::task<void> forward(rg::run& run, std::string question) const {
        auto recent = rg::filter::gte("year", 2025) && rg::filter::eq("lang", "en");
        auto found = co_await notes(run, std::move(question), 2, recent);
        for (const auto& p : found) std::cout << p.id << ": " << p.text << "\n";
    }
};

int main() {
    const fs::path folder = fs::temp_directory_path() / ("reagent-notes-" + std::to_string(::getpid()));
    rg::runtime runtime;
    const rg::vector_source vectors{"words"};  // or an embedder's name: "openai/text-embedding-3-small"
    std::cout << runtime.run(rg::run_options{}, fill{folder, vectors}) << " passages\n";
    const auto index = rg::passage_index::open(folder);
    const auto both = rg::hybrid({{rg::lexical(index)}, {rg::nearest(index, vectors), 0.5}});
    runtime.run({.retriever = both}, search{}, "How fast are deliveries to Oslo?");
    fs::remove_all(folder);
}
