#pragma once

#include <reagent/run/runtime.hpp>

#include "state.hpp"
#include "text_of.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <algorithm>
#include <list>
#include <mutex>
#include <set>
#include <thread>

namespace reagent {
namespace detail {

// One thread with its event loop and its connections: nothing in it needs a lock.
struct loop {
    explicit loop(const http::client_options& options)
        : http{context.get_executor(), options}, thread{[this] { context.run(); }} {}
    ~loop() { stop(); }

    /// Ends its thread. What is posted to it then stays undone.
    void stop() {
        if (!thread.joinable()) return;
        work.reset();
        thread.join();
        arrivals->close();
    }

    asio::io_context context{1};  // threads
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
    http::client http;
    std::shared_ptr<paced_queue> arrivals = std::make_shared<paced_queue>(context.get_executor());
    std::shared_ptr<run_deadlines> deadlines = std::make_shared<run_deadlines>(context.get_executor());
    std::thread thread;
};

inline bool is_here(std::list<loop>& loops) {
    return std::any_of(loops.begin(), loops.end(),
                       [](loop& l) { return l.context.get_executor().running_in_this_thread(); });
}

std::string variable(const char* name);

/// Makes room for so many open files. Linux lets a process with several threads wait for tens of milliseconds whenever
/// its table of files grows (fs/file.c, expand_fdtable: synchronize_rcu), which on an event loop would stop every run.
void reserve_descriptors(std::size_t n);

/// The log, telemetry and those of one's own; null: none.
std::shared_ptr<const observer_list> observers_of(const runtime_options& o);

/// The secrets, and the passwords of proxies.
std::vector<secret> with_proxies(std::vector<secret> secrets, const std::optional<std::string>& proxy);

}  // namespace detail

struct runtime::impl {
    explicit impl(const runtime_options& o)
        : has_log{o.logger},
          observers{detail::observers_of(o)},
          secrets{std::make_shared<detail::known_secrets>(detail::with_proxies(o.secrets, o.http.proxy), warning())},
          record{o.record.empty() ? detail::variable("REAGENT_RECORD") : o.record},
          replay{o.replay.empty() ? detail::variable("REAGENT_REPLAY") : o.replay},
          journals{o.journals},
          blocking{std::max(1u, o.blocking_threads)},
          exit_grace{o.exit_grace} {
        detail::reserve_descriptors(1'024);
        for (unsigned i = 0; i < std::max(1u, o.threads); ++i) loops->emplace_back(o.http);
        next = loops->begin();
    }
    ~impl() {
        {
            std::lock_guard lock{mutex};
            for (const auto& weak : active)
                if (auto s = weak.lock()) {
                    s->shutdown = true;
                    detail::cancel(s);
                }
        }
        // What runs on the pool reports to a loop, so the loops go last.
        auto left = blocking.close(exit_grace, loops);
        for (auto& l : *loops) l.stop();
        if (!left.empty()) tell_left(left);
    }

    /// Names the work that the runtime's end does not wait for any longer.
    void tell_left(const std::vector<std::string>& names) const;

    /// What concerns no run, to all observers.
    void message(run_observer::level how, std::string_view text) const;
    std::function<void(std::string_view)> warning() const;

    bool has_log;
    std::shared_ptr<const detail::observer_list> observers;  // null: none
    std::shared_ptr<detail::known_secrets> secrets;
    std::string record, replay;
    std::atomic<std::uint64_t> started = 0, recorded = 0;
    std::shared_ptr<journal_store> journals;
    std::shared_ptr<durable_service> durable;  // under `mutex`; null until it is wanted
    detail::blocking_pool blocking;
    std::chrono::milliseconds exit_grace;
    std::mutex mutex;
    std::shared_ptr<std::list<detail::loop>> loops = std::make_shared<std::list<detail::loop>>();
    std::list<detail::loop>::iterator next;
    /// Whether this thread is an event loop's or one for blocking calls: waiting for a run here could wait for itself.
    const std::function<bool()> is_own_thread = [loops = std::weak_ptr{loops}, is_blocking = blocking.is_here()] {
        auto held = loops.lock();
        return held && (detail::is_here(*held) || is_blocking());
    };
    std::set<std::weak_ptr<run::state>, std::owner_less<>> active;
};

}  // namespace reagent
