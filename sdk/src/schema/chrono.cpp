#include <reagent/schema/chrono.hpp>

#include "../base/text.hpp"
#include "time_text.hpp"

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include <cstdio>
#include <stdexcept>

namespace reagent::detail {
namespace {

using namespace std::chrono;

constexpr const char* clock_pattern = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]+)?)?";

json::value text_with(const char* keyword, const std::string& value) {
    return json::object{{"type", "string"}, {keyword, value}};
}

std::string_view text_of(const json::value& v) {
    auto* text = v.if_string();
    if (!text) throw std::runtime_error{"expected a text"};
    return trim(std::string_view{*text});
}

template <class T>
const T& found(const std::optional<T>& t, const char* example) {
    if (!t) throw std::runtime_error{std::string{"expected it as \""} + example + "\""};
    return *t;
}

exact_time split(nanoseconds t) { return split_time(t); }

exact_time since_1970(const date_and_time& t) {
    auto clock = split(t.since_midnight);
    return {sys_days{t.date}.time_since_epoch() + clock.whole - t.offset.value_or(minutes{0}), clock.part};
}

std::string fraction_text(nanoseconds part) {
    if (part.count() == 0) return {};
    char text[16];
    std::snprintf(text, sizeof text, ".%09lld", static_cast<long long>(part.count()));
    std::string digits = text;
    while (digits.ends_with('0')) digits.pop_back();
    return digits;
}

}  // namespace

json::value date_schema() { return text_with("format", "date"); }
json::value time_point_schema() { return text_with("format", "date-time"); }
json::value local_time_schema() {
    return text_with("pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]" + std::string{clock_pattern} + "$");
}
json::value time_of_day_schema() { return text_with("pattern", "^" + std::string{clock_pattern} + "$"); }
json::value duration_schema() {
    return text_with("pattern", "^-?P(?=.)([0-9]+W)?([0-9]+D)?(T(?=.)([0-9]+H)?([0-9]+M)?([0-9]+(\\.[0-9]+)?S)?)?$");
}

std::string date_text(year_month_day d) {
    if (!d.ok() || d.year() < year{0} || d.year() > year{9999})
        throw std::runtime_error{"this is no date of the years 0 to 9999"};
    char text[16];
    std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(d.year()), static_cast<unsigned>(d.month()),
                  static_cast<unsigned>(d.day()));
    return text;
}

std::string time_of_day_text(exact_time t) {
    if (t.whole < seconds{0} || t.whole >= hours{24})
        throw std::runtime_error{"this is no time of a day: it is not in [00:00, 24:00)"};
    hh_mm_ss clock{t.whole};
    char text[16];
    std::snprintf(text, sizeof text, "%02d:%02d:%02d", static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return text + fraction_text(t.part);
}

std::string local_time_text(exact_time t) {
    auto day = floor<days>(t.whole);
    constexpr days last = sys_days{year{9999} / 12 / 31}.time_since_epoch(),
                   first = sys_days{year{0} / 1 / 1}.time_since_epoch();
    if (day < first || day > last) throw std::runtime_error{"this is no time of the years 0 to 9999"};
    return date_text(sys_days{day}) + "T" + time_of_day_text({t.whole - day, t.part});
}

std::string time_point_text(exact_time t) { return local_time_text(t) + "Z"; }

std::string duration_text(exact_time t) {
    std::string text;
    if (t.whole < seconds{0}) {
        text = "-";
        t.whole = -t.whole;
        if (t.part.count()) t.whole -= seconds{1}, t.part = seconds{1} - t.part;
    }
    text += "P";
    if (auto day = floor<days>(t.whole); day.count()) text += std::to_string(day.count()) + "D", t.whole -= day;
    hh_mm_ss clock{t.whole};
    std::string rest;
    if (clock.hours().count()) rest += std::to_string(clock.hours().count()) + "H";
    if (clock.minutes().count()) rest += std::to_string(clock.minutes().count()) + "M";
    if (clock.seconds().count() || t.part.count())
        rest += std::to_string(clock.seconds().count()) + fraction_text(t.part) + "S";
    if (rest.empty()) return text.ends_with('P') ? text + "T0S" : text;
    return text + "T" + rest;
}

namespace {

// Not rounded, and no other moment.
std::string_view exact_text_of(const json::value& v) {
    const std::string_view text = text_of(v);
    const auto point = text.find('.');
    auto end = point == text.npos ? point : text.find_first_not_of("0123456789", point + 1);
    const auto digits =
        point == text.npos ? std::string_view{} : text.substr(point + 1, end == text.npos ? end : end - point - 1);
    if (digits.size() > 9 && digits.find_first_not_of('0', 9) != digits.npos) throw_time_too_fine();
    return text;
}

// std::chrono counts no leap seconds: this one would be the first moment of the next day.
std::string_view without_leap_second(std::string_view text) {
    if (text.find(":60") != text.npos && text.find(":60") > 10)
        throw std::runtime_error{"is a leap second, which this field cannot hold"};
    return text;
}

}  // namespace

year_month_day read_date_value(const json::value& v) {
    auto whole = read_date(text_of(v));
    if (whole) return *whole;
    auto t = read_date_time(text_of(v), time_form::iso);  // midnight stands for the day, as in Python
    if (!t || t->since_midnight.count()) throw std::runtime_error{"expected a date as \"2024-05-01\""};
    return t->date;
}

exact_time read_time_point(const json::value& v) {
    auto t = found(read_date_time(without_leap_second(exact_text_of(v)), time_form::iso), "2024-05-01T12:30:00Z");
    if (!t.offset)
        throw std::runtime_error{"has no offset from UTC; write it as \"2024-05-01T12:30:00Z\" or with \"+02:00\""};
    return since_1970(t);
}

exact_time read_local_time(const json::value& v) {
    auto t = found(read_date_time(without_leap_second(exact_text_of(v)), time_form::iso), "2024-05-01T12:30:00");
    if (t.offset) throw std::runtime_error{"has an offset from UTC, which a local time does not keep; leave it out"};
    return since_1970(t);
}

exact_time read_time_of_day(const json::value& v) {
    auto t = found(read_time(exact_text_of(v), time_form::iso), "12:30:00");
    if (t.offset) throw std::runtime_error{"has an offset from UTC, which a time of day does not keep; leave it out"};
    return split(t.since_midnight);
}

exact_time read_duration_value(const json::value& v) {
    auto d = found(read_duration(exact_text_of(v)), "P1DT2H30M");
    return {d.whole, d.part};
}

void throw_time_too_fine() {
    throw std::runtime_error{"is finer than this field keeps; leave out the fractions that it cannot hold"};
}
void throw_time_too_far() { throw std::runtime_error{"is beyond what this field can hold"}; }

}  // namespace reagent::detail
