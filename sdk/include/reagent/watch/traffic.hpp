#pragma once

#include <reagent/module/module.hpp>
#include <reagent/watch/traffic_store.hpp>

#include <functional>
#include <set>

namespace reagent {

/// What becomes of the values of private fields in a sample.
enum class private_values {
    left_out,  ///< "(private)"
    hashed,  ///< "(private 1f0c...)": HMAC-SHA256 by `hash_key`, so that equal ones can be counted, and nobody without
             ///< the key tries values
};

struct traffic_options {
    double rate = 1;  ///< share of the requests, by their ids: a shadow's sample and a second process choose the same
    sample_reservoir reservoir{};  ///< besides: so many of each period
    std::function<bool(const sample&)>
        rule{};                ///< besides: what it says, as failures and slow ones; on the recorder's thread
    std::size_t queue = 1000;  ///< samples that wait to be written; more are dropped, and counted
    std::size_t queue_bytes = 64 * 1024 * 1024;  ///< likewise, about
    std::size_t max_sample_bytes = 256 * 1024;  ///< of inputs and outputs as JSON; larger ones are dropped, and counted
    std::set<std::string> private_fields{};     ///< besides those that the programs' signatures mark
    private_values privacy = private_values::left_out;
    secret hash_key{};
    std::vector<secret> secrets{};  ///< that stand in no sample, besides whatever looks like a key
    std::function<void(const std::string&)> on_trouble{};  ///< told once of what keeps samples from being written, and
                                                           ///< with "" after; on the recorder's thread
};

/// What became of what `record` and `add` were given.
struct traffic_counts {
    std::uint64_t kept = 0, not_chosen = 0;
    std::uint64_t dropped = 0;  ///< the queue was full
    std::uint64_t too_large = 0;
    std::uint64_t unknown_program = 0;  ///< `know` was not told of it, so nobody knows what is private in it
    std::uint64_t lost = 0;             ///< the store could not be used, or the rule threw
    std::uint64_t feedback = 0, feedback_of_unknown = 0;
};

/// Records samples of live traffic. `record` never waits for anything but a moment's lock: one thread of its own
/// chooses, takes out what is private, and writes. Thread-safe.
///
///     rg::traffic traffic{rg::traffic_store::open("traffic.db"), {.rate = 0.1}};
///     traffic.know("classify", program);
///     traffic.record({.request = id, .program = "classify", .version = 3, .inputs = in, .outputs = out, .latency =
///     took, .usage = used}); traffic.add({.request = id, .labels = {{"intent", "billing"}}});
class traffic {
public:
    /// @throws std::invalid_argument for hashed values without a key, and a rate outside 0 to 1
    explicit traffic(std::shared_ptr<traffic_store> store, traffic_options options = {});
    ~traffic();  ///< writes what waits, for up to two seconds
    traffic(const traffic&) = delete;

    /// Private fields of a program, by its signatures. Nothing is recorded of programs that it was not told of.
    void know(const std::string& program, const module& root);
    void know(const std::string& program, const std::set<std::string>& private_fields = {});

    /// A sample without a time gets the present one. @return false: it was dropped
    bool record(sample s) noexcept;
    /// In its turn, so that it finds a sample that was recorded before. @return false: it was dropped
    bool add(request_feedback f) noexcept;

    void flush();  ///< waits until everything so far is written or lost
    traffic_counts counts() const;
    const std::shared_ptr<traffic_store>& store() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace reagent
