#pragma once

// Inputs by name, by position or as the signature's own struct, checked by the compiler and converted at once.

#include <reagent/run/call_shape.hpp>
#include <reagent/run/owned.hpp>
#include <reagent/signature/traits.hpp>

#include <iterator>

namespace reagent {

/// `"question"_f = value`. Keeps a temporary, and refers to a variable (`T` is `const X&`), which must live until it is
/// passed on.
template <fixed_string Name, class T>
struct named_argument {
    T value;
};

template <fixed_string Name>
struct argument_name {
    template <class T>
    constexpr named_argument<Name, const T&> operator=(const T& value) const {
        return {value};
    }
    template <class T>
    requires(!std::is_reference_v<T> && !std::is_const_v<T>) constexpr named_argument<Name, T> operator=(
        T&& value) const {
        static_assert(
            detail::survives_await<T>,
            "reagent: g++ 12 destroys an aggregate that is written inside co_await twice; name it first, then pass it");
        return {std::move(value)};
    }
};

namespace literals {

/// Names an input: `qa(run, "question"_f = "How many?")`.
template <fixed_string Name>
constexpr argument_name<Name> operator""_f() {
    return {};
}

}  // namespace literals

namespace detail {

template <class T>
concept iterable = requires(const T& c) {  // <ranges> costs every program a tenth of a second
    std::begin(c) != std::end(c);
    *std::begin(c);
};

template <class T>
inline constexpr bool is_named = false;
template <fixed_string N, class T>
inline constexpr bool is_named<named_argument<N, T>> = true;

// A run keeps a named argument with what it names.
template <fixed_string Name, class T>
struct owned<named_argument<Name, T>> {
    using value = owned_by<T>;
    static constexpr bool can_be_kept = value::can_be_kept;

    struct type {
        typename value::type kept;
        static std::string_view name() { return Name.view(); }
    };
    static type keep(const named_argument<Name, T>& a) { return {value::keep(a.value)}; }
    static auto give(const type& t) { return named_argument<Name, decltype(value::give(t.kept))>{value::give(t.kept)}; }
};

/// Whether a call's arguments may all be temporaries where they stand; a named one has been looked at when it was made.
template <class... Args>
consteval bool arguments_survive() {
    constexpr bool all = ((is_named<std::remove_cvref_t<Args>> || survives_await<Args>)&&...);
    static_assert(
        all,
        "reagent: g++ 12 destroys an aggregate that is written inside co_await twice; name it first, then pass it");
    return all;
}

template <class Field, class Arg>
consteval bool accepts();

template <class Arg, class... A>
consteval bool any_accepts(std::variant<A...>*) {
    return (accepts<A, Arg>() || ...);
}

/// Whether an argument of type `Arg` may be given for a field of type `Field`.
template <class Field, class Arg>
consteval bool accepts() {
    if constexpr (is_field<Field>)
        return accepts<typename Field::value_type, Arg>();
    else if constexpr (is_field<Arg>)
        return accepts<Field, typename Arg::value_type>();
    else if constexpr (std::is_same_v<Field, Arg> || std::is_same_v<Arg, json::value>)
        return true;
    else if constexpr (std::is_same_v<Field, json::value>)
        return convertible<Arg>() || text<Arg>;
    else if constexpr (is_a<Field, std::optional>) {
        if constexpr (std::is_same_v<Arg, std::nullopt_t>)
            return true;
        else if constexpr (is_a<Arg, std::optional>)
            return accepts<typename Field::value_type, typename Arg::value_type>();
        else
            return accepts<typename Field::value_type, Arg>();
    } else if constexpr (std::is_same_v<Field, std::string>)
        return text<Arg>;
    else if constexpr (std::is_same_v<Field, bool>)
        return false;
    else if constexpr (std::is_integral_v<Field>)
        return std::is_integral_v<Arg> && !std::is_same_v<Arg, bool> && !std::is_same_v<Arg, char>;
    else if constexpr (std::is_floating_point_v<Field>)
        return std::is_arithmetic_v<Arg> && !std::is_same_v<Arg, bool> && !std::is_same_v<Arg, char>;
    else if constexpr (is_a<Field, std::variant>)
        return any_accepts<Arg>(static_cast<Field*>(nullptr));
    else if constexpr (is_a<Field, std::vector> || is_std_array<Field>) {
        if constexpr (iterable<Arg> && !text<Arg> && !is_map<Arg>)
            return accepts<typename Field::value_type,
                           std::remove_cvref_t<decltype(*std::begin(std::declval<const Arg&>()))>>();
        else
            return false;
    } else if constexpr (is_map<Field>) {
        if constexpr (is_map<Arg>)
            return accepts<typename Field::mapped_type, typename Arg::mapped_type>();
        else
            return std::is_same_v<Arg, json::object>;
    } else if constexpr (std::is_same_v<Field, json::array>)
        return iterable<Arg> && !text<Arg>;
    else if constexpr (std::is_same_v<Field, json::object>)
        return is_map<Arg> || (std::is_class_v<Arg> && convertible<Arg>());
    else
        return std::is_convertible_v<Arg, Field>;
}

template <class Field, class Arg>
json::value convert_argument(const Arg& a) {
    if constexpr (is_field<Field>)
        return convert_argument<typename Field::value_type>(a);
    else if constexpr (is_field<Arg>)
        return convert_argument<Field>(a.value);
    else if constexpr (std::is_same_v<Arg, json::value>)
        return a;
    else if constexpr (std::is_same_v<Arg, std::nullopt_t>)
        return nullptr;
    else if constexpr (text<Arg>)
        return json::value(json::string(std::string_view{a}));
    else if constexpr (std::is_floating_point_v<Field> && std::is_arithmetic_v<Arg>)
        return static_cast<double>(a);
    else if constexpr (iterable<Arg> && !is_map<Arg> && !json_type<Arg>) {
        json::array list;
        for (const auto& item : a) list.push_back(to_value(item));
        return list;
    } else if constexpr (std::is_convertible_v<Arg, Field> && !convertible<Arg>())
        return to_value(static_cast<Field>(a));
    else
        return to_value(a);
}

template <class S, fixed_string Name, class T>
void put_named(json::object& inputs, const named_argument<Name, T>& a) {
    using traits = signature_traits<S>;
    constexpr auto index = traits::template input_index<Name>();
    static_assert(index != traits::npos,
                  "reagent: this signature has no input of that name; look for a misspelt \"...\"_f");
    if constexpr (index != traits::npos) {
        using field_type = typename traits::template input_type<index>;
        constexpr bool fits = accepts<field_type, std::remove_cvref_t<T>>();
        static_assert(fits, "reagent: the type of this argument does not fit the input of that name in the signature");
        if constexpr (fits) inputs[Name.view()] = convert_argument<field_type>(a.value);
    }
}

template <class S, std::size_t I, class T>
void put_positional(json::object& inputs, const T& value) {
    using field_type = typename signature_traits<S>::template input_type<I>;
    constexpr bool fits = accepts<field_type, std::remove_cvref_t<T>>();
    static_assert(fits, "reagent: the type of an argument does not fit the input at that position in the signature");
    if constexpr (fits) inputs[signature_traits<S>::get().inputs[I].name] = convert_argument<field_type>(value);
}

template <class S>
struct input_struct {
    struct type {};
};
template <struct_signature S>
struct input_struct<S> {
    using type = typename S::input;
};

template <fixed_string N, class T, class... Rest>
consteval bool differs_from_all(std::type_identity<named_argument<N, T>>, std::type_identity<Rest>... rest) {
    return ([]<fixed_string M, class U>(std::type_identity<named_argument<M, U>>) { return !(M == N); }(rest) && ...);
}
template <class First, class... Rest>
consteval bool all_distinct() {
    if constexpr (sizeof...(Rest) == 0)
        return true;
    else
        return differs_from_all(std::type_identity<First>{}, std::type_identity<Rest>{}...) && all_distinct<Rest...>();
}

/// The inputs of a signature from a call's arguments.
template <class S, class... Args>
json::object inputs_of(const Args&... args) {
    constexpr std::size_t count = signature_traits<S>::inputs;
    json::object inputs;
    if constexpr (sizeof...(Args) == 1 && (std::is_same_v<Args, typename input_struct<S>::type> && ...)) {
        (reflect::for_each_member(args,
                                  [&](std::string_view name, const auto& member) { inputs[name] = to_value(member); }),
         ...);
    } else if constexpr (sizeof...(Args) > 0 && (is_named<Args> && ...)) {
        inputs.reserve(count);
        (put_named<S>(inputs, args), ...);
        if constexpr (all_distinct<Args...>())
            static_assert(sizeof...(Args) >= count,
                          "reagent: an input of this signature is missing; pass every input as \"name\"_f = value");
        else
            static_assert(all_distinct<Args...>(), "reagent: an input is given twice");
    } else {
        static_assert(!(is_named<Args> || ...), "reagent: pass inputs either all by name or all by position");
        static_assert(sizeof...(Args) == count, "reagent: this call has too few or too many inputs for its signature");
        if constexpr (!(is_named<Args> || ...) && sizeof...(Args) == count)
            [&]<std::size_t... I>(std::index_sequence<I...>) { (put_positional<S, I>(inputs, args), ...); }
        (std::index_sequence_for<Args...>{});
    }
    return inputs;
}

}  // namespace detail
}  // namespace reagent
