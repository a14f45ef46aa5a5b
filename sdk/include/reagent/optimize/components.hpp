#pragma once

#include <reagent/module/saved_program.hpp>

#include <string>
#include <vector>

namespace reagent {

/// A text of a program that an optimizer may rewrite.
struct component {
    enum class kind { instructions, field, tool };
    kind what = kind::instructions;
    const predictor* of = nullptr;  ///< outlives it
    std::string name{};             ///< of the field; of the tool, or "tool.argument"

    std::string key() const;                      ///< "agent.react", "agent.react[answer]", "agent.react(search.query)"
    std::string title() const;                    ///< what it is, for whoever rewrites it
    std::string text(const parameters& p) const;  ///< as it is with these parameters
    void set(parameters& p, std::string text) const;
};

struct component_choice {
    bool instructions = true;  ///< of every predictor
    bool tools = true;         ///< descriptions of an agent's tools
    bool arguments = false;    ///< and of their arguments
    bool fields = false;       ///< descriptions of the signatures' fields
};

/// The components of a program: for each predictor in order its instructions, fields, tools.
std::vector<component> components_of(const std::vector<const predictor*>& predictors,
                                     const component_choice& which = {});

}  // namespace reagent
