#pragma once

#include <reagent/schema/convert.hpp>
#include <reagent/signature/signature.hpp>
#include <reagent/signature/static_parse.hpp>

namespace reagent {

/// A signature as a string, parsed by the compiler: `sig<"context: list[str], question -> answer: int">`.
///
/// Types in C++: str is `std::string`, int `std::int64_t`, float `double`, bool `bool`, list[T] `std::vector<T>`,
/// dict[str, T] `std::map<std::string, T>`, tuple `std::tuple`, Optional `std::optional`, Union and `|` `std::variant`
/// (or `std::optional` with None), Literal of texts `std::string`, of numbers `std::int64_t`; list, dict and Any
/// without arguments are Boost.JSON's array, object and value; so is History, a conversation (see `is_history`).
/// Structs and enumerations are given by name behind the text: `sig<"text -> item: Item", Item>`. What is wrong is a
/// compile error that says so.
template <fixed_string Text, class... Structs>
struct sig {
    static const signature& get();
};

namespace detail {

template <fixed_string Text, int Node, class... Structs>
struct type_at;

template <fixed_string Text, class Collected, int Node, class... Structs>
struct child_types {  // Node < 0: done
    using type = Collected;
};
template <fixed_string Text, class... Done, int Node, class... Structs>
requires(Node >= 0) struct child_types<Text, std::tuple<Done...>, Node, Structs...>
    : child_types<Text, std::tuple<Done..., typename type_at<Text, Node, Structs...>::type>,
                  static_signature_of<Text>.types[Node].next, Structs...> {
};

template <class T>
struct optional_or_same {
    using type = std::optional<T>;
};
template <class T>
struct optional_or_same<std::optional<T>> {
    using type = std::optional<T>;
};

// A union: None makes it optional; one alternative stands for itself.
template <class Tuple, class Kept, bool Null>
struct make_union;
template <class... Kept, bool Null>
struct make_union<std::tuple<>, std::tuple<Kept...>, Null> {
    using plain = std::conditional_t<
        sizeof...(Kept) == 1, std::tuple_element_t<0, std::tuple<Kept..., std::monostate>>,
        std::variant<Kept..., std::conditional_t<sizeof...(Kept) == 0, std::monostate,
                                                 std::tuple_element_t<0, std::tuple<Kept..., std::monostate>>>>>;
    using type = std::conditional_t<Null, typename optional_or_same<plain>::type, plain>;
};
template <class A, class B, class... Kept, bool Null>
struct make_union<std::tuple<>, std::tuple<A, B, Kept...>, Null> {
    using plain = std::variant<A, B, Kept...>;
    using type = std::conditional_t<Null, std::optional<plain>, plain>;
};
template <class First, class... Rest, class... Kept, bool Null>
struct make_union<std::tuple<First, Rest...>, std::tuple<Kept...>, Null>
    : std::conditional_t<std::is_same_v<First, std::nullptr_t>,
                         make_union<std::tuple<Rest...>, std::tuple<Kept...>, true>,
                         std::conditional_t<(std::is_same_v<First, Kept> || ...),
                                            make_union<std::tuple<Rest...>, std::tuple<Kept...>, Null>,
                                            make_union<std::tuple<Rest...>, std::tuple<Kept..., First>, Null>>> {};

template <fixed_string Text, std::size_t Begin, std::size_t Size, class... Structs>
struct struct_named {
    using type = no_such_type;
};
template <fixed_string Text, std::size_t Begin, std::size_t Size, class First, class... Rest>
struct struct_named<Text, Begin, Size, First, Rest...>
    : std::conditional_t<same_text<Text>(Begin, Size, reflect::type_name<First>()), std::type_identity<First>,
                         struct_named<Text, Begin, Size, Rest...>> {};

template <fixed_string Text, int Node, class... Structs>
struct type_at {
    static constexpr static_type node = static_signature_of<Text>.types[Node];

    static consteval auto find() {
        if constexpr (node.kind == type_kind::str || node.kind == type_kind::text_literal)
            return std::type_identity<std::string>{};
        else if constexpr (node.kind == type_kind::integer || node.kind == type_kind::int_literal)
            return std::type_identity<std::int64_t>{};
        else if constexpr (node.kind == type_kind::number)
            return std::type_identity<double>{};
        else if constexpr (node.kind == type_kind::boolean)
            return std::type_identity<bool>{};
        else if constexpr (node.kind == type_kind::null)
            return std::type_identity<std::nullptr_t>{};
        else if constexpr (node.kind == type_kind::any || node.kind == type_kind::mixed_literal)
            return std::type_identity<json::value>{};
        else if constexpr (node.kind == type_kind::any_list)
            return std::type_identity<json::array>{};
        else if constexpr (node.kind == type_kind::any_dict)
            return std::type_identity<json::object>{};
        else if constexpr (node.kind == type_kind::named)
            return struct_named<Text, node.name_begin, node.name_size, Structs...>{};
        else {
            using children = typename child_types<Text, std::tuple<>, node.first, Structs...>::type;
            if constexpr (node.kind == type_kind::list)
                return std::type_identity<std::vector<std::tuple_element_t<0, children>>>{};
            else if constexpr (node.kind == type_kind::dict)
                return std::type_identity<std::map<std::string, std::tuple_element_t<1, children>>>{};
            else if constexpr (node.kind == type_kind::tuple)
                return std::type_identity<children>{};
            else if constexpr (node.kind == type_kind::optional)
                return optional_or_same<std::tuple_element_t<0, children>>{};
            else
                return make_union<children, std::tuple<>, false>{};
        }
    }
    using type = typename decltype(find())::type;
};

/// The error a text has, with types that no template argument gives counted as unknown.
template <fixed_string Text, class... Structs>
consteval static_fault fault_of() {
    constexpr auto parsed = static_signature_of<Text>;
    if (parsed.error != static_fault::none) return parsed.error;
    for (int i = 0; i < parsed.type_count; ++i) {
        const auto& t = parsed.types[i];
        if (t.kind == type_kind::named &&
            !(same_text<Text>(t.name_begin, t.name_size, reflect::type_name<Structs>()) || ...))
            return static_fault::unknown_type;
    }
    return static_fault::none;
}

template <static_fault E>
consteval bool report_signature_error() {
    using e = static_fault;
    static_assert(E != e::no_arrow, "reagent: this signature has no arrow; write \"question -> answer\"");
    static_assert(E != e::two_arrows, "reagent: this signature has more than one arrow");
    static_assert(E != e::bad_name, "reagent: a field of this signature has no name, or one that is no identifier");
    static_assert(E != e::keyword, "reagent: a Python keyword cannot name a field of a signature");
    static_assert(E != e::underscore, "reagent: a field's name may not start with an underscore");
    static_assert(E != e::duplicate, "reagent: two fields of this signature have the same name");
    static_assert(E != e::unknown_type,
                  "reagent: unknown type in a signature; known are str, int, float, bool, list, dict, tuple, Optional, "
                  "Union, Literal, "
                  "Any, and the structs given behind the text, as in sig<\"text -> item: Item\", Item>");
    static_assert(E != e::brackets, "reagent: brackets of a type in this signature are not closed");
    static_assert(E != e::arguments,
                  "reagent: a type in this signature has too few or too many arguments; write list[str], dict[str, "
                  "int], Optional[int], "
                  "Literal['a', 'b']");
    static_assert(
        E != e::bad_literal,
        "reagent: a Literal in this signature holds something else than quoted texts, numbers, True, False and None");
    static_assert(E != e::expected_comma, "reagent: expected a comma between two fields of this signature");
    static_assert(E != e::too_large, "reagent: this signature has more than 24 fields or is too deep; use a struct");
    static_assert(E != e::no_outputs, "reagent: this signature has no output field");
    return E == e::none;
}

// Fields whose type names the struct.
template <class Struct>
void mark_private_members(signature& s) {
    std::set<std::string> names;
    add_private_members<Struct>(names);
    if (names.empty()) return;
    for (auto* fields : {&s.inputs, &s.outputs})
        for (auto& f : *fields)
            if (f.type.find(reflect::type_name<Struct>()) != f.type.npos)
                f.private_members.insert(names.begin(), names.end());
}

}  // namespace detail

template <fixed_string Text, class... Structs>
const signature& sig<Text, Structs...>::get() {
    static const signature s = [] {
        named_types types{{"History", json::object{}}};
        ((types[std::string{reflect::type_name<Structs>()}] = schema_of<Structs>().document()), ...);
        signature parsed = parse_signature(Text.view(), types);
        (detail::mark_private_members<Structs>(parsed), ...);
        return parsed;
    }();
    return s;
}

}  // namespace reagent
