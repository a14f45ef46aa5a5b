#pragma once

#include <reagent/error.hpp>
#include <reagent/tools/ready.hpp>

namespace reagent::ready {

/// @throws tool_error(bad_configuration) for zero and less: a limit that protects is not switched off by a number that
/// was not set.
inline void check_time_limit(std::chrono::milliseconds limit) {
    if (limit > limit.zero()) return;
    throw tool_error{tool_errc::bad_configuration,
                     "a query's time_limit is " + std::to_string(limit.count()) +
                         " ms; give it more than zero, or say ready::no_time_limit for a query that may "
                         "take as long as it likes"};
}

}  // namespace reagent::ready
