#include "channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/json.hpp>

#include <array>

namespace reagent::sandbox::detail {
namespace {

constexpr std::size_t header = 4;

std::size_t length_in(const std::string& frame) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < header; ++i) n = n << 8 | static_cast<unsigned char>(frame[i]);
    return n;
}

}  // namespace

socket_pair::socket_pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair");
    descriptor a{ends[0]}, b{ends[1]};
    ours = out_of_the_way(std::move(a));
    theirs = out_of_the_way(std::move(b));
    ::fcntl(ours.fd, F_SETFL, O_NONBLOCK);
}

void channel::queue(const boost::json::value& message) {
    std::string text = boost::json::serialize(message);
    if (text.size() >> 32 != 0)
        throw std::invalid_argument{"sandbox: what is handed to the interpreter has more than 4 GB"};
    for (int shift = 24; shift >= 0; shift -= 8) to_send_ += static_cast<char>(text.size() >> shift & 0xff);
    to_send_ += text;
}

void channel::send_some() {
    while (has_to_send()) {
        auto n = ::send(end_.fd, to_send_.data() + sent_, to_send_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;  // full, or nobody is there any more, which its descriptor tells
        sent_ += static_cast<std::size_t>(n);
    }
    to_send_.clear();
    to_send_.shrink_to_fit();
    sent_ = 0;
}

void channel::receive_some() {
    std::array<char, 65536> part;
    while (received_.size() < header || received_.size() < header + std::min(length_in(received_), most_)) {
        auto n = ::recv(end_.fd, part.data(), part.size(), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        received_.append(part.data(), static_cast<std::size_t>(n));
    }
}

std::optional<boost::json::value> channel::next() {
    if (received_.size() < header) return {};
    const auto length = length_in(received_);
    if (length > most_) throw std::runtime_error{"it tells more than max_message_bytes"};
    if (received_.size() < header + length) return {};
    boost::json::error_code ec;
    boost::json::parse_options deep;
    deep.max_depth = 128;
    auto message = boost::json::parse(std::string_view{received_}.substr(header, length), ec, {}, deep);
    if (ec) throw std::runtime_error{"it tells what is no JSON: " + ec.message()};
    received_.erase(0, header + length);
    return message;
}

}  // namespace reagent::sandbox::detail
