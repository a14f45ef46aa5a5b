#pragma once

#include <reagent/sandbox/process.hpp>

#include <string>
#include <vector>

namespace reagent::sandbox::detail {

/// The path of bubblewrap. Looked for in the system's folders only: PATH may name folders that others write.
/// @throws unavailable
const char* bubblewrap();

/// Numbers of bubblewrap's descriptors.
struct channels {
    int filter;  ///< the seccomp program
    int start;   ///< the program is started when a byte can be read here
    int keep;    ///< the other end of `start`, kept open inside: the host's death is no signal to start
    int status;
};

/// What bubblewrap reads from its `--args` descriptor: everything but the program. Arguments on its command line could
/// be read by every user of the machine.
std::string setup(const command& c, const channels& numbers);

/// Why bubblewrap ended without having run anything, as an exception: `unavailable` when the machine is to blame.
[[noreturn]] void could_not_start(const command& c, const std::string& said);

/// @throws std::invalid_argument
void check(const command& c);

}  // namespace reagent::sandbox::detail
