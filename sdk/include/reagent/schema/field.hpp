#pragma once

#include <reagent/fixed_string.hpp>

#include <cstddef>
#include <iosfwd>
#include <string_view>
#include <utility>

namespace reagent {

/// Constraints on a field's value; each becomes the JSON Schema keywords that its comment names.
struct range {
    double min, max;
};  ///< minimum, maximum (both included)
struct at_least {
    double value;
};  ///< minimum
struct at_most {
    double value;
};  ///< maximum
struct length {
    std::size_t min, max;
};  ///< minLength, maxLength: in characters (code points)
struct items {
    std::size_t min, max;
};  ///< minItems, maxItems
template <std::size_t N>
struct pattern {  ///< pattern: an ECMAScript regular expression, found anywhere
    fixed_string<N> text;
    consteval pattern(const char (&t)[N]) : text{t} {}
};

/// format: the text is checked to be a "date-time", "date", "time", "duration", "email", "idn-email", "hostname",
/// "idn-hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template",
/// "json-pointer", "relative-json-pointer", "regex" or "decimal". Another name does not compile.
///
///     rg::field<std::string, "where to write", rg::of_format{"email"}> address;
template <std::size_t N>
struct of_format {
    fixed_string<N> name;
    consteval of_format(const char (&t)[N]) : name{t} {
        for (std::string_view known :
             {"date-time", "date",          "time", "duration",     "email",        "idn-email",
              "hostname",  "idn-hostname",  "ipv4", "ipv6",         "uri",          "uri-reference",
              "iri",       "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer",
              "regex",     "decimal"})
            if (known == name.view()) return;
        throw "reagent: there is no format of this name; the comment above lists those that are checked";
    }
};

/// No constraint: the values of a signature's input or output stand in no log and no telemetry.
///
///     rg::field<std::string, "as on the card", rg::is_private{}> card_number;
struct is_private {};

namespace detail {
template <class T>
inline constexpr bool is_a_field = false;
}

/// A member with a description for the model and constraints on its value. Behaves as the value: it is iterated,
/// indexed, added to, compared and written to a stream as the value is.
///
///     rg::field<double, "how sure, from 0 to 1", rg::range{0, 1}> confidence;
template <class T, fixed_string Description = "", auto... Constraints>
struct field {
    using value_type = T;
    T value{};

    constexpr field() = default;
    template <class U = T>
    requires(std::is_constructible_v<T, U&&> && !std::is_same_v<std::remove_cvref_t<U>, field>) constexpr field(U&& v)
        : value(std::forward<U>(v)) {}

    constexpr operator const T&() const& { return value; }
    constexpr operator T&() & { return value; }
    constexpr operator T() && { return std::move(value); }
    constexpr const T* operator->() const { return &value; }
    constexpr T* operator->() { return &value; }
    constexpr const T& operator*() const { return value; }
    constexpr T& operator*() { return value; }

    constexpr auto begin() const requires requires(const T& t) { t.begin(); }
    { return value.begin(); }
    constexpr auto end() const requires requires(const T& t) { t.end(); }
    { return value.end(); }
    constexpr auto begin() requires requires(T& t) { t.begin(); }
    { return value.begin(); }
    constexpr auto end() requires requires(T& t) { t.end(); }
    { return value.end(); }
    constexpr auto size() const requires requires(const T& t) { t.size(); }
    { return value.size(); }
    constexpr bool empty() const requires requires(const T& t) { t.empty(); }
    { return value.empty(); }
    template <class Key>
    requires requires(const T& t, const Key& k) { t[k]; }
    constexpr decltype(auto) operator[](const Key& k) const { return value[k]; }
    template <class Key>
    requires requires(T& t, const Key& k) { t[k]; }
    constexpr decltype(auto) operator[](const Key& k) { return value[k]; }

    friend constexpr bool operator==(const field& a, const field& b) { return a.value == b.value; }
    friend constexpr bool operator==(const field& a, const T& b) { return a.value == b; }

    friend constexpr auto operator+(const field& a, const field& b) requires requires(const T& t) { t + t; }
    { return a.value + b.value; }
    template <class U>
    requires(!detail::is_a_field<U> && requires(const T& t, const U& u) { t + u; }) friend constexpr auto operator+(
        const field& a, const U& b) {
        return a.value + b;
    }
    template <class U>
    requires(!detail::is_a_field<U> && requires(const T& t, const U& u) { u + t; }) friend constexpr auto operator+(
        const U& a, const field& b) {
        return a + b.value;
    }

    template <class Char, class Traits>
    friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out, const field& f) {
        constexpr bool can_be_written = requires { out << f.value; };
        static_assert(can_be_written,
                      "reagent: the value of this field cannot be written to a stream; write its members or items, or "
                      "reagent::to_json of it");
        if constexpr (can_be_written) out << f.value;
        return out;
    }
};

namespace detail {
template <class T, fixed_string Description, auto... Constraints>
inline constexpr bool is_a_field<field<T, Description, Constraints...>> = true;
}

}  // namespace reagent
