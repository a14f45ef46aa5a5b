// 12. A run that survives: it waits for consent with nothing in memory, and another process goes on from its journal.
// What was answered is not asked again, and the tool acts once.
#include "support/canned_model.hpp"

#include <reagent/reagent.hpp>

#include <filesystem>
#include <iostream>
#include <random>

namespace rg = reagent;

namespace {

using agent = rg::react<rg::sig<"request -> answer">>;

rg::tools desk() {
    rg::tools tools;
    tools.add("refund", "Pays money back to a customer.",
              [](rg::call_key key, std::string order, int amount) {
                  // `key` is the same for every attempt at this call: a payment service that is given it pays once.
                  return "paid " + std::to_string(amount) + " for order " + order + (key.text.empty() ? "" : ", once");
              },
              {"order", "amount"}, {.destructive = true});
    return tools;
}

}  // namespace

int main() {
    auto step = [](const char* tool, const char* args) {
        return std::string{"[[ ## next_thought ## ]]\nThe kettle arrived broken.\n\n[[ ## next_tool_name ## ]]\n"} +
               tool + "\n\n[[ ## next_tool_args ## ]]\n" + args + "\n\n[[ ## completed ## ]]";
    };
    auto lm = model_or({step("refund", R"({"order": "99102", "amount": 60})"), step("finish", "{}"),
                        "[[ ## reasoning ## ]]\nIt was paid.\n\n[[ ## answer ## ]]\nYour money is on its way.\n\n[[ ## "
                        "completed ## ]]"});
    const std::string file =
        std::filesystem::temp_directory_path() / ("reagent-example-" + std::to_string(std::random_device{}()) + ".db");
    agent helper{desk()};
    {
        rg::runtime runtime;
        rg::durable_service runs{runtime, rg::journal_store::open(file)};
        runs.serve("desk", helper, {lm});
        auto r = runs.run_durably("desk", {{"request", "Order 99102 arrived broken."}}, "case-17");
        std::cout << r.id << " is " << to_string(r.status) << "\n";
    }  // the process could end here, for days

    auto store = rg::journal_store::open(file);
    for (const auto& p : store->pending("case-17"))
        std::cout << "asked: " << p.wanted.what.tool << " " << p.wanted.what.arguments << "\n";
    rg::run_decision yes{.kind = rg::run_decision::approve, .by = "ada"};
    yes.arguments = rg::json::object{{"order", "99102"}, {"amount", 20}};  // but less than the model wanted
    store->decide("case-17", 0, yes);

    rg::runtime runtime;
    rg::durable_service runs{runtime, store};
    runs.serve("desk", helper, {lm});
    auto r = runs.resume("case-17");
    if (!r.outputs) throw std::runtime_error{r.error};
    std::cout << r.outputs->at("answer").as_string().c_str() << "\n";
    for (const auto& record : store->records("case-17"))
        if (auto* done = std::get_if<rg::effect_finished>(&record.what);
            done && done->what.kind == rg::event_kind::tool_call)
            std::cout << "happened: " << done->what.result.as_string().c_str() << "\n";
    std::cout << r.usage.calls << " model calls, taken up " << r.takes << " times\n";
    auto again = runs.replay("case-17");  // the program on the run's journal: no model is asked, nothing is paid
    std::cout << (again.outputs == r.outputs && again.differences.empty() ? "replayed: the same" : "the replay differs")
              << "\n";
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(file + end);
}
