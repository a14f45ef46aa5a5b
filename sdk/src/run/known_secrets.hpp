#pragma once

#include <reagent/secret.hpp>

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {
class lm_backend;
}

namespace reagent::detail {

/// The secrets that a runtime has met: those that it was given, and the keys of every model that one of its runs was given or has called.
/// Thread-safe.
class known_secrets {
public:
    explicit known_secrets(std::vector<secret> given);

    /// The model's keys too. What local servers are given in place of a key ("none", "EMPTY") is none, and not looked for.
    void learn(const lm_backend* model);

    std::vector<secret> all() const;
    std::string without(std::string_view text) const;

private:
    mutable std::mutex mutex_;
    std::vector<secret> all_;
};

}  // namespace reagent::detail
