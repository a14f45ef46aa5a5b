#pragma once

#include <reagent/signature/sig.hpp>

namespace reagent {

/// A conversation as an input of a signature that is a struct; in one that is a text its type is `History`. See
/// `is_history`.
struct history {
    json::object turns{};

    history() = default;
    history(json::object o) : turns{std::move(o)} {}
};

template <>
struct json_conversion<history> {
    static json::value schema() { return json::object{}; }
    static json::value to(const history& h) { return h.turns; }
    static history from(const json::value& v) { return history{v.as_object()}; }
};

namespace detail {

template <class S>
concept struct_signature = requires {
    typename S::input;
    typename S::output;
}
&&reflect::structure<typename S::input>&& reflect::structure<typename S::output>;

template <class S>
inline constexpr bool is_sig = false;
template <fixed_string T, class... A>
inline constexpr bool is_sig<sig<T, A...>> = true;

/// "list[Literal['low', 'high']]": how Python would print a C++ type.
template <class T>
std::string type_text() {
    if constexpr (is_field<T>)
        return type_text<typename T::value_type>();
    else if constexpr (requires { json_conversion<T>::type_name; })
        return json_conversion<T>::type_name;
    else if constexpr (text<T> || std::is_same_v<T, json::string>)
        return "str";
    else if constexpr (std::is_same_v<T, bool>)
        return "bool";
    else if constexpr (std::is_integral_v<T>)
        return "int";
    else if constexpr (std::is_floating_point_v<T>)
        return "float";
    else if constexpr (std::is_same_v<T, json::array>)
        return "list";
    else if constexpr (std::is_same_v<T, json::object>)
        return "dict";
    else if constexpr (std::is_same_v<T, json::value>)
        return "Any";
    else if constexpr (std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, std::monostate>)
        return "NoneType";
    else if constexpr (std::is_same_v<T, history>)
        return "History";
    else if constexpr (is_a<T, std::vector> || is_std_array<T>)
        return "list[" + type_text<typename T::value_type>() + "]";
    else if constexpr (is_a<T, std::optional>)
        return "Union[" + type_text<typename T::value_type>() + ", NoneType]";
    else if constexpr (is_map<T>)
        return "dict[str, " + type_text<typename T::mapped_type>() + "]";
    else if constexpr (is_tuple<T> || is_a<T, std::variant>) {
        std::string inside;
        [&]<template <class...> class C, class... A>(C<A...>*) {
            ((inside += (inside.empty() ? "" : ", ") + type_text<A>()), ...);
        }(static_cast<T*>(nullptr));
        return (is_tuple<T> ? "tuple[" : "Union[") + inside + "]";
    } else if constexpr (std::is_enum_v<T> && !converted_by_user<T>) {
        std::string inside;
        reflect::for_each_enumerator<T>(
            [&](std::string_view name, T) { inside += (inside.empty() ? "'" : ", '") + std::string{name} + "'"; });
        return "Literal[" + inside + "]";
    } else
        return std::string{reflect::type_name<T>()};
}

std::string take_description(json::value& schema_document);

template <class T>
std::vector<signature_field> fields_of_struct() {
    std::vector<signature_field> fields;
    static_assert(std::is_default_constructible_v<T>,
                  "reagent: input and output of a signature must be default-constructible");
    T object{};
    reflect::for_each_member(object, [&]<class M>(std::string_view name, M&) {
        using member = std::remove_cv_t<M>;
        json::value document = schema_of<member>().document();
        std::string description = take_description(document);
        fields.push_back(make_field(std::string{name}, type_text<member>(), checked_schema(std::move(document)),
                                    std::move(description)));
        fields.back().is_private = holds_private_value<member>();
        add_private_members<member>(fields.back().private_members);
    });
    return fields;
}

template <class T, fixed_string Name, std::size_t I = 0>
consteval std::size_t member_index() {
    if constexpr (I == reflect::member_count<T>())
        return I;
    else if constexpr (reflect::name_of_member<T, I>() == Name.view())
        return I;
    else
        return member_index<T, Name, I + 1>();
}

}  // namespace detail

/// A signature type: `sig<"...">`, or a struct with nested `input` and `output` structs and, if it likes,
/// `static constexpr auto instructions = "..."`.
template <class S>
concept signature_type = detail::is_sig<S> || detail::struct_signature<S>;

/// What templates need to know of a signature type. `npos` is the index of a field that does not exist.
template <class S>
struct signature_traits;

template <fixed_string Text, class... Structs>
struct signature_traits<sig<Text, Structs...>> {
    static constexpr detail::static_fault error = detail::fault_of<Text, Structs...>();
    static constexpr bool valid = detail::report_signature_error<error>();
    static constexpr auto parsed =
        error == detail::static_fault::none ? detail::static_signature_of<Text> : detail::static_signature{};
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);
    static constexpr std::size_t inputs = static_cast<std::size_t>(parsed.inputs);
    static constexpr std::size_t outputs = static_cast<std::size_t>(parsed.outputs());

    static const signature& get() { return sig<Text, Structs...>::get(); }

    template <fixed_string Name>
    static consteval std::size_t input_index() {
        return index<Name>(0, inputs);
    }
    template <fixed_string Name>
    static consteval std::size_t output_index() {
        return index<Name>(inputs, outputs);
    }

    template <std::size_t I>
    using input_type = typename detail::type_at<Text, parsed.fields[I].type, Structs...>::type;
    template <std::size_t I>
    using output_type = typename detail::type_at<Text, parsed.fields[inputs + I].type, Structs...>::type;

private:
    template <fixed_string Name>
    static consteval std::size_t index(std::size_t from, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            if (detail::same_text<Text>(parsed.fields[from + i].begin, parsed.fields[from + i].size, Name.view()))
                return i;
        return npos;
    }
};

template <detail::struct_signature S>
struct signature_traits<S> {
    static constexpr bool valid = true;
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);
    static constexpr std::size_t inputs = reflect::member_count<typename S::input>();
    static constexpr std::size_t outputs = reflect::member_count<typename S::output>();

    static const signature& get() {
        static const signature made = [] {
            signature s;
            s.inputs = detail::fields_of_struct<typename S::input>();
            s.outputs = detail::fields_of_struct<typename S::output>();
            if constexpr (requires { S::instructions; })
                s.instructions = S::instructions;
            else
                s.instructions = default_instructions(s);
            return s;
        }();
        return made;
    }

    template <fixed_string Name>
    static consteval std::size_t input_index() {
        constexpr auto i = detail::member_index<typename S::input, Name>();
        return i == inputs ? npos : i;
    }
    template <fixed_string Name>
    static consteval std::size_t output_index() {
        constexpr auto i = detail::member_index<typename S::output, Name>();
        return i == outputs ? npos : i;
    }

    template <std::size_t I>
    using input_type = reflect::member_type<typename S::input, I>;
    template <std::size_t I>
    using output_type = reflect::member_type<typename S::output, I>;
};

}  // namespace reagent
