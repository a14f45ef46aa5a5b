#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include <poll.h>

#include <chrono>
#include <map>
#include <string>

namespace reagent::test {

/// An answer as it came.
struct raw_reply {
    int status = 0;
    std::map<std::string, std::string> headers{};  // names in lower case
    std::string body{};
    boost::json::value json() const { return boost::json::parse(body); }
};

/// A connection that sends bytes as they stand. Waits for at most 20 seconds.
class raw_client {
    using tcp = boost::asio::ip::tcp;

public:
    explicit raw_client(unsigned short port) : socket_{context_} {
        socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    }

    void send(std::string_view bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes.data(), bytes.size())); }
    /// Whether all of it went out before the other side closed.
    bool try_send(std::string_view bytes) {
        boost::system::error_code ec;
        boost::asio::write(socket_, boost::asio::buffer(bytes.data(), bytes.size()), ec);
        return !ec;
    }
    void half_close() { socket_.shutdown(tcp::socket::shutdown_send); }
    void close() { socket_.close(); }
    /// As a process that is killed in the middle.
    void reset() {
        socket_.set_option(boost::asio::socket_base::linger{true, 0});
        socket_.close();
    }

    raw_reply post(const std::string& path, const std::string& body, const std::string& headers = {}) {
        send("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
             std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body);
        return read();
    }
    raw_reply get(const std::string& path, const std::string& headers = {}) {
        send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
        return read();
    }

    /// The next answer; status 0 where the connection ended before one.
    raw_reply read() {
        raw_reply r;
        std::string head = until("\r\n\r\n");
        if (head.size() < 12) return r;
        r.status = std::stoi(head.substr(9, 3));
        for (std::size_t at = head.find("\r\n") + 2; at < head.size() - 2;) {
            auto colon = head.find(':', at), end = head.find("\r\n", at);
            std::string name = head.substr(at, colon - at);
            for (char& c : name) c = static_cast<char>(std::tolower(c));
            r.headers[name] = head.substr(colon + 2, end - colon - 2);
            at = end + 2;
        }
        if (r.headers.contains("content-length"))
            r.body = take(std::stoul(r.headers["content-length"]));
        else if (r.headers["transfer-encoding"] == "chunked")
            for (std::size_t n = 1; n > 0;) {
                n = std::stoul("0" + until("\r\n"), nullptr, 16);
                r.body += take(n);
                take(2);
            }
        return r;
    }
    /// Whatever comes until the text, which is a part of it; what there is where the connection ends.
    std::string until(const std::string& text) {
        for (;;) {
            if (auto at = buffer_.find(text); at != buffer_.npos) return take(at + text.size());
            if (!more()) return std::exchange(buffer_, {});
        }
    }
    bool is_closed() {
        while (more()) {
        }
        return closed_;
    }

private:
    std::string take(std::size_t n) {
        while (buffer_.size() < n && more()) {
        }
        std::string taken = buffer_.substr(0, n);
        buffer_.erase(0, n);
        return taken;
    }
    bool more() {
        pollfd p{socket_.native_handle(), POLLIN, 0};
        if (closed_ || ::poll(&p, 1, 20'000) != 1) return false;
        char bytes[16384];
        boost::system::error_code ec;
        auto n = socket_.read_some(boost::asio::buffer(bytes), ec);
        buffer_.append(bytes, n);
        closed_ = static_cast<bool>(ec);
        return n > 0;
    }

    boost::asio::io_context context_;
    tcp::socket socket_;
    std::string buffer_;
    bool closed_ = false;
};

}  // namespace reagent::test
