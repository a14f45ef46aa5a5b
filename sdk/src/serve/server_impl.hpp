#pragma once

#include "access.hpp"
#include "durable/durable_runs.hpp"
#include "program_route.hpp"
#include "router.hpp"
#include "wire/connection.hpp"

#include "../base/redact.hpp"
#include "../base/secret_search.hpp"

#include <reagent/serve/server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>

#include <thread>

namespace reagent {

struct server::impl final : detail::wire_handler {
    impl(runtime& rt, server_options o);
    ~impl() override;

    std::optional<http_reply> refuse(http_request& head) override;
    task<http_reply> answer(std::shared_ptr<http_request> request) override;
    http_reply refusal(int status, std::string_view why) override;
    void answered(const http_request& r, int status, std::size_t in, std::size_t out,
                  std::chrono::microseconds took) override;
    std::string new_id() override;

    detail::router::route& handle(const std::string& method, const std::string& pattern, http_handler handler);
    void add_own_routes();
    void add_models();
    void add_durable(detail::program_route& route);
    void add_stored_places();  // /runs and /sessions
    detail::program_route& program_at(const std::string& path) const;
    const detail::program_route* program_named(std::string_view name) const;

    void begin_all();  // coroutines that go on until the server stops
    void serve(bool with_signals);
    void work();  // runs the context
    void tell_of(const std::exception_ptr& failure) const;
    void begin_to_stop();
    void end_now();
    task<void> accept();
    void welcome(asio::ip::tcp::socket socket);
    task<void> sweep();
    task<void> follow(detail::program_route& of);
    std::string id_for(const http_request& r);
    std::string description();  // OpenAPI
    task<http_reply> metrics(std::shared_ptr<http_request> r);

    runtime& rt;
    server_options options;
    asio::io_context context{1};
    asio::thread_pool blocking{1};
    asio::ip::tcp::acceptor acceptor{context};
    asio::signal_set signals{context};
    asio::steady_timer ticks{context};
    detail::access access;
    detail::secret_search keys;  // which nothing that is written holds
    detail::router routes;
    std::shared_ptr<detail::route_context> by;
    std::shared_ptr<detail::connections> clients;
    std::vector<std::unique_ptr<detail::program_route>> programs;
    std::shared_ptr<detail::durable_runs> stored;  // null: no program is durable
    std::map<std::string, detail::route_metrics, std::less<>> measured;
    std::string described;  // made when it is first wanted
    std::atomic<bool> used = false;
    bool stopping = false;
    clock::time_point ends = no_deadline;
    std::thread thread;
};

}  // namespace reagent
