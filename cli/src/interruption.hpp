#pragma once

#include <reagent/durable/journal_store.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace reagent::cli {

/// Ctrl-C (and SIGTERM) of a command that continues a durable run here: the run is let go, so that it goes on at once
/// wherever it is resumed, what to do is told, and the process ends with code 128 and the signal's number. A second one
/// ends it at once. To be made before any other thread.
class interruption {
public:
    interruption();
    ~interruption() { over(); }
    interruption(const interruption&) = delete;

    /// From now on signals are answered. @param told instead of how run `id` is resumed
    void lets_go(std::shared_ptr<journal_store> journals, const std::string& id, std::string told = {});
    void over();  ///< signals have their usual effect again

private:
    void watch(journal_store& journals, const std::string& told, const std::string& by_force);

    std::atomic<bool> over_ = false;
    std::thread thread_;
};

}  // namespace reagent::cli
