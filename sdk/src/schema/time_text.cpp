// Dates and times as text. Source: RFC 3339, sections 5.6 and 5.7; ISO 8601.
#include "time_text.hpp"

#include "../base/text.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

namespace reagent {
namespace {

using namespace std::chrono;

// Takes exactly `n` digits.
std::optional<int> digits(std::string_view& t, std::size_t n) {
    if (t.size() < n) return {};
    int value = 0;
    for (std::size_t i = 0; i < n; ++i) {
        if (!is_digit(t[i])) return {};
        value = value * 10 + (t[i] - '0');
    }
    t.remove_prefix(n);
    return value;
}

bool take(std::string_view& t, char c) {
    if (t.empty() || t[0] != c) return false;
    t.remove_prefix(1);
    return true;
}

// ".5": at least one digit; what is finer than a nanosecond is left out.
std::optional<nanoseconds> fraction(std::string_view& t) {
    if (!take(t, '.')) return nanoseconds{0};
    if (t.empty() || !is_digit(t[0])) return {};
    std::int64_t value = 0, unit = 1'000'000'000;
    for (; !t.empty() && is_digit(t[0]); t.remove_prefix(1))
        if (unit > 1) unit /= 10, value += (t[0] - '0') * unit;
    return nanoseconds{value};
}

std::optional<minutes> offset(std::string_view& t, time_form form) {
    if (take(t, 'Z') || take(t, 'z')) return minutes{0};
    bool west = t.starts_with('-');
    if (!west && !t.starts_with('+')) return {};
    t.remove_prefix(1);
    auto h = digits(t, 2);
    bool colon = h && take(t, ':');
    if (!h || *h > 23 || (form == time_form::rfc3339 && !colon)) return {};
    auto m = t.empty() && !colon && form == time_form::iso ? std::optional{0} : digits(t, 2);
    if (!m || *m > 59) return {};
    minutes o = hours{*h} + minutes{*m};
    return west ? -o : o;
}

}  // namespace

std::optional<year_month_day> read_date(std::string_view t) {
    auto y = digits(t, 4);
    if (!y || !take(t, '-')) return {};
    auto m = digits(t, 2);
    if (!m || !take(t, '-')) return {};
    auto d = digits(t, 2);
    if (!d || !t.empty()) return {};
    year_month_day date{year{*y}, month{static_cast<unsigned>(*m)}, day{static_cast<unsigned>(*d)}};
    return date.ok() ? std::optional{date} : std::nullopt;
}

std::optional<time_of_day> read_time(std::string_view t, time_form form) {
    bool loose = form == time_form::iso;
    auto h = digits(t, 2);
    if (!h || *h > 23 || !take(t, ':')) return {};
    auto m = digits(t, 2);
    if (!m || *m > 59) return {};
    std::optional<int> s = 0;
    std::optional<nanoseconds> part = nanoseconds{0};
    if (take(t, ':')) {
        s = digits(t, 2);
        part = s ? fraction(t) : std::nullopt;
    } else if (!loose) {
        return {};
    }
    if (!s || *s > 60 || !part) return {};
    time_of_day result;
    if (!t.empty()) {
        result.offset = offset(t, form);
        if (!result.offset || !t.empty()) return {};
    } else if (!loose) {
        return {};
    }
    if (*s == 60) {  // a leap second ends a day of UTC
        auto utc = (hours{*h} + minutes{*m} - result.offset.value_or(minutes{0}) + hours{48}) % hours{24};
        if (!result.offset || utc != hours{23} + minutes{59}) return {};
    }
    result.since_midnight = hours{*h} + minutes{*m} + seconds{*s} + *part;
    return result;
}

std::optional<date_and_time> read_date_time(std::string_view t, time_form form) {
    date_and_time result;
    auto date = read_date(t.substr(0, 10));
    if (!date) return {};
    result.date = *date;
    t.remove_prefix(10);
    if (t.empty()) return form == time_form::iso ? std::optional{result} : std::nullopt;
    bool parted = t[0] == 'T' || t[0] == 't' || (form == time_form::iso && (t[0] == ' ' || t[0] == '_'));
    if (!parted) return {};
    auto time = read_time(t.substr(1), form);
    if (!time) return {};
    result.since_midnight = time->since_midnight;
    result.offset = time->offset;
    return result;
}

namespace {

// A count and its unit, added to `sum`; false for what does not fit.
bool add(seconds& sum, std::int64_t count, seconds unit) {
    std::int64_t product = 0, total = 0;
    if (__builtin_mul_overflow(count, static_cast<std::int64_t>(unit.count()), &product) ||
        __builtin_add_overflow(static_cast<std::int64_t>(sum.count()), product, &total))
        return false;
    sum = seconds{total};
    return true;
}

std::optional<std::int64_t> number(std::string_view& t) {
    std::int64_t n = 0;
    auto [end, ec] = std::from_chars(t.data(), t.data() + t.size(), n);
    if (ec != std::errc{} || t.empty() || !is_digit(t[0])) return {};
    t.remove_prefix(static_cast<std::size_t>(end - t.data()));
    return n;
}

std::optional<duration_parts> iso_duration(std::string_view t) {
    duration_parts sum;
    bool clock = false, any = false;
    int last = -1;
    while (!t.empty()) {
        if (take(t, 'T')) {
            if (std::exchange(clock, true) || t.empty()) return {};
            continue;
        }
        auto n = number(t);
        auto part = n ? fraction(t) : std::nullopt;
        if (!part || t.empty()) return {};
        struct {
            char name;
            bool clock;
            seconds length;
        } static constexpr units[]{{'W', false, hours{24 * 7}},
                                   {'D', false, hours{24}},
                                   {'H', true, hours{1}},
                                   {'M', true, minutes{1}},
                                   {'S', true, seconds{1}}};
        int i = 0;
        while (i < 5 && (units[i].name != t[0] || units[i].clock != clock)) ++i;
        if (i == 5 || i <= last || (part->count() && units[i].name != 'S')) return {};
        if (!add(sum.whole, *n, units[i].length)) return {};
        sum.part = *part;
        if (sum.part.count() && t.size() > 1) return {};  // seconds are the last unit
        last = i;
        any = true;
        t.remove_prefix(1);
    }
    return any ? std::optional{sum} : std::nullopt;
}

// "1 day, 2:30:00", "2:30", "45.5" seconds, "3 02:00:00".
std::optional<duration_parts> python_duration(std::string_view t) {
    duration_parts sum;
    auto first = number(t);
    if (!first) return {};
    if (t.starts_with(' ')) {
        if (!add(sum.whole, *first, hours{24})) return {};
        t = trim(t);
        if (t.starts_with('d')) {
            for (std::string_view word : {"days", "day", "d"})
                if (t.starts_with(word)) {
                    t.remove_prefix(word.size());
                    break;
                }
            take(t, ',');
            t = trim(t);
            if (t.empty()) return sum;
        }
        first = number(t);
        if (!first || !t.starts_with(':')) return {};
    }
    if (!take(t, ':')) {
        auto part = fraction(t);
        if (!part || !t.empty() || !add(sum.whole, *first, seconds{1})) return {};
        sum.part = *part;
        return sum;
    }
    auto m = digits(t, 2);
    std::optional<int> s = 0;
    if (m && take(t, ':')) s = digits(t, 2);
    auto part = m && s ? fraction(t) : std::nullopt;
    if (!part || !t.empty() || *m > 59 || *s > 59) return {};
    if (!add(sum.whole, *first, hours{1}) || !add(sum.whole, *m, minutes{1}) || !add(sum.whole, *s, seconds{1}))
        return {};
    sum.part = *part;
    return sum;
}

}  // namespace

std::optional<duration_parts> read_duration(std::string_view t) {
    bool back = take(t, '-');
    if (!back) take(t, '+');
    auto found = take(t, 'P') ? iso_duration(t) : python_duration(t);
    if (!found || !back) return found;
    if (!found->part.count()) return duration_parts{-found->whole};
    return duration_parts{-found->whole - seconds{1}, seconds{1} - found->part};
}

}  // namespace reagent
