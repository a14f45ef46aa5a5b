// 15. An agent as a tool of another agent: a member coroutine that takes the run. What the inner agent does stands in
// the same journal, under the call that led to it, and counts against the same budget. Answers come from a script; with
// REAGENT_LM set, that model is asked.
#include <reagent/reagent.hpp>

#include <cstdlib>
#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;
using fields = rg::json::object;

std::string look_up(std::string place) {
    return place == "Vardholm" ? "Lighthouse, built 1896, 31 m." : "Nothing is known.";
}

rg::tools archive() {
    rg::tools t;
    t.add("look_up", "What the archive has about a place.", look_up, {"place"});
    return t;
}

struct researcher {
    rg::react<rg::sig<"topic -> finding">> agent{archive()};

    rg::task<std::string> research(rg::run& run, std::string topic) const {
        auto p = co_await agent(run, "topic"_f = topic);
        co_return p.get<"finding">();
    }
};

fields step(const char* thought, const char* tool, fields args) {
    return {{"next_thought", thought}, {"next_tool_name", tool}, {"next_tool_args", std::move(args)}};
}

rg::language_model model() {
    if (const char* name = std::getenv("REAGENT_LM")) return rg::language_model{name};
    return rg::scripted{step("Somebody has to look.", "research", {{"topic", "the lighthouse of Vardholm"}}),
                        step("The archive knows places.", "look_up", {{"place", "Vardholm"}}),
                        step("That is all.", "finish", {}),
                        fields{{"reasoning", "From the archive."}, {"finding", "It was built in 1896."}},
                        step("Now I know.", "finish", {}),
                        fields{{"reasoning", "1896 lies in the 19th century."}, {"answer", "In the 19th century."}}};
}

int main() {
    researcher inner;
    rg::tools desk;
    desk.add("research", "Finds out about a topic.", &researcher::research, &inner, {"topic"});
    rg::react<rg::sig<"question -> answer">> agent{desk};

    rg::runtime runtime;
    auto done =
        runtime.execute(model(), agent, "question"_f = "In which century was the lighthouse of Vardholm built?");
    std::cout << done.value.get<"answer">() << "\n" << done.report.usage.calls << " model calls\n";
    for (const auto& e : done.report.history->events())
        if (e.kind == rg::event_kind::tool_call)
            std::cout << "  " << (e.branch.empty() ? "" : "  within: ") << e.tool << " " << e.arguments << "\n";
}
