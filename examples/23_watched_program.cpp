// A program in production: its answers are sampled, feedback comes by request, and a watcher tells when its world has
// changed.
#include <reagent/reagent.hpp>
#include <reagent/watch/traffic.hpp>
#include <reagent/watch/watcher.hpp>

#include <filesystem>
#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

// Stands in for a model: it knows one word.
struct keyword_model : rg::lm_backend {
    std::string name() const override { return "example/keyword"; }
    rg::task<rg::lm_response> complete(rg::lm_context, const rg::lm_request& request) const override {
        const bool found = request.messages.back().content.find("invoice") != std::string::npos;
        rg::lm_response answer;
        answer.text =
            std::string{"[[ ## team ## ]]\n"} + (found ? "billing" : "logistics") + "\n\n[[ ## completed ## ]]";
        co_return answer;
    }
};

int main() {
    auto folder = std::filesystem::temp_directory_path() / "reagent-watched-program";
    std::filesystem::remove_all(folder);
    rg::program_store programs{folder / "programs"};
    rg::predict<rg::sig<"message -> team">> router;
    rg::language_model lm{std::make_shared<keyword_model>()};
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
        std::string message = bills ? (new_wording ? "my bill is wrong" : "my invoice is wrong") : "where is my parcel";
        auto done = runtime.execute(lm, router, "message"_f = message);
        const std::string id = "r" + std::to_string(i);
        traffic.record({.request = id,
                        .program = "router",
                        .version = 1,
                        .inputs = {{"message", message}},
                        .outputs = {{"team", done.value.get<"team">()}},
                        .latency = done.report.duration});
        traffic.add(
            {.request = id, .labels = {{"team", bills ? "billing" : "logistics"}}});  // what a person said later
    }
    traffic.flush();
    watcher.step();  // on a timer, or in a process of its own: reagent watch run
    std::cout << store->count() << " samples\n";
}
