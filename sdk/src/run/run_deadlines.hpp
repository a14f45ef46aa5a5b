#pragma once

#include <reagent/error.hpp>
#include <reagent/task.hpp>

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>

namespace reagent::detail {

/// The deadlines of the runs of one event loop, with one timer for all. Used on the loop's thread.
class run_deadlines : public std::enable_shared_from_this<run_deadlines> {
public:
    explicit run_deadlines(const asio::any_io_executor& executor) : timer_{executor} {}

    /// A run that is watched until its end.
    class watch {
    public:
        /// @param passed called at the deadline, at most once; `no_deadline` never comes
        watch(std::shared_ptr<run_deadlines> all, clock::time_point deadline, std::function<void()> passed)
            : all_{std::move(all)} {
            if (deadline == no_deadline) return;
            place_ = all_->waiting_.emplace(deadline, std::pair{this, std::move(passed)});
            waits_ = true;
            if (place_ == all_->waiting_.begin()) all_->arm();
        }
        ~watch() {
            if (!waits_) return;
            all_->waiting_.erase(place_);
            if (all_->waiting_.empty()) all_->timer_.cancel();  // an event loop that is to end must not wait for it
        }
        watch(const watch&) = delete;

    private:
        friend run_deadlines;
        std::shared_ptr<run_deadlines> all_;
        std::multimap<clock::time_point, std::pair<watch*, std::function<void()>>>::iterator place_{};
        bool waits_ = false;
    };

private:
    void arm() {
        timer_.expires_at(waiting_.begin()->first);
        timer_.async_wait([weak = weak_from_this()](const error_code& ec) {
            if (auto self = weak.lock(); self && !ec) self->expire();
        });
    }
    void expire() {
        for (const auto now = clock::now(); !waiting_.empty() && waiting_.begin()->first <= now;) {
            auto [one, passed] = std::move(waiting_.begin()->second);
            waiting_.erase(waiting_.begin());
            one->waits_ = false;
            passed();
        }
        if (!waiting_.empty()) arm();
    }

    asio::steady_timer timer_;
    std::multimap<clock::time_point, std::pair<watch*, std::function<void()>>> waiting_;
};

}  // namespace reagent::detail
