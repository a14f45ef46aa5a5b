#pragma once

#include <reagent/task.hpp>

#include <type_traits>

namespace reagent::detail {

/// g++ 12 destroys some temporaries of a `co_await` expression twice: aggregates written there, lambdas that capture by
/// copy, and what
/// `?:` makes of a class. The first two can be told from their types; for `?:` see docs/lifetimes.md.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
inline constexpr bool temporaries_are_destroyed_twice = true;
#else
inline constexpr bool temporaries_are_destroyed_twice = false;
#endif

/// A closure cannot be told from other classes but by what it lacks.
template <class T>
inline constexpr bool looks_like_closure =
    std::is_class_v<T> && !std::is_default_constructible_v<T> && !std::is_copy_assignable_v<T>;

/// Whether an argument, as a forwarding reference deduces it, may be a temporary in a `co_await` expression.
template <class T>
inline constexpr bool survives_await =
    !temporaries_are_destroyed_twice || std::is_lvalue_reference_v<T> ||
    std::is_trivially_destructible_v<std::remove_cvref_t<T>> ||
    !(std::is_aggregate_v<std::remove_cvref_t<T>> || looks_like_closure<std::remove_cvref_t<T>>);

/// Whether what a function with a completion token returns is awaited where it stands: a task, or an operation that has
/// not begun.
template <class Result>
inline constexpr bool awaits_later = std::is_class_v<Result> && !requires(Result r) {
    r.get();
};

}  // namespace reagent::detail
