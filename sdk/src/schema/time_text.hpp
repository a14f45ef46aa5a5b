#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace reagent {

/// Which texts are times.
enum class time_form {
    rfc3339,  ///< seconds and an offset ("Z", "+02:00") are there; a leap second is 23:59:60 UTC
    iso,      ///< what Python reads too: no seconds, no offset, a blank for the "T", a date alone is its midnight
};

struct time_of_day {
    std::chrono::nanoseconds since_midnight{0};
    std::optional<std::chrono::minutes> offset{};  ///< of the place from UTC
};

struct date_and_time : time_of_day {
    std::chrono::year_month_day date{};
};

/// "2024-02-29"; a day that the calendar has.
std::optional<std::chrono::year_month_day> read_date(std::string_view text);
std::optional<time_of_day> read_time(std::string_view text, time_form form);
std::optional<date_and_time> read_date_time(std::string_view text, time_form form);

/// "P1DT2H30M" or "-PT5S" (ISO 8601, without years and months, which have no fixed length), and Python's "1 day,
/// 2:30:00". Nothing beyond what 64 bits of seconds can count.
struct duration_parts {
    std::chrono::seconds whole{0};
    std::chrono::nanoseconds part{0};  ///< in [0, 1s)
};
std::optional<duration_parts> read_duration(std::string_view text);

}  // namespace reagent
