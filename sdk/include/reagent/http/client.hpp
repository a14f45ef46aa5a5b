#pragma once

#include <reagent/task.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reagent::http {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// What to do when a server answers with another address (301, 302, 303, 307, 308 and Location).
enum class redirects {
    none,         ///< the redirect is the response
    same_origin,  ///< follow to the same scheme, host and port, at most five times; elsewhere is
                  ///< http_error(redirect_refused)
    any,          ///< follow anywhere, without the credentials where the origin changes
};

struct request {
    std::string method = "GET";
    std::string url{};  ///< http:// or https://
    header_list headers{};
    std::string body{};
    header_list credentials{};  ///< headers that only the URL's own scheme, host and port may see
    redirects follow = redirects::none;
    /// Sending it twice does no harm, so a connection from the pool that breaks before the first byte of the response
    /// is replaced and the request sent again. GET and HEAD always are.
    bool repeatable = false;
};

struct response {
    int status = 0;
    header_list headers{};  ///< names in lower case
    std::string body{};

    /// The value of a header, or "". @param name in lower case
    std::string_view header(std::string_view name) const;
};

struct client_options {
    /// Of a response's body, whole or in pieces, packed and unpacked.
    std::size_t max_response_bytes = 16 * 1024 * 1024;
    /// Of all that a response brings around its body: interim responses, status line, headers, sizes and extensions of
    /// chunks (beyond 8 bytes for each byte of the body), trailers. With `max_response_bytes` this bounds what a server
    /// can make a connection hold.
    std::size_t max_header_bytes = 64 * 1024;
    std::size_t max_idle_connections = 1024;  ///< kept open in all
    std::chrono::seconds idle_timeout{30};    ///< an idle connection older than this is not used again
    std::chrono::seconds connect_timeout{
        10};                 ///< name resolution, connection, proxy and TLS handshake together; zero and less: no limit
    std::string ca_file{};   ///< PEM; "" uses the system's certificates
    bool verify_tls = true;  ///< false only for experiments: anybody can be the server then
    std::string user_agent = "reagent";
    /// `http://[user:password@]host:port`; "" for none; not set: http_proxy, https_proxy, all_proxy and no_proxy of the
    /// environment, in small or (but for http_proxy) capital letters. This machine's own addresses never go through it:
    /// localhost and names below it, its host name, loopback and unspecified addresses, and those of its interfaces.
    /// Other names are not resolved here, so no_proxy has to name those that /etc/hosts gives this machine.
    std::optional<std::string> proxy{};
};

/// A response whose body is read as it comes. Must not outlive its client.
class response_stream {
public:
    response_stream(response_stream&&) noexcept;
    response_stream& operator=(response_stream&&) noexcept;
    ~response_stream();  ///< gives the connection back when the body was read to its end, else closes it

    const response& head() const;  ///< status and headers; the body is empty

    /// The next piece of the body; "" at its end. @throws as `client::send`
    task<std::string> read();

    /// Whether the peer has nothing more to send: `read` does not wait.
    bool at_end() const;

    struct impl;
    explicit response_stream(std::unique_ptr<impl> i);

private:
    std::unique_ptr<impl> impl_;
};

/// An HTTP/1.1 client with a pool of connections that are kept alive. Belongs to one thread: it is used from the
/// executor that it was made with. A compressed body is unpacked. Source: RFC 9110, RFC 9112.
class client {
public:
    client(asio::any_io_executor executor, client_options options);
    ~client();
    client(const client&) = delete;

    /// Sends a request and reads the whole response; any status is a response.
    ///
    /// @throws http_error: bad_url, resolve_failed, connect_failed, tls_failed, deadline_exceeded, body_too_large,
    ///         headers_too_large, malformed_response, connection_closed, redirect_refused
    /// @throws boost::system::system_error(operation_aborted) when the awaiting coroutine is cancelled
    task<response> send(request r, clock::time_point deadline = no_deadline);

    /// Sends a request and reads the head of the response. @param deadline also of reading the body
    task<response_stream> open(request r, clock::time_point deadline = no_deadline);

    std::size_t idle_connections() const;

    struct impl;

private:
    friend struct client_seams;
    std::unique_ptr<impl> impl_;
};

/// Scheme, host, port and target of an absolute URL, as the client will use them: what checks an address before it is
/// asked for reads it by this very function. `host` is a name in lower case, an IPv4 address of four numbers, or an
/// IPv6 address in its shortest form without brackets; every other spelling (percent-encoding, a dot at the end,
/// 0x7f.1, a user's name) is refused.
struct url_parts {
    bool tls = false;
    std::string host, port, target;
};
/// @throws http_error(bad_url)
url_parts parse_url(std::string_view url);

}  // namespace reagent::http
