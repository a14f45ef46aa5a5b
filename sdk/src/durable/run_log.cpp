#include "run_log.hpp"

#include <reagent/error.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace reagent::detail {

struct run_log::waiter {
    std::uint64_t submission;
    asio::steady_timer timer;
};

void run_log::append(std::chrono::microseconds at, content what) {
    at_ = at;
    if (auto* b = std::get_if<effect_begun>(&what))
        begun_.insert_or_assign(b->what.id, begun_call{b->what.branch, b->what.tool, b->repeatable});
    else if (auto* f = std::get_if<effect_finished>(&what))
        begun_.erase(f->what.id);
    else if (auto* a = std::get_if<effects_abandoned>(&what))
        for (auto id : a->ids) begun_.erase(id);
    else if (auto* p = std::get_if<predictor_returned>(&what)) {
        const auto& t = p->call->trajectory;
        // What it continues may be missing here: the program has come another way than the one that is stored.
        if (t.continues() && !texts_.contains(t.earlier_key())) {
            auto alone = std::make_shared<predictor_call>(*p->call);
            alone->trajectory = recorded_text{t.str()}.with_key();
            p->call = std::move(alone);
        }
        texts_.insert(p->call->trajectory.key());
    }
    pending_.push_back({++written_, {at, std::move(what)}});
    if (pending_.size() >= 64 && !held_back_) submit();
}

void run_log::release() {
    if (held_back_ > 0) --held_back_;
}

void run_log::send() {
    if (!pending_.empty() && !held_back_) submit();
}

// Holds no run on the store's thread: the last who holds one may have to end the store, which waits for that thread.
journal_store::completion run_log::telling(std::uint64_t number) {
    return [weak = weak_from_this(), arrivals = arrivals_, number](std::exception_ptr failure) {
        arrivals->add([weak, number, failure = std::move(failure)]() mutable {
            if (auto self = weak.lock()) self->arrived(number, std::move(failure));
        });
    };
}

void run_log::submit() {
    auto number = ++asked_;
    store_->write(hold_, std::exchange(pending_, {}), at_, telling(number));
}

void run_log::arrived(std::uint64_t number, std::exception_ptr failure) {
    answered_ = std::max(answered_, number);
    if (failure && !failure_) failure_ = std::move(failure);
    for (auto* w : waiters_)
        if (w->submission <= answered_ || failure_) w->timer.cancel();
}

task<void> run_log::wait_for(std::uint64_t submission) {
    if (answered_ < submission && !failure_) {
        waiter w{submission, asio::steady_timer{executor_, clock::time_point::max()}};
        waiters_.push_back(&w);
        struct leave {
            run_log& log;
            waiter& w;
            ~leave() { std::erase(log.waiters_, &w); }
        } at_end{*this, w};
        boost::system::error_code ec;
        co_await w.timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        if (answered_ < submission && !failure_) throw boost::system::system_error{asio::error::operation_aborted};
    }
    if (failure_) std::rethrow_exception(failure_);
}

task<void> run_log::stored() {
    send();
    return wait_for(asked_);
}

task<void> run_log::certain() {
    if (failure_) std::rethrow_exception(failure_);
    if (hold_->is_certain()) co_return;
    submit();
    co_await wait_for(asked_);
}

task<void> run_log::finish(std::chrono::microseconds at, journal_store::ending e) {
    held_back_ = 0;
    auto number = ++asked_;
    store_->finish(hold_, std::exchange(pending_, {}), at, std::move(e), telling(number));
    return wait_for(number);
}

void run_log::remember(const loaded_journal& loaded, std::vector<pending_decision> pending) {
    for (const auto& b : loaded.open) open_.insert_or_assign(place_of(b.what), b);
    for (auto& p : pending) decisions_.insert_or_assign(place_of(p.wanted.what), std::move(p));
    for (const auto& c : loaded.history->predictor_calls()) {
        recorded_calls_.insert(c->place);
        texts_.insert(c->trajectory.key());
    }
}

std::optional<effect_begun> run_log::take_open(const event& at) {
    auto found = open_.find(place_of(at));
    if (found == open_.end()) return {};
    auto b = std::move(found->second);
    open_.erase(found);
    return b;
}

std::vector<std::uint64_t> run_log::given_up(std::string_view branch) {
    std::vector<std::uint64_t> ids;
    for (const auto& [id, call] : begun_)
        if (is_within(call.branch, branch)) ids.push_back(id);
    for (auto id : ids) begun_.erase(id);
    return ids;
}

std::vector<std::string> run_log::unknown_calls() const {
    std::vector<std::string> tools;
    for (const auto& [id, call] : begun_)
        if (!call.repeatable) tools.push_back(call.tool);
    for (const auto& [at, before] : open_)
        if (before.what.kind == event_kind::tool_call && !before.repeatable && !before.reentered)
            tools.push_back(before.what.tool);
    for (const auto& [at, p] : decisions_)
        if (p.wanted.what.kind == event_kind::tool_call && !p.decided) tools.push_back(p.wanted.what.tool);
    return tools;
}

std::optional<pending_decision> run_log::take_pending(const event& at) {
    auto found = decisions_.find(place_of(at));
    if (found == decisions_.end()) return {};
    auto d = std::move(found->second);
    decisions_.erase(found);
    return d;
}

}  // namespace reagent::detail
