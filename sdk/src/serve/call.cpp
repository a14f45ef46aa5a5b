#include "call.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/json.hpp>

namespace reagent::detail {

task<bool> call::wait(clock::time_point until) {
    boost::system::error_code ec;
    changed.expires_at(std::min(until, later(clock::now(), std::chrono::hours{24})));
    co_await changed.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    co_return ec == asio::error::operation_aborted;
}

std::deque<live_event> call::take() {
    event_bytes = 0;
    return std::exchange(events, {});
}

// Pieces of one field that wait for the same reader become one.
void call::add(live_event e, std::size_t most_bytes) {
    if (too_slow) return;
    event_bytes += e.text.size() + (e.kind == live_event::piece ? 0 : 256 + json::serialize(e.data).size());
    if (event_bytes > most_bytes) {
        too_slow = true;
        stop.emit(asio::cancellation_type::terminal);
        return;
    }
    if (e.kind == live_event::piece && !events.empty() && events.back().kind == live_event::piece &&
        events.back().path == e.path && events.back().field == e.field)
        events.back().text += e.text;
    else
        events.push_back(std::move(e));
    tell();
}

task<json::object> answer(run& r, std::shared_ptr<asked> a) {
    try {
        auto outputs = co_await a->program(r, a->input);
        a->used = r.usage();
        co_return outputs;
    } catch (...) {
        a->used = r.usage();
        throw;
    }
}

}  // namespace reagent::detail
