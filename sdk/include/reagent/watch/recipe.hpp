#pragma once

#include <reagent/module/program_store.hpp>
#include <reagent/optimize/optimizers.hpp>

namespace reagent {

/// How a program is compiled anew when its world has changed: a JSON file in the program store, `recipes/NAME.json`:
///
///     {"optimizer": "bootstrap_few_shot", "settings": {"max_bootstrapped_demos": "8"}, "metric": "exact_match:intent",
///      "budget": {"calls": 2000, "dollars": 2.5}, "data": {"fresh": 300, "held_out": 0.4}, "seed": 0}
struct recipe {
    std::string name{};
    std::string optimizer{};
    optimizers::given_settings settings{};
    std::string metric{};     ///< as `metric_named` takes it
    std::string judge{};      ///< metric for samples without labels: "rubric:..."; "": none
    spending_limit budget{};  ///< of the search; at least one of calls and dollars
    std::size_t fresh = 300;  ///< labelled samples since the drift that are waited for
    double held_out = 0.4;    ///< share of them that no search sees
    std::size_t shadow_pairs =
        100;  ///< scored pairs in the shadow before the switch; 0: none, held-out samples are enough
    /// What the search begins with: the program as it is written, or the version that answers, whose demonstrations are
    /// of the world that has gone.
    enum class beginning { program, version } start = beginning::program;
    std::uint64_t seed = 0;
};

/// @throws program_error(unreadable, not_json, bad_document) naming the file and the place; members that are not known
/// are refused
recipe load_recipe(const program_store& store, const std::string& name);
recipe recipe_from(const json::value& document, std::string name);
json::object to_json(const recipe& r);
/// @throws program_error(unwritable, mismatch)
void save_recipe(const program_store& store, const recipe& r);

}  // namespace reagent
