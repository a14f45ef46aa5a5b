#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
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

/// The moment `wait` after `from`; the clock's last or first one where it lies beyond.
template <class Rep, class Period>
constexpr clock::time_point later(clock::time_point from, std::chrono::duration<Rep, Period> wait) {
    using exact = std::chrono::duration<long double>;
    if (exact{wait} >= exact{clock::time_point::max() - std::max(from, clock::time_point{})})
        return clock::time_point::max();
    if (exact{wait} <= exact{clock::time_point::min() - std::min(from, clock::time_point{})})
        return clock::time_point::min();
    return from + std::chrono::duration_cast<clock::duration>(wait);
}

/// The deadline of what may take `limit` from `from` on. Zero and less are no limit, and so is what lies beyond the
/// clock's range: every timeout of Reagent means this.
template <class Rep, class Period>
constexpr clock::time_point deadline_after(std::chrono::duration<Rep, Period> limit, clock::time_point from) {
    return limit <= limit.zero() ? no_deadline : later(from, limit);
}
template <class Rep, class Period>
clock::time_point deadline_after(std::chrono::duration<Rep, Period> limit) {
    return deadline_after(limit, clock::now());
}

/// A limit that leaves `more` for what comes around the work; none stays none.
constexpr std::chrono::milliseconds longer_by(std::chrono::milliseconds limit, std::chrono::milliseconds more) {
    if (limit <= limit.zero()) return limit;
    return limit > limit.max() - more ? limit.max() : limit + more;
}

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
