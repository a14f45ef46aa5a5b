#pragma once

#include <reagent/task.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reagent {

/// Told once when a client goes away before it was answered. Belongs to the server's thread.
class departure {
public:
    /// At once where it has gone already. Replaces what was set before; {} for nothing.
    void on_leave(std::function<void()> tell);
    void leave();
    bool has_left() const { return left_; }

private:
    std::function<void()> tell_;
    bool left_ = false;
};

/// A request that has passed the server's checks: host, origin, key, size.
struct http_request {
    std::string id{};      ///< X-Request-Id: the client's where it is [A-Za-z0-9._-]{1,64}, else a random one
    std::string method{};  ///< "POST"
    std::string path{};    ///< decoded, without the query
    std::string target{};  ///< the path as it came, without the query: what is printable ASCII and no blank
    std::map<std::string, std::string, std::less<>> places{};    ///< of the pattern: "/runs/{id}" has "id"
    std::map<std::string, std::string, std::less<>> query{};     ///< decoded
    std::vector<std::pair<std::string, std::string>> headers{};  ///< as they came
    std::string body{};
    std::string caller{};  ///< the name of the API key; "" where none is wanted
    bool decides = false;  ///< `api_key::decides` of that key
    std::shared_ptr<departure> client = std::make_shared<departure>();
    std::string program{}, version{}, run{}, error{};  ///< for the access log; the handler may set them

    std::string_view header(
        std::string_view name) const;  ///< the first of that name, in any case; "" where there is none
};

/// Writes server-sent events. Each `send` waits until the client has taken it.
class event_sink {
public:
    virtual ~event_sink() = default;
    /// @param events "event: NAME\ndata: TEXT\n\n", one or several. @throws boost::system::system_error when the client
    /// has gone, or takes nothing for 30 seconds
    virtual task<void> send(std::string events) = 0;
};
/// `data` may have several lines.
std::string event_text(std::string_view name, std::string_view data);

struct http_reply {
    int status = 200;
    std::string body{};
    std::string type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers{};
    std::function<task<void>(event_sink&)> events{};  ///< instead of a body: writes the events; then the answer ends
};

/// Answers a request on the server's thread; must not block.
using http_handler = std::function<task<http_reply>(std::shared_ptr<http_request>)>;

}  // namespace reagent
