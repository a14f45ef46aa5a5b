#pragma once

#include <reagent/run/runtime.hpp>
#include <reagent/serve/http_exchange.hpp>
#include <reagent/serve/served_program.hpp>
#include <reagent/serve/server_options.hpp>

namespace reagent {

/// Programs over HTTP/1.1:
///
///     rg::runtime runtime;
///     ticket_router program;
///     rg::server server{runtime, {.port = 8080}};
///     server.add("/classify", program, {.run = lm, .saved = "programs@production"});
///     server.run();                                  // until SIGINT or SIGTERM
///
/// POST a path with the program's inputs as a JSON object; the answer is its outputs. What comes besides:
/// docs/serving.md. The runtime and the programs must outlive it. Its functions are thread-safe unless they say
/// otherwise; its work is done on one thread, runs on the runtime's.
class server {
public:
    /// Listens from here on, and answers once it runs. @throws std::invalid_argument for options that protect nothing
    /// (an address that is not loopback without keys, a short key); boost::system::system_error when the address cannot
    /// be listened on
    explicit server(runtime& rt, server_options options = {});
    ~server();  ///< as `stop`, without time for requests under way
    server(const server&) = delete;

    /// Before it runs. @param path "/classify". @throws std::invalid_argument for a path that is taken or is none;
    /// program_error for a saved program that does not fit
    void add(std::string path, served_program program, route_options options);
    template <program_type M>
    void add(std::string path, const M& program, route_options options) {
        add(std::move(path), served(program), std::move(options));
    }
    template <program_type M>
    void add(std::string, const M&&, route_options) {
        static_assert(!std::is_class_v<M>,
                      "reagent: a served program must outlive the server, and this one is a temporary; name it first");
    }

    /// Something else under a path, behind the same checks: `server.handle("GET", "/runs/{id}", ...)`. Before it runs.
    void handle(std::string method, std::string pattern, http_handler handler);

    /// Serves until `stop`, or SIGINT or SIGTERM, on this thread. @throws std::logic_error the second time
    void run();
    /// Serves on a thread of its own, and leaves signals alone.
    void start();
    /// Takes no more requests, lets those under way end (`server_limits::stop_time`), and returns at once; `run`
    /// returns after the last.
    void stop();

    unsigned short port() const;
    std::string url() const;  ///< "http://127.0.0.1:8080"

    /// Has an input answered by a version of a route's program (number or tag of its store; "": the current one),
    /// beside all requests: for shadows. Not counted in queue, metrics or observers. @param done called once, on a
    /// thread of the runtime; must not block
    void answer_by(const std::string& version, const std::string& route, json::object input,
                   std::function<void(const versioned_answer&)> done);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace reagent
