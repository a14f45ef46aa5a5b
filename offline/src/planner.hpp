#pragma once

#include "prompt.hpp"

#include <boost/json/value.hpp>

#include <variant>

namespace reagent::offline {

struct next_call {
    std::string thought, tool;
    json::object arguments;
};
struct conclusion {
    std::string reasoning;
    std::string answer;              // "" when there is none
    std::vector<std::string> items;  // of an answer that is a list
    bool unknown = false;            // the stand-in cannot answer; `reasoning` says why
};

/// What to do next, given what was asked and what the tools have said so far. Pure.
std::variant<next_call, conclusion> next_step(const prompt& p);

/// A conclusion as the last thought of a trajectory, and back: the final extraction is told the steps, but no tools.
std::string as_thought(const conclusion& c);
conclusion from_thought(const std::string& thought);

}  // namespace reagent::offline
