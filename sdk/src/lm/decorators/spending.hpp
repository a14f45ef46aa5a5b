#pragma once

#include <reagent/lm/decorators.hpp>

#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <memory>
#include <mutex>

namespace reagent::decorators {

/// What calls of models have used, against a limit. Every request counts that is sent, also one that fails and one that
/// is sent again. The limits of tokens and dollars are passed by what one call uses at most, however many are under
/// way: a call that might, together with those, go beyond waits for them. Thread-safe.
class spending : public std::enable_shared_from_this<spending> {
public:
    /// @param of whom errors name: "" or " for openai/gpt-4o-mini" @param spent before
    explicit spending(spending_limit limit, std::string of = {}, usage spent = {})
        : limit_{limit}, of_{std::move(of)}, spent_{spent} {}

    /// One call that is under way. What is not answered when it goes has failed.
    class claim {
    public:
        claim(std::shared_ptr<spending> of, double dollars, std::uint64_t tokens)
            : of_{std::move(of)}, dollars_{dollars}, tokens_{tokens} {}
        claim(claim&&) = default;
        ~claim();

        /// The request is about to be sent again. @throws run_error(budget_calls) when that is one too many
        void again();
        void answered(const lm_response& r);

    private:
        std::shared_ptr<spending> of_;
        double dollars_;
        std::uint64_t tokens_;
    };

    /// @throws run_error(budget_calls, budget_tokens, budget_cost) when the limit is used up;
    /// http_error(deadline_exceeded) when the call would have to wait beyond its deadline
    task<claim> admit(clock::time_point deadline, std::string model, const lm_request& request);

    usage spent() const;                ///< of what was answered
    std::uint64_t failed() const;       ///< requests without an answer
    std::string why_exhausted() const;  ///< what stopped a call, or will stop the next; "": nothing

private:
    struct waiter {
        waiter(const asio::any_io_executor& e, clock::time_point deadline) : timer{e, deadline} {}
        asio::steady_timer timer;
        bool woken = false;
    };
    /// What a call uses at most, where that is known: US dollars by the model's price, tokens by its `max_tokens`.
    struct bounds {
        std::optional<double> dollars{};
        std::optional<std::uint64_t> tokens{};
    };
    bounds most_of(const std::string& model, const lm_request& request) const;
    std::uint64_t requests() const;
    void refuse_beyond();  // under the lock, as all below
    bool fits(const bounds& most, double& dollars, std::uint64_t& tokens) const;
    void leave(double dollars, std::uint64_t tokens, const usage* used, bool from_cache = false);

    mutable std::mutex mutex_;
    spending_limit limit_;
    std::string of_;
    usage spent_;
    std::uint64_t failed_ = 0, under_way_ = 0, held_tokens_ = 0, most_tokens_ = 0, answered_ = 0;
    double held_dollars_ = 0, most_dollars_ = 0;
    std::string stopped_;
    std::deque<std::shared_ptr<waiter>> waiting_;
};

}  // namespace reagent::decorators
