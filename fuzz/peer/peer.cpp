#include "peer.hpp"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace reagent::fuzz {

peer::peer(int fd, SSL_CTX* tls, bool is_proxy, choices& c, peer_log& log)
    : fd_{fd}, context_{tls}, proxy_{is_proxy}, deaf_{c.percent(1)}, choose_{c}, log_{log} {
    if (c.percent(2) && !tls && !deaf_) poison(out_);  // before anybody asked
    if (c.percent(1)) close();
}

peer::~peer() { close(); }

void peer::close() {
    if (ssl_) SSL_free(ssl_);
    ssl_ = nullptr;
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

// The answer to a request that came before, or to none.
void peer::poison(std::string& to) {
    if (log_.marks.empty()) return;
    ++log_.poisons;
    dirty_ = true;
    auto nonce = log_.marks[log_.marks.size() - 1 - choose_.below(std::min<std::size_t>(log_.marks.size(), 4))];
    answer a = valid_answer(choose_, nonce, false, false);
    if (choose_.percent(30)) a.bytes.resize(choose_.below(a.bytes.size() + 1));
    to += a.bytes;
}

bool peer::handshake() {
    if (!ssl_) {
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, fd_);
        SSL_set_accept_state(ssl_);
    }
    ERR_clear_error();
    int n = SSL_do_handshake(ssl_);
    if (n == 1) return in_tls_ = true;
    int why = SSL_get_error(ssl_, n);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) close();
    return false;
}

bool peer::receive() {
    if (deaf_) return false;
    char piece[4096];
    long n = 0;
    if (in_tls_) {
        ERR_clear_error();
        n = SSL_read(ssl_, piece, sizeof piece);
        if (n <= 0) {
            int why = SSL_get_error(ssl_, static_cast<int>(n));
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) close();
            return fd_ < 0;
        }
    } else {
        n = ::recv(fd_, piece, sizeof piece, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) close();
        if (n <= 0) return fd_ < 0;
    }
    in_.append(piece, static_cast<std::size_t>(n));
    take_requests();
    return true;
}

void peer::take_requests() {
    for (;;) {
        auto end = in_.find("\r\n\r\n");
        if (end == in_.npos) return;
        std::size_t body = 0;
        if (auto at = in_.find("Content-Length: "); at < end)
            body = static_cast<std::size_t>(std::stoul(in_.substr(at + 16, 10)));
        if (in_.size() < end + 4 + body) return;
        std::string head = in_.substr(0, end);
        in_.erase(0, end + 4 + body);
        if (proxy_ && !in_tls_ && head.starts_with("CONNECT ")) {
            ++log_.tunnels;
            tunnel_ = true;
            answer a;
            a.bytes = "HTTP/1.1 200 Connection established\r\n\r\n";
            if (choose_.percent(8)) damage(choose_, a);
            out_ = a.bytes;
            if (choose_.percent(8)) poison(out_);
            continue;
        }
        auto mark = mark_in(head);
        if (!mark) return close();  // a damaged redirect led here
        std::uint64_t nonce = *mark;
        ++log_.asked[nonce];
        log_.marks.push_back(nonce);
        if (log_.marks.size() > 64) log_.marks.erase(log_.marks.begin());
        if (served_++ > 0) ++log_.reused;
        // Nobody can tell bytes that were meant for an earlier request and are sent after this one came from its
        // answer.
        late_.clear();
        out_.clear();
        answer_to(nonce, head.starts_with("HEAD "), head.find(";r ") == head.npos);
    }
}

void peer::answer_to(std::uint64_t nonce, bool head_only, bool may_redirect) {
    answer a = valid_answer(choose_, nonce, head_only, may_redirect);
    bool damaged = choose_.percent(35);
    if (damaged) damage(choose_, a);
    bool cut = choose_.percent(8);
    std::size_t length = cut ? choose_.below(a.bytes.size() + 1) : a.bytes.size();
    ending_ = a.needs_eof           ? ending::eof
              : choose_.percent(80) ? ending::keep
              : choose_.percent(60) ? ending::eof
                                    : ending::stall;
    bool truncated = a.needs_eof && context_;  // to TLS, where no goodbye came
    bool right = !truncated && !damaged && !cut && !a.redirects && !dirty_ && a.body && ending_ != ending::stall;
    if (right)
        log_.owed[nonce] = *a.body;
    else
        log_.owed.erase(nonce);
    out_ += a.bytes.substr(0, length);
    if (cut && ending_ == ending::keep) ending_ = ending::stall;
    flood_ = cut ? std::string{} : a.flood;
    flood_left_ = flood_.empty() ? 0 : a.flood_bytes;
    if (flood_left_) ++log_.floods;
    // Behind an answer whose end nothing marks, or whose mark is damaged, it would be a part of its body.
    bool ends = !cut && !damaged && !a.needs_eof;
    if (ends && choose_.percent(15))
        poison(out_);  // in the same write
    else if (ends && choose_.percent(15))
        poison(late_);
    answering_ = true;
    static constexpr std::size_t pieces[]{1 << 20, 1 << 20, 1, 7, 100, 2000};
    piece_ = pieces[choose_.below(std::size(pieces))];
    if (out_.size() > 4000) piece_ = std::max<std::size_t>(piece_, 2000);
}

bool peer::request_waits() const {
    char byte;
    return !in_.empty() || ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

long peer::put(std::string_view bytes) {
    if (in_tls_ && !choose_.percent(1)) {
        ERR_clear_error();
        int n = SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 16000)));
        if (n > 0) return n;
        int why = SSL_get_error(ssl_, n);
        return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
    }
    if (in_tls_) dirty_ = true, log_.owed.clear();  // plain bytes amid TLS
    auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 && errno == EAGAIN ? 0 : n;
}

bool peer::transmit() {
    bool from_flood = out_.empty();
    if (from_flood && !flood_left_) return false;
    std::string_view next =
        from_flood ? std::string_view{flood_} : std::string_view{out_}.substr(0, piece_ ? piece_ : out_.size());
    long n = put(next);
    if (n < 0) {
        close();
        return true;
    }
    if (from_flood)
        flood_left_ -= std::min(flood_left_, static_cast<std::size_t>(n));
    else
        out_.erase(0, static_cast<std::size_t>(n));
    if (piece_ < 1000 && choose_.percent(30)) pause_ = static_cast<int>(choose_.below(4));
    return n > 0;
}

void peer::finish() {
    answering_ = false;
    if (ending_ == ending::stall) ++log_.stalls;
    if (ending_ != ending::eof) return;
    if (ssl_ && choose_.percent(70)) SSL_shutdown(ssl_);
    if (choose_.percent(50))
        close();
    else
        ::shutdown(fd_, SHUT_WR);
}

bool peer::step() {
    if (fd_ < 0) return false;
    if (pause_ > 0) {
        --pause_;
        return true;
    }
    if (context_ && !in_tls_ && (!proxy_ || tunnel_) && out_.empty()) return handshake();
    if (receive() || fd_ < 0) return true;
    if (transmit()) return true;
    if (answering_ && out_.empty() && !flood_left_) {
        finish();
        return true;
    }
    if (!answering_ && !late_.empty() && !request_waits()) {
        out_ = std::move(late_);
        late_.clear();
        piece_ = 0;
        return transmit();
    }
    return false;
}

void peer::poke() {
    if (fd_ < 0) return;
    log_.owed.clear();
    switch (choose_.below(4)) {
        case 0: ::shutdown(fd_, SHUT_WR); break;
        case 1:
            out_.assign(choose_.below(50), 'x');
            dirty_ = true;
            break;
        default: ++log_.resets; close();  // with what it did not read, that is a reset
    }
}

}  // namespace reagent::fuzz
