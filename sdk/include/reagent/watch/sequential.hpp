#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <boost/json/object.hpp>

namespace reagent {

namespace json = boost::json;

/// Whether the mean of numbers from 0 to 1 has fallen below a bound, asked after every one of them, for ever: the
/// probability that it ever says so although each number's expectation, given those before, is at least the bound, is
/// at most the level. No other assumption is made. It bets against the bound, on several shares of its capital at once;
/// the capital is an e-process, and 1 / level of it is the alarm. For a fall that comes late, a new bettor begins every
/// `every` numbers with a share of the capital; of all, at most 64 play on, and who is left out only makes it more
/// careful. Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86(1),
/// 2024, section 4; mixtures over beginnings: Shin, Ramdas and Rinaldo, "E-detectors", New England Journal of
/// Statistics in Data Science, 2023.
class fall_test {
public:
    /// @param bound from 0 to 1; @param level of a false alarm, over all time
    /// @throws std::invalid_argument
    fall_test(double bound, double level, std::size_t every = 50);

    /// @param x is cut to 0 to 1; what is no number counts as 0. @return `alarm()`
    bool add(double x);

    bool alarm() const { return alarm_; }  ///< stays
    double evidence() const;               ///< the capital; 1 in the beginning
    std::size_t count() const { return count_; }
    double bound() const { return bound_; }
    double level() const { return level_; }

    /// All of it, to go on after a restart. @throws program_error(bad_document) for what `to_json` did not write
    json::object to_json() const;
    static fall_test from_json(const json::value& v);

private:
    static constexpr std::size_t bets = 8;
    struct bettor {
        double share = 1;                    // of the capital, when it began
        std::array<double, bets> capital{};  // of each bet, from 1
        double mean() const;
    };
    void begin_one();
    double bound_, level_;
    std::size_t every_, count_ = 0, begun_ = 0;
    bool alarm_ = false;
    double waiting_ = 1;  // the share that has not been given to a bettor
    std::vector<bettor> bettors_;
};

/// How many numbers a `fall_test` needs to notice, in 9 of 10 cases, that the mean of zeros and ones is `now` and not
/// at least `bound`, from the fall on; by a simulation that is always the same. None: more than `most`.
std::optional<std::size_t> promised_samples(double bound, double now, double level, std::size_t most = 20'000);

}  // namespace reagent
