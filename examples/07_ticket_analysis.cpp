// 7. Output that keeps its word: ranges, lengths, lists of one to five, and a struct that checks itself. What breaks a
// constraint goes back to the model with every violation and its path. `07_ticket_analysis never` shows a model that
// never learns.
#include "support/canned_model.hpp"

#include <reagent/reagent.hpp>

#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

enum class area { billing, delivery, product, account };

struct issue {
    area where;
    rg::field<std::string, "in one sentence", rg::length{10, 120}> what;
    rg::field<int, "1: can wait, 5: burns", rg::range{1, 5}> urgency;
};

struct analyse {
    static constexpr auto instructions = "Analyse a support ticket.";
    struct input {
        std::string ticket;
    };
    struct output {
        rg::field<std::vector<issue>, "the most urgent first", rg::items{1, 5}> issues;
        rg::field<double, "how angry the customer is", rg::range{0, 1}> anger;

        std::string validate() const {
            for (std::size_t i = 1; i < issues.value.size(); ++i)
                if (issues.value[i - 1].urgency.value < issues.value[i].urgency.value)
                    return "issues must be ordered, the most urgent first";
            return "";
        }
    };
};

int main(int argc, char**) {
    const std::string poor = R"([[ ## issues ## ]]
[{"where": "parcel", "what": "Late.", "urgency": 9}]

[[ ## anger ## ]]
7

[[ ## completed ## ]])";
    const std::string unordered = R"({"issues": [{"where": "billing", "what": "The invoice came twice.", "urgency": 2},
        {"where": "delivery", "what": "The parcel is a week late.", "urgency": 4}], "anger": 0.7})";
    const std::string good = R"({"issues": [{"where": "delivery", "what": "The parcel is a week late.", "urgency": 4},
        {"where": "billing", "what": "The invoice came twice.", "urgency": 2}], "anger": 0.7})";
    const std::string stubborn = R"({"issues": [{"where": "parcel", "what": "Late.", "urgency": 9}], "anger": 7})";
    auto lm = argc > 1 ? model_or({stubborn}) : model_or({poor, unordered, good});

    rg::run_options options{lm};
    options.on_event = [](const rg::run_event& e) {
        if (e.kind == rg::run_event::note) std::cout << "sent back: " << e.error << "\n";
    };
    rg::predict<analyse> analysis;
    rg::runtime runtime;
    try {
        auto p = runtime.run(options, analysis, "ticket"_f = "My parcel is a week late, and I was billed twice!");
        for (const issue& i : p->issues.value)
            std::cout << i.urgency.value << "  " << rg::to_json(i.where).as_string().c_str() << ": " << i.what.value
                      << "\n";
    } catch (const rg::parse_error& e) {
        std::cout << "given up after " << e.attempts().size() << " attempts, the last with "
                  << e.attempts().back().violations.size() << " violations\n";
        return 1;
    }
}
