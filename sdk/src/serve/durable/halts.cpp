#include "halts.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace reagent::detail {

task<void> halts::wait(std::string run, clock::time_point until, std::shared_ptr<departure> client) {
    auto timer = std::make_shared<asio::steady_timer>(server_, until);
    auto place = waiting_.emplace(std::move(run), timer);
    client->on_leave([weak = std::weak_ptr{timer}] {
        if (auto t = weak.lock()) t->cancel();
    });
    boost::system::error_code ec;
    if (!client->has_left()) co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ec));
    client->on_leave({});
    waiting_.erase(place);
}

void halts::tell(const std::string& run) {
    auto [first, last] = waiting_.equal_range(run);
    for (; first != last; ++first) first->second->cancel();
}

void halts::tell_all() {
    for (const auto& [run, timer] : waiting_) timer->cancel();
}

}  // namespace reagent::detail
