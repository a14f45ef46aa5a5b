#pragma once

#include <boost/asio/awaitable.hpp>

#include <chrono>

namespace reagent {

namespace asio = boost::asio;

/// What every asynchronous function of Reagent returns; awaited with `co_await` on the executor that started it.
template <class T>
using task = boost::asio::awaitable<T>;

using clock = std::chrono::steady_clock;

/// A deadline that never comes.
inline constexpr clock::time_point no_deadline = clock::time_point::max();

}  // namespace reagent
