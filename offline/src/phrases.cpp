// The smallest phrases: numbers, comparisons, dates, values, nouns.
#include "grammar.hpp"

#include "../../sdk/src/base/text.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace reagent::offline {
namespace {

namespace dates = std::chrono;

std::string iso(dates::sys_days d) {
    dates::year_month_day date{d};
    char text[16];
    std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    return text;
}

std::string first_of(int year, int month) {  // months may run over
    return iso(dates::sys_days{dates::year{year + (month - 1) / 12} /
                               dates::month{static_cast<unsigned>((month - 1) % 12 + 1)} / 1});
}

bool all_digits(const std::string& s) {
    return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return is_digit(c); });
}

constexpr std::string_view months[]{"january", "february", "march",     "april",   "may",      "june",
                                    "july",    "august",   "september", "october", "november", "december"};
constexpr std::string_view currencies = "kroner|krone|kr|nok|crowns|euros|euro|eur|dollars|dollar|usd";

}  // namespace

reader::reader(const vocabulary& v, std::vector<word> words) : v_{v} {
    for (auto& w : words) {
        if (w.lower == "\"" || w.lower == "'" || w.lower == "\u201c" || w.lower == "\u201d") continue;
        bool no = w.lower.size() > 3 && w.lower.ends_with("n't");
        if (no) w.lower.resize(w.lower.size() - 3), w.text = w.lower, w.stem = stem_of(w.lower);
        if (w.lower == "cannot") continue;
        w_.push_back(std::move(w));
        if (no) w_.push_back({"not", "not", "not"});
    }
    while (!w_.empty() && (w_.back().lower == "?" || w_.back().lower == "." || w_.back().lower == "!")) w_.pop_back();
}

std::string reader::rest() const { return join(w_, furthest_, std::min(w_.size(), furthest_ + 8)); }

std::optional<std::string> reader::number() {
    return attempt([&]() -> std::optional<std::string> {
        accept("$|\u20ac|\u00a3");
        std::string n;
        if (accept("a hundred|one hundred"))
            n = "100";
        else if (accept("a thousand|one thousand"))
            n = "1000";
        else if (i_ < w_.size() && is_number(w_[i_]))
            n = number_of(w_[i_++]);
        else
            return {};
        if (accept("hundred")) n += "00";
        if (accept("thousand|k")) n += "000";
        if (accept("million")) n += "000000";
        if (n.find('.') != n.npos && n.ends_with("000")) return {};
        furthest_ = std::max(furthest_, i_);
        return n;
    });
}

std::optional<operand> reader::amount() {
    return attempt([&]() -> std::optional<operand> {
        if (auto n = number()) {
            accept(currencies);
            return operand{*n, {}};
        }
        return {};
    });
}

std::optional<reader::comparison> reader::compare() {
    return attempt([&]() -> std::optional<comparison> {
        std::string op;
        if (accept("between")) {
            auto low = amount();
            if (!low || !accept("and")) return {};
            auto high = amount();
            if (!high) return {};
            return comparison{"between", *low, *high};
        }
        if (accept("no more than|not more than|at most|up to|a maximum of|maximum"))
            op = "<=";
        else if (accept("no less than|no fewer than|not less than|not fewer than|at least|a minimum of|minimum"))
            op = ">=";
        else if (accept("more than|over|above|greater than|higher than|larger than|bigger than|exceeding"))
            op = ">";
        else if (accept("less than|fewer than|under|below|lower than|smaller than"))
            op = "<";
        else if (accept("exactly|precisely|only|just|equal to"))
            op = "=";
        if (!op.empty() && op != "=" && accept("the average|average")) {
            comparison c{op, {}, {}};
            c.average = true;
            return c;
        }
        auto n = amount();
        if (!n) return {};
        if (op.empty()) {
            if (accept("or more|or higher|or above|or over"))
                op = ">=";
            else if (accept("or less|or fewer|or lower|or below|or under"))
                op = "<=";
            else
                return {};
        }
        return comparison{op, *n, {}};
    });
}

std::optional<reader::comparison> reader::quantity() {
    if (auto c = compare()) return c;
    if (auto n = amount()) return comparison{"=", *n, {}};
    return {};
}

std::optional<std::string> reader::times() {
    if (accept("once")) return "1";
    if (accept("twice")) return "2";
    return attempt([&]() -> std::optional<std::string> {
        auto n = number();
        if (!n || !accept("times|time")) return {};
        return n;
    });
}

std::optional<int> reader::year() {
    if (i_ >= w_.size() || w_[i_].text.size() != 4 || !all_digits(w_[i_].text)) return {};
    int y = std::atoi(w_[i_].text.c_str());
    if (y < 1900 || y > 2100) return {};
    furthest_ = std::max(furthest_, ++i_);
    return y;
}

std::optional<int> reader::month() {
    for (int m = 0; m < 12; ++m)
        if (accept(months[m]) || (m != 4 && accept(months[m].substr(0, 3)))) return m + 1;
    return {};
}

std::optional<int> reader::ordinal() {
    constexpr std::string_view words[]{"first", "second",  "third",  "fourth", "fifth",
                                       "sixth", "seventh", "eighth", "ninth",  "tenth"};
    for (int n = 0; n < 10; ++n)
        if (accept(words[n])) return n + 1;
    if (i_ < w_.size())
        for (std::string_view end : {"st", "nd", "rd", "th"}) {
            std::string_view s = w_[i_].lower;
            if (!s.ends_with(end) || !all_digits(std::string{s.substr(0, s.size() - 2)}) || s.size() > 4) continue;
            furthest_ = std::max(furthest_, ++i_);
            return std::atoi(std::string{s}.c_str());
        }
    return {};
}

// "2024-03-05", "5 March 2024", "the 5th of March 2024", "March 5, 2024"
std::optional<reader::days> reader::day() {
    return attempt([&]() -> std::optional<days> {
        std::optional<int> d, m, y;
        auto plain = [&]() -> std::optional<int> {
            if (auto o = ordinal()) return o;
            if (i_ >= w_.size() || !all_digits(w_[i_].text) || w_[i_].text.size() > 2) return {};
            return std::atoi(w_[i_++].text.c_str());
        };
        int a, b, c;
        char more;
        if (i_ < w_.size() && w_[i_].text.size() == 10 &&
            std::sscanf(w_[i_].text.c_str(), "%4d-%2d-%2d%c", &a, &b, &c, &more) == 3)
            y = a, m = b, d = c, ++i_;
        else if ((accept("the"), m = month())) {
            if (!(d = plain())) return {};
            accept(",");
            y = year();
        } else {
            if (!(d = plain())) return {};
            accept("of");
            m = month();
            accept(",");
            y = year();
        }
        if (!d || !m || !y) return {};
        auto date = dates::year{*y} / dates::month{static_cast<unsigned>(*m)} / dates::day{static_cast<unsigned>(*d)};
        if (!date.ok()) return {};
        furthest_ = std::max(furthest_, i_);
        return days{iso(dates::sys_days{date}), iso(dates::sys_days{date} + dates::days{1})};
    });
}

// A day, a month, a quarter, a half, or a year: always with its year.
std::optional<reader::days> reader::period() {
    if (auto d = day()) return d;
    return attempt([&]() -> std::optional<days> {
        accept("the year|year");
        if (auto y = year()) return days{first_of(*y, 1), first_of(*y, 13)};
        int first = 0, length = 0;
        if (auto m = month())
            first = *m, length = 1;
        else if (i_ < w_.size() && w_[i_].lower.size() == 2 && w_[i_].lower[0] == 'q' && w_[i_].lower[1] >= '1' &&
                 w_[i_].lower[1] <= '4')
            first = 3 * (w_[i_++].lower[1] - '1') + 1, length = 3;
        else {
            accept("the");
            int last = accept("last") ? 1 : 0;
            auto n = last ? std::optional<int>{} : ordinal();
            if (!last && !n) return {};
            if (accept("quarter"))
                length = 3;
            else if (accept("half"))
                length = 6;
            else
                return {};
            if (n && *n > 12 / length) return {};
            first = (n ? *n - 1 : 12 / length - 1) * length + 1;
        }
        accept("of|in");
        auto y = year();
        if (!y) return {};
        return days{first_of(*y, first), first_of(*y, first + length)};
    });
}

std::optional<condition> reader::span(const column& date) {
    return attempt([&]() -> std::optional<condition> {
        bool between = accept("between");
        if (!between && !accept("from")) return {};
        std::size_t start = i_;
        auto first = period();
        std::optional<int> m;
        if (!first && !(i_ = start, m = month())) return {};
        if (!(between ? accept("and") : accept("to|until|till|through"))) return {};
        auto last = period();
        if (!last) return {};
        if (m) first = days{first_of(std::atoi(last->from.substr(0, 4).c_str()), *m), ""};
        if (first->from >= last->to) return {};
        condition c{condition::kind::dated, &date};
        c.from = first->from, c.to = last->to;
        return c;
    });
}

std::optional<condition> reader::time(const column& date) {
    if (auto c = span(date)) return c;
    return attempt([&]() -> std::optional<condition> {
        condition c{condition::kind::dated, &date};
        bool since = accept("since"), after = !since && accept("after|later than"),
             before = !since && !after && accept("before|earlier than");
        if (!since && !after && !before && !accept("in|during|within|throughout|on|of|for|from")) return {};
        auto p = period();
        if (!p) return {};
        if (since || after || before) {
            (before ? c.to : c.from) = since || before ? p->from : p->to;
            attempt([&] {  // "after 2022 but before 2024"
                if (!accept("and|but")) return false;
                bool until = before ? false : accept("before"), later = !until && before && accept("after"),
                     from = !until && !later && before && accept("since");
                auto second = until || later || from ? period() : std::nullopt;
                if (second) (until ? c.to : c.from) = later ? second->to : second->from;
                return second.has_value();
            });
        } else {
            c.from = p->from, c.to = p->to;
            condition any{condition::kind::any};
            any.parts.push_back(c);
            while (auto next = attempt([&]() -> std::optional<days> {
                       if (!accept("or in|and in|or|and")) return {};
                       return period();
                   })) {
                c.from = next->from, c.to = next->to;
                any.parts.push_back(c);
            }
            if (any.parts.size() > 1) return any;
        }
        return c;
    });
}

// @param again the preposition before the first, which may stand before the others too: "from Oslo and from Bergen"
std::optional<reader::value_list> reader::values(std::string_view again) {
    return attempt([&]() -> std::optional<value_list> {
        value_list list;
        accept("either|both");
        auto one = [&] {
            accept("the|a|an");
            std::size_t n = 0;
            auto found = v_.values(w_, i_, n);
            if (found.empty()) return false;
            i_ += n;
            furthest_ = std::max(furthest_, i_);
            list.items.push_back(std::move(found));
            return true;
        };
        if (!one()) return {};
        while (attempt([&] {
            bool comma = accept(","), both = accept("and"), either = !both && accept("or|nor");
            if (!comma && !both && !either) return false;
            if (!again.empty()) accept(again);
            if (!one()) return false;
            list.with_and = list.with_and || both;
            list.with_or = list.with_or || either;
            return true;
        })) {
        }
        if (list.with_and && list.with_or) return {};
        return list;
    });
}

const table* reader::table_noun() {
    std::size_t n = 0;
    auto* t = v_.noun(w_, i_, n);
    if (t) furthest_ = std::max(furthest_, i_ += n);
    return t;
}

const column* reader::column_noun(const table& t) {
    std::size_t n = 0;
    auto* c = v_.column_of(t, w_, i_, n);
    if (c) furthest_ = std::max(furthest_, i_ += n);
    return c;
}

// A column of these rows, or of what they refer to.
std::optional<column_path> reader::path_noun(const table& t) {
    return attempt([&]() -> std::optional<column_path> {
        if (auto* c = column_noun(t)) return column_path{{}, c, {}};
        if (auto* date = t.only_date(); date && t.event())
            for (std::string_view part : {"year", "month"})
                if (accept(part) || accept(std::string{part} + "s")) return column_path{{}, date, std::string{part}};
        std::optional<column_path> found;
        std::size_t start = i_, after = 0;
        for (const auto& other : v_.tables()) {
            auto up = way_up(v_.tables(), t, other);
            if (!up) continue;
            i_ = start;
            auto* c = column_noun(other);
            if (!c) continue;
            if (found) return {};
            found = column_path{*up, c, {}};
            after = i_;
        }
        if (found) i_ = after;
        return found;
    });
}

}  // namespace reagent::offline
