#pragma once

#include <reagent/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace reagent::detail {

/// The threads for what blocks, and the names of what is at work on them. Thread-safe.
class blocking_pool {
    struct threads {
        explicit threads(unsigned n) : pool{n} {}
        asio::thread_pool pool;
        std::mutex mutex;
        std::multiset<std::string> names;
    };

public:
    explicit blocking_pool(unsigned n) : threads_{std::make_shared<threads>(n)} {}

    asio::any_io_executor executor() { return threads_->pool.get_executor(); }

    /// Tells whether this thread is one of the pool's, also when the pool is gone.
    std::function<bool()> is_here() const {
        return [pool = std::weak_ptr{threads_}] {
            auto held = pool.lock();
            return held && held->pool.get_executor().running_in_this_thread();
        };
    }

    /// Stands for work of that name while it lives, whatever becomes of the pool. Copied where it goes.
    using at_work = std::shared_ptr<const void>;
    at_work begin(const std::string& name);

    /// Waits until all work is done, at most for `grace`. What is still at work then cannot be stopped: its thread goes
    /// on with it, and `keep`, where its result goes, lives until it has ended. @return the names of that work
    std::vector<std::string> close(std::chrono::milliseconds grace, std::shared_ptr<void> keep);

private:
    std::shared_ptr<threads> threads_;
};

}  // namespace reagent::detail
