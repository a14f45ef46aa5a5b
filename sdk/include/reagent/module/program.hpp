#pragma once

#include <reagent/module/module.hpp>
#include <reagent/run/run.hpp>
#include <reagent/schema/convert.hpp>

namespace reagent {

namespace detail {

// `forward(run&, input) -> task<output>`, where it is not overloaded.
template <class F>
struct forward_types {};
template <class M, class I, class O>
struct forward_types<task<O> (M::*)(run&, I) const> {
    using input = std::remove_cvref_t<I>;
    using output = O;
};

template <class M>
struct edge_types {};
template <class M>
requires requires { typename forward_types<decltype(&M::forward)>::input; }
struct edge_types<M> : forward_types<decltype(&M::forward)> {};
template <class M>
requires(
    requires {
        typename M::input;
        typename M::output;
    } &&
    !requires { typename forward_types<decltype(&M::forward)>::input; }) struct edge_types<M> {
    using input = typename M::input;
    using output = typename M::output;
};

template <class T>
concept shown_by_name = requires(const T& t) {
    { t.to_json() } -> std::convertible_to<const json::object&>;
};

// A struct: its JSON is an object whose names are known.
template <class T>
concept named_fields = reflect::structure<T> && json_convertible<T> && !text<T>;

template <class M>
concept called_by_name = requires(const M& m, run& r, json::object o) {
    { m.call(r, std::move(o)) } -> std::same_as<task<json::object>>;
};

template <class M>
concept typed_program = requires {
    typename edge_types<M>::input;
    typename edge_types<M>::output;
}
&&named_fields<typename edge_types<M>::input> &&
    (named_fields<typename edge_types<M>::output> ||
     shown_by_name<typename edge_types<M>::output>)&&requires(const M& m, run& r, typename edge_types<M>::input i) {
    { m.forward(r, std::move(i)) } -> std::same_as<task<typename edge_types<M>::output>>;
};

template <class T>
json::object by_name(const T& value) {
    if constexpr (shown_by_name<T>)
        return value.to_json();
    else
        return std::move(reagent::to_json(value).as_object());
}

template <class M>
task<json::object> call_by_name(const M& m, run& r, json::object inputs) {
    if constexpr (called_by_name<M>)
        return m.call(r, std::move(inputs));
    else
        return [](const M& program, run& own, json::object given) -> task<json::object> {
            using edge = edge_types<M>;
            const json::value whole(std::move(given));
            auto input = from_json<typename edge::input>(whole, reading::lenient);
            auto output = co_await program.forward(own, std::move(input));
            co_return by_name(output);
        }(m, r, std::move(inputs));
}

// In the order of their declaration; none where the module is called by name itself.
template <class T>
std::vector<std::string> names_of() {
    std::vector<std::string> names;
    if constexpr (named_fields<T>) [&]<std::size_t... I>(std::index_sequence<I...>) {
            (names.emplace_back(reflect::name_of_member<T, I>()), ...);
        }
    (std::make_index_sequence<reflect::member_count<T>()>{});
    return names;
}
template <class M>
std::vector<std::string> input_names() {
    if constexpr (typed_program<M>)
        return names_of<typename edge_types<M>::input>();
    else
        return {};
}
template <class M>
std::vector<std::string> output_names() {
    if constexpr (typed_program<M>)
        return names_of<typename edge_types<M>::output>();
    else
        return {};
}

}  // namespace detail

/// What can be evaluated, compiled, served and nested: a module with `forward(run&, input) -> task<output>`, where
/// input and output are structs (or the output is a prediction), or with `call(run&, json::object) ->
/// task<json::object>`.
///
///     struct care : rg::module {
///         struct input { std::string message; };
///         struct output { std::string reply; urgency level; };
///         rg::task<output> forward(rg::run& run, input in) const;
///     };
template <class M>
concept program_type = std::derived_from<M, module> &&(detail::called_by_name<M> || detail::typed_program<M>);

}  // namespace reagent
