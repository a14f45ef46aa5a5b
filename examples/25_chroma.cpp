// 25. Passages on a Chroma server: CHROMA_URL=http://127.0.0.1:8000 25_chroma (`pip install chromadb`, `chroma run`).
#include <reagent/reagent.hpp>
#include <reagent/retrieve/chroma.hpp>
#include <reagent/retrieve/retrieve.hpp>

#include <cstdlib>
#include <iostream>

namespace rg = reagent;

struct fill_and_search {
    std::shared_ptr<const rg::passage_store> store;
    rg::task<void> forward(rg::run& run) const {
        std::vector<rg::passage> some{
            {.id = "1", .text = "Parcels to Oslo are delivered within three days.", .metadata = {{"year", 2026}}},
            {.id = "2", .text = "A kettle may be returned within 45 days.", .metadata = {{"year", 2026}}},
            {.id = "3", .text = "A kettle may be returned within 30 days.", .metadata = {{"year", 2023}}}};
        co_await store->put(run, std::move(some));
        rg::retrieval what{"returning a kettle", 1, rg::filter::gte("year", 2025)};
        auto found = co_await rg::find(run, "notes", store, std::move(what));
        for (const auto& p : found) std::cout << p.id << ": " << p.text << "\n";
    }
};

int main() {
    const char* url = std::getenv("CHROMA_URL");
    rg::chroma_options options;
    options.url = url ? url : "http://127.0.0.1:8000";
    options.collection = "reagent-example";
    rg::runtime runtime;
    try {
        runtime.run(rg::run_options{}, fill_and_search{rg::chroma(options)});
    } catch (const rg::retrieve_error& e) {
        std::cerr << e.what() << "\n";
        return 1;
    }
}
