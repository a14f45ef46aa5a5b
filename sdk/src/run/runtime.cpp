#include <reagent/run/runtime.hpp>

#include "state.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <list>
#include <mutex>
#include <set>
#include <thread>

namespace reagent {
namespace {

// One thread with its event loop and its connections: nothing in it needs a lock.
struct loop {
    explicit loop(const http::client_options& options) : http{context.get_executor(), options}, thread{[this] { context.run(); }} {}
    ~loop() {
        work.reset();
        thread.join();
    }

    asio::io_context context;
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
    http::client http;
    std::thread thread;
};

}  // namespace

struct runtime::impl {
    explicit impl(const runtime_options& o) : logger{o.logger}, blocking{std::max(1u, o.blocking_threads)} {
        for (unsigned i = 0; i < std::max(1u, o.threads); ++i) loops.emplace_back(o.http);
        next = loops.begin();
    }
    ~impl() {
        {
            std::lock_guard lock{mutex};
            for (const auto& weak : active)
                if (auto s = weak.lock()) detail::cancel(s);
        }
        // What runs on the pool reports to a loop, so the loops go last.
        blocking.join();
        loops.clear();
    }

    std::shared_ptr<spdlog::logger> logger;
    asio::thread_pool blocking;
    std::mutex mutex;
    std::list<loop> loops;
    std::list<loop>::iterator next;
    std::set<std::weak_ptr<run::state>, std::owner_less<>> active;
};

runtime::runtime(runtime_options options) : impl_{std::make_unique<impl>(options)} {}
runtime::~runtime() = default;

std::shared_ptr<run::state> runtime::prepare(run_options options) {
    auto s = std::make_shared<run::state>();
    s->options = std::move(options);
    {
        std::lock_guard lock{impl_->mutex};
        loop& l = *impl_->next;
        if (++impl_->next == impl_->loops.end()) impl_->next = impl_->loops.begin();
        s->executor = l.context.get_executor();
        s->http = &l.http;
    }
    s->blocking = &impl_->blocking;
    s->logger = impl_->logger;
    if (s->options.deadline.count() > 0 && s->options.deadline < std::chrono::hours{24 * 365})
        s->deadline = s->started + s->options.deadline;
    if (s->options.replay) {
        s->kept.put(s->options.replay->events(), false);
        s->history->adopt_assertions(*s->options.replay);
    }
    s->trunk.emplace(s);
    return s;
}

run& runtime::trunk(const std::shared_ptr<run::state>& s) { return *s->trunk; }

namespace {

task<void> guarded(std::shared_ptr<run::state> s, task<void> work, std::function<void(std::exception_ptr)> ended) {
    std::exception_ptr failure;
    try {
        co_await with_deadline(std::move(work), s->deadline, [&] {
            return run_error{run_errc::deadline_exceeded,
                             "the run took longer than its deadline of " + std::to_string(s->options.deadline.count()) + " ms"};
        });
    } catch (const boost::system::system_error&) {
        failure = std::current_exception();
        if (s->cancelled) failure = std::make_exception_ptr(run_error{run_errc::cancelled, "the run was cancelled"});
    } catch (const detail::backtrack& b) {
        failure = std::make_exception_ptr(run_error{run_errc::assertion_failed,
                                                    "an assertion sends the run back to \"" + b.target.path +
                                                        "\", but the run cannot start again: an argument of its program "
                                                        "cannot be copied",
                                                    {.path = b.target.path}});
    } catch (...) {
        failure = std::current_exception();
    }
    s->duration = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - s->started);
    s->finished = true;
    s->trunk.reset();  // breaks the cycle between the state and its own handle
    ended(std::move(failure));
}

}  // namespace

void runtime::spawn(std::shared_ptr<run::state> s, task<void> work, std::function<void(std::exception_ptr)> ended) {
    {
        std::lock_guard lock{impl_->mutex};
        impl_->active.insert(s);
    }
    auto leave = [this, weak = std::weak_ptr{s}, ended = std::move(ended)](std::exception_ptr failure) {
        {
            std::lock_guard lock{impl_->mutex};
            impl_->active.erase(weak);
        }
        ended(std::move(failure));
    };
    auto* state = s.get();
    asio::co_spawn(state->executor, guarded(s, std::move(work), std::move(leave)),
                   asio::bind_cancellation_slot(state->signal.slot(), [s](std::exception_ptr) {}));
}

namespace detail {

void cancel(const std::shared_ptr<run::state>& s) {
    if (s->cancelled.exchange(true)) return;
    asio::post(s->executor, [s] {
        if (!s->finished) s->signal.emit(asio::cancellation_type::terminal);
    });
}

run_report report(const run::state& s) { return {s.usage, s.by_model, s.history, s.duration}; }

}  // namespace detail
}  // namespace reagent
