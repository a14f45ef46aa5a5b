#pragma once

#include <reagent/http/client.hpp>
#include <reagent/run/run.hpp>

#include "kept_events.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <random>

namespace spdlog {
class logger;
}

namespace reagent {

/// What the handles of one run share. Touched on the run's thread only, but for `cancelled`.
struct run::state : std::enable_shared_from_this<run::state> {
    run_options options;
    asio::any_io_executor executor;
    http::client* http = nullptr;
    asio::thread_pool* blocking = nullptr;
    std::shared_ptr<spdlog::logger> logger;

    std::shared_ptr<journal> history = std::make_shared<journal>();
    detail::kept_events kept;
    reagent::usage usage;
    std::map<std::string, reagent::usage> by_model;
    std::uint64_t calls_started = 0;
    clock::time_point started = clock::now();
    clock::time_point deadline = no_deadline;
    std::chrono::microseconds duration{};
    std::optional<std::mt19937_64> random;  // made when it is first wanted: it is large, and few runs want it

    // By the parameters of the variation they were made for; null: the run's own.
    std::map<std::shared_ptr<const reagent::parameters>, std::map<std::string, std::shared_ptr<const prompt_template>>> prompts;

    asio::cancellation_signal signal;
    std::atomic<bool> cancelled = false;
    bool finished = false;  // the coroutine has ended: there is nothing left to cancel
    std::optional<reagent::run> trunk;
};

}  // namespace reagent
