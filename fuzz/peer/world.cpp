#include "world.hpp"

#include "../../sdk/src/http/connection.hpp"
#include "../../tests/support/loopback_server.hpp"
#include "held.hpp"
#include "peer.hpp"

#include <reagent/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <openssl/pem.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <sstream>

namespace reagent::fuzz {
namespace {

constexpr std::size_t most_body = 64 * 1024, most_head = 4 * 1024, most_idle = 8, most_together = 3;

// A server's identity, made once.
struct identity {
    test::certificate certificate{"DNS:models.example"};
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());

    identity() {
        std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to the peer's socket
        auto read = [](const std::string& text) { return BIO_new_mem_buf(text.data(), static_cast<int>(text.size())); };
        BIO *c = read(certificate.certificate_pem), *k = read(certificate.key_pem);
        X509* x = PEM_read_bio_X509(c, nullptr, nullptr, nullptr);
        EVP_PKEY* key = PEM_read_bio_PrivateKey(k, nullptr, nullptr, nullptr);
        SSL_CTX_use_certificate(context, x);
        SSL_CTX_use_PrivateKey(context, key);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        X509_free(x);
        EVP_PKEY_free(key);
        BIO_free(c);
        BIO_free(k);
    }
    ~identity() { SSL_CTX_free(context); }
};

struct exchange {
    std::uint64_t nonce = 0;
    http::request request;
    bool streamed = false, left_early = false, hurried = false, cancelled = false, done = false;
    clock::time_point deadline;
    asio::cancellation_signal signal;
    error_code code;
    int status = 0;
    std::string body, headers;
};

class world {
public:
    world(choices& c, const identity& who) : choose_{c}, who_{who} {
        auto kind = c.below(100);
        tls_ = kind >= 94;
        proxied_ = kind >= 97 || (kind >= 90 && kind < 94);
        client_ = std::make_unique<http::client>(
            context_.get_executor(), http::client_options{.max_response_bytes = most_body,
                                                          .max_header_bytes = most_head,
                                                          .max_idle_connections = most_idle,
                                                          .idle_timeout = std::chrono::hours{1},
                                                          .connect_timeout = std::chrono::hours{1},
                                                          .ca_file = tls_ ? who.certificate.file : "",
                                                          .proxy = proxied_ ? "http://proxy.example:3128" : ""});
        http::client_seams::dial_by(*client_, [this](auto& socket, auto&, auto&) { dial(socket); });
    }

    void batch(std::size_t n) {
        std::vector<std::unique_ptr<exchange>> now;
        for (std::size_t i = 0; i < n; ++i) now.push_back(begin());
        settle(now);
        for (const auto& e : now) judge(*e);
        now.clear();
        for (auto quiet = choose_.below(6); quiet > 0; --quiet) turn();  // late bytes
        std::erase_if(peers_, [](const auto& p) { return p->is_closed(); });
    }

    tally result() {
        all_.reused = log_.reused;
        all_.poisons = log_.poisons;
        all_.floods = log_.floods;
        all_.stalls = log_.stalls;
        all_.resets = log_.resets;
        all_.tunnels = log_.tunnels;
        return all_;
    }

private:
    void dial(http::tcp::socket& socket) {
        held::scope off{false};
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
            throw violation{"no socket pair"};
        socket.assign(http::tcp::v4(), ends[0]);
        peers_.push_back(std::make_unique<peer>(ends[1], tls_ ? who_.context : nullptr, proxied_, choose_, log_));
        ++all_.connections;
    }

    std::unique_ptr<exchange> begin() {
        auto e = std::make_unique<exchange>();
        e->nonce = choose_.number();
        static constexpr const char* methods[]{"GET", "GET", "POST", "POST", "HEAD"};
        e->request.method = methods[choose_.below(5)];
        e->request.url = (tls_ ? "https://models.example/" : "http://models.example/") + mark_of(e->nonce);
        if (e->request.method == "POST") e->request.body.assign(choose_.below(300), 'b');
        e->request.repeatable = choose_.percent(50);
        if (choose_.percent(50)) e->request.follow = http::redirects::same_origin;
        e->streamed = choose_.percent(40);
        e->left_early = e->streamed && choose_.percent(15);
        e->hurried = choose_.percent(2);
        e->deadline = e->hurried ? clock::now() + std::chrono::milliseconds{choose_.below(3)}
                                 : clock::now() + std::chrono::hours{1};
        held::scope on{true};
        exchange& it = *e;
        asio::co_spawn(context_, run(it),
                       asio::bind_cancellation_slot(it.signal.slot(), [&it](std::exception_ptr failure) {
                           it.done = true;
                           if (failure) std::rethrow_exception(failure);
                       }));
        return e;
    }

    task<void> run(exchange& e) {
        http::request r = e.request;
        try {
            if (e.streamed)
                co_await stream(e, std::move(r));
            else {
                auto response = co_await client_->send(std::move(r), e.deadline);
                keep(e, response);
                e.body = std::move(response.body);
            }
        } catch (const http_error& failure) {
            e.code = failure.code();
        } catch (const boost::system::system_error& failure) {
            e.code = failure.code();
        }
    }

    task<void> stream(exchange& e, http::request r) {
        auto stream = co_await client_->open(std::move(r), e.deadline);
        keep(e, stream.head());
        for (;;) {
            std::string piece = co_await stream.read();
            if (piece.empty()) break;
            e.body += piece;
            if (e.left_early) break;
        }
    }

    static void keep(exchange& e, const http::response& r) {
        e.status = r.status;
        for (const auto& [name, value] : r.headers) e.headers += name + ": " + value + "\n";
    }

    // Both sides do what they can. False: everybody waits.
    bool turn() {
        std::size_t handlers = 0;
        {
            held::scope on{true};
            context_.restart();
            handlers = context_.poll();
        }
        bool moved = handlers > 0;
        for (std::size_t i = 0; i < peers_.size(); ++i) moved = peers_[i]->step() || moved;
        return moved;
    }

    void settle(const std::vector<std::unique_ptr<exchange>>& now) {
        std::size_t lulls = 0, still = 0;
        auto waiting = [](const auto& e) { return !e->done; };
        for (;;) {
            auto first = std::find_if(now.begin(), now.end(), waiting);
            if (first == now.end()) break;
            if (turn()) {
                still = 0;
                continue;
            }
            if (++still < 3) continue;  // what a peer wrote last is read in the next turn
            still = 0;
            if (++lulls > 2000)
                throw violation{"an exchange does not end: " + (*first)->request.method + " " + (*first)->request.url};
            end_lull(now);
        }
        all_.longest_lulls = std::max<std::uint64_t>(all_.longest_lulls, lulls);
    }

    void end_lull(const std::vector<std::unique_ptr<exchange>>& now) {
        for (const auto& e : now)
            if (!e->done && e->hurried) {
                held::scope on{true};
                context_.restart();
                context_.run_one_for(std::chrono::milliseconds{3});
                return;
            }
        if (choose_.percent(15)) {
            const auto& e = now[choose_.below(now.size())];
            if (e->done) return;
            e->cancelled = true;
            held::scope on{true};
            e->signal.emit(asio::cancellation_type::terminal);
            return;
        }
        std::vector<peer*> there;
        for (const auto& p : peers_)
            if (!p->is_closed()) there.push_back(p.get());
        if (!there.empty()) there[choose_.below(there.size())]->poke();
    }

    void judge(const exchange& e) {
        ++all_.exchanges;
        std::string what = e.request.method + " " + e.request.url + (e.streamed ? " (streamed)" : "");
        if (holds_mark_of_another(e.body, e.nonce) || holds_mark_of_another(e.headers, e.nonce))
            throw violation{what + " was given another request's answer: " + e.headers + e.body.substr(0, 200)};
        auto owed = log_.owed.find(e.nonce);
        if (owed != log_.owed.end() && !e.hurried && !e.cancelled) {
            if (e.code) throw violation{what + " was answered well, but failed: " + e.code.message()};
            if (!e.left_early && e.body != owed->second)
                throw violation{what + " lost or gained something of its body"};
            ++all_.right;
        }
        if (owed != log_.owed.end()) log_.owed.erase(owed);
        bool once = e.request.method == "POST" && !e.request.repeatable && e.request.follow == http::redirects::none;
        if (once && log_.asked[e.nonce] > 1) throw violation{what + " was sent twice"};
        log_.asked.erase(e.nonce);
        if (e.code == asio::error::operation_aborted)
            ++all_.cancelled;
        else if (e.code)
            ++all_.failures[e.code.message()];
        else
            ++all_.answered;
        if (client_->idle_connections() > most_idle) throw violation{"too many idle connections"};
        all_.most_held = std::max(all_.most_held, held::most());
        if (held::most() > held_limit())
            throw violation{what + ": the client held " + std::to_string(held::most()) + " bytes"};
    }

    choices& choose_;
    const identity& who_;
    bool tls_ = false, proxied_ = false;
    peer_log log_;
    tally all_;
    asio::io_context context_{1};
    std::vector<std::unique_ptr<peer>> peers_;
    std::unique_ptr<http::client> client_;
};

}  // namespace

// A body may stand in a string of twice its size while a smaller one is copied into it; a header of four bytes takes
// about 80.
std::size_t held_limit() {
    return most_together * (3 * most_body + 20 * most_head + 32 * 1024) + most_idle * 16 * 1024;
}

void tally::add(const tally& o) {
    for (auto m : {&tally::exchanges, &tally::answered, &tally::right, &tally::reused, &tally::poisons, &tally::floods,
                   &tally::stalls, &tally::resets, &tally::tunnels, &tally::connections, &tally::cancelled})
        this->*m += o.*m;
    longest_lulls = std::max(longest_lulls, o.longest_lulls);
    most_held = std::max(most_held, o.most_held);
    for (const auto& [name, n] : o.failures) failures[name] += n;
}

std::string tally::text() const {
    std::ostringstream s;
    s << exchanges << " exchanges on " << connections << " connections (" << reused << " requests on a used one, "
      << tunnels << " tunnels): " << answered << " answered, " << right << " of them known to be right, " << cancelled
      << " cancelled; peers sent " << poisons << " answers to others, " << floods << " floods, stalled " << stalls
      << " times, reset " << resets << "; the client held at most " << most_held << " bytes (limit " << held_limit()
      << ")";
    for (const auto& [name, n] : failures) s << "\n  " << n << " " << name;
    return s.str();
}

tally play(choices c, std::uint64_t exchanges) {
    static const identity who;
    held::now() = held::most() = 0;
    world w{c, who};
    for (std::uint64_t done = 0; done < exchanges;) {
        auto n = std::min<std::uint64_t>(exchanges - done, 1 + c.below(most_together));
        w.batch(n);
        done += n;
    }
    return w.result();
}

}  // namespace reagent::fuzz
