#pragma once

#include <reagent/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>

namespace reagent {

/// Does `work` on a pool's thread and returns what it returns. When the caller is cancelled, the task ends at once; the
/// work goes on to its end, unheard, so it must own what it uses. @param pool none: the work is done here
template <class T>
task<T> on_pool(asio::any_io_executor pool, std::function<T()> work) {
    if (!pool) co_return work();
    // Waits on a timer that the pool's thread wakes through the executor, so that a cancelled caller does not wait for
    // it.
    struct shared_result {
        std::optional<T> value;
        std::exception_ptr failure;
        bool done = false;
    };
    auto executor = co_await asio::this_coro::executor;
    auto shared = std::make_shared<shared_result>();
    auto wake = std::make_shared<asio::steady_timer>(executor, clock::time_point::max());
    asio::post(pool, [shared = shared, wake = wake, executor, work = std::move(work)]() mutable {
        std::optional<T> value;
        std::exception_ptr failure;
        try {
            value = work();
        } catch (...) {
            failure = std::current_exception();
        }
        work = nullptr;
        // Everything moves on, so that this thread is never the last to hold what the other reads.
        auto back = [shared = std::move(shared), wake = std::move(wake), value = std::move(value),
                     failure = std::move(failure)]() mutable {
            shared->value = std::move(value);
            shared->failure = std::move(failure);
            shared->done = true;
            wake->cancel();
        };
        asio::post(executor, std::move(back));
    });
    boost::system::error_code ec;
    if (!shared->done) co_await wake->async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (!shared->done) throw boost::system::system_error{asio::error::operation_aborted};
    if (shared->failure) std::rethrow_exception(shared->failure);
    co_return std::move(*shared->value);
}

}  // namespace reagent
