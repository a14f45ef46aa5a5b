#pragma once

namespace reagent::sandbox::detail {

/// As long as one of these lives, others of the same user can neither read this process's memory, environment and
/// descriptors nor trace it (PR_SET_DUMPABLE, prctl(2)). Counted: the last one to end sets back what was before the
/// first. Thread-safe.
class undumpable {
public:
    undumpable();
    ~undumpable();
    undumpable(const undumpable&) = delete;
    undumpable& operator=(const undumpable&) = delete;
};

}  // namespace reagent::sandbox::detail
