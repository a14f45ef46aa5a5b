#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace reagent::detail {

namespace asio = boost::asio;

/// What other threads hand to an event loop, a few at a time: a store answers hundreds of runs with one commit, and
/// whatever else is ready on the loop must not wait until all of them have gone on. Keeps the order. `add` is
/// thread-safe.
class paced_queue : public std::enable_shared_from_this<paced_queue> {
public:
    explicit paced_queue(asio::any_io_executor e) : executor_{std::move(e)} {}

    void add(std::function<void()> work) {
        std::lock_guard lock{mutex_};
        if (closed_) return;
        waiting_.push_back(std::move(work));
        if (!std::exchange(scheduled_, true)) schedule();  // before anybody can close it
    }

    /// The loop has ended: a store may still have something to say to a run that was taken from it, and nobody is there
    /// to hear it.
    void close() {
        std::deque<std::function<void()>> left;
        std::lock_guard lock{mutex_};
        closed_ = true;
        left.swap(waiting_);
    }

private:
    static constexpr std::size_t at_a_time = 8;

    void schedule() {
        asio::post(executor_, [self = shared_from_this()] { self->do_some(); });
    }

    void do_some() {
        for (std::size_t i = 0; i < at_a_time; ++i) {
            std::function<void()> work;
            {
                std::lock_guard lock{mutex_};
                if (waiting_.empty()) {
                    scheduled_ = false;
                    return;
                }
                work = std::move(waiting_.front());
                waiting_.pop_front();
            }
            work();
        }
        schedule();  // behind what has become ready meanwhile
    }

    asio::any_io_executor executor_;
    std::mutex mutex_;
    std::deque<std::function<void()>> waiting_;
    bool scheduled_ = false, closed_ = false;
};

}  // namespace reagent::detail
