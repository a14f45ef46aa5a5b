#pragma once

#include <reagent/secret.hpp>

#include "../base/secret_search.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {
class lm_backend;
}

namespace reagent::detail {

/// The secrets that a runtime has met: those that it was given, and the keys of every model that one of its runs was
/// given or has called. Thread-safe.
class known_secrets {
public:
    /// @param warn called once when a secret is too short to be looked for; may be empty
    explicit known_secrets(std::vector<secret> given, std::function<void(std::string_view)> warn = {});

    /// The model's keys too. What local servers are given in place of a key ("none", "EMPTY") is none, and not looked
    /// for.
    void learn(const lm_backend* model);

    std::shared_ptr<const secret_search> search() const;
    std::string without(std::string_view text) const;

private:
    void warn();

    const std::function<void(std::string_view)> warn_;
    mutable std::mutex mutex_;
    std::vector<secret> all_;
    std::shared_ptr<const secret_search> search_;  // for them all
    bool warned_ = false;
};

}  // namespace reagent::detail
