#pragma once

#include "landlock.hpp"

#include <sys/types.h>
#include <cstddef>

// What runs between a clone and an exec, or on a copy of the memory of a host whose other threads are gone: system
// calls only, no function of the library that may take a lock or tell other threads (as setuid does).
#define REAGENT_BARE __attribute__((no_sanitize("address", "thread", "undefined")))

namespace reagent::sandbox::detail {

/// What a guardian tells its host, once, when the program has been started or could not be.
struct start_report {
    pid_t program = 0;
    int error = 0;
    bool dropping = false;  ///< the error came from becoming another user
};

struct start_plan {
    const char* program;
    char* const* arguments;
    const int* descriptors;  ///< that become 0, 1, ... of the program
    int count;
    bool drop_root;
    restriction landlock;
    void* stack;  ///< its upper end; for what is cloned from the guardian
    int host;     ///< pidfd
    int leash;    ///< a pipe's end: 'h' says that the host holds the program too; anything else, or its end, that it
                  ///< shall end
    int report;   ///< a pipe's end, for a `start_report`
    pid_t guardian = 0;
    start_report result{};
};

/// The life of the process that stands between the host and the program, so that neither the host's death at any moment
/// nor what the program does to those who watch it inside leaves anything running. It is cloned from the host with a
/// copy of its memory; runs no other program; blocks all signals; closes all descriptors but its own. It starts the
/// program as its child and becomes the parent of all orphans below (PR_SET_CHILD_SUBREAPER). When the host or the
/// program has ended, or the host asks for it, it kills its children until there are none, and ends.
/// @param plan  a `start_plan`
int guard(void* plan);

/// Becomes the user that programs run as, when this one is root. @return negative on failure, errno says why
long become_unprivileged();

}  // namespace reagent::sandbox::detail
