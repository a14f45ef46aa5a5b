#pragma once

#include <reagent/evaluate/evaluation.hpp>
#include <reagent/optimize/components.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace reagent {

class study;

/// What a run did with a component, and what was said of it.
struct reflected_run {
    json::object inputs{},
        outputs{};             ///< of the predictor whose component it is; of the program where that was not reached
    std::string trajectory{};  ///< an agent's steps, as its prompt showed them
    std::string feedback{};    ///< of the metric, on this predictor first; errors; calls in vain; the labels where it
                               ///< says nothing
    double score = 0;
};

/// What a component is rewritten from.
struct reflection {
    component subject{};
    std::string current{};  ///< its text
    std::string program{};  ///< the whole program's structure; "" for one predictor
    std::vector<reflected_run> runs{};
};

/// Writes a component anew; may ask models through the run, which is the prompt model's. What it throws costs this
/// proposal only.
using component_proposer = std::function<task<std::string>(run&, const reflection&)>;

/// Asks the prompt model, by fields that DSPy's GEPA has too: `current_instruction` and `examples_with_feedback` in,
/// `new_instruction` out.
task<std::string> propose_by_reflection(run& r, const reflection& material);

/// None where the run did not come to the predictor, and nothing else went wrong.
std::optional<reflected_run> reflected(const component& subject, const example& e, const evaluation_row& row);

/// One proposal for each, all at once; nothing where the proposer failed, or wrote what cannot be used.
/// @param draw tells this round's answers from others' @throws search_stopped
std::vector<std::optional<std::string>> propose_components(study& s, const std::vector<reflection>& material,
                                                           const component_proposer& proposer, double temperature,
                                                           std::uint64_t draw);

}  // namespace reagent
