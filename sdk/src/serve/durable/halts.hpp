#pragma once

#include <reagent/deadline.hpp>
#include <reagent/serve/http_exchange.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>

namespace reagent::detail {

/// Clients that wait for what becomes of a run. Belongs to the server's thread.
class halts {
public:
    explicit halts(asio::any_io_executor server) : server_{std::move(server)} {}

    /// Until something may have changed: the run was left by its worker here, the client has gone, all are told, or
    /// then.
    task<void> wait(std::string run, clock::time_point until, std::shared_ptr<departure> client);
    void tell(const std::string& run);
    void tell_all();

private:
    asio::any_io_executor server_;
    std::multimap<std::string, std::shared_ptr<asio::steady_timer>> waiting_;
};

}  // namespace reagent::detail
