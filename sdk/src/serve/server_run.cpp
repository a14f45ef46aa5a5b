// What a server does from its start to its end.
#include "problem.hpp"
#include "server_impl.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <csignal>

namespace reagent {
namespace {

constexpr std::chrono::milliseconds tick{200};

// Nobody is served: it need not be read what they want.
void turn_away(asio::ip::tcp::socket socket) {
    static constexpr std::string_view full =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    boost::system::error_code ec;
    socket.non_blocking(true, ec);
    socket.write_some(asio::buffer(full), ec);
    socket.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
}

}  // namespace

void server::impl::begin_all() {
    if (used.exchange(true)) throw std::logic_error{"this server has run already"};
    asio::co_spawn(context, accept(), asio::detached);
    asio::co_spawn(context, sweep(), asio::detached);
    for (auto& p : programs)
        if (p->versions().follows()) asio::co_spawn(context, follow(*p), asio::detached);
    if (!stored) return;
    asio::co_spawn(context, [s = stored] { return s->expire(); }, asio::detached);
    stored->begin();
}

void server::impl::serve(bool with_signals) {
    begin_all();
    if (with_signals) {
        for (int n : {SIGINT, SIGTERM}) signals.add(n);
        signals.async_wait([this](const boost::system::error_code& ec, int) {
            if (!ec) begin_to_stop();
        });
    }
    work();
}

// What one handler throws is told, and ends nobody else's work.
void server::impl::work() {
    for (;;) try {
            context.run();
            return;
        } catch (...) {
            tell_of(std::current_exception());
        }
}

void server::impl::tell_of(const std::exception_ptr& failure) const {
    try {
        if (options.on_notice) options.on_notice("the server goes on after " + detail::code_text(failure));
    } catch (...) {  // of who listens
    }
}

task<void> server::impl::accept() {
    boost::system::error_code ec;
    while (acceptor.is_open()) {
        auto socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, ec));
        if (ec == asio::error::operation_aborted || !acceptor.is_open()) break;
        if (ec) {  // no descriptors, mostly: others will be closed
            asio::steady_timer pause{context, std::chrono::milliseconds{50}};
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
            continue;
        }
        try {
            welcome(std::move(socket));
        } catch (...) {  // no memory: the socket is closed
            tell_of(std::current_exception());
        }
    }
}

void server::impl::welcome(asio::ip::tcp::socket socket) {
    if (!clients->make_room()) return turn_away(std::move(socket));
    auto c = std::make_shared<detail::connection>(std::move(socket), clients);
    asio::co_spawn(context, [c] { return c->serve(); }, asio::detached);
}

task<void> server::impl::sweep() {
    boost::system::error_code ec;
    while (!stopping || !clients->all.empty()) {
        ticks.expires_after(tick);
        co_await ticks.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        try {
            const auto now = clock::now();
            clients->sweep(now);
            if (now >= ends) end_now();
        } catch (...) {  // every deadline hangs on this loop
            tell_of(std::current_exception());
        }
    }
}

// Looks at a tag, on a thread of its own.
task<void> server::impl::follow(detail::program_route& of) {
    auto timer = std::make_shared<asio::steady_timer>(context);
    auto alive = by;
    boost::system::error_code ec;
    while (!stopping) {
        auto next = later(clock::now(), std::max(of.options().poll, std::chrono::milliseconds{10}));
        while (!stopping && clock::now() < next) {
            timer->expires_at(std::min(next, later(clock::now(), tick)));
            co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ec));
        }
        if (stopping) break;
        timer->expires_at(clock::time_point::max());
        asio::post(blocking, [&of, this, timer] {
            try {
                of.versions().poll();
            } catch (...) {  // of who listens
            }
            asio::post(context, [timer] { timer->cancel(); });
        });
        co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ec));
    }
}

void server::impl::begin_to_stop() {
    if (stopping) return;
    stopping = by->stopping = clients->stopping = true;
    ends = deadline_after(options.limits.stop_time);
    boost::system::error_code ec;
    acceptor.cancel(ec);
    acceptor.close(ec);
    signals.cancel(ec);
    clients->close_waiting();
    if (stored) stored->stop();
    ticks.cancel();
}

void server::impl::end_now() {
    ends = no_deadline;
    for (auto& p : programs) p->cancel_all();
    for (auto* c : clients->all) c->stop();
}

}  // namespace reagent
