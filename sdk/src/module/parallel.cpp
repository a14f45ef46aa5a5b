#include <reagent/module/parallel.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace reagent::detail {

task<std::exception_ptr> all_or_first_failure(std::vector<task<void>> works) {
    if (works.empty()) co_return nullptr;
    auto executor = co_await asio::this_coro::executor;
    std::vector<decltype(asio::co_spawn(executor, std::move(works.front()), asio::deferred))> spawned;
    spawned.reserve(works.size());
    for (auto& work : works) spawned.push_back(asio::co_spawn(executor, std::move(work), asio::deferred));
    auto [order, failures] = co_await asio::experimental::make_parallel_group(std::move(spawned))
                                 .async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
    for (auto i : order)
        if (failures[i]) co_return failures[i];
    co_return nullptr;
}

}  // namespace reagent::detail
