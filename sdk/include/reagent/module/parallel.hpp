#pragma once

#include <reagent/deadline.hpp>
#include <reagent/run/call_shape.hpp>
#include <reagent/run/run.hpp>

#include <array>
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
    std::conditional_t<std::is_lvalue_reference_v<F> && !std::is_copy_constructible_v<std::remove_cvref_t<F>>, F,
                       std::remove_cvref_t<F>>;

/// Does all of them at once, and waits for all; the first that throws cancels the others. @return what it threw, or
/// null
task<std::exception_ptr> all_or_first_failure(std::vector<task<void>> works);

/// Does one branch's part, as often as assertions want it.
template <class T, class F>
task<void> branch_into(std::optional<stored<T>>& value, run& own, F& part) {
    return put_into(value, attempts<T>(own, [&own, &part] { return part(own); }));
}

}  // namespace detail

/// Runs `branches` concurrently, each with a run handle of its own: `co_await parallel(run, [&](rg::run& r) { return
/// qa(r, ...); }, ...)`. Waits for all; when one throws, the others are cancelled and its exception is thrown on. An
/// assertion that blames a call of its own branch starts this branch again and leaves the others alone. The task keeps
/// the functions. @return a tuple; std::monostate for void
template <class... F>
task<std::tuple<detail::stored<detail::branch_value<F>>...>> parallel(run& r, F&&... branches) {
    static_assert((detail::survives_await<F> && ...),
                  "reagent: g++ 12 destroys a lambda that captures by copy twice inside co_await; name the lambda "
                  "first, then pass it");
    return [](run& trunk,
              detail::kept_function<F>... f) -> task<std::tuple<detail::stored<detail::branch_value<F>>...>> {
        std::size_t base = trunk.reserve_branches(sizeof...(F)), index = base;
        std::array<run, sizeof...(F)> runs{((void)f, trunk.branch(index++))...};
        std::tuple<std::optional<detail::stored<detail::branch_value<F>>>...> values;
        std::vector<task<void>> works;
        works.reserve(sizeof...(F));
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (works.push_back(detail::branch_into<detail::branch_value<F>>(std::get<I>(values), runs[I], f)), ...);
        }
        (std::index_sequence_for<F...>{});
        auto failure = co_await detail::all_or_first_failure(std::move(works));
        for (const auto& ended : runs) trunk.join(ended);
        if (failure) std::rethrow_exception(failure);
        co_return std::apply(
            [](auto&... value) { return std::tuple<detail::stored<detail::branch_value<F>>...>{std::move(*value)...}; },
            values);
    }(r, std::forward<F>(branches)...);
}

struct parallel_options {
    std::size_t max_concurrency = 16;  ///< branches at work at the same time

    /// What differs for the branch of each item; none: nothing. A function with a name, which `parallel_map` copies.
    detail::named_callback<std::shared_ptr<const variation>(std::size_t item)> vary{};
};

namespace detail {

template <class Item, class F>
auto mapped(run& r, std::vector<Item> items, F f, std::size_t max_concurrency,
            std::function<std::shared_ptr<const variation>(std::size_t)> vary)
    -> task<std::vector<typename std::remove_cvref_t<std::invoke_result_t<F&, run&, Item>>::value_type>> {
    using T = typename std::remove_cvref_t<std::invoke_result_t<F&, run&, Item>>::value_type;
    std::size_t base = r.reserve_branches(items.size()), next = 0;
    std::vector<std::optional<T>> found(items.size());
    std::vector<std::optional<run>> runs(items.size());
    auto worker = [&]() -> task<void> {
        while (next < items.size()) {
            std::size_t i = next++;
            run& own = runs[i].emplace(r.branch(base + i, vary ? vary(i) : nullptr));
            if constexpr (std::is_copy_constructible_v<Item>) {
                std::optional<Item> given;  // each attempt its own: `f` may move from it, or refer to it
                auto start = [&f, &own, &given, &item = items[i]] { return f(own, std::move(given.emplace(item))); };
                found[i].emplace(co_await detail::attempts<T>(own, start));
            } else
                found[i].emplace(co_await f(own, std::move(items[i])));
        }
    };
    std::vector<task<void>> workers;
    std::size_t count = std::min(std::max<std::size_t>(1, max_concurrency), items.size());
    for (std::size_t i = 0; i < count; ++i) workers.push_back(worker());
    auto failure = co_await detail::all_or_first_failure(std::move(workers));
    for (const auto& ended : runs)
        if (ended) r.join(*ended);
    if (failure) std::rethrow_exception(failure);
    std::vector<T> results;
    results.reserve(found.size());
    for (auto& v : found) results.push_back(std::move(*v));
    co_return results;
}

}  // namespace detail

/// Runs `f(run, item)` for every item, at most `max_concurrency` at a time; results in the order of the items. When one
/// throws, the others are cancelled and its exception is thrown on; for assertions see `parallel`. An item lives as
/// long as the task that `f` made of it, so `f` may take it as a const reference.
template <class Item, class F>
auto parallel_map(run& r, std::vector<Item> items, F&& f, parallel_options options = {}) {
    static_assert(detail::survives_await<F>,
                  "reagent: g++ 12 destroys a lambda that captures by copy twice inside co_await; name the lambda "
                  "first, then pass it");
    return detail::mapped<Item, detail::kept_function<F>>(r, std::move(items), std::forward<F>(f),
                                                          options.max_concurrency, options.vary.copy());
}

}  // namespace reagent
