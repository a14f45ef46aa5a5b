#pragma once

#include <reagent/error.hpp>
#include <reagent/task.hpp>

#include <functional>
#include <optional>
#include <type_traits>

namespace reagent {

namespace detail {

/// As `with_deadline`, compiled once. @param missed makes the exception of a deadline that came first
task<void> until(task<void> work, clock::time_point deadline, std::function<std::exception_ptr()> missed);

/// Does the work and puts its value where the caller wants it, which outlives the task.
template <class T>
task<void> put_into(std::optional<T>& value, task<T> work) {
    value.emplace(co_await std::move(work));
}
inline task<void> put_into(std::optional<std::monostate>& value, task<void> work) {
    co_await std::move(work);
    value.emplace();
}

template <class T>
task<T> value_until(task<T> work, clock::time_point deadline, std::function<std::exception_ptr()> missed) {
    std::optional<T> value;
    co_await until(put_into(value, std::move(work)), deadline, std::move(missed));
    co_return std::move(*value);
}

}  // namespace detail

/// Runs `work`, cancelling it when the deadline passes.
///
/// Four outcomes, never mistaken for each other: the result; the work's own exception; `missed` thrown because the
/// deadline came first; `operation_aborted` thrown because the caller itself was cancelled.
template <class T, class Missed>
task<T> with_deadline(task<T> work, clock::time_point deadline, Missed missed) {
    if (deadline == no_deadline) return work;
    auto thrown = [missed = std::move(missed)] { return std::make_exception_ptr(missed()); };
    if constexpr (std::is_void_v<T>)
        return detail::until(std::move(work), deadline, std::move(thrown));
    else
        return detail::value_until<T>(std::move(work), deadline, std::move(thrown));
}

}  // namespace reagent
