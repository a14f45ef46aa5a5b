#pragma once

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <optional>
#include <variant>

namespace reagent {

namespace asio = boost::asio;

/// What every asynchronous function of Reagent returns; awaited with `co_await` on the executor that started it.
template <class T>
using task = boost::asio::awaitable<T>;

using clock = std::chrono::steady_clock;

/// A deadline that never comes.
inline constexpr clock::time_point no_deadline = clock::time_point::max();

namespace detail {

/// The value of a task as an optional, so that it need not be default-constructible; std::monostate for void.
template <class T>
task<std::optional<T>> wrapped(task<T> work) {
    co_return std::optional<T>{co_await std::move(work)};
}
inline task<std::optional<std::monostate>> wrapped(task<void> work) {
    co_await std::move(work);
    co_return std::monostate{};
}

}  // namespace detail

}  // namespace reagent
