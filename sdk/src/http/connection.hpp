#pragma once

#include <reagent/error.hpp>
#include <reagent/http/client.hpp>

#include "proxy.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

namespace reagent::http {

using tcp = asio::ip::tcp;

/// A connection, plain or TLS, with what was read beyond the last response.
///
/// What a peer can make it hold: what was read and is no whole line yet, at most `most_unread(options)`, and what the
/// parser keeps of the bytes around a body, at most `max_header_bytes` for one answer with its interim answers and
/// trailers. The body is its reader's to count.
struct connection {
    connection(const asio::any_io_executor& executor, const client_options& options)
        : socket{executor}, max_header_bytes{options.max_header_bytes}, buffer{most_unread(options)} {}

    static std::size_t most_unread(const client_options& options) {
        return std::max<std::size_t>(options.max_header_bytes, 16 * 1024);
    }

    /// Whether nothing waits to be read. A server that closed an idle connection has sent EOF (or a TLS alert); one
    /// that sent what nobody asked for would have it taken for the answer to the next request, which may be another
    /// run's.
    bool usable();

    /// Whether a server has sent something before it was asked, which is no answer to what it will be asked.
    bool spoke_first();

    /// Gives memory back before a time of idleness.
    void rest();

    /// Forgets what the last exchange took.
    void begin_exchange() { taken = 0; }

    /// What is left of `max_header_bytes` for an answer's head.
    std::uint32_t head_allowance() const {
        auto left = max_header_bytes - std::min<std::uint64_t>(taken, max_header_bytes);
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(left, 1u << 30));
    }

    /// Whether the exchange brought more around its body than it may. A body in chunks of one byte has five bytes
    /// around each.
    /// @param body bytes of body so far, as they came
    bool overfull(std::uint64_t body) const { return taken - std::min(taken, body) > max_header_bytes + 8 * body; }

    /// Feeds the parser with what is there, and with what is read from the peer when that is not enough for a step.
    /// @return end_of_stream where the peer closed before it said anything; buffer_overflow for a line beyond the
    /// buffer
    task<error_code> advance(boost::beast::http::basic_parser<false>& parser);

    /// Where the next bytes are read to. @param ec buffer_overflow for a line beyond the buffer
    asio::mutable_buffer room(error_code& ec);
    /// Feeds the parser with so many bytes that were read there. @param ec of reading them; then what it means for the
    /// message
    /// @return as `consume`; true with an error
    bool take(boost::beast::http::basic_parser<false>& parser, std::size_t bytes, error_code& ec);

    /// Feeds the parser with what is there. @return whether that was a step, or an error that `ec` says
    bool consume(boost::beast::http::basic_parser<false>& parser, error_code& ec);

    tcp::socket socket;
    std::optional<asio::ssl::stream<tcp::socket&>> tls;
    std::size_t max_header_bytes;
    std::uint64_t taken = 0;  // bytes of this exchange that were parsed
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
