#pragma once

#include <reagent/task.hpp>

#include <functional>
#include <type_traits>
#include <utility>

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

/// Says so where a function that a task keeps would be destroyed twice.
template <class F>
consteval bool callback_survives() {
    static_assert(survives_await<F>,
                  "reagent: g++ 12 destroys a lambda that captures by copy twice inside co_await; name the lambda "
                  "first, then pass it");
    return true;
}

/// A function that has a name; a member of options that are written inside `co_await`, which g++ 12 destroys twice:
/// so it has nothing to destroy. Whom the options are given to copies the function.
template <class Signature>
class named_callback;
template <class R, class... A>
class named_callback<R(A...)> {
public:
    constexpr named_callback() = default;
    template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, named_callback> &&
             std::is_constructible_v<std::function<R(A...)>, F>) constexpr named_callback(F&& f)
        : function_{&f}, copy_{[](const void* given) {
              return std::function<R(A...)>{*static_cast<const std::remove_cvref_t<F>*>(given)};
          }} {
        static_assert(std::is_lvalue_reference_v<F>,
                      "reagent: these options refer to the function, and this one would be gone; name the function "
                      "first, then pass it");
    }

    std::function<R(A...)> copy() const { return copy_ ? copy_(function_) : std::function<R(A...)>{}; }

private:
    const void* function_ = nullptr;
    std::function<R(A...)> (*copy_)(const void*) = nullptr;
};

}  // namespace reagent::detail
