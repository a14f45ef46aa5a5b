#pragma once

#include <reagent/run/completion.hpp>
#include <reagent/run/owned.hpp>
#include <reagent/run/run.hpp>

#include <memory>
#include <optional>
#include <tuple>
#include <variant>

namespace reagent {
class module;
}

namespace reagent::detail {

template <class T>
concept no_options =
    !std::is_convertible_v<const T&, run_options> && !std::is_convertible_v<const T&, std::string_view>;

/// @throws program_error(mismatch) for parameters of predictors that the program does not have, with the nearest that
/// it has. A program whose predictors are not known is not looked at.
void check_parameters(const module& program, const parameters* p);
void check_parameters(const module& program, const run_options& options);

template <class Module>
void check_options(const Module& program, const run_options& options) {
    if constexpr (std::is_base_of_v<module, Module>) check_parameters(program, options);
}

// A module is called by `forward(run, ...)` where it has one, else by `(run, ...)`.
template <class Module, class... Args>
auto invoke(const Module& m, run& r, Args&&... args) {
    if constexpr (requires { m.forward(r, std::forward<Args>(args)...); })
        return m.forward(r, std::forward<Args>(args)...);
    else
        return m(r, std::forward<Args>(args)...);
}

template <class T>
struct task_value;
template <class T>
struct task_value<task<T>> {
    using type = T;
};

/// What a program is called with: a copy that is kept for further attempts, or what can only be moved.
template <bool Copied, class Arg>
struct given_argument {
    using type = decltype(owned_by<Arg>::give(std::declval<const typename owned_by<Arg>::type&>()));
};
template <class Arg>
struct given_argument<false, Arg> {
    using type = decltype(given_away<Arg>(std::declval<typename owned_by<Arg>::type&>()));
};

template <class... Args, class Module, class Kept>
auto invoke_with(const Module& m, run& r, Kept& kept) {
    return std::apply([&](auto&... a) { return invoke(m, r, given_away<Args>(a)...); }, kept);
}
// The arguments live as long as the task, which may refer to them.
template <class... Args, class Module, class Kept>
auto invoked_once(const Module& m, run& r, std::shared_ptr<Kept> kept) -> decltype(invoke_with<Args...>(m, r, *kept)) {
    auto work = invoke_with<Args...>(m, r, *kept);
    co_return co_await std::move(work);
}

template <class Module, class... Args>
concept callable_program = requires(Module& m, run& r, Args&&... args) {
    m.forward(r, std::forward<Args>(args)...);
}
|| requires(Module& m, run& r, Args&&... args) { m(r, std::forward<Args>(args)...); };

/// Whether a program can be run with these arguments; if not, says why in words.
template <class Module, class... Args>
consteval bool can_be_run() {
    constexpr bool callable = callable_program<const Module, Args...>;
    constexpr bool changes_itself = !callable && callable_program<Module, Args...>;
    static_assert(!changes_itself,
                  "reagent: `forward` is not const, but one program serves many runs at once: write `forward(rg::run& "
                  "run, ...) const`, and "
                  "keep what changes in the run, not in the program");
    static_assert(callable || changes_itself,
                  "reagent: this program cannot be called with these arguments: what follows the program must be what "
                  "its `forward` (or its "
                  "operator()) takes behind the rg::run&, in number and type");
    return callable;
}

template <class Module, class... Args>
auto invoke_program(const Module& m, run& r, Args&&... args) {
    using given = std::conditional_t<(std::is_copy_constructible_v<typename owned_by<Args>::type> && ...),
                                     std::true_type, std::false_type>;
    if constexpr (!can_be_run<Module, typename given_argument<given::value, Args>::type...>())
        return task<void>{};
    else if constexpr ((std::is_copy_constructible_v<typename owned_by<Args>::type> && ...)) {
        using kept_arguments = std::tuple<typename owned_by<Args>::type...>;
        auto kept = std::make_shared<const kept_arguments>(owned_by<Args>::keep(std::forward<Args>(args))...);
        auto start = [&m, &r, kept] {
            return std::apply([&](const auto&... a) { return invoke(m, r, owned_by<Args>::give(a)...); }, *kept);
        };
        using T = typename task_value<decltype(start())>::type;
        return attempts<T>(r, std::move(start));
    } else
        return invoked_once<Args...>(m, r,
                                     std::make_shared<std::tuple<typename owned_by<Args>::type...>>(
                                         owned_by<Args>::keep(std::forward<Args>(args))...));  // cannot start again
}

template <class T>
using kept = std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>>;

// The result is handed on when the run has ended, not when it is there: a cancellation may still come between the two.
template <class T>
task<void> keep(task<T> work, std::shared_ptr<kept<T>> value) {
    *value = co_await wrapped(std::move(work));
}

/// What keeps a temporary program for its run; null for one that has a name.
template <class Module>
auto owner_of(std::remove_reference_t<Module>& m) {
    using program = std::remove_cvref_t<Module>;
    constexpr bool can_be_kept = std::is_lvalue_reference_v<Module> || std::is_move_constructible_v<program>;
    static_assert(can_be_kept,
                  "reagent: this program would be gone before its run ends: name it first, and let it live until then");
    if constexpr (can_be_kept && !std::is_lvalue_reference_v<Module>)
        return std::make_shared<const program>(std::move(m));
    else
        return std::shared_ptr<const program>{};
}
template <class Module>
const Module& owned_or(const std::shared_ptr<const Module>& own, const Module& m) {
    return own ? *own : m;
}

/// A value that is given once. @throws std::logic_error the second time
template <class T>
T taken(std::optional<T>& value) {
    if (!value) throw_taken();
    T given = std::move(*value);
    value.reset();
    return given;
}

}  // namespace reagent::detail
