#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>

namespace reagent::detail {

/// What a thread waits for that has started a run. A handle; thread-safe.
class completion {
public:
    /// @param is_own_thread whether a thread would wait for itself here
    explicit completion(std::function<bool()> is_own_thread);

    void finish(std::exception_ptr failure) const;
    void wait() const;
    bool wait_for(std::chrono::nanoseconds most) const;
    void result() const;  ///< waits, and throws the failure

private:
    struct state;
    std::shared_ptr<state> state_;
};

[[noreturn]] void throw_would_deadlock();
[[noreturn]] void throw_taken();

}  // namespace reagent::detail
