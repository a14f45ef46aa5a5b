#pragma once

#include <reagent/run/runtime.hpp>

#include "state.hpp"

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
    explicit loop(const http::client_options& options) : http{context.get_executor(), options}, thread{[this] { context.run(); }} {}
    ~loop() { stop(); }

    /// Ends its thread. What is posted to it then stays undone.
    void stop() {
        if (!thread.joinable()) return;
        work.reset();
        thread.join();
        arrivals->close();
    }

    asio::io_context context;
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
    http::client http;
    std::shared_ptr<paced_queue> arrivals = std::make_shared<paced_queue>(context.get_executor());
    std::thread thread;
};

inline bool is_here(std::list<loop>& loops) {
    return std::any_of(loops.begin(), loops.end(), [](loop& l) { return l.context.get_executor().running_in_this_thread(); });
}

std::string variable(const char* name);

/// Makes room for so many open files. Linux lets a process with several threads wait for tens of milliseconds whenever its table of files
/// grows (fs/file.c, expand_fdtable: synchronize_rcu), which on an event loop would stop every run.
void reserve_descriptors(std::size_t n);

/// "" when nothing failed.
std::string text_of(const std::exception_ptr& failure);

/// Tells a durable run's store of its end; `failure` becomes what a caller is told.
task<void> close_log(run::state& s, std::exception_ptr& failure);

run_error no_journals();

/// The secrets, and the passwords of proxies.
std::vector<secret> with_proxies(std::vector<secret> secrets, const std::optional<std::string>& proxy);

}  // namespace detail

struct served_program {
    program_function program;
    run_options options;
    runtime::options_of_inputs adjust;

    /// @throws run_error(not_possible) where the inputs hold what `adjust` does not take
    run_options options_for(const json::object& inputs) const {
        run_options own = options;
        if (!adjust) return own;
        try {
            adjust(own, inputs);
        } catch (const run_error&) {
            throw;
        } catch (const std::exception& e) {
            throw run_error{run_errc::not_possible, e.what()};
        }
        return own;
    }
};

struct runtime::impl {
    explicit impl(const runtime_options& o)
        : logger{o.logger},
          secrets{std::make_shared<detail::known_secrets>(detail::with_proxies(o.secrets, o.http.proxy), o.logger)},
          telemetry{o.telemetry},
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

    std::shared_ptr<spdlog::logger> logger;
    std::shared_ptr<detail::known_secrets> secrets;
    std::shared_ptr<reagent::telemetry> telemetry;
    std::string record, replay;
    std::atomic<std::uint64_t> started = 0, recorded = 0;
    std::shared_ptr<journal_store> journals;
    std::map<std::string, std::shared_ptr<const served_program>> programs;  // under `mutex`
    std::atomic<bool> stop_work = false;
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
