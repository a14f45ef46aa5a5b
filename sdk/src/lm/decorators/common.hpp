#pragma once

#include <reagent/lm/decorators.hpp>

#include "../whole_stream.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace reagent::decorators {

/// A model around one other: by default it is that one.
class around : public lm_backend {
public:
    explicit around(language_model inner);
    std::string name() const override { return inner_.name(); }
    std::string identity() const override { return inner_.backend()->identity(); }
    bool has_structured_output() const override { return inner_.backend()->has_structured_output(); }
    std::vector<secret> secrets() const override { return inner_.backend()->secrets(); }

protected:
    const lm_backend& inner() const { return *inner_.backend(); }

private:
    language_model inner_;
};

/// A model around several. @throws std::invalid_argument when there is none
class around_many : public lm_backend {
public:
    explicit around_many(std::vector<language_model> models);
    std::string name() const override;
    std::string identity() const override;
    bool has_structured_output() const override;
    std::vector<secret> secrets() const override;

protected:
    std::vector<language_model> models_;
};

inline task<void> sleep_until(clock::time_point when) {
    asio::steady_timer timer{co_await asio::this_coro::executor, when};
    co_await timer.async_wait(asio::use_awaitable);
}

/// How the words of the last failure follow those of a limit that ended the attempts.
constexpr std::string_view after_failure = ", after a request that failed with: ";

/// Tells who counts that the request is sent again. A limit that ends it here says why it was to be sent again.
void told_of_retry(const lm_context& context, const std::exception_ptr& failure);

/// SHA-256 of a request to a model, as 32 bytes.
std::string digest_of(const std::string& model, const lm_request& r);

/// A stream that tells when its answer is complete, or that it failed (null), or was given up (null).
std::unique_ptr<lm_stream> watched(std::unique_ptr<lm_stream> inner,
                                   std::function<void(const lm_response*, std::exception_ptr)> ended);

}  // namespace reagent::decorators
