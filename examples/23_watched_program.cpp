// A program in production: its answers are sampled, feedback comes by request, and a watcher tells when its world has
// changed.
#include <reagent/reagent.hpp>
#include <reagent/watch/traffic.hpp>
#include <reagent/watch/watcher.hpp>

#include <filesystem>
#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

struct ticket_router : rg::module {  // no model, so that the example needs none
    struct input {
        std::string message;
    };
    struct output {
        std::string team;
    };
    rg::task<output> forward(rg::run&, input ticket) const {
        co_return output{ticket.message.find("invoice") != std::string::npos ? "billing" : "logistics"};
    }
};

int main() {
    auto folder = std::filesystem::temp_directory_path() / "reagent-watched-program";
    std::filesystem::remove_all(folder);
    rg::program_store programs{folder / "programs"};
    ticket_router router;
    programs.tag("production", programs.put(rg::to_saved(router)));

    auto store = rg::traffic_store::open((folder / "traffic.db").string());
    rg::traffic traffic{store};
    traffic.know("router", router);  // which of its fields are private
    rg::runtime runtime;

    rg::watcher_options how;
    how.program = "router", how.reference = 200, how.window = 100, how.baseline = 100;
    how.quality.on_labels = rg::exact_match_of("team");
    how.tell = {
        [](const rg::json::object& alert) { std::cout << std::string_view{alert.at("text").as_string()} << "\n"; }};
    rg::watcher watcher{runtime, store, programs, router, rg::as_program(router), how};

    for (int i = 0; i < 500; ++i) {
        bool bills = i % 2, new_wording = i >= 400;  // from the 400th on customers write "bill"
        ticket_router::input ticket{bills ? (new_wording ? "my bill is wrong" : "my invoice is wrong")
                                          : "where is my parcel"};
        auto done = runtime.execute(rg::run_options{}, router, ticket);
        const std::string id = "r" + std::to_string(i);
        traffic.record({.request = id,
                        .program = "router",
                        .version = 1,
                        .inputs = {{"message", ticket.message}},
                        .outputs = {{"team", done.value.team}},
                        .latency = done.report.duration});
        traffic.add(
            {.request = id, .labels = {{"team", bills ? "billing" : "logistics"}}});  // what a person said later
    }
    traffic.flush();
    watcher.step();  // on a timer, or in a process of its own: reagent watch run
    std::cout << store->count() << " samples\n";
}
