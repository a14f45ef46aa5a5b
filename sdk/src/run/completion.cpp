#include <reagent/run/completion.hpp>

#include <reagent/error.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace reagent::detail {

struct completion::state {
    explicit state(std::function<bool()> here) : is_own_thread{std::move(here)} {}

    std::function<bool()> is_own_thread;
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    std::exception_ptr failure;

    // The lock, where there is something to wait for.
    std::unique_lock<std::mutex> lock_to_wait() {
        std::unique_lock lock{mutex};
        if (!done && is_own_thread()) throw_would_deadlock();
        return lock;
    }
};

completion::completion(std::function<bool()> is_own_thread)
    : state_{std::make_shared<state>(std::move(is_own_thread))} {}

void completion::finish(std::exception_ptr failure) const {
    std::lock_guard lock{state_->mutex};
    state_->done = true;
    state_->failure = std::move(failure);
    state_->changed.notify_all();
}

void completion::wait() const {
    auto lock = state_->lock_to_wait();
    state_->changed.wait(lock, [this] { return state_->done; });
}

bool completion::wait_for(std::chrono::nanoseconds most) const {
    constexpr std::chrono::nanoseconds longest =
        std::chrono::hours{24 * 365};  // what lies behind it overflows the clock
    auto lock = state_->lock_to_wait();
    return state_->changed.wait_for(lock, std::min(most, longest), [this] { return state_->done; });
}

void completion::result() const {
    wait();
    if (state_->failure) std::rethrow_exception(state_->failure);
}

void throw_would_deadlock() {
    throw run_error{run_errc::would_deadlock,
                    "this thread is one of the runtime's own: waiting here for a run would block what has to do it. In "
                    "a task, await the "
                    "module itself: `co_await module(run, ...)`, with the run that your function is given (a tool may "
                    "take a `run&` "
                    "first); elsewhere on an executor, `co_await runtime.async_run(options, module, ..., "
                    "boost::asio::use_awaitable)`"};
}

void throw_taken() {
    throw std::logic_error{"reagent: the result of this run has been taken; running::get gives it once"};
}

}  // namespace reagent::detail
