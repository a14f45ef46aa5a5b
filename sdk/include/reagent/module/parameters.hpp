#pragma once

#include <reagent/lm/language_model.hpp>
#include <reagent/task.hpp>

#include <boost/json/object.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reagent {

class run;

class demo_selector;

/// What can be learned of one predictor. What is empty is left as the predictor's signature has it.
struct predictor_parameters {
    std::optional<std::string> instructions{};
    std::vector<json::object> demos{};                ///< field name to value; inputs and outputs together
    std::shared_ptr<const demo_selector> selector{};  ///< chooses demonstrations for each call, instead of `demos`
    std::map<std::string, std::string, std::less<>> descriptions{};  ///< field name to description
    std::map<std::string, std::string, std::less<>> prefixes{};      ///< field name to its name for people
    std::map<std::string, std::string, std::less<>> tools{};  ///< an agent's: tool, or "tool.argument", to description
    language_model lm{};                                      ///< none: the run's
    reagent::sampling sampling{};
    json::value lm_document{};  ///< the model as a saved program describes it; null: none
    json::object other{};       ///< what else a saved program says of this predictor; kept as it is
};

/// What fits each call best of a pool: shared by runs and threads.
class demo_selector {
public:
    virtual ~demo_selector() = default;
    /// The demonstrations for a call with these inputs, in the order in which they are shown. Effects go through the
    /// run.
    virtual task<std::vector<json::object>> select(run& r, const std::string& path,
                                                   const json::object& inputs) const = 0;
    virtual json::object to_json() const = 0;  ///< what a saved program holds of it
};

/// A program's parameters, by predictor path ("router.classify"; "self" is a predictor that stands alone). A value:
/// the same module runs with any number of them at once.
struct parameters {
    std::map<std::string, predictor_parameters, std::less<>> predictors{};

    /// Further sets of parameters that vote with `as_ensemble`; empty: this one is alone.
    std::vector<std::shared_ptr<const parameters>> members{};

    /// What of `over` is said takes the place of what is said here; the rest stays.
    parameters merged_with(const parameters& over) const;

    const predictor_parameters* find(std::string_view path) const {
        auto found = predictors.find(path);
        return found == predictors.end() ? nullptr : &found->second;
    }
};

}  // namespace reagent
