#pragma once

#include "../problem.hpp"

#include <reagent/durable/durable_service.hpp>
#include <reagent/task.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace reagent::detail {

/// Calls of a store, which block, on threads of their own. Belongs to the server's thread.
class store_calls {
public:
    static constexpr std::size_t most_waiting = 256;

    store_calls(asio::any_io_executor server, durable_service& service) : server_{std::move(server)}, of_{service} {}
    ~store_calls() { threads_.join(); }

    durable_service& service() const { return of_; }
    journal_store& store() const { return of_.store(); }

    /// @param work must own what it uses. @throws what it throws; refused with 503 while too many wait
    template <class T>
    task<T> call(std::function<T()> work) {
        if (waiting_ >= most_waiting) throw refused{busy("the store of runs is busy", 1)};
        auto c = std::make_shared<one<T>>(server_);
        ++waiting_;
        asio::post(threads_, [c, server = server_, work = std::move(work)]() mutable {
            try {
                c->value.emplace(work());
            } catch (...) {
                c->failure = std::current_exception();
            }
            work = {};
            asio::post(server, [c] {
                c->over = true;
                c->done.cancel();
            });
        });
        boost::system::error_code ec;
        while (!c->over) co_await c->done.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        --waiting_;
        if (c->failure) std::rethrow_exception(c->failure);
        co_return std::move(*c->value);
    }

private:
    template <class T>
    struct one {
        explicit one(const asio::any_io_executor& server) : done{server, clock::time_point::max()} {}
        std::optional<T> value;
        std::exception_ptr failure;
        asio::steady_timer done;
        bool over = false;
    };

    asio::any_io_executor server_;
    durable_service& of_;
    asio::thread_pool threads_{2};
    std::size_t waiting_ = 0;
};

}  // namespace reagent::detail
