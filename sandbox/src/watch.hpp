#pragma once

#include <reagent/sandbox/process.hpp>

#include "descriptor.hpp"

#include <sys/types.h>
#include <string>

namespace reagent::sandbox::detail {

/// Adds up what the processes of one PID namespace use, for limits that the kernel has for single processes only.
/// Counts are of what is there at the moment of the sample.
class watch {
public:
    /// @param init  process 1 of the namespace, by its number here
    /// @throws unavailable
    watch(pid_t init, const limits& l);

    /// The field of `limits` that is exceeded, "" when none is.
    std::string exceeded();

private:
    bool too_many_files();

    pid_t init_;
    const limits& limits_;
    descriptor folder_;
};

}  // namespace reagent::sandbox::detail
