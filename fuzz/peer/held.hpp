#pragma once

#include <cstddef>

namespace reagent::fuzz {

/// Counts what this thread's `new` holds while it is switched on: what a client holds, without what plays its peers.
struct held {
    static std::size_t& now();
    static std::size_t& most();

    /// Switches counting on or off for a scope.
    class scope {
    public:
        explicit scope(bool counts);
        ~scope();
        scope(const scope&) = delete;

    private:
        bool before_;
    };
};

}  // namespace reagent::fuzz
