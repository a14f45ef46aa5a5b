#pragma once

#include "descriptor.hpp"

#include <boost/json/value.hpp>

#include <optional>
#include <string>

namespace reagent::sandbox::detail {

/// Messages in frames (four bytes of length, then JSON) over one end of a socket pair, without blocking. What comes is
/// anybody's.
class channel {
public:
    /// @param most  bytes of a message that comes
    channel(descriptor end, std::size_t most) : end_{std::move(end)}, most_{most} {}

    int fd() const { return end_.fd; }
    void queue(const boost::json::value& message);
    bool has_to_send() const { return sent_ < to_send_.size(); }
    void send_some();     ///< as much as fits
    void receive_some();  ///< what there is, up to one message
    /// The next message that has come. @throws std::runtime_error of what is no message
    std::optional<boost::json::value> next();

private:
    descriptor end_;
    std::size_t most_;
    std::string to_send_, received_;
    std::size_t sent_ = 0;
};

struct socket_pair {
    descriptor ours, theirs;
    socket_pair();
};

}  // namespace reagent::sandbox::detail
