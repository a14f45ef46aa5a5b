#include "../quota.hpp"
#include "common.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/catalog.hpp>

#include <random>

namespace reagent {

bool is_transient(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const lm_error& e) {
        if (e.code() == lm_errc::rate_limited) {
            return !quota_is_used_up(e.details().provider_message);
        }
        return e.code() == lm_errc::server_error || e.code() == lm_errc::unavailable;
    } catch (const http_error& e) {
        return e.code() == http_errc::resolve_failed || e.code() == http_errc::connect_failed ||
               e.code() == http_errc::connection_closed || e.code() == http_errc::deadline_exceeded;
    } catch (...) {
        return false;
    }
}

namespace {

using namespace decorators;

// How often and how long one call has been tried.
class attempts {
public:
    attempts(const retry_options& o, clock::time_point deadline)
        : options_{o}, last_start_{std::min(deadline, deadline_after(o.total))} {}

    /// When to try again; rethrows the failure when that is of no use.
    clock::time_point next(const std::exception_ptr& failure) {
        if (++made_ >= options_.max_attempts || !is_transient(failure)) std::rethrow_exception(failure);
        auto when = later(clock::now(), wait(failure));
        if (when >= last_start_) std::rethrow_exception(failure);
        return when;
    }

private:
    std::chrono::milliseconds wait(const std::exception_ptr& failure) const {
        try {
            std::rethrow_exception(failure);
        } catch (const error& e) {
            if (e.details().retry_after) return *e.details().retry_after;
        } catch (...) {
        }
        thread_local std::mt19937_64 random{std::random_device{}()};
        const unsigned doubled = std::min(made_ - 1, 20u);
        const std::chrono::milliseconds longest =
            options_.base > options_.cap / (1 << doubled) ? options_.cap : options_.base * (1 << doubled);
        std::uniform_int_distribution<std::int64_t> draw{0, std::max<std::int64_t>(0, longest.count())};
        return std::chrono::milliseconds{draw(random)};
    }

    const retry_options& options_;
    clock::time_point last_start_;
    unsigned made_ = 0;
};

// A failure with the tokens of those before it too; `lost` is all of them.
std::exception_ptr with_tokens(const std::exception_ptr& failure, usage& lost) {
    auto all = [&](const auto& e) {
        diagnostics d = e.details();
        if (d.prompt_tokens + d.completion_tokens + lost.tokens() == 0) return failure;
        lost += {.prompt_tokens = d.prompt_tokens, .completion_tokens = d.completion_tokens};
        d.prompt_tokens = lost.prompt_tokens, d.completion_tokens = lost.completion_tokens;
        using type = std::remove_cvref_t<decltype(e)>;
        return std::make_exception_ptr(type{e.code(), e.what(), d});
    };
    try {
        std::rethrow_exception(failure);
    } catch (const lm_error& e) {
        return all(e);
    } catch (const http_error& e) {
        return all(e);
    } catch (...) {
        return failure;
    }
}

class retrying_stream final : public lm_stream {
public:
    retrying_stream(const lm_backend& inner, lm_context context, const lm_request& request, const retry_options& o)
        : inner_{inner}, context_{context}, request_{request}, attempts_{o, context.deadline} {}

    task<std::optional<lm_event>> next() override {
        for (;;) {
            std::exception_ptr failure;
            try {
                if (!stream_) stream_ = co_await inner_.stream(context_, request_);
                auto e = co_await stream_->next();
                handed_on_ = true;
                co_return e;
            } catch (...) {
                failure = std::current_exception();
            }
            if (handed_on_) std::rethrow_exception(failure);
            stream_.reset();
            auto when = attempts_.next(failure);
            co_await sleep_until(when);
            told_of_retry(context_, failure);
        }
    }

private:
    const lm_backend& inner_;
    lm_context context_;
    const lm_request& request_;
    attempts attempts_;
    std::unique_ptr<lm_stream> stream_;
    bool handed_on_ = false;
};

class retry final : public around {
public:
    retry(language_model inner, retry_options o) : around{std::move(inner)}, options_{o} {}

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        attempts tries{options_, context.deadline};
        usage lost;
        for (;;) {
            std::exception_ptr failure;
            try {
                lm_response r = co_await inner().complete(context, request);
                lost.cost = lost.tokens() ? price_of(inner().name(), lost) : std::nullopt;
                r.usage += lost;
                co_return r;
            } catch (...) {
                failure = std::current_exception();
            }
            failure = with_tokens(failure, lost);
            auto when = tries.next(failure);
            co_await sleep_until(when);
            told_of_retry(context, failure);
        }
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        co_return std::make_unique<retrying_stream>(inner(), context, request, options_);
    }

private:
    retry_options options_;
};

}  // namespace

language_model retrying(language_model inner, retry_options options) {
    return language_model{std::make_shared<retry>(std::move(inner), options)};
}

}  // namespace reagent
