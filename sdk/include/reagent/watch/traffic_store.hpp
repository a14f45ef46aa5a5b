#pragma once

#include <reagent/secret.hpp>
#include <reagent/watch/sample.hpp>

#include <memory>
#include <span>
#include <vector>

namespace reagent {

struct sample_filter {
    std::string program{}, request{};  ///< "": any
    std::optional<std::uint64_t> version{};
    std::optional<bool> heard{};
    bool labelled = false;                    ///< only with labels from feedback
    bool said = false;                        ///< only with feedback
    std::uint64_t after = 0, said_after = 0;  ///< numbers behind these
    bool newest_first = false;                ///< else by number, of the feedback where `said`
    std::size_t most = 100;
};

struct traffic_limits {
    std::size_t samples = 100'000;
    std::uint64_t bytes = 1024 * 1024 * 1024;
    std::chrono::hours age{24 * 90};
};

struct traffic_store_options {
    traffic_limits limits{};  ///< the oldest beyond these are removed, every 500 samples at the latest
    std::chrono::milliseconds patience{10'000};  ///< how long a locked database, or one that is away, is tried again
    bool create = true;                          ///< false: what holds no samples is an error, and left as it is
};

/// What is kept of the samples of one program and period in a reservoir: those whose requests have the smallest
/// `share_of`, so that several processes keep one reservoir. Source: Cohen and Kaplan, "Summarizing data using bottom-k
/// sketches", 2007.
struct sample_reservoir {
    std::size_t size = 0;  ///< 0: none
    std::chrono::seconds per{24 * 3600};
};

/// Samples, feedback, and what watching has come to, in one SQLite file or one PostgreSQL database; journals may be
/// there too. All functions block and throw run_error(journal_unavailable). Thread-safe; any number of processes.
class traffic_store {
public:
    /// @param where a file of SQLite, or a PostgreSQL address (postgresql://...)
    static std::shared_ptr<traffic_store> open(const std::string& where, traffic_store_options options = {});
    ~traffic_store();
    traffic_store(const traffic_store&) = delete;

    /// One that is there already (program, request and version) is passed over, so that a batch may be written again.
    /// @return how many are new
    std::size_t add(std::span<const sample> samples, const sample_reservoir& r = {});
    /// What is said of requests without a sample is passed over, and the same again changes
    /// nothing. @return how many have one
    std::size_t add(std::span<const request_feedback> all);
    bool add(const request_feedback& f) { return add(std::span{&f, 1}) == 1; }
    std::vector<sample> list(const sample_filter& filter = {});
    std::size_t count(const std::string& program = {});
    /// The oldest beyond the limits. @return how many
    std::size_t retain();

    /// A document under a name, for whoever watches; none: there is none yet. A newer revision than `before` by
    /// somebody else: false, and nothing is stored.
    struct document {
        json::object body{};
        std::uint64_t revision = 0;
    };
    document get(const std::string& name);
    /// @param alerts are stored in the same transaction; one whose "id" is there already is passed over
    bool set(const std::string& name, const document& d, std::span<const json::object> alerts = {});
    /// Alerts, the newest first. @param only_untold those that `told` was not called for, the oldest first
    std::vector<json::object> alerts(const std::string& program = {}, bool only_untold = false, std::size_t most = 100);
    void told(const std::string& alert);

    std::string name() const;  ///< without a password

private:
    struct impl;
    explicit traffic_store(std::unique_ptr<impl> i);
    std::unique_ptr<impl> impl_;
};

}  // namespace reagent
