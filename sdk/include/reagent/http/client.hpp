#pragma once

#include <reagent/task.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reagent::http {

struct request {
    std::string method = "GET";
    std::string url;  ///< http:// or https://
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
};

struct response {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::string body;

    /// The value of a header, or "". @param name in lower case
    std::string_view header(std::string_view name) const;
};

struct client_options {
    std::size_t max_response_bytes = 16 * 1024 * 1024;
    std::size_t max_header_bytes = 64 * 1024;
    std::size_t max_idle_connections = 1024;   ///< kept open in all
    std::chrono::seconds idle_timeout{30};     ///< an idle connection older than this is not used again
    std::chrono::seconds connect_timeout{10};  ///< name resolution, connection and TLS handshake together
    std::string ca_file{};                     ///< PEM; "" uses the system's certificates
    bool verify_tls = true;                    ///< false only for experiments: anybody can be the server then
    std::string user_agent = "reagent";
};

/// An HTTP/1.1 client with a pool of connections that are kept alive. Belongs to one thread: it is used from the
/// executor that it was made with. Redirects are not followed. Source: RFC 9110, RFC 9112.
class client {
public:
    client(asio::any_io_executor executor, client_options options);
    ~client();
    client(const client&) = delete;

    /// Sends a request and reads the whole response; any status is a response.
    ///
    /// A connection from the pool that turns out to be closed is replaced once, provided that no byte of the response
    /// had come.
    /// @throws http_error: bad_url, resolve_failed, connect_failed, tls_failed, deadline_exceeded, body_too_large,
    ///         headers_too_large, malformed_response, connection_closed
    /// @throws boost::system::system_error(operation_aborted) when the awaiting coroutine is cancelled
    task<response> send(request r, clock::time_point deadline = no_deadline);

    std::size_t idle_connections() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Scheme, host, port and target of an absolute URL. @throws http_error(bad_url)
struct url_parts {
    bool tls = false;
    std::string host, port, target;
};
url_parts parse_url(std::string_view url);

}  // namespace reagent::http
