#pragma once

#include <reagent/deadline.hpp>
#include <reagent/run/call_shape.hpp>
#include <reagent/run/run.hpp>

#include <deque>
#include <tuple>
#include <vector>

namespace reagent {

namespace detail {

template <class T>
using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class F>
using branch_value = typename std::remove_cvref_t<std::invoke_result_t<std::remove_reference_t<F>&, run&>>::value_type;

/// How a task keeps a function: its own, or, of one that can be neither copied nor moved there, the caller's.
template <class F>
using kept_function =
    std::conditional_t<std::is_lvalue_reference_v<F> && !std::is_copy_constructible_v<std::remove_cvref_t<F>>, F, std::remove_cvref_t<F>>;

}  // namespace detail

/// Runs `branches` concurrently, each with a run handle of its own: `co_await parallel(run, [&](rg::run& r) { return
/// qa(r, ...); }, ...)`. Waits for all; when one throws, the others are cancelled and its exception is thrown on. An assertion that
/// blames a call of its own branch starts this branch again and leaves the others alone.
/// The task keeps the functions. @return a tuple; std::monostate for void
template <class... F>
task<std::tuple<detail::stored<detail::branch_value<F>>...>> parallel(run& r, F&&... branches) {
    static_assert((detail::survives_await<F> && ...),
                  "reagent: g++ 12 destroys a lambda that captures by copy twice inside co_await; name the lambda first, then pass it");
    return [](run& trunk, detail::kept_function<F>... f) -> task<std::tuple<detail::stored<detail::branch_value<F>>...>> {
        auto executor = co_await asio::this_coro::executor;
        std::size_t base = trunk.reserve_branches(sizeof...(F)), index = base;
        std::array<run, sizeof...(F)> runs{((void)f, trunk.branch(index++))...};
        auto attempt = [](run& own, auto& part) {
            using T = detail::branch_value<std::remove_reference_t<decltype(part)>>;
            return detail::wrapped(detail::attempts<T>(own, [&own, &part] { return part(own); }));
        };
        auto group = [&]<std::size_t... I>(std::index_sequence<I...>) {  // arguments are evaluated in no particular order
            return asio::experimental::make_parallel_group(asio::co_spawn(executor, attempt(runs[I], f), asio::deferred)...);
        }
        (std::index_sequence_for<F...>{});
        std::tuple results = co_await std::move(group).async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
        for (const auto& ended : runs) trunk.join(ended);
        constexpr std::size_t n = sizeof...(F);
        auto order = std::get<0>(results);
        co_return [&]<std::size_t... I>(std::index_sequence<I...>) {
            std::array<std::exception_ptr, n> failures{std::get<1 + 2 * I>(results)...};
            for (auto i : order)
                if (failures[i]) std::rethrow_exception(failures[i]);
            return std::tuple<detail::stored<detail::branch_value<F>>...>{std::move(*std::get<2 + 2 * I>(results))...};
        }
        (std::make_index_sequence<n>{});
    }(r, std::forward<F>(branches)...);
}

struct parallel_options {
    std::size_t max_concurrency = 16;  ///< branches at work at the same time

    /// What differs for the branch of each item; none: nothing.
    std::function<std::shared_ptr<const variation>(std::size_t item)> vary{};
};

namespace detail {

template <class Item, class F>
auto mapped(run& r, std::vector<Item> items, F f, parallel_options options)
    -> task<std::vector<typename std::remove_cvref_t<std::invoke_result_t<F&, run&, Item>>::value_type>> {
    using T = typename std::remove_cvref_t<std::invoke_result_t<F&, run&, Item>>::value_type;
    auto executor = co_await asio::this_coro::executor;
    std::size_t base = r.reserve_branches(items.size()), next = 0;
    std::vector<std::optional<T>> found(items.size());
    std::vector<std::optional<run>> runs(items.size());
    auto worker = [&]() -> task<void> {
        while (next < items.size()) {
            std::size_t i = next++;
            run& own = runs[i].emplace(r.branch(base + i, options.vary ? options.vary(i) : nullptr));
            if constexpr (std::is_copy_constructible_v<Item>) {
                std::optional<Item> given;  // each attempt its own: `f` may move from it, or refer to it
                auto start = [&f, &own, &given, &item = items[i]] { return f(own, std::move(given.emplace(item))); };
                found[i].emplace(co_await detail::attempts<T>(own, start));
            } else
                found[i].emplace(co_await f(own, std::move(items[i])));
        }
    };
    using spawned = decltype(asio::co_spawn(executor, worker(), asio::deferred));
    std::vector<spawned> workers;
    std::size_t count = std::min(std::max<std::size_t>(1, options.max_concurrency), items.size());
    for (std::size_t i = 0; i < count; ++i) workers.push_back(asio::co_spawn(executor, worker(), asio::deferred));
    if (!workers.empty()) {
        auto [order, failures] = co_await asio::experimental::make_parallel_group(std::move(workers))
                                     .async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
        for (const auto& ended : runs)
            if (ended) r.join(*ended);
        for (auto i : order)
            if (failures[i]) std::rethrow_exception(failures[i]);
    }
    std::vector<T> results;
    results.reserve(found.size());
    for (auto& v : found) results.push_back(std::move(*v));
    co_return results;
}

}  // namespace detail

/// Runs `f(run, item)` for every item, at most `max_concurrency` at a time; results in the order of the items. When one
/// throws, the others are cancelled and its exception is thrown on; for assertions see `parallel`. An item lives as long as the task
/// that `f` made of it, so `f` may take it as a const reference.
template <class Item, class F>
auto parallel_map(run& r, std::vector<Item> items, F&& f, parallel_options options = {}) {
    static_assert(detail::survives_await<F>,
                  "reagent: g++ 12 destroys a lambda that captures by copy twice inside co_await; name the lambda first, then pass it");
    return detail::mapped<Item, detail::kept_function<F>>(r, std::move(items), std::forward<F>(f), std::move(options));
}

}  // namespace reagent
