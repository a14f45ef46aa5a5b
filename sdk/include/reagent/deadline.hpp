#pragma once

#include <reagent/error.hpp>
#include <reagent/task.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <type_traits>

namespace reagent {

/// Runs `work`, cancelling it when the deadline passes.
///
/// Four outcomes, never mistaken for each other: the result; the work's own exception; `missed` thrown because the
/// deadline came first; `operation_aborted` thrown because the caller itself was cancelled.
template <class T, class Missed>
task<T> with_deadline(task<T> work, clock::time_point deadline, Missed missed) {
    namespace ex = asio::experimental;
    if (deadline == no_deadline) co_return co_await std::move(work);
    auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer{executor, deadline};
    auto [order, failure, value, timer_error] =
        co_await ex::make_parallel_group(asio::co_spawn(executor, detail::wrapped(std::move(work)), asio::deferred),
                                         timer.async_wait(asio::deferred))
            .async_wait(ex::wait_for_one(), asio::use_awaitable);
    auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) throw boost::system::system_error{asio::error::operation_aborted};
    if (order[0] == 1 && !timer_error && (failure || !value)) throw missed();
    if (failure) std::rethrow_exception(failure);
    if constexpr (!std::is_void_v<T>) co_return std::move(*value);
}

}  // namespace reagent
