#include "common.hpp"
#include "spending.hpp"

#include <reagent/error.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <deque>
#include <mutex>

namespace reagent {
namespace {

using namespace decorators;

bool is_rate_limit(const std::exception_ptr& failure) {
    try {
        if (failure) std::rethrow_exception(failure);
    } catch (const lm_error& e) {
        return e.code() == lm_errc::rate_limited;
    } catch (...) {
    }
    return false;
}

// Lets a number of callers in; the others wait in turn, on whatever thread they are.
class gate {
public:
    explicit gate(unsigned max) : max_{std::max(1u, max)}, limit_{std::max(1u, max)} {}

    task<void> enter(clock::time_point deadline) {
        auto executor = co_await asio::this_coro::executor;
        auto w = std::make_shared<waiter>(executor, deadline);
        {
            std::lock_guard lock{mutex_};
            if (inside_ < limit_ && waiting_.empty()) {
                ++inside_;
                co_return;
            }
            waiting_.push_back(w);
        }
        error_code ec;
        co_await w->timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        {
            std::lock_guard lock{mutex_};
            if (w->admitted) co_return;
            std::erase(waiting_, w);
        }
        if (ec) throw boost::system::system_error{ec};
        throw http_error{http_errc::deadline_exceeded, "the call's deadline passed while it waited for others to end"};
    }

    void leave(bool answered, const std::exception_ptr& failure) {
        std::lock_guard lock{mutex_};
        --inside_;
        if (is_rate_limit(failure)) {
            limit_ = std::max(1u, limit_ / 2);
            successes_ = 0;
        } else if (answered && ++successes_ >= limit_ && limit_ < max_) {
            ++limit_;
            successes_ = 0;
        }
        while (inside_ < limit_ && !waiting_.empty()) {
            auto w = std::move(waiting_.front());
            waiting_.pop_front();
            w->admitted = true;
            ++inside_;
            asio::post(w->timer.get_executor(), [w] { w->timer.cancel(); });
        }
    }

private:
    struct waiter {
        waiter(const asio::any_io_executor& e, clock::time_point deadline) : timer{e, deadline} {}
        asio::steady_timer timer;
        bool admitted = false;
    };

    std::mutex mutex_;
    unsigned max_, limit_, inside_ = 0, successes_ = 0;
    std::deque<std::shared_ptr<waiter>> waiting_;
};

// A place inside of the gate.
class place {
public:
    explicit place(std::shared_ptr<gate> g) : gate_{std::move(g)} {}
    place(place&&) = default;
    ~place() { end(false, nullptr); }
    void end(bool answered, const std::exception_ptr& failure) {
        if (auto g = std::exchange(gate_, nullptr)) g->leave(answered, failure);
    }

private:
    std::shared_ptr<gate> gate_;
};

class concurrency_limit final : public around {
public:
    concurrency_limit(language_model inner, unsigned max)
        : around{std::move(inner)}, gate_{std::make_shared<gate>(max)} {}

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        co_await gate_->enter(context.deadline);
        place here{gate_};
        try {
            lm_response r = co_await inner().complete(context, request);
            here.end(true, nullptr);
            co_return r;
        } catch (...) {
            here.end(false, std::current_exception());
            throw;
        }
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        co_await gate_->enter(context.deadline);
        auto here = std::make_shared<place>(gate_);
        std::unique_ptr<lm_stream> s;
        try {
            s = co_await inner().stream(context, request);
        } catch (...) {
            here->end(false, std::current_exception());
            throw;
        }
        co_return watched(std::move(s), [here](const lm_response* r, std::exception_ptr failure) {
            here->end(r != nullptr, failure);
        });
    }

private:
    std::shared_ptr<gate> gate_;
};

// A bucket that fills by itself and may be overdrawn by those who are ready to wait.
class bucket {
public:
    explicit bucket(double per_minute) : capacity_{per_minute}, level_{per_minute}, at_{clock::now()} {}
    bool limits() const { return capacity_ > 0; }

    /// Takes, and says when that is covered.
    clock::time_point take(double amount) {
        fill();
        level_ -= amount;
        if (level_ >= 0) return at_;
        return at_ +
               std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>{-level_ / capacity_ * 60});
    }
    void give_back(double amount) {
        fill();
        constexpr double longest = 10;  // minutes of debt: what a server says that a call used may be a lie
        level_ = std::clamp(level_ + amount, -longest * capacity_, capacity_);
    }

private:
    void fill() {
        auto now = clock::now();
        level_ = std::min(capacity_, level_ + std::chrono::duration<double>{now - at_}.count() * capacity_ / 60);
        at_ = now;
    }
    double capacity_, level_;
    clock::time_point at_;
};

class rate_limit final : public around {
public:
    rate_limit(language_model inner, rate_limits limits)
        : around{std::move(inner)}, state_{std::make_shared<state>(limits)} {}

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        double guess = co_await wait_turn(context, request);
        std::optional<lm_response> r;
        try {
            r = co_await inner().complete(context, request);
        } catch (...) {
            state_->settle(guess, 0);
            throw;
        }
        state_->settle(guess, static_cast<double>(r->usage.tokens()));
        co_return std::move(*r);
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        double guess = co_await wait_turn(context, request);
        std::unique_ptr<lm_stream> s;
        try {
            s = co_await inner().stream(context, request);
        } catch (...) {
            state_->settle(guess, 0);
            throw;
        }
        co_return watched(std::move(s), [state = state_, guess](const lm_response* r, std::exception_ptr) {
            state->settle(guess, r ? static_cast<double>(r->usage.tokens()) : guess);
        });
    }

private:
    struct state {
        explicit state(rate_limits l) : requests{l.requests_per_minute}, tokens{l.tokens_per_minute} {}
        void settle(double guess, double used) {
            std::lock_guard lock{mutex};
            if (tokens.limits()) tokens.give_back(guess - used);
        }
        std::mutex mutex;
        bucket requests, tokens;
    };

    // @return the tokens that the call was taken to use
    task<double> wait_turn(const lm_context& context, const lm_request& request) const {
        double guess = 0;
        for (const auto& m : request.messages) guess += static_cast<double>(m.content.size()) / 4;
        auto when = clock::now();
        {
            std::lock_guard lock{state_->mutex};
            if (state_->requests.limits()) when = std::max(when, state_->requests.take(1));
            if (state_->tokens.limits()) when = std::max(when, state_->tokens.take(guess));
            if (when > context.deadline) {
                if (state_->requests.limits()) state_->requests.give_back(1);
                if (state_->tokens.limits()) state_->tokens.give_back(guess);
            }
        }
        if (when > context.deadline)
            throw lm_error{lm_errc::rate_limited,
                           "our own rate limit for " + name() + " would make the call wait beyond its deadline"};
        if (when > clock::now()) co_await sleep_until(when);
        co_return guess;
    }

    std::shared_ptr<state> state_;
};

class budget_limit final : public around {
public:
    budget_limit(language_model inner, spending_limit limit)
        : around{std::move(inner)}, spending_{std::make_shared<spending>(limit, " for " + name())} {}

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        auto mine = co_await spending_->admit(context.deadline, name(), request);
        context.before_retry = [&mine, outer = context.before_retry] {
            if (outer) outer();
            mine.again();
        };
        lm_response r = co_await inner().complete(context, request);
        mine.answered(r);
        co_return r;
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        auto mine = std::make_shared<spending::claim>(co_await spending_->admit(context.deadline, name(), request));
        context.before_retry = [mine, outer = context.before_retry] {
            if (outer) outer();
            mine->again();
        };
        auto s = co_await inner().stream(context, request);
        co_return watched(std::move(s), [mine](const lm_response* r, std::exception_ptr) {
            if (r) mine->answered(*r);
        });
    }

private:
    std::shared_ptr<spending> spending_;
};

}  // namespace

language_model concurrency_limited(language_model inner, unsigned max) {
    return language_model{std::make_shared<concurrency_limit>(std::move(inner), max)};
}
language_model rate_limited(language_model inner, rate_limits limits) {
    return language_model{std::make_shared<rate_limit>(std::move(inner), limits)};
}
language_model budgeted(language_model inner, spending_limit limit) {
    return language_model{std::make_shared<budget_limit>(std::move(inner), limit)};
}

}  // namespace reagent
