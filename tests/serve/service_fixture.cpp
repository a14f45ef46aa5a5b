#include "service.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>

namespace reagent::test {
namespace {

bool within_ten_seconds(const std::function<bool()>& holds) {
    for (auto end = clock::now() + std::chrono::seconds{10}; !holds();) {
        if (clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    return true;
}

server_options with_log(server_options o, service& s) {
    o.port = 0;
    o.on_access = [&s](const access_record& r) {
        std::lock_guard lock{s.mutex};
        s.lines.push_back(to_string(r));
    };
    o.on_notice = [&s](const std::string& text) {
        std::lock_guard lock{s.mutex};
        s.notices.push_back(text);
    };
    return o;
}

}  // namespace

task<json::object> gate::call(run&, json::object inputs) const {
    ++entered_;
    asio::steady_timer pause{co_await asio::this_coro::executor};
    try {
        for (auto left = open_.load(); left == 0 || !open_.compare_exchange_strong(left, left - 1);
             left = open_.load()) {
            pause.expires_after(std::chrono::milliseconds{2});
            co_await pause.async_wait(asio::use_awaitable);
        }
    } catch (const boost::system::system_error&) {
        ++cancelled_;
        throw;
    }
    co_return json::object{{"answer", inputs.contains("question") ? inputs.at("question") : json::value("none")}};
}

void gate::open(std::size_t n) const { open_ += n; }
bool gate::wait_entered(std::size_t n) const {
    return within_ten_seconds([&] { return entered_ >= n; });
}
bool gate::wait_cancelled(std::size_t n) const {
    return within_ten_seconds([&] { return cancelled_ >= n; });
}

served_program served_gate(const gate& g) {
    return served(
        g, [&g](run& r, const json::object& in) { return g.call(r, in); }, parse_signature("question -> answer"));
}

service::service(server_options options, std::shared_ptr<journal_store> store)
    : server{runtime, with_log(std::move(options), *this)} {
    if (store) runs.emplace(runtime, std::move(store));
}

std::vector<std::string> service::log() const {
    std::lock_guard lock{mutex};
    return lines;
}

std::vector<std::string> service::log_of(std::size_t n) const {
    within_ten_seconds([&] { return log().size() >= n; });
    return log();
}

}  // namespace reagent::test
