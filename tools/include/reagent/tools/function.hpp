#pragma once

// From a C++ function to a tool: its parameters become JSON Schema, its call a conversion.

#include <reagent/tools/tool.hpp>

#include <algorithm>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>

namespace reagent::detail {

template <class F, class Object>
struct bound_member {
    F function;
    Object object;
};

/// @cond Doxygen takes the operator's signature for its own base.
template <class F>
struct signature_of_function : signature_of_function<decltype(&F::operator())> {};
/// @endcond
template <class R, class... A>
struct signature_of_function<R (*)(A...)> {
    using result = R;
    using parameters = std::tuple<A...>;
};
template <class R, class... A>
struct signature_of_function<R (*)(A...) noexcept> : signature_of_function<R (*)(A...)> {};
template <class R, class C, class... A>
struct signature_of_function<R (C::*)(A...)> : signature_of_function<R (*)(A...)> {};
template <class R, class C, class... A>
struct signature_of_function<R (C::*)(A...) const> : signature_of_function<R (*)(A...)> {};
template <class R, class C, class... A>
struct signature_of_function<R (C::*)(A...) noexcept> : signature_of_function<R (*)(A...)> {};
template <class R, class C, class... A>
struct signature_of_function<R (C::*)(A...) const noexcept> : signature_of_function<R (*)(A...)> {};
template <class F, class O>
struct signature_of_function<bound_member<F, O>> : signature_of_function<F> {};

/// Calls of one tool may run at the same time, and share its function.
template <class F>
inline constexpr bool is_callable_while_const = true;
template <class R, class C, class... A>
inline constexpr bool is_callable_while_const<R (C::*)(A...)> = false;
template <class R, class C, class... A>
inline constexpr bool is_callable_while_const<R (C::*)(A...) noexcept> = false;
template <class F>
consteval bool may_be_shared() {
    if constexpr (requires { &F::operator(); })
        return is_callable_while_const<decltype(&F::operator())>;
    else
        return true;
}

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

template <class Tuple>
struct without_run {
    using type = Tuple;
    static constexpr bool present = false;
};
template <class... A>
struct without_run<std::tuple<run&, A...>> {
    using type = std::tuple<A...>;
    static constexpr bool present = true;
};
/// A function whose first parameter is the call's idempotency key.
template <class Tuple>
struct without_key {
    using type = Tuple;
    static constexpr bool present = false;
};
template <class First, class... A>
requires std::is_same_v<std::remove_cvref_t<First>, call_key>
struct without_key<std::tuple<First, A...>> {
    using type = std::tuple<A...>;
    static constexpr bool present = true;
};

/// Adds one argument to a tool's JSON Schema.
void add_argument(json::object& parameters, const argument& a, json::value schema, bool optional);
[[noreturn]] void throw_argument_count(const std::string& tool, std::size_t parameters, std::size_t names);

/// Awaits in here, so that no coroutine is a lambda that captures.
task<json::value> as_json(task<json::value> t);

template <class T>
task<json::value> result_of(task<T> work) {
    if constexpr (std::is_void_v<T>) {
        co_await std::move(work);
        co_return json::value("Done.");
    } else
        co_return to_value(co_await std::move(work));
}

template <class F, class... A>
decltype(auto) invoke_tool(const F& f, A&&... a) {
    return f(std::forward<A>(a)...);
}
template <class F, class O, class... A>
decltype(auto) invoke_tool(const bound_member<F, O>& b, A&&... a) {
    return ((*b.object).*b.function)(std::forward<A>(a)...);
}

/// The range of a C++ type where JSON Schema has none: what the conversion refuses is seen before somebody consents to
/// it.
/// @param s the schema of T; what has one of its own there keeps it
void add_range(json::value& s, double least, double most);

template <class T>
void add_ranges(json::value& s) {
    if (!s.is_object()) return;
    auto within = [&]<class Inner>(const char* key, std::type_identity<Inner>) {
        if (auto* inner = s.get_object().if_contains(key)) add_ranges<Inner>(*inner);
    };
    if constexpr (converted_by_user<T>)
        return;
    else if constexpr (is_field<T>)
        add_ranges<typename T::value_type>(s);
    else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>)
        add_range(s, static_cast<double>(std::numeric_limits<T>::min()),
                  static_cast<double>(std::numeric_limits<T>::max()));
    else if constexpr (is_a<T, std::optional>) {
        if (auto* any = s.get_object().if_contains("anyOf"); any && any->is_array() && !any->get_array().empty())
            add_ranges<typename T::value_type>(any->get_array()[0]);
    } else if constexpr (is_a<T, std::vector> || is_std_array<T>)
        within("items", std::type_identity<typename T::value_type>{});
    else if constexpr (is_map<T>)
        within("additionalProperties", std::type_identity<typename T::mapped_type>{});
    else if constexpr (!text<T> && !json_type<T> && !is_tuple<T> && reflect::structure<T>) {
        auto* properties = s.get_object().if_contains("properties");  // none: it contains itself, and is referred to
        if (!properties || !properties->is_object()) return;
        T of{};
        reflect::for_each_member(of, [&]<class M>(std::string_view name, M&) {
            if (auto* p = properties->get_object().if_contains(name)) add_ranges<std::remove_cv_t<M>>(*p);
        });
    }
}

template <class F>
class function_adapter {
    using result_type = typename signature_of_function<F>::result;
    using all_parameters = typename signature_of_function<F>::parameters;
    using parameters = typename without_key<typename without_run<all_parameters>::type>::type;
    static constexpr bool wants_run = without_run<all_parameters>::present;
    static constexpr bool wants_key = without_key<all_parameters>::present;
    static constexpr std::size_t count = std::tuple_size_v<parameters>;

    static_assert(may_be_shared<F>(),
                  "reagent: a tool's function changes itself (a mutable lambda), but calls of it may run at the same "
                  "time; capture its state by "
                  "reference, as a std::atomic or behind a mutex");
    template <class T>
    static constexpr bool can_be_kept =
        !(std::is_lvalue_reference_v<T> && !std::is_const_v<std::remove_reference_t<T>>);
    static_assert(
        []<class... A>(std::tuple<A...>*) { return (can_be_kept<A> && ...); }(static_cast<parameters*>(nullptr)),
        "reagent: a tool's parameter is a reference that is not const; take it by value or as a const reference");
    static_assert(
        []<class... A>(std::tuple<A...>*) {
            return ((!std::is_same_v<std::remove_cvref_t<A>, std::string_view> &&
                     !std::is_pointer_v<std::remove_cvref_t<A>>)&&...);
        }(static_cast<parameters*>(nullptr)),
        "reagent: a tool's parameter only looks at a text that nobody keeps; take a std::string");

    template <std::size_t I>
    using parameter = std::remove_cvref_t<std::tuple_element_t<I, parameters>>;
    template <class T>
    struct decayed;
    template <class... A>
    struct decayed<std::tuple<A...>> {
        using type = std::tuple<std::remove_cvref_t<A>...>;
    };
    using values = typename decayed<parameters>::type;

    template <std::size_t I>
    static constexpr bool takes_rest_at = std::is_same_v<parameter<I>, rest>;

public:
    static constexpr bool uses_run() { return wants_run; }
    static constexpr bool takes_rest() {
        if constexpr (count == 0)
            return false;
        else
            return takes_rest_at<count - 1>;
    }
    /// One struct without names: its members are the arguments.
    static constexpr bool may_be_struct() {
        if constexpr (count == 1)
            return !takes_rest() && reflect::structure<parameter<0>> && !converted_by_user<parameter<0>> &&
                   !is_field<parameter<0>> && !is_a<parameter<0>, std::vector> && !is_a<parameter<0>, std::optional> &&
                   !is_map<parameter<0>> && !text<parameter<0>> && !json_type<parameter<0>> &&
                   !is_std_array<parameter<0>> && !is_tuple<parameter<0>>;
        else
            return false;
    }

    function_adapter(F f, std::vector<argument> arguments)
        : function_{std::make_shared<const F>(std::move(f))}, arguments_{std::move(arguments)} {}

    /// What a model is shown, and what arguments are checked against: structs in it refuse members that they do not
    /// have.
    struct schemas {
        json::object shown, checked;
    };
    schemas schemas_of_arguments(const std::string& tool) const {
        return {schema_of_arguments<further_members::ignored>(tool),
                schema_of_arguments<further_members::refused>(tool)};
    }

    /// `schema_of_arguments` with the ranges of the C++ types.
    json::object with_ranges(json::object s) const {
        if constexpr (may_be_struct()) {
            if (arguments_.empty()) {
                json::value whole(std::move(s));
                add_ranges<parameter<0>>(whole);
                return std::move(whole.get_object());
            }
        }
        auto& properties = s.at("properties").as_object();
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (add_ranges<parameter<I>>(properties[arguments_[I].name]), ...);
        }
        (std::make_index_sequence<count>{});
        return s;
    }

    /// What the call's own conversion finds wrong; "": nothing.
    std::string wrong(json::object given) const {
        values converted;
        conversion c;
        convert(std::move(given), converted, c);
        std::string text = to_string(c.violations);
        std::replace(text.begin(), text.end(), '\n', ' ');
        return text;
    }

    std::set<std::string> private_arguments() const {
        std::set<std::string> names;
        [&]<std::size_t... I>(std::index_sequence<I...>) { (add_private<I>(names), ...); }
        (std::make_index_sequence<count>{});
        return names;
    }

    task<json::value> operator()(run& r, json::object given, bool quick) const {
        auto converted = std::make_shared<values>();
        conversion c;
        convert(std::move(given), *converted, c);
        if (!c.violations.empty()) throw_mismatch(std::move(c.violations));
        if constexpr (is_task<result_type>)
            return awaited(function_, r, converted, key_of(r));
        else if constexpr (wants_run)
            return immediate(function_, r, converted);  // the run is its own thread's
        else if (quick)
            return immediate(function_, r, converted);
        else {
            std::function<json::value()> work = [f = function_, converted, key = key_of(r)] {
                return plain(*f, *converted, key);
            };
            return r.blocking(std::move(work));
        }
    }

private:
    template <std::size_t I>
    void add_private(std::set<std::string>& names) const {
        if constexpr (!takes_rest_at<I>) {
            if (holds_private_value<parameter<I>>() && I < arguments_.size()) names.insert(arguments_[I].name);
            add_private_members<parameter<I>>(names);
        }
    }

    void convert(json::object given, values& out, conversion& c) const {
        if constexpr (may_be_struct()) {
            if (arguments_.empty()) return from_value(json::value(std::move(given)), std::get<0>(out), c);
        }
        read_all(given, out, c, std::make_index_sequence<count>{});
    }

    template <further_members Further, class T>
    static const json::value& document_of() {
        if constexpr (Further == further_members::refused)
            return closed_schema_of<T>().document();
        else
            return reagent::schema_of<T>().document();
    }

    template <further_members Further>
    json::object schema_of_arguments(const std::string& tool) const {
        json::object s{{"type", "object"}, {"properties", json::object{}}};
        if constexpr (may_be_struct()) {
            if (arguments_.empty()) {
                s = document_of<Further, parameter<0>>().as_object();
                s.stable_erase("title");
                return s;
            }
        }
        if (arguments_.size() != count) throw_argument_count(tool, count, arguments_.size());
        [&]<std::size_t... I>(std::index_sequence<I...>) { (add<Further, I>(s), ...); }
        (std::make_index_sequence<count>{});
        return s;
    }

    template <further_members Further, std::size_t I>
    void add(json::object& s) const {
        if constexpr (!takes_rest_at<I>)
            add_argument(s, arguments_[I], document_of<Further, parameter<I>>(), may_be_absent<parameter<I>>);
        else if constexpr (Further == further_members::ignored)
            add_argument(s, arguments_[I], json::object{}, false);
    }

    template <std::size_t... I>
    void read_all(json::object& given, values& out, conversion& c, std::index_sequence<I...>) const {
        (read<I>(given, std::get<I>(out), c), ...);
    }

    template <std::size_t I, class T>
    void read(json::object& given, T& out, conversion& c) const {
        const auto& name = arguments_[I].name;
        if constexpr (takes_rest_at<I>) {
            for (std::size_t k = 0; k < I; ++k) given.erase(arguments_[k].name);
            out.values = std::move(given);
        } else
            at(c, std::string_view{name}, [&] {
                if (auto* v = given.if_contains(name))
                    from_value(*v, out, c);
                else if constexpr (!may_be_absent<T>)
                    c.report("is missing");
            });
    }

    static call_key key_of(const run& r) {
        if constexpr (wants_key)
            return {r.idempotency_key()};
        else
            return {};
    }

    static auto call(const F& f, run& r, values& v, const call_key& key) {
        return std::apply(
            [&](auto&... a) {
                if constexpr (wants_run)
                    return invoke_tool(f, r, std::move(a)...);
                else if constexpr (wants_key)
                    return invoke_tool(f, key, std::move(a)...);
                else
                    return invoke_tool(f, std::move(a)...);
            },
            v);
    }

    // A task may refer to the function (a lambda with captures) and to its arguments: all live as long as the task.
    static task<json::value> awaited(std::shared_ptr<const F> f, run& r, std::shared_ptr<values> v, call_key key) {
        auto work = result_of(call(*f, r, *v, key));
        co_return co_await std::move(work);
    }

    static json::value plain(const F& f, values& v, const call_key& key) {
        auto bound = [&](auto&&... a) {
            if constexpr (wants_key)
                return invoke_tool(f, key, std::forward<decltype(a)>(a)...);
            else
                return invoke_tool(f, std::forward<decltype(a)>(a)...);
        };
        return std::apply(
            [&](auto&... a) -> json::value {
                if constexpr (std::is_void_v<result_type>) {
                    bound(std::move(a)...);
                    return json::value("Done.");
                } else
                    return to_value(std::remove_cvref_t<result_type>(bound(std::move(a)...)));
            },
            v);
    }

    static task<json::value> immediate(std::shared_ptr<const F> f, run& r, std::shared_ptr<values> v) {
        if constexpr (wants_run) {
            auto bound = [&](auto&&... a) { return invoke_tool(*f, r, std::forward<decltype(a)>(a)...); };
            co_return std::apply(
                [&](auto&... a) -> json::value {
                    if constexpr (std::is_void_v<result_type>) {
                        bound(std::move(a)...);
                        return json::value("Done.");
                    } else
                        return to_value(std::remove_cvref_t<result_type>(bound(std::move(a)...)));
                },
                *v);
        } else
            co_return plain(*f, *v, key_of(r));
    }

    std::shared_ptr<const F> function_;
    std::vector<argument> arguments_;
};

template <class F>
inline constexpr bool has_known_parameters = std::is_pointer_v<F> || std::is_member_pointer_v<F> || requires {
    &F::operator();
};
template <class F, class Object>
inline constexpr bool has_known_parameters<bound_member<F, Object>> = true;

template <class P>
inline constexpr bool is_made_from_json =
    convertible<std::remove_cvref_t<P>>() || std::is_same_v<std::remove_cvref_t<P>, rest> ||
    (std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>);  // which has words of its own

template <class T>
inline constexpr bool is_shown_as_json = convertible<std::remove_cvref_t<T>>() || std::is_void_v<T>;
template <class T>
inline constexpr bool is_shown_as_json<task<T>> = is_shown_as_json<T>;

/// Whether a function can be a tool; what is wrong with it is told before anything is made of it.
template <class F>
consteval bool can_be_tool() {
    constexpr bool known = has_known_parameters<F>;
    static_assert(known,
                  "reagent: the types of a tool's parameters must be known, but this function has `auto` parameters or "
                  "several overloads; "
                  "write their types, or wrap it in a lambda that does");
    if constexpr (known) {
        using all = typename signature_of_function<F>::parameters;
        using parameters = typename without_key<typename without_run<all>::type>::type;
        constexpr bool made = []<class... P>(std::tuple<P...>*) {
            return (is_made_from_json<P> && ...);
        }(static_cast<parameters*>(nullptr));
        static_assert(made,
                      "reagent: a tool's parameter cannot be made from JSON: its class has private members, "
                      "constructors or bases; make it a "
                      "plain struct, describe it with BOOST_DESCRIBE_CLASS, or give it a reagent::json_conversion");
        constexpr bool shown = is_shown_as_json<typename signature_of_function<F>::result>;
        static_assert(shown,
                      "reagent: what a tool returns has no JSON: its class has private members, constructors or bases; "
                      "return a plain "
                      "struct or a text, describe it with BOOST_DESCRIBE_CLASS, or give it a reagent::json_conversion");
        return made && shown;
    } else
        return false;
}

template <class F>
tool make_adapted_tool(std::string name, std::string description, F f, std::vector<argument> arguments,
                       tool_options options) {
    function_adapter<F> adapter{std::move(f), std::move(arguments)};
    auto schemas = adapter.schemas_of_arguments(name);
    std::set<std::string> private_arguments = adapter.private_arguments();
    bool quick = options.quick;
    // No timer interrupts what keeps the thread that the timer needs.
    if (quick && !is_task<typename signature_of_function<F>::result>)
        options.timeout = std::chrono::milliseconds::zero();
    json::object exact = adapter.takes_rest() ? json::object{} : adapter.with_ranges(schemas.checked);
    return tool{std::move(name),
                std::move(description),
                std::move(schemas.shown),
                std::move(schemas.checked),
                [adapter, quick](run& r, json::object given) { return adapter(r, std::move(given), quick); },
                options,
                adapter.takes_rest(),
                adapter.uses_run()}
        .with_edit_check(std::move(exact), [adapter](const json::object& given) { return adapter.wrong(given); })
        .with_private_arguments(std::move(private_arguments));
}

template <class F>
tool make_tool(std::string name, std::string description, F f, std::vector<argument> arguments,
               const tool_options& options) {
    if constexpr (can_be_tool<F>())
        return make_adapted_tool(std::move(name), std::move(description), std::move(f), std::move(arguments), options);
    else
        throw 0;
}

}  // namespace reagent::detail
