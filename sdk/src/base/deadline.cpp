#include <reagent/deadline.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace reagent::detail {

task<void> until(task<void> work, clock::time_point deadline, std::function<std::exception_ptr()> missed) {
    namespace ex = asio::experimental;
    auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer{executor, deadline};
    auto [order, failure, timer_error] =
        co_await ex::make_parallel_group(asio::co_spawn(executor, std::move(work), asio::deferred),
                                         timer.async_wait(asio::deferred))
            .async_wait(ex::wait_for_one(), asio::use_awaitable);
    auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error{asio::error::operation_aborted};
    if (order[0] == 1 && !timer_error && failure) std::rethrow_exception(missed());
    if (failure) std::rethrow_exception(failure);
}

}  // namespace reagent::detail
