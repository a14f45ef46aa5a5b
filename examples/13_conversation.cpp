// 13. A conversation: turns are durable runs of one session, and each gets those before it as its input `history`. It
// can be forked at any turn; what grows too long for a prompt is summarized.
#include "support/canned_model.hpp"

#include <reagent/reagent.hpp>

#include <filesystem>
#include <iostream>
#include <random>

namespace rg = reagent;

int main() {
    auto reply = [](const std::string& text) { return "[[ ## reply ## ]]\n" + text + "\n\n[[ ## completed ## ]]"; };
    auto lm = model_or({reply("Hello Ada!"), reply("Your name is Ada."), reply("You have not told me.")});
    const std::string file =
        std::filesystem::temp_directory_path() / ("reagent-example-" + std::to_string(std::random_device{}()) + ".db");
    auto store = rg::journal_store::open(file);
    rg::predict<rg::sig<"message, history: History -> reply">> answer;

    rg::run_options options{lm};
    options.history = {.tokens = 8'000, .keep_turns = 6};
    rg::runtime runtime;
    rg::durable_service runs{runtime, store};
    runs.serve("chat", rg::program_function{[&](rg::run& r, const rg::json::object& in) { return answer.call(r, in); }},
               options);
    auto say = [&](const std::string& session, const std::string& message) {
        auto r = runs.converse(session, "chat", {{"message", message}});
        if (!r.outputs) throw std::runtime_error{r.error};
        std::cout << session << ": " << r.outputs->at("reply").as_string().c_str() << "\n";
    };
    say("ada", "Hello, I am Ada.");
    say("ada", "What is my name?");
    store->fork_session("ada", 1, "elsewhere");
    say("elsewhere", "What is my favourite tea?");
    for (const auto& s : store->sessions()) std::cout << s.id << " has " << s.turns << " turns\n";
    bool same = true;
    for (const auto& t : store->get_session("ada").turns) same = same && runs.replay(t.run).differences.empty();
    std::cout << (same ? "replayed: the same" : "the replay differs") << "\n";
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(file + end);
}
