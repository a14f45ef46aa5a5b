#pragma once

#include <reagent/module/program_store.hpp>
#include <reagent/watch/quality.hpp>
#include <reagent/watch/traffic.hpp>

namespace reagent {

/// Who answers a request.
struct answering {
    std::uint64_t version = 0;
    std::shared_ptr<const reagent::parameters> parameters{};
    bool canary = false;
};

/// Which version of a program answers, by tags of its store: TAG (as "production"), besides, where they are set,
/// TAG-canary for a share of the keys, and TAG-shadow for a version that answers the same requests unheard. Whoever
/// moves the tags (`reagent program tag`, a `watcher` in another process) moves the traffic. Thread-safe.
class rollout {
public:
    /// @param canary_share of the keys, from 0 to 1
    /// @throws program_error when TAG is not there, or does not fit the program
    rollout(program_store store, std::string tag, const module& program, double canary_share = 0.05);

    /// @param key whoever asks always gets the same version by it: a customer, a session, a request
    answering choose(std::string_view key) const;
    std::optional<answering> shadowed() const;  ///< none: nothing is in the shadow

    /// Looks at the tags again; requests under way keep what they have. A version that does not fit leaves what was
    /// there, and is told.
    /// @return whether something changed. @throws program_error after all tags were looked at
    bool refresh();

private:
    struct tagged {
        std::uint64_t version = 0;
        std::shared_ptr<const reagent::parameters> parameters{};
    };
    bool follow(const std::string& tag, bool required, std::optional<tagged>& into);
    const program_store store_;
    const std::string tag_;
    const module& program_;
    const double share_;
    mutable std::mutex mutex_;
    std::optional<tagged> first_, canary_, shadow_;
};

struct shadow_options {
    double share = 1;             ///< of the requests, by their ids
    std::size_t concurrency = 2;  ///< answers under way; a request that comes while there are as many is passed over
    std::size_t most_per_hour = 10'000;  ///< answers
    std::optional<double> dollars{};     ///< in all, as far as prices are known; what is under way may go beyond
    std::chrono::milliseconds deadline{60'000};  ///< of one answer
};

struct shadow_counts {
    std::uint64_t answered = 0, failed = 0, passed_over = 0;
    double dollars = 0;
};

/// A second version that answers the requests of the first one, unheard: its answers are samples with `heard` false.
/// Works on a runtime of its own, so that nothing of it waits in the first one's threads; `answer` never waits.
/// Thread-safe.
class shadow {
public:
    /// @param call must outlive what is under way; so must the runtime
    shadow(runtime& own, program_function call, std::shared_ptr<traffic> recorder, shadow_options options = {});
    ~shadow();  ///< waits for what is under way
    shadow(const shadow&) = delete;

    /// Which version answers from now on, and how; none: nobody.
    void set(std::optional<answering> who, run_options how = {});

    /// To be told of a request when the first version has answered it. @return false: it is passed over
    bool answer(std::string request, std::string program, json::object inputs) noexcept;

    void wait();  ///< until nothing is under way
    shadow_counts counts() const;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace reagent
