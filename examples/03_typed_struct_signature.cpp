// 3. A signature as a struct: plain members and enumerations, no macros. What the model writes is checked against the
// types and the constraints, and arrives as C++ values.
#include "support/canned_model.hpp"

#include <reagent/reagent.hpp>

#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

enum class urgency { low, medium, high };

struct classify {
    static constexpr auto instructions = "Classify a customer support message.";
    struct input {
        std::string message;
    };
    struct output {
        std::string intent;
        urgency level;
        rg::field<double, "how sure, from 0 to 1", rg::range{0, 1}> confidence;
    };
};

int main() {
    auto lm =
        model_or({"[[ ## intent ## ]]\ndelivery\n\n[[ ## level ## ]]\nhigh\n\n[[ ## confidence ## ]]\n0.9\n\n[[ ## "
                  "completed ## ]]"});
    rg::predict<classify> triage;
    rg::runtime runtime;
    auto t = runtime.run(lm, triage, "message"_f = "Where is my parcel? It should have been here on Monday!");
    if (t->level == urgency::high) std::cout << "urgent: ";
    std::cout << t->intent << " (" << t->confidence << ")\n";
}
