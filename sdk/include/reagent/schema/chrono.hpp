#pragma once

// Dates, times and durations of std::chrono as fields and as arguments of tools: text in JSON, as RFC 3339 and ISO 8601
// write it. What a type cannot hold exactly is refused, never rounded: fractions of a second for `sys_seconds`, an
// offset for a time of day.

#include <boost/json/value.hpp>

#include <chrono>
#include <string>

namespace reagent {

namespace json = boost::json;

template <class T>
struct json_conversion;

namespace detail {

/// A time as it was written: whole seconds, and what is finer. Throws std::runtime_error with what is wrong.
struct exact_time {
    std::chrono::seconds whole{0};
    std::chrono::nanoseconds part{0};  ///< in [0, 1s)
};

json::value date_schema();
json::value time_point_schema();
json::value local_time_schema();
json::value time_of_day_schema();
json::value duration_schema();

std::string date_text(std::chrono::year_month_day date);
std::string time_point_text(exact_time since_1970);
std::string local_time_text(exact_time since_1970);
std::string time_of_day_text(exact_time since_midnight);
std::string duration_text(exact_time duration);

std::chrono::year_month_day read_date_value(const json::value& v);
exact_time read_time_point(const json::value& v);
exact_time read_local_time(const json::value& v);
exact_time read_time_of_day(const json::value& v);
exact_time read_duration_value(const json::value& v);

[[noreturn]] void throw_time_too_fine();
[[noreturn]] void throw_time_too_far();

template <class Duration>
exact_time split_time(Duration d) {
    // Towards zero first: the second below the smallest value would be out of its range.
    exact_time t{std::chrono::duration_cast<std::chrono::seconds>(d), {}};
    t.part = std::chrono::duration_cast<std::chrono::nanoseconds>(d - t.whole);
    if (t.part.count() < 0) t = {t.whole - std::chrono::seconds{1}, t.part + std::chrono::seconds{1}};
    return t;
}

/// @throws std::runtime_error for what `Duration` does not hold exactly
template <class Duration>
Duration join_time(exact_time t) {
    using limits = std::chrono::duration<long double>;
    limits all = limits{t.whole} + limits{t.part};
    if (all > limits{Duration::max()} || all < limits{Duration::min()}) throw_time_too_far();
    if (t.whole < std::chrono::seconds{0} && t.part.count())
        t = {t.whole + std::chrono::seconds{1}, t.part - std::chrono::seconds{1}};
    auto part = std::chrono::duration_cast<Duration>(t.part);
    auto whole = std::chrono::duration_cast<Duration>(t.whole);
    if constexpr (!std::chrono::treat_as_floating_point_v<typename Duration::rep>)
        if (std::chrono::duration_cast<std::chrono::nanoseconds>(part) != t.part ||
            std::chrono::duration_cast<std::chrono::seconds>(whole) != t.whole)
            throw_time_too_fine();
    return whole + part;
}

}  // namespace detail

/// "2024-05-01"
template <>
struct json_conversion<std::chrono::year_month_day> {
    static constexpr const char* type_name = "date";
    static json::value schema() { return detail::date_schema(); }
    static json::value to(std::chrono::year_month_day d) { return json::value(json::string(detail::date_text(d))); }
    static std::chrono::year_month_day from(const json::value& v) { return detail::read_date_value(v); }
};

/// "2024-05-01"
template <>
struct json_conversion<std::chrono::sys_days> {
    static constexpr const char* type_name = "date";
    static json::value schema() { return detail::date_schema(); }
    static json::value to(std::chrono::sys_days d) { return json::value(json::string(detail::date_text(d))); }
    static std::chrono::sys_days from(const json::value& v) {
        return std::chrono::sys_days{detail::read_date_value(v)};
    }
};

/// "2024-05-01T12:30:00Z": `sys_seconds`, `system_clock::time_point`; an offset is needed ("Z", "+02:00").
template <class Duration>
struct json_conversion<std::chrono::time_point<std::chrono::system_clock, Duration>> {
    using type = std::chrono::time_point<std::chrono::system_clock, Duration>;
    static constexpr const char* type_name = "datetime";
    static json::value schema() { return detail::time_point_schema(); }
    static json::value to(const type& t) {
        return json::value(json::string(detail::time_point_text(detail::split_time(t.time_since_epoch()))));
    }
    static type from(const json::value& v) { return type{detail::join_time<Duration>(detail::read_time_point(v))}; }
};

/// "2024-05-01T12:30:00", of some place: no offset.
template <class Duration>
struct json_conversion<std::chrono::time_point<std::chrono::local_t, Duration>> {
    using type = std::chrono::time_point<std::chrono::local_t, Duration>;
    static constexpr const char* type_name = "datetime";
    static json::value schema() { return detail::local_time_schema(); }
    static json::value to(const type& t) {
        return json::value(json::string(detail::local_time_text(detail::split_time(t.time_since_epoch()))));
    }
    static type from(const json::value& v) { return type{detail::join_time<Duration>(detail::read_local_time(v))}; }
};

/// "12:30:00", in [00:00, 24:00)
template <class Duration>
struct json_conversion<std::chrono::hh_mm_ss<Duration>> {
    using type = std::chrono::hh_mm_ss<Duration>;
    static constexpr const char* type_name = "time";
    static json::value schema() { return detail::time_of_day_schema(); }
    static json::value to(const type& t) {
        return json::value(json::string(detail::time_of_day_text(detail::split_time(t.to_duration()))));
    }
    static type from(const json::value& v) { return type{detail::join_time<Duration>(detail::read_time_of_day(v))}; }
};

/// "P1DT2H", "PT0.5S"
template <class Rep, class Period>
struct json_conversion<std::chrono::duration<Rep, Period>> {
    using type = std::chrono::duration<Rep, Period>;
    static constexpr const char* type_name = "timedelta";
    static json::value schema() { return detail::duration_schema(); }
    static json::value to(const type& d) {
        return json::value(json::string(detail::duration_text(detail::split_time(d))));
    }
    static type from(const json::value& v) { return detail::join_time<type>(detail::read_duration_value(v)); }
};

}  // namespace reagent
