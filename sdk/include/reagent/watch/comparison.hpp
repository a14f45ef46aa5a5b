#pragma once

#include <reagent/watch/quality.hpp>
#include <reagent/watch/sequential.hpp>
#include <reagent/watch/traffic_store.hpp>

#include <deque>

namespace reagent {

/// When a second version is good enough to take the first one's place.
struct promotion_rule {
    std::size_t least = 100;              ///< pairs of scored answers; fewer decide nothing
    double level = 0.05;                  ///< of calling a difference in quality one that is none
    double tolerance = 0.02;              ///< of quality that may be lost where time or money is gained
    double most_slower = 1.5;             ///< mean latency, as a multiple of the first one's
    double most_costlier = 1.5;           ///< mean cost, likewise
    std::vector<std::string> agree_on{};  ///< outputs that are compared; empty: all but `reasoning`
};

/// What samples say of one version.
struct version_figures {
    std::uint64_t version = 0;
    std::size_t samples = 0, errors = 0, scored = 0;
    double score = 0;  ///< mean, from 0 to 100
    std::chrono::microseconds p50{}, p95{};
    std::optional<double> cost{};  ///< mean of one answer, in dollars
};

enum class version_advice { wait, keep, promote };
std::string_view to_string(version_advice a);

/// Two versions beside each other. Differences are those of the second: more is plus.
struct version_comparison {
    version_figures first{}, second{};
    bool paired = false;    ///< by request: the second one was in the shadow. Else each scored answer with the next of
                            ///< the other one
    std::size_t pairs = 0;  ///< of requests that both answered
    double agreement = 0;   ///< share of them with the same outputs
    std::size_t scored_pairs = 0;
    comparison quality{}, latency{},
        cost{};  ///< paired sign-flip tests, as `compare`; in points, milliseconds, dollars
    version_advice advice = version_advice::wait;
    std::string verdict{};  ///< in words
};
json::object to_json(const version_comparison& c);

/// @param after only samples with numbers behind it. Blocks
version_comparison compare_versions(runtime& rt, traffic_store& store, const std::string& program, std::uint64_t first,
                                    std::uint64_t second, const sample_quality& q, const promotion_rule& rule = {},
                                    std::uint64_t after = 0, std::size_t most = 2000);

/// Watches a version that answers a share of the requests (or all, after a promotion) beside the one that it is
/// compared with, and says after each sample whether it has to go back. It is wrong about a version that is not worse
/// by more than the tolerance with a probability of at most the level, however long it is watched. Two tests, at half
/// the level each: scores, and failures.
class canary_guard {
public:
    explicit canary_guard(double tolerance = 0.05, double level = 0.05);

    void first(bool failed, std::optional<double> score);
    /// @return `is_worse()`
    bool second(bool failed, std::optional<double> score);
    bool is_worse() const { return scores_.alarm() || failures_.alarm(); }
    std::string why() const;  ///< "": it is not
    std::size_t pairs() const { return failures_.count(); }

    json::object to_json() const;
    static canary_guard from_json(const json::value& v);

private:
    canary_guard(fall_test scores, fall_test failures) : scores_{std::move(scores)}, failures_{std::move(failures)} {}
    struct waiting {
        std::deque<double> first{}, second{};
    };
    static void pair(waiting& w, fall_test& t);
    fall_test scores_, failures_;
    waiting score_, failure_;
};

/// How many scored samples of each version a `canary_guard` needs to send back, in 9 of 10 cases, one that is right
/// with a probability of `second` where the first one is with `first`; by a simulation that is always the same. None:
/// more than `most`.
std::optional<std::size_t> promised_pairs(double first, double second, double tolerance = 0.05, double level = 0.05,
                                          std::size_t most = 20'000);

}  // namespace reagent
