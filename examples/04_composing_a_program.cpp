// 4. A program composed of modules, two levels deep. Modules are immutable: one program serves any number of runs.
#include "support/canned_model.hpp"

#include <reagent/reagent.hpp>

#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

class answerer : public rg::module {
    rg::chain_of_thought<rg::sig<"message, topic -> reply">> write{*this, "write"};

public:
    using rg::module::module;
    rg::task<std::string> forward(rg::run& run, std::string message, std::string topic) const {
        auto p = co_await write(run, "message"_f = message, "topic"_f = topic);
        co_return p.get<"reply">();
    }
};

class help_desk : public rg::module {
    rg::predict<rg::sig<"message -> topic: Literal['delivery', 'returns', 'other']">> sort{*this, "sort"};
    answerer answer{*this, "answer"};

public:
    rg::task<std::string> forward(rg::run& run, std::string message) const {
        auto sorted = co_await sort(run, "message"_f = message);
        if (sorted.get<"topic">() == "other") co_return "A colleague will write to you.";
        co_return co_await answer.forward(run, message, sorted.get<"topic">());
    }
};

int main() {
    auto lm = model_or({"[[ ## topic ## ]]\ndelivery\n\n[[ ## completed ## ]]",
                        "[[ ## reasoning ## ]]\nThe parcel is late.\n\n[[ ## reply ## ]]\nWe are looking for it.\n\n[[ "
                        "## completed ## ]]"});
    rg::runtime runtime;
    auto done = runtime.execute(lm, help_desk{}, "Where is my parcel?");
    std::cout << done.value << "\n";
    for (const auto& e : done.report.history->events()) std::cout << "  " << e.path << "\n";
}
