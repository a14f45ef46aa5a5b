#pragma once

#include <reagent/error.hpp>
#include <reagent/http/client.hpp>

#include "incoming.hpp"
#include "proxy.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <optional>

namespace reagent::http {

using tcp = asio::ip::tcp;

/// A connection, plain or TLS, with what was read beyond the last response.
struct connection : incoming {
    connection(const asio::any_io_executor& executor, const client_options& options)
        : incoming{options.max_header_bytes}, socket{executor} {}

    /// Whether nothing waits to be read. A server that closed an idle connection has sent EOF (or a TLS alert); one
    /// that sent what nobody asked for would have it taken for the answer to the next request, which may be another
    /// run's.
    bool usable();

    /// Whether a server has sent something before it was asked, which is no answer to what it will be asked.
    bool spoke_first();

    /// Gives memory back before a time of idleness.
    void rest();

    /// Feeds the parser with what is there, and with what is read from the peer when that is not enough for a step.
    /// @return end_of_stream where the peer closed before it said anything; buffer_overflow for a line beyond the
    /// buffer
    task<error_code> advance(boost::beast::http::basic_parser<false>& parser);

    tcp::socket socket;
    std::optional<asio::ssl::stream<tcp::socket&>> tls;
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

/// Opens the socket in place of name resolution and TCP, as with one end of a socket pair. @throws http_error
using dialer = std::function<void(tcp::socket& socket, const std::string& host, const std::string& port)>;

/// Connects: name resolution, the proxy's tunnel, TLS. @param what for messages @param dial empty: by TCP
task<std::unique_ptr<connection>> connect(asio::any_io_executor executor, const route& r, const client_options& options,
                                          asio::ssl::context* tls, const dialer& dial, const std::string& what);

/// What tests of a client change in it.
struct client_seams {
    static void dial_by(client& c, dialer d);
};

}  // namespace reagent::http
