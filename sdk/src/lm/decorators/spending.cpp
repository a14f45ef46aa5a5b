#include "spending.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/catalog.hpp>

#include "../saturating.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <algorithm>

namespace reagent::decorators {
namespace {

constexpr std::uint64_t tokens_of_an_image = 4'000, tokens_around_a_message = 16;
constexpr double margin = 4;  // of calls of which nothing is known, over the largest so far

// A token has at least one byte.
std::uint64_t most_prompt_tokens(const lm_request& r) {
    std::uint64_t bytes = 256;
    for (const auto& m : r.messages) {
        bytes += m.content.size() + tokens_around_a_message + m.images.size() * tokens_of_an_image;
        for (const auto& c : m.tool_calls)
            bytes += c.id.size() + c.name.size() + c.arguments.size() + tokens_around_a_message;
        for (const auto& b : m.reasoning_blocks) bytes += json::serialize(b).size();
    }
    for (const auto& t : r.tools) bytes += t.name.size() + t.description.size() + json::serialize(t.parameters).size();
    if (r.outputs_schema) bytes += json::serialize(*r.outputs_schema).size();
    return bytes;
}

}  // namespace

spending::claim::~claim() {
    if (!of_) return;
    std::lock_guard lock{of_->mutex_};
    of_->leave(dollars_, tokens_, nullptr);
}

void spending::claim::answered(const lm_response& r) {
    auto of = std::exchange(of_, nullptr);
    if (!of) return;
    std::lock_guard lock{of->mutex_};
    of->leave(dollars_, tokens_, &r.usage, r.from_cache);
}

void spending::claim::again() {
    std::lock_guard lock{of_->mutex_};
    auto& s = *of_;
    if (s.limit_.calls && s.requests() >= *s.limit_.calls) s.refuse_beyond();
    ++s.failed_;
}

spending::bounds spending::most_of(const std::string& model, const lm_request& request) const {
    bounds most;
    if (!limit_.dollars && !limit_.tokens) return most;
    const auto* facts = model_catalog::standard().find(model);
    const auto output = request.sampling.max_tokens ? request.sampling.max_tokens
                        : facts                     ? facts->output
                                                    : std::nullopt;
    if (!output) return most;
    usage u;
    u.calls = 1;
    u.prompt_tokens = most_prompt_tokens(request);
    for (std::uint64_t n = std::min<std::uint64_t>(request.sampling.n.value_or(1), 1'000); n-- > 0;)
        u.completion_tokens = saturating_sum(u.completion_tokens, *output);
    if (facts) most.dollars = price_of(model, u);
    if (request.sampling.max_tokens)
        most.tokens = u.tokens();  // what a model can write at most is far beyond what it writes
    return most;
}

std::uint64_t spending::requests() const { return saturating_sum(saturating_sum(spent_.calls, failed_), under_way_); }

void spending::refuse_beyond() {
    auto stop = [&](run_errc code, const std::string& what) {
        std::string why = "the limit of " + what + of_ + " is used up";
        if (stopped_.empty()) stopped_ = why;
        throw run_error{code, why};
    };
    if (limit_.calls && requests() >= *limit_.calls)
        stop(run_errc::budget_calls, std::to_string(*limit_.calls) + " calls");
    if (limit_.tokens && spent_.tokens() >= *limit_.tokens)
        stop(run_errc::budget_tokens, std::to_string(*limit_.tokens) + " tokens");
    if (limit_.dollars && spent_.cost.value_or(0) >= *limit_.dollars)
        stop(run_errc::budget_cost, std::to_string(*limit_.dollars) + " dollars");
}

bool spending::fits(const bounds& most, double& dollars, std::uint64_t& tokens) const {
    const auto seen = static_cast<std::uint64_t>(std::min(margin * static_cast<double>(most_tokens_), 1e18));
    dollars = std::max(most.dollars.value_or(margin * most_dollars_), most_dollars_);
    tokens = std::max(most.tokens.value_or(seen), most_tokens_);
    if (under_way_ == 0) return true;
    // What one uses is known when the first is answered: a server may count more than the model can use.
    if (answered_ == 0 && (limit_.dollars || limit_.tokens)) return false;
    if (limit_.dollars && spent_.cost.value_or(0) + held_dollars_ + dollars > *limit_.dollars) return false;
    return !limit_.tokens || saturating_sum(saturating_sum(spent_.tokens(), held_tokens_), tokens) <= *limit_.tokens;
}

task<spending::claim> spending::admit(clock::time_point deadline, std::string model, const lm_request& request) {
    auto executor = co_await asio::this_coro::executor;
    auto most = most_of(model, request);
    for (;;) {
        std::shared_ptr<waiter> w;
        {
            std::lock_guard lock{mutex_};
            refuse_beyond();
            double dollars = 0;
            std::uint64_t tokens = 0;
            if (fits(most, dollars, tokens)) {
                ++under_way_;
                held_dollars_ += dollars;
                held_tokens_ = saturating_sum(held_tokens_, tokens);
                co_return claim{shared_from_this(), dollars, tokens};
            }
            w = std::make_shared<waiter>(executor, deadline);
            waiting_.push_back(w);
        }
        error_code ec;
        co_await w->timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        std::lock_guard lock{mutex_};
        if (w->woken) continue;
        std::erase(waiting_, w);
        if (ec) throw boost::system::system_error{ec};
        throw http_error{http_errc::deadline_exceeded,
                         "the call's deadline passed while it waited for others, which may use up the limit"};
    }
}

void spending::leave(double dollars, std::uint64_t tokens, const usage* used, bool from_cache) {
    --under_way_;
    held_dollars_ = under_way_ ? held_dollars_ - dollars : 0;  // no remains of rounding
    held_tokens_ = under_way_ ? saturating_difference(held_tokens_, tokens) : 0;
    if (used) {
        usage u = *used;
        if (!u.calls) u.calls = 1;
        // A server that tells no usage: what the call may have cost at most, or the limit would never be reached.
        if (limit_.dollars && !from_cache && u.tokens() == 0 && !u.cost.value_or(0)) u.cost = dollars;
        spent_ += u;
        ++answered_;
        most_dollars_ = std::max(most_dollars_, u.cost.value_or(0));
        most_tokens_ = std::max(most_tokens_, u.tokens());
    } else
        ++failed_;
    for (auto& w : std::exchange(waiting_, {})) {
        w->woken = true;
        asio::post(w->timer.get_executor(), [w] { w->timer.cancel(); });
    }
}

usage spending::spent() const {
    std::lock_guard lock{mutex_};
    return spent_;
}

std::uint64_t spending::failed() const {
    std::lock_guard lock{mutex_};
    return failed_;
}

std::string spending::why_exhausted() const {
    std::lock_guard lock{mutex_};
    if (!stopped_.empty()) return stopped_;
    if (limit_.tokens && spent_.tokens() > *limit_.tokens)
        return "the limit of " + std::to_string(*limit_.tokens) + " tokens is passed";
    if (limit_.dollars && spent_.cost.value_or(0) > *limit_.dollars)
        return "the limit of " + std::to_string(*limit_.dollars) + " dollars is passed";
    return {};
}

}  // namespace reagent::decorators
