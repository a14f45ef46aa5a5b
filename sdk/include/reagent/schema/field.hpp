#pragma once

#include <reagent/fixed_string.hpp>

#include <cstddef>
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

/// format: the text is checked to be a "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname",
/// "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer",
/// "regex" or "decimal". Another name does not compile.
///
///     rg::field<std::string, "where to write", rg::of_format{"email"}> address;
template <std::size_t N>
struct of_format {
    fixed_string<N> name;
    consteval of_format(const char (&t)[N]) : name{t} {
        for (std::string_view known : {"date-time", "date",          "time", "duration",     "email",        "idn-email",
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

/// A member with a description for the model and constraints on its value. Behaves as the value.
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

    friend constexpr bool operator==(const field& a, const field& b) { return a.value == b.value; }
    friend constexpr bool operator==(const field& a, const T& b) { return a.value == b; }
};

}  // namespace reagent
