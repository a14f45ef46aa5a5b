#pragma once

#include <reagent/lm/language_model.hpp>

#include <boost/json/object.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace reagent {

/// What can be learned of one predictor. What is empty is left as the predictor's signature has it.
struct predictor_parameters {
    std::optional<std::string> instructions{};
    std::vector<json::object> demos{};                               ///< field name to value; inputs and outputs together
    std::map<std::string, std::string, std::less<>> descriptions{};  ///< field name to description
    std::map<std::string, std::string, std::less<>> prefixes{};      ///< field name to its name for people
    language_model lm{};                                             ///< none: the run's
    reagent::sampling sampling{};
    json::value lm_document{};  ///< the model as a saved program describes it; null: none
    json::object other{};       ///< what else a saved program says of this predictor; kept as it is
};

/// A program's parameters, by predictor path ("router.classify"; "self" is a predictor that stands alone). A value:
/// the same module runs with any number of them at once.
struct parameters {
    std::map<std::string, predictor_parameters, std::less<>> predictors{};

    const predictor_parameters* find(std::string_view path) const {
        auto found = predictors.find(path);
        return found == predictors.end() ? nullptr : &found->second;
    }
};

}  // namespace reagent
