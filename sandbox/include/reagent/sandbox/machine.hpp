#pragma once

#include <reagent/sandbox/process.hpp>

#include <string>
#include <vector>

namespace reagent::sandbox {

/// Whether this machine has one of the things that a sandbox is made of, found by trying it.
struct offer {
    std::string name;  ///< a layer's, or "bubblewrap", "limits", "cgroup"
    bool there = false;
    std::string how;  ///< what it is made of, or why it is not there and how to get it
};

/// All of them. Starts a program for each layer that bubblewrap makes; blocks for some tens of milliseconds.
std::vector<offer> check_machine();

}  // namespace reagent::sandbox
