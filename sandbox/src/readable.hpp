#pragma once

#include <string>
#include <vector>

namespace reagent::sandbox::detail {

struct shown {
    std::string source;  ///< without symbolic links
    std::string place;   ///< where the program finds it
};

/// What the entries of `command::readable` mean, when they may be shown: neither one nor what is mounted below it may
/// be a view of the host's processes, devices or kernel, and the writable folder must stay as it is.
/// @throws std::invalid_argument, std::system_error (it cannot be found)
std::vector<shown> shown_by(const std::vector<std::string>& paths);

}  // namespace reagent::sandbox::detail
