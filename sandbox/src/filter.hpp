#pragma once

#include "descriptor.hpp"

namespace reagent::sandbox::detail {

/// The system calls that a sandboxed program may make, as a program for seccomp in a file: a list of what is allowed.
/// What is not on it does not exist (ENOSYS), so that a C library falls back on what it used before; what reaches for
/// other processes, the network or the kernel's insides is refused (EPERM). A call of another architecture (the 32-bit
/// table, x32) kills the process.
descriptor allowed_calls();

}  // namespace reagent::sandbox::detail
