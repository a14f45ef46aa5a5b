#pragma once

// Members and enumerators of plain types, without macros. Names are read from the compiler's pretty name of a pointer
// to a member of an object that is declared but never defined; how the trick works is described in the documentation
// of Boost.PFR ("Reflection of field names"). Types that are not aggregates are described with Boost.Describe.

#include <boost/describe.hpp>

#include <array>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace reagent::reflect {

inline constexpr std::size_t max_members = 24;

struct anything {
    template <class T>
    operator T() const noexcept;
};

template <class T, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) {
    return requires { T{((void)I, anything{})...}; };
}

template <class T, std::size_t N = max_members + 1>
consteval std::size_t count_members() {
    if constexpr (takes<T>(std::make_index_sequence<N>{}))
        return N;
    else if constexpr (N == 0)
        return 0;
    else
        return count_members<T, N - 1>();
}

template <class T>
concept described = boost::describe::has_describe_members<T>::value;

/// A plain struct: an aggregate without bases whose members can be told apart, or a type with BOOST_DESCRIBE_CLASS.
template <class T>
concept structure = std::is_class_v<T> &&(described<T> || (std::is_aggregate_v<T> && !std::is_array_v<T>));

template <class T>
struct undefined {
    T object;
};
template <class T>
extern const undefined<T> declared_only;

/// The members of an aggregate as a tuple of references.
template <class T>
constexpr auto tie(T& o) {
    constexpr std::size_t n = count_members<std::remove_cv_t<T>>();
    static_assert(n <= max_members,
                  "reagent: a struct may have at most 24 members; group some of them in a struct of their own");
    if constexpr (n == 0) {
        return std::tie();
    } else if constexpr (n == 1) {
        auto& [a] = o;
        return std::tie(a);
    } else if constexpr (n == 2) {
        auto& [a, b] = o;
        return std::tie(a, b);
    } else if constexpr (n == 3) {
        auto& [a, b, c] = o;
        return std::tie(a, b, c);
    } else if constexpr (n == 4) {
        auto& [a, b, c, d] = o;
        return std::tie(a, b, c, d);
    } else if constexpr (n == 5) {
        auto& [a, b, c, d, e] = o;
        return std::tie(a, b, c, d, e);
    } else if constexpr (n == 6) {
        auto& [a, b, c, d, e, f] = o;
        return std::tie(a, b, c, d, e, f);
    } else if constexpr (n == 7) {
        auto& [a, b, c, d, e, f, g] = o;
        return std::tie(a, b, c, d, e, f, g);
    } else if constexpr (n == 8) {
        auto& [a, b, c, d, e, f, g, h] = o;
        return std::tie(a, b, c, d, e, f, g, h);
    } else if constexpr (n == 9) {
        auto& [a, b, c, d, e, f, g, h, i] = o;
        return std::tie(a, b, c, d, e, f, g, h, i);
    } else if constexpr (n == 10) {
        auto& [a, b, c, d, e, f, g, h, i, j] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j);
    } else if constexpr (n == 11) {
        auto& [a, b, c, d, e, f, g, h, i, j, k] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k);
    } else if constexpr (n == 12) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l);
    } else if constexpr (n == 13) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m);
    } else if constexpr (n == 14) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p);
    } else if constexpr (n == 15) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q);
    } else if constexpr (n == 16) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r);
    } else if constexpr (n == 17) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s);
    } else if constexpr (n == 18) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t);
    } else if constexpr (n == 19) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u);
    } else if constexpr (n == 20) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v);
    } else if constexpr (n == 21) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v, w] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v, w);
    } else if constexpr (n == 22) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v, w, x] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v, w, x);
    } else if constexpr (n == 23) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v, w, x, y] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v, w, x, y);
    } else if constexpr (n == 24) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v, w, x, y, z] = o;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, p, q, r, s, t, u, v, w, x, y, z);
    }
}

template <auto Pointer>
consteval std::string_view pointed_name() {
    // g++:   "... [with auto Pointer = (& declared_only<T>.undefined<T>::object.T::NAME); ...]"
    // clang: "... [Pointer = &declared_only.object.NAME]"
    std::string_view all = __PRETTY_FUNCTION__;
    auto end = all.find("; std::string_view");
    if (end == all.npos) end = all.rfind(']');
    while (all[end - 1] == ')') --end;
    auto begin = end;
    while (begin > 0 && all[begin - 1] != ':' && all[begin - 1] != '.' && all[begin - 1] != '>') --begin;
    return all.substr(begin, end - begin);
}

template <class T, std::size_t I>
consteval std::string_view member_name() {
    return pointed_name<&std::get<I>(tie(declared_only<T>.object))>();
}

/// Calls `f(name, reference)` for every member, in order of declaration.
template <class T, class F>
constexpr void for_each_member(T& object, F&& f) {
    using U = std::remove_cv_t<T>;
    if constexpr (described<U>) {
        using members =
            boost::describe::describe_members<U, boost::describe::mod_public | boost::describe::mod_inherited>;
        [&]<class... D>(boost::mp11::mp_list<D...>) {
            (f(std::string_view{D::name}, object.*D::pointer), ...);
        }(boost::mp11::mp_rename<members, boost::mp11::mp_list>{});
    } else {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            [[maybe_unused]] auto members = tie(object);
            (f(member_name<U, I>(), std::get<I>(members)), ...);
        }
        (std::make_index_sequence<count_members<U>()>{});
    }
}

/// The number of members that `for_each_member` visits.
template <class T>
consteval std::size_t member_count() {
    if constexpr (described<T>)
        return boost::mp11::mp_size<
            boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>>::value;
    else
        return count_members<T>();
}

template <class T, std::size_t I>
consteval std::string_view name_of_member() {
    if constexpr (described<T>)
        return boost::mp11::mp_at_c<
            boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>,
            I>::name;
    else
        return member_name<T, I>();
}

template <class T, std::size_t I>
constexpr auto& member(T& object) {
    if constexpr (described<std::remove_cv_t<T>>)
        return object.*boost::mp11::mp_at_c<
                           boost::describe::describe_members<std::remove_cv_t<T>, boost::describe::mod_public |
                                                                                      boost::describe::mod_inherited>,
                           I>::pointer;
    else
        return std::get<I>(tie(object));
}

template <class T, std::size_t I>
using member_type = std::remove_cvref_t<decltype(member<T, I>(std::declval<T&>()))>;

/// A type's own name, without namespaces and template arguments: "ticket" for `shop::ticket`.
template <class T>
consteval std::string_view type_name() {
    std::string_view all = __PRETTY_FUNCTION__;
    auto begin = all.find("T = ") + 4;
    auto end = all.find("; std::string_view", begin);
    if (end == all.npos) end = all.rfind(']');
    auto name = all.substr(begin, end - begin);
    name = name.substr(0, name.find('<'));
    auto colon = name.rfind(':');
    return colon == name.npos ? name : name.substr(colon + 1);
}

// --- enumerations ------------------------------------------------------------------------------------------------

inline constexpr int min_enumerator = -16;  ///< values below are not seen
inline constexpr int max_enumerator = 127;  ///< values above are not seen; BOOST_DESCRIBE_ENUM has no such limits

template <auto... V>
consteval std::string_view enumerator_names() {
    return __PRETTY_FUNCTION__;
}

template <class E>
struct enumerator {
    E value;
    std::string_view name;
};

/// Where the template argument that begins at `at` ends. Names of unnamed namespaces and of local types hold brackets
/// and commas.
consteval std::size_t end_of_argument(std::string_view all, std::size_t at) {
    for (int open = 0; at < all.size(); ++at) {
        char c = all[at];
        if (c == '(' || c == '<' || c == '{')
            ++open;
        else if (open > 0 && (c == ')' || c == '>' || c == '}'))
            --open;
        else if (open == 0 && (c == ',' || c == '}' || c == '>'))
            break;
    }
    return at;
}

template <class E>
consteval auto find_enumerators() {
    constexpr std::size_t count = max_enumerator - min_enumerator + 1;
    // "..., V = {(E)-16, ..., ns::E::low, ...}" (g++) or "V = <(E)-16, ..., E::low>" (clang): a cast is no enumerator.
    constexpr std::string_view all = []<std::size_t... I>(std::index_sequence<I...>) {
        return enumerator_names<static_cast<E>(static_cast<int>(I) + min_enumerator)...>();
    }
    (std::make_index_sequence<count>{});
    struct table {
        std::array<enumerator<E>, count> items{};
        std::size_t size = 0;
    } found;
    auto at = all.find("V = ") + 5;
    for (std::size_t i = 0; i < count; ++i) {
        auto end = end_of_argument(all, at);
        auto text = all.substr(at, end - at);
        if (!text.starts_with('(')) {
            auto colon = text.rfind(':');
            found.items[found.size++] = {static_cast<E>(static_cast<int>(i) + min_enumerator),
                                         colon == text.npos ? text : text.substr(colon + 1)};
        }
        at = end + 2;
    }
    return found;
}

template <class E>
inline constexpr auto enumerators_of = find_enumerators<E>();

consteval bool is_enumerator_among(std::string_view all) {
    for (auto at = all.find("V = ") + 5; at != 0 && at < all.size();) {
        if (all[at] != '(') return true;
        at = end_of_argument(all, at);
        if (at >= all.size() || all[at] != ',') return false;
        at += 2;
    }
    return false;
}

/// Whether there is an enumerator that is not seen, among the values where one is likely: some hundreds around, and
/// powers of two.
template <class E>
consteval bool has_unseen_enumerators() {
    using value = std::underlying_type_t<E>;
    if constexpr (sizeof(value) < 2)
        return false;
    else {
        bool found = []<std::size_t... I>(std::index_sequence<I...>) {
            return is_enumerator_among(
                enumerator_names<static_cast<E>(max_enumerator + 1 + static_cast<value>(I))...>());
        }
        (std::make_index_sequence<1024 - max_enumerator - 1>{});
        found = found || []<std::size_t... I>(std::index_sequence<I...>) {
            return is_enumerator_among(enumerator_names<static_cast<E>(value{1} << (I + 10))...>());
        }
        (std::make_index_sequence<sizeof(value) * 8 - 11>{});
        if constexpr (std::is_signed_v<value>) found = found || []<std::size_t... I>(std::index_sequence<I...>) {
                return is_enumerator_among(
                    enumerator_names<static_cast<E>(min_enumerator - 1 - static_cast<value>(I))...>());
            }
        (std::make_index_sequence<256>{});
        return found;
    }
}

/// Calls `f(name, value)` for every enumerator, by value.
template <class E, class F>
constexpr void for_each_enumerator(F&& f) {
    if constexpr (boost::describe::has_describe_enumerators<E>::value) {
        [&]<class... D>(boost::mp11::mp_list<D...>) {
            (f(std::string_view{D::name}, D::value), ...);
        }(boost::mp11::mp_rename<boost::describe::describe_enumerators<E>, boost::mp11::mp_list>{});
    } else {
        constexpr const auto& found = enumerators_of<E>;
        static_assert(found.size > 0, "reagent: no enumerators found between -16 and 127; use BOOST_DESCRIBE_ENUM");
        static_assert(!has_unseen_enumerators<E>(),
                      "reagent: an enumerator lies outside of -16 to 127, where none is seen; describe them all with "
                      "BOOST_DESCRIBE_ENUM");
        for (std::size_t i = 0; i < found.size; ++i) f(found.items[i].name, found.items[i].value);
    }
}

}  // namespace reagent::reflect
