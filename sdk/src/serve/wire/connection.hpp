#pragma once

#include <reagent/serve/http_exchange.hpp>
#include <reagent/serve/server_options.hpp>

#include "../../http/incoming.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <list>
#include <memory>
#include <optional>

namespace reagent::detail {

/// What stands behind the connections. On the server's thread.
class wire_handler {
public:
    virtual ~wire_handler() = default;
    /// Before the body is read. @return why it is not; none: it is answered
    virtual std::optional<http_reply> refuse(http_request& head) = 0;
    virtual task<http_reply> answer(std::shared_ptr<http_request> request) = 0;
    /// What the connection itself refuses, as a status and words for it.
    virtual http_reply refusal(int status, std::string_view why) = 0;
    /// @param status 499 where the client had gone
    virtual void answered(const http_request& request, int status, std::size_t bytes_in, std::size_t bytes_out,
                          std::chrono::microseconds took) = 0;
    virtual std::string new_id() = 0;
};

class connection;

/// All connections of a server.
struct connections {
    wire_handler& handler;
    const server_limits& limits;
    std::list<connection*> all{};  ///< those that wait for a request are in the order in which they began to
    bool stopping = false;

    /// Closes the one that has been waiting for the longest, where there are as many as may be. @return false when all
    /// are busy
    bool make_room();
    void close_waiting();
    void close_all();
    void sweep(clock::time_point now);  ///< ends what is overdue
};

/// One client: reads requests and writes answers until either side has enough. Whatever goes wrong ends it and nothing
/// else. The parser is fed here, in a coroutine: what it throws in an operation of Beast would end the server's thread.
class connection : public std::enable_shared_from_this<connection> {
    using tcp = asio::ip::tcp;
    using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

public:
    connection(tcp::socket socket, std::shared_ptr<connections> of);
    ~connection();
    task<void> serve();

    bool waits() const { return phase_ == phase::waiting; }
    void close();
    void stop();  ///< ends what it waits for, soon; answers that are being written may still be
    void sweep(clock::time_point now);

private:
    enum class phase { waiting, reading, answering, writing, draining };

    void enter(phase p, std::chrono::milliseconds limit);
    task<bool> serve_one();
    task<boost::system::error_code> advance(parser& p);
    task<boost::system::error_code> read_head(parser& p);
    task<bool> read_body(parser& p, http_request& request);
    task<bool> refuse(const http_request& request, http_reply reply);
    task<bool> write(const http_request& request, http_reply reply, bool keep);
    task<bool> stream(const http_request& request, http_reply reply, bool keep);
    task<void> write_all(std::string head, std::string body);
    task<void> drain();
    std::string head_of(const http_reply& reply, const http_request& request, bool keep) const;
    std::optional<http_reply> refusal_of(const boost::system::error_code& ec) const;
    std::shared_ptr<http_request> request_of(const parser& p) const;
    void watch(std::shared_ptr<departure> client);
    void unwatch();
    bool keeps(const parser& p) const { return p.get().keep_alive() && !of_->stopping; }

    tcp::socket socket_;
    std::shared_ptr<connections> of_;
    std::list<connection*>::iterator place_;
    http::incoming in_;
    phase phase_ = phase::waiting;
    clock::time_point due_ = no_deadline, begun_{};
    bool overdue_ = false;
    std::shared_ptr<departure> client_;
    clock::time_point leaves_ = no_deadline;  // it has closed its half
    std::uint64_t watch_ = 0;                 // the number of the watch that counts
    std::size_t bytes_out_ = 0;
    unsigned version_ = 11;
};

}  // namespace reagent::detail
