// 9. A wish: a summary of at most twelve words. The model is asked again, up to three times; if it will not listen, the
// program goes on with what it has. `09_summary_with_a_limit never` shows that.
#include "support/canned_model.hpp"

#include <reagent/reagent.hpp>

#include <iostream>
#include <sstream>

using namespace reagent::literals;
namespace rg = reagent;

class summarizer : public rg::module {
    rg::predict<rg::sig<"text -> summary">> summarize{*this, "summarize"};

public:
    rg::task<std::string> forward(rg::run& run, std::string text) const {
        auto p = co_await summarize(run, "text"_f = text);
        std::istringstream words{p.get<"summary">()};
        auto count = std::distance(std::istream_iterator<std::string>{words}, {});
        run.suggest_that(count <= 12, "The summary has " + std::to_string(count) + " words; write at most 12.",
                         summarize);
        co_return p.get<"summary">();
    }
};

int main(int argc, char**) {
    auto wrote = [](const std::string& text) { return "[[ ## summary ## ]]\n" + text + "\n\n[[ ## completed ## ]]"; };
    const std::string wordy =
        wrote("The lighthouse, which was built a very long time ago indeed, in 1896, still stands on its rock.");
    auto lm = argc > 1 ? model_or({wordy}) : model_or({wordy, wrote("The lighthouse of 1896 still stands.")});
    rg::runtime runtime;
    summarizer program;
    auto done = runtime.execute(lm, program, "The lighthouse of Vardholm was built in 1896 ...");
    std::cout << done.value << "\n"
              << done.report.usage.calls << " calls, " << done.report.history->violations().size()
              << " times too long\n";
}
