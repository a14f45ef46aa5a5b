#pragma once

// C++ types <-> JSON Schema <-> JSON values. Templates here only translate; reading and checking is `schema`'s.

#include <reagent/error.hpp>
#include <reagent/schema/chrono.hpp>
#include <reagent/schema/field.hpp>
#include <reagent/schema/reflect.hpp>
#include <reagent/schema/schema.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace reagent {

/// Times of std::chrono have theirs in chrono.hpp. Specialise for a type of your own that is neither a plain struct nor
/// described:
///
///     template <> struct reagent::json_conversion<date> {
///         static json::value schema() { return {{"type", "string"}, {"format", "date"}}; }
///         static json::value to(const date&);
///         static date from(const json::value&);              // throws std::exception: becomes a violation
///     };
template <class T>
struct json_conversion;

namespace detail {

template <class T>
concept converted_by_user = requires(const T& t, const json::value& v) {
    { json_conversion<T>::schema() } -> std::convertible_to<json::value>;
    json_conversion<T>::to(t);
    json_conversion<T>::from(v);
};

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... A>
inline constexpr bool is_a<Template<A...>, Template> = true;

template <class T>
inline constexpr bool is_field = false;
template <class T, fixed_string D, auto... C>
inline constexpr bool is_field<field<T, D, C...>> = true;
template <class T>
inline constexpr bool is_private_field = false;
template <class T, fixed_string D, auto... C>
inline constexpr bool is_private_field<field<T, D, C...>> =
    (std::is_same_v<std::remove_const_t<decltype(C)>, is_private> || ...);
/// An optional, described by a `field` or not: may be left out of an object.
template <class T>
inline constexpr bool may_be_absent = is_a<T, std::optional>;
template <class T, fixed_string D, auto... C>
inline constexpr bool may_be_absent<field<T, D, C...>> = may_be_absent<T>;
template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;
template <class T>
inline constexpr bool is_map = (is_a<T, std::map> || is_a<T, std::unordered_map>);
template <class T>
inline constexpr bool is_tuple = is_a<T, std::tuple> || is_a<T, std::pair>;
template <class T>
concept text = std::is_convertible_v<const T&, std::string_view> && !std::is_same_v<T, std::nullptr_t>;
template <class T>
inline constexpr bool is_wide_character = std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
                                          std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;
template <class T>
concept json_type = std::is_same_v<T, json::value> || std::is_same_v<T, json::object> ||
    std::is_same_v<T, json::array> || std::is_same_v<T, json::string>;

template <class T>
consteval bool convertible();
template <class... T>
consteval bool all_convertible(std::tuple<T...>*) {
    return (convertible<std::remove_cvref_t<T>>() && ...);
}
template <class... T>
consteval bool all_convertible(std::variant<T...>*) {
    return (convertible<T>() && ...);
}
template <class A, class B>
consteval bool all_convertible(std::pair<A, B>*) {
    return convertible<A>() && convertible<B>();
}

template <class T>
consteval bool convertible() {
    if constexpr (converted_by_user<T> || std::is_arithmetic_v<T> || text<T> || json_type<T> || std::is_enum_v<T> ||
                  std::is_same_v<T, std::monostate> || std::is_same_v<T, std::nullptr_t>)
        return true;
    else if constexpr (is_field<T> || is_a<T, std::optional> || is_a<T, std::vector> || is_std_array<T>)
        return convertible<typename T::value_type>();
    else if constexpr (is_map<T>)
        return text<typename T::key_type> && convertible<typename T::mapped_type>();
    else if constexpr (is_tuple<T> || is_a<T, std::variant>)
        return all_convertible(static_cast<T*>(nullptr));
    else
        return reflect::structure<T>;
}

template <class T>
inline constexpr char type_tag = 0;

/// Whether what stands in the place of a `T` is private itself, or in a container or an alternative: not by a member's
/// name.
template <class T>
consteval bool holds_private_value() {
    if constexpr (is_private_field<T>)
        return true;
    else if constexpr (converted_by_user<T> || text<T>)
        return false;
    else if constexpr (is_field<T> || is_a<T, std::optional> || is_a<T, std::vector> || is_std_array<T>)
        return holds_private_value<typename T::value_type>();
    else if constexpr (is_map<T>)
        return holds_private_value<typename T::mapped_type>();
    else if constexpr (is_tuple<T> || is_a<T, std::variant>)
        return []<template <class...> class C, class... A>(std::type_identity<C<A...>>) {
            return (holds_private_value<std::remove_cvref_t<A>>() || ...);
        }(std::type_identity<T>{});
    else
        return false;
}

/// The names of members of structs in a `T`, at whatever depth, whose values are private.
/// @param seen structs that are being looked at: one may contain itself
template <class T>
void add_private_members(std::set<std::string>& names, std::vector<const void*> seen = {}) {
    if constexpr (converted_by_user<T> || text<T>)
        return;
    else if constexpr (is_field<T> || is_a<T, std::optional> || is_a<T, std::vector> || is_std_array<T>)
        add_private_members<typename T::value_type>(names, std::move(seen));
    else if constexpr (is_map<T>)
        add_private_members<typename T::mapped_type>(names, std::move(seen));
    else if constexpr (is_tuple<T> || is_a<T, std::variant>)
        [&]<template <class...> class C, class... A>(std::type_identity<C<A...>>) {
            (add_private_members<std::remove_cvref_t<A>>(names, seen), ...);
        }(std::type_identity<T>{});
    else if constexpr (!json_type<T> && reflect::structure<T>) {
        if (std::find(seen.begin(), seen.end(), &type_tag<T>) != seen.end()) return;
        seen.push_back(&type_tag<T>);
        T object{};
        reflect::for_each_member(object, [&]<class M>(std::string_view name, M&) {
            if constexpr (holds_private_value<std::remove_cv_t<M>>())
                names.emplace(name);
            else
                add_private_members<std::remove_cv_t<M>>(names, seen);
        });
    }
}

/// Whether an object may have members that its struct has not.
enum class further_members { ignored, refused };

/// Collects the schemas of structs; one that contains itself is put under `$defs` and referred to. Alternatives of a
/// union refuse further members, whatever the rest does: the one that fits is the one that leaves nothing over.
class schema_builder {
public:
    explicit schema_builder(further_members f = further_members::ignored) : further_{f} {}

    template <class T>
    json::value build();
    json::value finish(json::value root);

private:
    template <class T>
    json::value structure();
    std::string definition_name(std::string_view type) const;

    struct definition {
        const void* type;
        std::string name;
        bool in_progress;
        bool referred;
        further_members further;
    };
    std::vector<definition> definitions_;
    further_members further_;
    json::object shared_;
};

void add_constraint(json::object& schema, const range& c);
void add_constraint(json::object& schema, const at_least& c);
void add_constraint(json::object& schema, const at_most& c);
void add_constraint(json::object& schema, const length& c);
void add_constraint(json::object& schema, const items& c);
inline void add_constraint(json::object&, const is_private&) {}
void add_constraint(json::object& schema, const char* keyword, std::string_view text);
template <std::size_t N>
void add_constraint(json::object& schema, const of_format<N>& c) {
    add_constraint(schema, "format", c.name.view());
}
template <std::size_t N>
void add_constraint(json::object& schema, const pattern<N>& c) {
    add_constraint(schema, "pattern", c.text.view());
}

template <class T, fixed_string D, auto... C>
json::value field_schema(schema_builder& builder, std::type_identity<field<T, D, C...>>) {
    json::value inner = builder.build<T>();
    if (!inner.is_object()) inner.emplace_object();
    json::object& o = inner.get_object();
    if constexpr (D.size() > 0) o["description"] = D.view();
    (add_constraint(o, C), ...);
    return inner;
}

json::value any_of(json::array alternatives);
/// As a field's or an argument's schema is compiled: formats are checked.
schema checked_schema(json::value document);
json::value tuple_schema(json::array items);

template <class T>
json::value schema_builder::build() {
    if constexpr (converted_by_user<T>)
        return json_conversion<T>::schema();
    else if constexpr (is_field<T>)
        return field_schema(*this, std::type_identity<T>{});
    else if constexpr (std::is_same_v<T, bool>)
        return {{"type", "boolean"}};
    else if constexpr (std::is_same_v<T, char>)
        return {{"type", "string"}, {"minLength", 1}, {"maxLength", 1}};
    else if constexpr (std::is_integral_v<T>) {
        static_assert(
            !is_wide_character<T>,
            "reagent: a character of this type is no text in UTF-8; take std::string, or char for one of ASCII");
        return {{"type", "integer"}};
    } else if constexpr (std::is_floating_point_v<T>)
        return {{"type", "number"}};
    else if constexpr (text<T> || std::is_same_v<T, json::string>)
        return {{"type", "string"}};
    else if constexpr (std::is_same_v<T, json::object>)
        return {{"type", "object"}};
    else if constexpr (std::is_same_v<T, json::array>)
        return {{"type", "array"}};
    else if constexpr (std::is_same_v<T, json::value>)
        return json::object{};
    else if constexpr (std::is_same_v<T, std::monostate> || std::is_same_v<T, std::nullptr_t>)
        return {{"type", "null"}};
    else if constexpr (std::is_enum_v<T>) {
        json::array names;
        reflect::for_each_enumerator<T>([&](std::string_view name, T) { names.emplace_back(name); });
        return {{"type", "string"}, {"enum", std::move(names)}};
    } else if constexpr (is_a<T, std::optional>) {
        return any_of({build<typename T::value_type>(), {{"type", "null"}}});
    } else if constexpr (is_a<T, std::vector>) {
        return {{"type", "array"}, {"items", build<typename T::value_type>()}};
    } else if constexpr (is_std_array<T>) {
        constexpr std::size_t n = std::tuple_size_v<T>;
        return {{"type", "array"}, {"items", build<typename T::value_type>()}, {"minItems", n}, {"maxItems", n}};
    } else if constexpr (is_map<T>) {
        return {{"type", "object"}, {"additionalProperties", build<typename T::mapped_type>()}};
    } else if constexpr (is_tuple<T>) {
        json::array parts;
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (parts.push_back(build<std::remove_cvref_t<std::tuple_element_t<I, T>>>()), ...);
        }
        (std::make_index_sequence<std::tuple_size_v<T>>{});
        return tuple_schema(std::move(parts));
    } else if constexpr (is_a<T, std::variant>) {
        json::array parts;
        const auto outside = std::exchange(further_, further_members::refused);
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (parts.push_back(build<std::variant_alternative_t<I, T>>()), ...);
        }
        (std::make_index_sequence<std::variant_size_v<T>>{});
        further_ = outside;
        return any_of(std::move(parts));
    } else {
        static_assert(
            reflect::structure<T>,
            "reagent: this type cannot be converted to and from JSON; make it a plain struct, describe it with "
            "BOOST_DESCRIBE_CLASS, or specialise reagent::json_conversion");
        return structure<T>();
    }
}

template <class T>
json::value to_value(const T& v);

template <class T>
json::value schema_builder::structure() {
    const void* tag = &type_tag<T>;
    for (auto& d : definitions_)
        if (d.type == tag && d.in_progress && d.further == further_) {
            d.referred = true;
            return {{"$ref", "#/$defs/" + d.name}};
        }
    auto index = definitions_.size();
    definitions_.push_back({tag, definition_name(reflect::type_name<T>()), true, false, further_});
    json::object properties;
    json::array required;
    T defaults{};
    reflect::for_each_member(defaults, [&]<class M>(std::string_view name, M& member) {
        json::value s = build<std::remove_cv_t<M>>();
        if constexpr (may_be_absent<std::remove_cv_t<M>>) {
            if (s.is_object()) s.get_object()["default"] = to_value(member);
        } else {
            required.emplace_back(name);
        }
        properties[name] = std::move(s);
    });
    json::object result{{"type", "object"}, {"properties", std::move(properties)}};
    if (!required.empty()) result["required"] = std::move(required);
    result["title"] = reflect::type_name<T>();
    if (further_ == further_members::refused) result["additionalProperties"] = false;
    definitions_[index].in_progress = false;
    if (!definitions_[index].referred) return result;
    shared_[definitions_[index].name] = std::move(result);
    return {{"$ref", "#/$defs/" + definitions_[index].name}};
}

struct conversion {
    std::vector<violation> violations;
    std::string path = "$";
    void report(std::string message) { violations.push_back({path, std::move(message)}); }
};

template <class T>
json::value to_value(const T& v);
template <class T>
void from_value(const json::value& v, T& out, conversion& c);

json::value character_to_value(char c);
char character_from(const json::value& v, conversion& c);
[[noreturn]] void throw_no_enumerator(std::string_view type, std::int64_t value);

template <class T>
json::value to_value(const T& v) {
    if constexpr (converted_by_user<T>)
        return json_conversion<T>::to(v);
    else if constexpr (is_field<T>)
        return to_value(v.value);
    else if constexpr (std::is_same_v<T, bool>)
        return v;
    else if constexpr (std::is_same_v<T, char>)
        return character_to_value(v);
    else if constexpr (std::is_unsigned_v<T>)
        return static_cast<std::uint64_t>(v);
    else if constexpr (std::is_integral_v<T>)
        return static_cast<std::int64_t>(v);
    else if constexpr (std::is_floating_point_v<T>)
        return static_cast<double>(v);
    else if constexpr (std::is_same_v<T, json::value>)
        return v;
    else if constexpr (json_type<T>)
        return json::value(v);
    else if constexpr (text<T>) {
        if constexpr (std::is_pointer_v<T>)
            if (!v) return nullptr;
        return json::value(json::string(std::string_view{v}));
    } else if constexpr (std::is_same_v<T, std::monostate> || std::is_same_v<T, std::nullptr_t>)
        return nullptr;
    else if constexpr (std::is_enum_v<T>) {
        std::optional<std::string_view> name;
        reflect::for_each_enumerator<T>([&](std::string_view n, T value) {
            if (value == v) name = n;
        });
        if (!name) throw_no_enumerator(reflect::type_name<T>(), static_cast<std::int64_t>(v));
        return json::value(*name);
    } else if constexpr (is_a<T, std::optional>) {
        return v ? to_value(*v) : json::value(nullptr);
    } else if constexpr (is_a<T, std::vector> || is_std_array<T>) {
        json::array a;
        a.reserve(v.size());
        for (const typename T::value_type& item : v) a.push_back(to_value(item));
        return a;
    } else if constexpr (is_map<T>) {
        json::object o;
        for (const auto& [key, item] : v) o[std::string_view{key}] = to_value(item);
        return o;
    } else if constexpr (is_tuple<T>) {
        json::array a;
        std::apply([&](const auto&... part) { (a.push_back(to_value(part)), ...); }, v);
        return a;
    } else if constexpr (is_a<T, std::variant>) {
        return std::visit([](const auto& part) { return to_value(part); }, v);
    } else {
        static_assert(reflect::structure<T>,
                      "reagent: this type cannot be converted to JSON; make it a plain struct, describe it with "
                      "BOOST_DESCRIBE_CLASS, or specialise reagent::json_conversion");
        json::object o;
        reflect::for_each_member(v, [&](std::string_view name, const auto& member) { o[name] = to_value(member); });
        return o;
    }
}

template <class T>
void from_integer(const json::value& v, T& out, conversion& c) {
    bool fits = false;
    if (v.is_int64())
        fits = std::in_range<T>(v.get_int64()), out = static_cast<T>(v.get_int64());
    else if (v.is_uint64())
        fits = std::in_range<T>(v.get_uint64()), out = static_cast<T>(v.get_uint64());
    else if (v.is_double()) {
        double d = v.get_double();
        fits = d >= static_cast<double>(std::numeric_limits<T>::min()) &&
               d < static_cast<double>(std::numeric_limits<T>::max()) + 1.0 &&
               d == static_cast<double>(static_cast<T>(d));
        if (fits) out = static_cast<T>(d);
    }
    if (!fits) c.report(describe(v) + " is no integer of " + std::to_string(sizeof(T) * 8) + " bits");
}

/// A number that a double would round is reported, not rounded.
void from_number(const json::value& v, double& out, conversion& c);
/// So is what a float cannot hold: beyond its range, or a whole number that it would round. A fraction is the nearest
/// float.
void from_number(const json::value& v, float& out, conversion& c);

template <class T>
const schema& closed_schema_of() {
    static const schema s = [] {
        schema_builder b{further_members::refused};
        return checked_schema(b.finish(b.build<T>()));
    }();
    return s;
}

/// Which alternative a value belongs to: the first that it fits with nothing left over.
template <class V>
void from_variant(const json::value& v, V& out, conversion& c) {
    bool done = false;
    auto attempt = [&]<class A>(std::type_identity<A>) {
        if (done) return;
        if (!closed_schema_of<A>().validate(v).empty()) return;
        A alternative{};
        conversion trial;
        from_value(v, alternative, trial);
        if (!trial.violations.empty()) return;
        out = std::move(alternative);
        done = true;
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (attempt(std::type_identity<std::variant_alternative_t<I, V>>{}), ...);
    }
    (std::make_index_sequence<std::variant_size_v<V>>{});
    if (!done) c.report("no alternative of the union fits " + describe(v));
}

template <class T, class F>
void at(conversion& c, const T& part, F&& f) {
    auto size = c.path.size();
    if constexpr (std::is_integral_v<T>)
        c.path += "[" + std::to_string(part) + "]";
    else
        c.path += "." + std::string{part};
    f();
    c.path.resize(size);
}

/// Asks a struct that has `validate() const` whether its members fit together: it returns what is wrong as std::string
/// or std::optional<std::string> (empty: nothing), or as std::vector<violation> with paths from "$".
template <class T>
void check_predicate(const T& value, conversion& c) {
    if constexpr (requires { value.validate(); }) {
        try {
            auto found = value.validate();
            if constexpr (is_a<decltype(found), std::optional>) {
                if (found) c.report(std::move(*found));
            } else if constexpr (std::is_convertible_v<decltype(found), std::string>) {
                if (std::string text = std::move(found); !text.empty()) c.report(std::move(text));
            } else
                for (violation& v : found)
                    c.violations.push_back(
                        {c.path + (v.path.starts_with("$") ? v.path.substr(1) : v.path), std::move(v.message)});
        } catch (const std::exception& e) {
            c.report(e.what());
        }
    }
}

template <class T>
void from_value(const json::value& v, T& out, conversion& c) {
    auto wrong = [&](const char* wanted) { c.report(std::string{"expected "} + wanted + ", got " + describe(v)); };
    if constexpr (converted_by_user<T>) {
        try {
            out = json_conversion<T>::from(v);
        } catch (const std::exception& e) {
            c.report(e.what());
        }
    } else if constexpr (is_field<T>)
        from_value(v, out.value, c);
    else if constexpr (std::is_same_v<T, json::value>)
        out = v;
    else if constexpr (std::is_same_v<T, json::object>)
        v.is_object() ? void(out = v.get_object()) : wrong("object");
    else if constexpr (std::is_same_v<T, json::array>)
        v.is_array() ? void(out = v.get_array()) : wrong("array");
    else if constexpr (std::is_same_v<T, bool>)
        v.is_bool() ? void(out = v.get_bool()) : wrong("boolean");
    else if constexpr (std::is_same_v<T, char>)
        out = character_from(v, c);
    else if constexpr (std::is_integral_v<T>)
        v.is_number() ? from_integer(v, out, c) : wrong("integer");
    else if constexpr (std::is_same_v<T, float>)
        v.is_number() ? from_number(v, out, c) : wrong("number");
    else if constexpr (std::is_floating_point_v<T>) {
        if (double d = 0; !v.is_number())
            wrong("number");
        else
            from_number(v, d, c), out = static_cast<T>(d);
    } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, json::string>)
        v.is_string() ? void(out = T(std::string_view{v.get_string()})) : wrong("string");
    else if constexpr (std::is_same_v<T, std::monostate> || std::is_same_v<T, std::nullptr_t>) {
        if (!v.is_null()) wrong("null");
    } else if constexpr (std::is_enum_v<T>) {
        bool found = false;
        if (v.is_string())
            reflect::for_each_enumerator<T>([&](std::string_view name, T value) {
                if (name == std::string_view{v.get_string()}) out = value, found = true;
            });
        if (!found) wrong("one of the enumerators");
    } else if constexpr (is_a<T, std::optional>) {
        if (v.is_null())
            out.reset();
        else
            from_value(v, out.emplace(), c);
    } else if constexpr (is_a<T, std::vector>) {
        if (!v.is_array()) return wrong("array");
        out.clear();
        for (const auto& item : v.get_array())
            at(c, out.size(), [&] {
                typename T::value_type element{};
                from_value(item, element, c);
                out.push_back(std::move(element));
            });
    } else if constexpr (is_std_array<T>) {
        if (!v.is_array() || v.get_array().size() != out.size()) return wrong("array of the right size");
        for (std::size_t i = 0; i < out.size(); ++i) at(c, i, [&] { from_value(v.get_array()[i], out[i], c); });
    } else if constexpr (is_map<T>) {
        if (!v.is_object()) return wrong("object");
        out.clear();
        for (const auto& [key, item] : v.get_object())
            at(c, std::string_view{key},
               [&] { from_value(item, out[typename T::key_type(std::string_view{key})], c); });
    } else if constexpr (is_tuple<T>) {
        if (!v.is_array() || v.get_array().size() != std::tuple_size_v<T>) return wrong("array of the right size");
        std::size_t i = 0;
        std::apply([&](auto&... part) { ((at(c, i, [&] { from_value(v.get_array()[i], part, c); }), ++i), ...); }, out);
    } else if constexpr (is_a<T, std::variant>) {
        from_variant(v, out, c);
    } else {
        static_assert(reflect::structure<T>,
                      "reagent: this type cannot be converted from JSON; make it a plain struct, describe it with "
                      "BOOST_DESCRIBE_CLASS, or specialise reagent::json_conversion");
        if (!v.is_object()) return wrong("object");
        std::size_t before = c.violations.size();
        reflect::for_each_member(out, [&]<class M>(std::string_view name, M& member) {
            at(c, name, [&] {
                if (auto* found = v.get_object().if_contains(name))
                    from_value(*found, member, c);
                else if constexpr (!may_be_absent<std::remove_cv_t<M>>)
                    c.report("is missing");
            });
        });
        if (c.violations.size() == before) check_predicate(out, c);
    }
}

[[noreturn]] void throw_mismatch(std::vector<violation> violations);

}  // namespace detail

/// A type whose values go to and from JSON: arithmetic, text, enumerations, optional, vector, array, map, variant,
/// tuple, plain structs of such, `field`, Boost.JSON's types, described types, and types with a `json_conversion`.
template <class T>
concept json_convertible = detail::convertible<std::remove_cvref_t<T>>();

/// The compiled JSON Schema of a C++ type; made once.
template <json_convertible T>
const schema& schema_of() {
    static const schema s = [] {
        detail::schema_builder b;
        return detail::checked_schema(b.finish(b.build<T>()));
    }();
    return s;
}

/// The JSON of a C++ value: enumerators by name, structs as objects, tuples as arrays, empty optionals as null.
template <json_convertible T>
json::value to_json(const T& value) {
    return detail::to_value(value);
}

/// A value or the list of what is wrong with it.
template <class T>
struct converted {
    std::optional<T> value;
    std::vector<violation> violations;

    explicit operator bool() const { return value.has_value(); }
};

/// Reads JSON into a C++ value, reporting every failure with its path.
template <json_convertible T>
converted<T> try_from_json(const json::value& source, reading how = reading::strict) {
    auto read = schema_of<T>().read(source, how);
    if (!read.ok()) return {std::nullopt, std::move(read.violations)};
    detail::conversion c;
    converted<T> result{T{}, {}};
    detail::from_value(read.value, *result.value, c);
    if (!c.violations.empty()) return {std::nullopt, std::move(c.violations)};
    return result;
}

/// Reads JSON into a C++ value. @throws schema_error listing every failure
template <json_convertible T>
T from_json(const json::value& source, reading how = reading::strict) {
    auto result = try_from_json<T>(source, how);
    if (!result) detail::throw_mismatch(std::move(result.violations));
    return std::move(*result.value);
}

}  // namespace reagent
