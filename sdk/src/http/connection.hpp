#pragma once

#include <reagent/http/client.hpp>

#include "proxy.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <map>
#include <optional>

namespace reagent::http {

using tcp = asio::ip::tcp;

/// A connection, plain or TLS, with what was read beyond the last response.
struct connection {
    explicit connection(const asio::any_io_executor& executor) : socket{executor} {}

    /// Whether nothing waits to be read. A server that closed an idle connection has sent EOF (or a TLS alert); one that sent what nobody
    /// asked for would have it taken for the answer to the next request, which may be another run's.
    bool usable();

    tcp::socket socket;
    std::optional<asio::ssl::stream<tcp::socket&>> tls;
    boost::beast::flat_buffer buffer;
    clock::time_point idle_since{};

    using queue = std::multimap<clock::time_point, connection*>;
    std::optional<queue::iterator> watched;  // its place among the deadlines
    bool expired = false;                    // closed because its deadline passed
};

/// The deadlines of a client's exchanges, with one timer for all. When one passes, its connection is closed, which ends
/// whatever waits on it: closing, unlike cancelling, also ends what is begun a moment later.
class deadlines : public std::enable_shared_from_this<deadlines> {
public:
    explicit deadlines(const asio::any_io_executor& executor) : timer_{executor} {}
    void watch(connection& c, clock::time_point deadline);
    void forget(connection& c);

private:
    void arm();
    void expire();

    asio::steady_timer timer_;
    connection::queue waiting_;
};

/// How to reach a server.
struct route {
    url_parts to;
    std::optional<proxy_address> proxy;
};

/// Connects: name resolution, the proxy's tunnel, TLS. @param what for messages
task<std::unique_ptr<connection>> connect(asio::any_io_executor executor, const route& r, const client_options& options,
                                          asio::ssl::context* tls, const std::string& what);

}  // namespace reagent::http
