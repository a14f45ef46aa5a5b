#pragma once

#include "answers.hpp"

#include <openssl/ssl.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace reagent::fuzz {

/// What peers did and saw.
struct peer_log {
    std::map<std::uint64_t, int> asked;  ///< how often each request came, whole
    std::map<std::uint64_t, std::string>
        owed;  ///< the body of a request that was answered as it should be, and nothing but that
    std::vector<std::uint64_t> marks;  ///< of requests seen, for answers to others
    std::uint64_t poisons = 0, floods = 0, resets = 0, stalls = 0, reused = 0, tunnels = 0;
};

/// The other end of a connection: a server that lies. It never waits; `step` does what can be done now, so that one
/// thread plays both ends and the same choices give the same bytes at the same places.
class peer {
public:
    /// @param fd its end of a socket pair, not blocking; closed at the end
    /// @param tls nullptr: plain
    peer(int fd, SSL_CTX* tls, bool is_proxy, choices& c, peer_log& log);
    ~peer();
    peer(const peer&) = delete;

    /// @return whether something happened
    bool step();
    /// Everybody waits: ends the lull.
    void poke();
    bool is_closed() const { return fd_ < 0; }

private:
    bool handshake();
    bool receive();
    void take_requests();
    void answer_to(std::uint64_t nonce, bool head_only, bool may_redirect);
    bool transmit();
    long put(std::string_view bytes);
    void finish();
    void close();
    void poison(std::string& to);
    bool request_waits() const;

    int fd_;
    SSL_CTX* context_;
    SSL* ssl_ = nullptr;
    bool proxy_, deaf_, in_tls_ = false, tunnel_ = false, dirty_ = false;
    choices& choose_;
    peer_log& log_;
    std::string in_, out_, flood_, late_;
    std::size_t flood_left_ = 0, piece_ = 0;
    int served_ = 0, pause_ = 0;
    enum class ending { keep, eof, stall } ending_ = ending::keep;
    bool answering_ = false;
};

}  // namespace reagent::fuzz
