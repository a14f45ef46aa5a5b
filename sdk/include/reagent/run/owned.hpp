#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace reagent::detail {

/// What the views of a kept argument refer to. Copies share it.
class kept_texts {
public:
    std::string& text(std::string_view t) { return hold(std::string{t}); }
    template <class T>
    T& hold(T value) {
        auto held = std::make_shared<T>(std::move(value));
        T& there = *held;
        all_.push_back(std::move(held));
        return there;
    }

private:
    std::vector<std::shared_ptr<const void>> all_;
};

template <class T, template <class...> class Template>
inline constexpr bool specializes = false;
template <template <class...> class Template, class... A>
inline constexpr bool specializes<Template<A...>, Template> = true;

template <class T>
inline constexpr bool is_array_of_size = false;
template <class T, std::size_t N>
inline constexpr bool is_array_of_size<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_span = false;
template <class T, std::size_t N>
inline constexpr bool is_span<std::span<T, N>> = true;

template <class T>
inline constexpr bool is_list_of_parts = specializes<T, std::optional> || specializes<T, std::tuple> ||
                                         specializes<T, std::pair> || specializes<T, std::variant>;

/// `std::string_view` and its like, and pointers to characters.
template <class T>
concept view_of_text =
    std::is_convertible_v<const T&, std::string_view> && !std::is_null_pointer_v<T> &&
    (std::is_pointer_v<T> || (std::is_trivially_copyable_v<T> && std::is_constructible_v<T, const char*, std::size_t>));

template <class T>
concept container = requires(const T& c) {
    typename T::value_type;
    c.begin();
    c.end();
}
&&!std::is_convertible_v<const T&, std::string_view>;

template <class T>
concept can_be_filled = std::is_default_constructible_v<T> && requires(T& c, typename T::value_type element) {
    c.insert(c.end(), std::move(element));
};

/// Whether a predicate holds for one of the types that `T` is made of. @param Seen types that hold themselves end here
template <template <class> class Predicate, class T, class... Seen>
consteval bool any_part() {
    if constexpr ((std::is_same_v<T, Seen> || ...))
        return false;
    else if constexpr (Predicate<T>::value)
        return true;
    else if constexpr (is_list_of_parts<T>)
        return []<template <class...> class List, class... A>(std::type_identity<List<A...>>) {
            return (any_part<Predicate, std::remove_cv_t<A>, T, Seen...>() || ...);
        }(std::type_identity<T>{});
    else if constexpr (is_span<T>)
        return any_part<Predicate, std::remove_cv_t<typename T::element_type>, T, Seen...>();
    else if constexpr (container<T>)
        return any_part<Predicate, std::remove_cv_t<typename T::value_type>, T, Seen...>();
    else
        return false;
}

template <class T>
struct refers : std::bool_constant<view_of_text<T>> {};
template <class T>
struct refers<std::span<const T>> : std::true_type {};
template <class T, std::size_t N>
struct refers<std::span<const T, N>> : std::true_type {};

/// What refers to something and cannot be made to refer to a copy: a span through which one can write, a
/// `std::initializer_list`, a view of <ranges>, a container of views that cannot be filled again.
template <class T>
struct cannot_be_copied : std::bool_constant<std::ranges::enable_view<T> && !view_of_text<T> && !is_span<T>> {};
template <class T, std::size_t N>
struct cannot_be_copied<std::span<T, N>> : std::bool_constant<!std::is_const_v<T> || std::is_same_v<T, const bool>> {};
template <class T>
struct cannot_be_copied<std::initializer_list<T>> : std::true_type {};
template <container T>
requires(!is_array_of_size<T> && !can_be_filled<T> && !is_span<T> && !std::ranges::enable_view<T> &&
         any_part<refers, T>()) struct cannot_be_copied<T> : std::true_type {
};

/// The same value, whose views refer to copies that `texts` keeps.
template <class T>
T rebound(const T& value, kept_texts& texts) {
    if constexpr (!any_part<refers, T>())
        return value;
    else if constexpr (view_of_text<T>) {
        if constexpr (std::is_pointer_v<T>)
            return value ? texts.text(value).data() : value;
        else {
            const std::string& text = texts.text(std::string_view{value});
            return T(text.data(), text.size());
        }
    } else if constexpr (specializes<T, std::optional>)
        return value ? T{rebound(*value, texts)} : T{};
    else if constexpr (specializes<T, std::variant>)
        return std::visit([&](const auto& v) { return T{rebound(v, texts)}; }, value);
    else if constexpr (specializes<T, std::tuple> || specializes<T, std::pair>)
        return std::apply([&](const auto&... part) { return T{rebound(part, texts)...}; }, value);
    else if constexpr (is_array_of_size<T>)
        return [&]<std::size_t... I>(std::index_sequence<I...>) { return T{{rebound(value[I], texts)...}}; }
    (std::make_index_sequence<std::tuple_size_v<T>>{});
    else if constexpr (is_span<T>) {
        std::vector<std::remove_cv_t<typename T::element_type>> own;
        own.reserve(value.size());
        for (const auto& element : value) own.push_back(rebound(element, texts));
        auto& kept = texts.hold(std::move(own));
        return T{kept.data(), kept.size()};
    }
    else {
        T own;
        for (const auto& element : value) own.insert(own.end(), rebound(element, texts));
        return own;
    }
}

/// What a run keeps of an argument, so that the program can start again: a copy; of a text a std::string, of views
/// within containers what they refer to as well.
template <class T>
struct owned {
    static constexpr bool can_be_kept = std::is_convertible_v<T, std::string_view> || !any_part<cannot_be_copied, T>();

    using type = std::conditional_t<std::is_convertible_v<T, std::string_view>, std::string, T>;
    template <class U>
    static type keep(U&& v) {
        if constexpr (std::is_convertible_v<T, std::string_view>)
            return std::string{std::string_view{v}};
        else
            return std::forward<U>(v);
    }
    static const type& give(const type& v) { return v; }
};

template <class T>
requires(!std::is_convertible_v<T, std::string_view> && any_part<refers, T>() &&
         !any_part<cannot_be_copied, T>()) struct owned<T> {
    static constexpr bool can_be_kept = true;

    struct type {
        kept_texts texts;
        T kept;
    };
    static type keep(const T& v) {
        kept_texts texts;
        T kept = rebound(v, texts);
        return {std::move(texts), std::move(kept)};
    }
    static const T& give(const type& v) { return v.kept; }
};

template <class T>
using owned_by = owned<std::decay_t<T>>;

/// Whether a run that nobody waits for here can keep its arguments; if not, says so.
template <class... Args>
consteval bool arguments_can_be_kept() {
    constexpr bool all = (owned_by<Args>::can_be_kept && ...);
    static_assert(all,
                  "reagent: an argument refers to what may be gone before the run ends, and cannot be copied; give a "
                  "container, or a std::span of const");
    return all;
}

/// What was kept, given away: moved, but for what gives something else than itself, as what is named.
template <class Arg>
decltype(auto) given_away(typename owned_by<Arg>::type& kept) {
    using type = typename owned_by<Arg>::type;
    if constexpr (std::is_same_v<decltype(owned_by<Arg>::give(kept)), const type&>)
        return std::move(kept);
    else
        return owned_by<Arg>::give(kept);
}

}  // namespace reagent::detail
