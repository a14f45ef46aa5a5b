#include "blocking_pool.hpp"

#include <algorithm>
#include <condition_variable>
#include <thread>

namespace reagent::detail {

blocking_pool::at_work blocking_pool::begin(const std::string& name) {
    std::lock_guard lock{threads_->mutex};
    auto entry = threads_->names.insert(name);
    return {&*entry, [t = threads_, entry](const void*) {
                std::lock_guard erasing{t->mutex};
                t->names.erase(entry);
            }};
}

std::vector<std::string> blocking_pool::close(std::chrono::milliseconds grace, std::shared_ptr<void> keep) {
    struct ending {
        std::mutex mutex;
        std::condition_variable changed;
        bool joined = false;
    };
    auto end = std::make_shared<ending>();
    std::thread joiner{[t = threads_, end, keep = std::move(keep)] {
        t->pool.join();
        std::lock_guard lock{end->mutex};
        end->joined = true;
        end->changed.notify_one();
    }};
    std::unique_lock lock{end->mutex};
    auto is_joined = [&] { return end->joined; };
    constexpr std::chrono::hours longest{24 * 365};  // what lies behind it overflows the clock
    if (end->changed.wait_for(lock, std::min<std::chrono::milliseconds>(grace, longest), is_joined)) {
        lock.unlock();
        joiner.join();
        return {};
    }
    lock.unlock();
    joiner.detach();
    std::lock_guard names{threads_->mutex};
    return {threads_->names.begin(), threads_->names.end()};
}

}  // namespace reagent::detail
