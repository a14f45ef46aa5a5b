#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reagent::test {

struct server_request {
    std::string method, target, body, authorization;
    std::vector<std::pair<std::string, std::string>> headers;
    int connection = 0;  // number of the connection it came on, from 0
};

struct server_response {
    int status = 200;
    std::string body{};
    std::string content_type = "application/json";
    std::chrono::milliseconds delay{0};
    bool close = false;  // close the connection after the response
    bool drop = false;   // close it without any response
    std::string raw{};   // sent as it is, instead of a response
    std::vector<std::pair<std::string, std::string>> headers{};
    std::vector<std::string>
        pieces{};  // instead of a body: sent one by one, as chunks; or as they are, when `raw` is not empty
    std::chrono::milliseconds piece_delay{0};
    bool reset = false;  // then, or instead of a response when there are no pieces, the connection is reset
    bool hold = false;   // then it stays open, silent
};

/// A real HTTP server on 127.0.0.1, on a thread of its own. The handler is called on that thread.
class loopback_server {
public:
    using handler = std::function<server_response(const server_request&)>;

    struct tls {
        std::string certificate_pem, key_pem;
    };

    explicit loopback_server(handler h, const tls* t = nullptr, unsigned short port = 0);  // port 0: any that is free
    ~loopback_server();

    unsigned short port() const;
    std::string url(const std::string& target = "/") const;
    int connections() const;  // accepted so far
    int requests() const;
    int pieces() const;  // sent so far, of all answers
    int open() const;    // connections that are open now
    void close_idle();   // closes every open connection

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// A self-signed certificate for the names, made now; and a file that holds it.
struct certificate {
    std::string certificate_pem, key_pem, file;
    explicit certificate(const std::string& subject_alternative_name = "DNS:localhost,IP:127.0.0.1",
                         bool expired = false, const std::string& common_name = "reagent test");
    ~certificate();
};

}  // namespace reagent::test
